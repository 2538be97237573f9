//! Features scaled and shifted by a condition.

use rayon::prelude::*;

use crate::burn::host::{Array, Gradient, INPUTS, Outer, Step};

/// `x · (1 + scale) + shift` with scales and shifts `[n, 2c, 1, 1]`.
#[derive(Debug)]
pub(in crate::burn) struct Modulate;

/// Scale and shift of a plane of `x`.
fn told(by: &Array<'_>, channels: usize, plane: usize) -> (f32, f32) {
    let at = plane / channels * 2 * channels + plane % channels;
    (1.0 + by.values[at], by.values[at + channels])
}

impl Step for Modulate {
    fn forward(&self, inputs: &[Array<'_>]) -> (Vec<f32>, [usize; 4]) {
        let (x, by) = (inputs[0], inputs[1]);
        let [_, channels, h, w] = x.shape;
        let mut out = vec![0.0; x.values.len()];
        let planes = out.par_chunks_mut(h * w).zip(x.values.par_chunks(h * w));
        planes.enumerate().for_each(|(plane, (out, x))| {
            let (scale, shift) = told(&by, channels, plane);
            out.iter_mut().zip(x).for_each(|(out, x)| *out = x * scale + shift);
        });
        (out, x.shape)
    }

    fn backward(&self, outer: &Outer<'_>) -> [Gradient; INPUTS] {
        let (x, by) = (outer.inputs[0], outer.inputs[1]);
        let [_, channels, h, w] = x.shape;
        let mut dx = vec![0.0; x.values.len()];
        let planes = dx.par_chunks_mut(h * w).zip(x.values.par_chunks(h * w));
        let planes = planes.zip(outer.gradient.par_chunks(h * w)).enumerate();
        let sums: Vec<(f32, f32)> = planes
            .map(|(plane, ((dx, x), dy))| {
                let (scale, _) = told(&by, channels, plane);
                dx.iter_mut().zip(dy).for_each(|(dx, dy)| *dx = dy * scale);
                (dot(x, dy), dot_one(dy))
            })
            .collect();
        let mut dby = vec![0.0; by.values.len()];
        for (plane, (scale, shift)) in sums.into_iter().enumerate() {
            let at = plane / channels * 2 * channels + plane % channels;
            (dby[at], dby[at + channels]) = (scale, shift);
        }
        [Gradient::Of(dx), Gradient::Of(dby), Gradient::None, Gradient::None]
    }
}

/// Sums beside each other: more than a vector has lanes.
const LANES: usize = 32;

fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0_f32; LANES];
    let (whole, rest) = (a.chunks_exact(LANES), a.len() / LANES * LANES);
    for (a, b) in whole.zip(b.chunks_exact(LANES)) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum += a * b;
        }
    }
    let rest = a[rest..].iter().zip(&b[rest..]).map(|(a, b)| f64::from(a * b)).sum::<f64>();
    (sums.iter().map(|v| f64::from(*v)).sum::<f64>() + rest) as f32
}

fn dot_one(a: &[f32]) -> f32 {
    let mut sums = [0.0_f32; LANES];
    let whole = a.chunks_exact(LANES);
    let rest = whole.remainder().iter().map(|v| f64::from(*v)).sum::<f64>();
    for a in whole {
        sums.iter_mut().zip(a).for_each(|(sum, a)| *sum += a);
    }
    (sums.iter().map(|v| f64::from(*v)).sum::<f64>() + rest) as f32
}
