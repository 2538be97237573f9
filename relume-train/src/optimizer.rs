//! Adam, AdamW and SGD with clipping, freezing and averaged weights, on the host.

use std::collections::{BTreeMap, BTreeSet};

use rayon::prelude::*;
use relume_nn::{Array, Graph, Weights};

use crate::recipe::{OptimizerKind, OptimizerRecipe};

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

/// One parameter with its average and moments.
struct Slot<'a> {
    weights: &'a mut Array,
    average: &'a mut [f32],
    first: &'a mut [f32],
    second: &'a mut [f32],
}

impl Optimizer {
    /// Before the first step.
    pub fn new(weights: Weights) -> Self {
        let mut zero = weights.clone();
        zero.iter_mut().for_each(|(_, array)| array.values.fill(0.0));
        Self { average: weights.clone(), first: zero.clone(), second: zero, weights, step: 0 }
    }

    /// Changes the weights along `gradients` at learning rate `rate`; parameters without a gradient
    /// stay. Returns the norm of all gradients together, before clipping.
    pub fn step(&mut self, gradients: &Gradients, rate: f32, recipe: &OptimizerRecipe) -> f32 {
        let square = |values: &Vec<f32>| values.iter().map(|&g| f64::from(g) * f64::from(g)).sum();
        let squares: Vec<f64> = gradients.par_iter().map(|(_, values)| square(values)).collect();
        let norm = squares.iter().sum::<f64>().sqrt() as f32;
        let scale = if recipe.clip > 0.0 { (recipe.clip / norm.max(1e-12)).min(1.0) } else { 1.0 };
        self.step += 1;
        let change = Change {
            recipe,
            scale,
            rate,
            corrected: recipe.betas.map(|beta| correction(beta, self.step)),
            forget: 1.0 - self.averaging(recipe),
        };
        let each = self.weights.iter_mut().zip(self.average.iter_mut());
        let moments = self.first.iter_mut().zip(self.second.iter_mut());
        let work: Vec<_> = each.zip(moments).collect();
        work.into_par_iter().for_each(|(((key, weights), (_, a)), ((_, m), (_, v)))| {
            let Some(gradient) = gradients.get(key) else { return };
            let (average, first, second) = (&mut a.values, &mut m.values, &mut v.values);
            change.apply(gradient, Slot { weights, average, first, second });
        });
        norm
    }

    /// The average forgets faster at the start, so that it never trails far behind.
    fn averaging(&self, recipe: &OptimizerRecipe) -> f32 {
        recipe.average.min((1.0 + self.step as f32) / (10.0 + self.step as f32))
    }
}

/// `1 / (1 − βⁿ)`: a moment that starts at 0 is too small at first.
fn correction(beta: f32, step: usize) -> f32 {
    1.0 / (1.0 - f64::from(beta).powf(step as f64)) as f32
}

struct Change<'a> {
    recipe: &'a OptimizerRecipe,
    scale: f32,
    rate: f32,
    corrected: [f32; 2],
    forget: f32,
}

impl Change<'_> {
    fn apply(&self, gradient: &[f32], slot: Slot<'_>) {
        let OptimizerRecipe { kind, betas, epsilon, .. } = *self.recipe;
        let vector = slot.weights.shape.len() < 2;
        let decay = if vector && !self.recipe.decay_vectors { 0.0 } else { self.recipe.decay };
        let weights = slot.weights.values.iter_mut().zip(slot.average);
        let moments = slot.first.iter_mut().zip(slot.second);
        for (((w, average), (m, v)), &g) in weights.zip(moments).zip(gradient) {
            let mut g = g * self.scale;
            if kind != OptimizerKind::AdamW {
                g += decay * *w;
            }
            let step = if kind == OptimizerKind::Sgd {
                *m = betas[0] * *m + g;
                *m
            } else {
                *m += (1.0 - betas[0]) * (g - *m);
                *v += (1.0 - betas[1]) * (g * g - *v);
                *m * self.corrected[0] / ((*v * self.corrected[1]).sqrt() + epsilon)
            };
            let shrink = if kind == OptimizerKind::AdamW { decay * *w } else { 0.0 };
            *w -= self.rate * (step + shrink);
            *average += self.forget * (*w - *average);
        }
    }
}

