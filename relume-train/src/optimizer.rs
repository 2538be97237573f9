//! AdamW with a cosine schedule, gradient clipping and averaged weights, on the host.

use std::collections::BTreeMap;

use rayon::prelude::*;
use relume_nn::{Array, Weights};

use crate::recipe::OptimizerRecipe;

const BETA: (f32, f32) = (0.9, 0.99);
const EPSILON: f32 = 1e-8;

/// The trained weights with everything needed to go on exactly.
#[derive(Debug, Clone, PartialEq)]
pub struct Optimizer {
    /// What the network computes with.
    pub weights: Weights,
    /// Moving average of the weights: what is saved as the model.
    pub average: Weights,
    /// First moments.
    pub first: Weights,
    /// Second moments.
    pub second: Weights,
    /// Steps done.
    pub step: usize,
}

/// Gradients by checkpoint key.
pub type Gradients = BTreeMap<String, Vec<f32>>;

impl Optimizer {
    /// Before the first step.
    pub fn new(weights: Weights) -> Self {
        let mut zero = weights.clone();
        zero.iter_mut().for_each(|(_, array)| array.values.fill(0.0));
        Self { average: weights.clone(), first: zero.clone(), second: zero, weights, step: 0 }
    }

    /// One step along `gradients`; returns their norm before clipping.
    pub fn step(&mut self, gradients: &Gradients, recipe: &OptimizerRecipe, steps: usize) -> f32 {
        let squares = gradients.values().flatten().map(|&g| f64::from(g) * f64::from(g));
        let norm = squares.sum::<f64>().sqrt() as f32;
        let scale = (recipe.clip / norm.max(1e-12)).min(1.0);
        let rate = rate(recipe, self.step, steps);
        self.step += 1;
        let (corrected, average) = (self.corrections(), self.averaging(recipe));
        let each = self.weights.iter_mut().zip(self.average.iter_mut());
        let moments = self.first.iter_mut().zip(self.second.iter_mut());
        let work: Vec<_> = each.zip(moments).collect();
        work.into_par_iter().for_each(|(((key, w), (_, a)), ((_, m), (_, v)))| {
            let Some(gradient) = gradients.get(key) else { return };
            let decay = if w.shape.len() > 1 { recipe.decay } else { 0.0 };
            let Array { values: w, .. } = w;
            for (i, &g) in gradient.iter().enumerate() {
                let (g, m, v) = (g * scale, &mut m.values[i], &mut v.values[i]);
                *m += (1.0 - BETA.0) * (g - *m);
                *v += (1.0 - BETA.1) * (g * g - *v);
                let step = *m * corrected.0 / ((*v * corrected.1).sqrt() + EPSILON);
                w[i] -= rate * (step + decay * w[i]);
                a.values[i] += (1.0 - average) * (w[i] - a.values[i]);
            }
        });
        norm
    }

    fn corrections(&self) -> (f32, f32) {
        let correct = |beta: f32| 1.0 / (1.0 - f64::from(beta).powf(self.step as f64)) as f32;
        (correct(BETA.0), correct(BETA.1))
    }

    /// The average forgets faster at the start, so that it never trails far behind.
    fn averaging(&self, recipe: &OptimizerRecipe) -> f32 {
        recipe.average.min((1.0 + self.step as f32) / (10.0 + self.step as f32))
    }
}

/// Learning rate at `step` of `steps`: linear warm-up, then half a cosine.
pub fn rate(recipe: &OptimizerRecipe, step: usize, steps: usize) -> f32 {
    let warm = ((step + 1) as f32 / recipe.warmup.max(1) as f32).min(1.0);
    let share = (step as f32 / steps.max(1) as f32).min(1.0);
    let cosine = 0.5 * (1.0 + (std::f32::consts::PI * share).cos());
    warm * (recipe.final_rate + (recipe.rate - recipe.final_rate) * cosine)
}