/// The parameters of `graph` that match no pattern of `freeze`; every pattern must match something.
///
/// # Errors
/// Names the pattern that matches no parameter.
pub fn trainable(graph: &Graph, freeze: &[String]) -> Result<BTreeSet<String>, String> {
    let parameters = graph.parameters().into_iter().filter(|(_, parameter)| parameter.trained);
    let mut keys: BTreeSet<String> = parameters.map(|(key, _)| key).collect();
    let all = keys.clone();
    for pattern in freeze {
        let wild = wildmatch::WildMatch::new(pattern);
        let frozen = |key: &String| {
            let layer = key.rsplit_once('.').map_or(key.as_str(), |(layer, _)| layer);
            wild.matches(key) || wild.matches(layer)
        };
        if !all.iter().any(frozen) {
            let near = crate::nearest(pattern, all.iter().map(String::as_str));
            let near = near.map_or(String::new(), |near| format!("; one is called {near}"));
            return Err(format!("freeze: no layer matches `{pattern}`{near}"));
        }
        keys.retain(|key| !frozen(key));
    }
    Ok(keys)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    fn weights() -> Weights {
        let mut weights = Weights::default();
        for key in ["survey.a.weight", "survey.b.weight", "body.a.weight"] {
            weights.insert(key, Array { shape: vec![2, 2], values: vec![1.0, -2.0, 3.0, -4.0] });
        }
        weights
    }

    fn after_one(recipe: OptimizerRecipe) -> Vec<f32> {
        let mut state = Optimizer::new(weights());
        let gradients = BTreeMap::from([("body.a.weight".to_owned(), vec![1.0, 2.0, -2.0, 0.0])]);
        let norm = state.step(&gradients, 0.1, &recipe);
        assert_eq!(norm, 3.0);
        let untouched = &weights();
        assert_eq!(state.weights.get("survey.a.weight"), untouched.get("survey.a.weight"));
        state.weights.get("body.a.weight").unwrap().values.clone()
    }

    fn near(found: &[f32], expected: [f32; 4]) {
        let close = found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-5);
        assert!(close, "{found:?} instead of {expected:?}");
    }

    #[test]
    fn the_first_step_of_each_kind_is_as_the_papers_say() {
        let plain = OptimizerRecipe { clip: 0.0, decay: 0.0, ..Default::default() };
        // Adam's first step is the sign of the gradient.
        near(&after_one(plain.clone()), [0.9, -2.1, 3.1, -4.0]);
        let sgd = OptimizerRecipe { kind: OptimizerKind::Sgd, ..plain.clone() };
        near(&after_one(sgd.clone()), [0.9, -2.2, 3.2, -4.0]);
        // Clipped to norm 1.5: half of it.
        near(&after_one(OptimizerRecipe { clip: 1.5, ..sgd.clone() }), [0.95, -2.1, 3.1, -4.0]);
        near(&after_one(OptimizerRecipe { decay: 0.5, ..sgd }), [0.85, -2.1, 3.05, -3.8]);
        let decayed = OptimizerRecipe { decay: 0.5, ..plain };
        near(&after_one(decayed), [0.85, -2.0, 2.95, -3.8]);
    }

    #[test]
    fn frozen_layers_are_named_by_pattern() {
        let mut g = relume_nn::GraphBuilder::new("two");
        let x = g.input("x", 3, relume_nn::Extent::PICTURE);
        let x = g.conv("survey.a", x, relume_nn::Conv::new(3, 3, 3));
        let x = g.layer("norm", relume_nn::Layer::BatchNorm { epsilon: 1e-5 }, &[x]);
        g.output("y", x);
        let graph = g.finish().unwrap();
        let left = trainable(&graph, &["survey.*".to_owned()]).unwrap();
        // Stored statistics are never trained.
        assert_eq!(left.into_iter().collect::<Vec<_>>(), ["norm.bias", "norm.weight"]);
        let error = trainable(&graph, &["survay.a".to_owned()]).unwrap_err();
        assert!(error.contains("survey.a"), "{error}");
    }
}
