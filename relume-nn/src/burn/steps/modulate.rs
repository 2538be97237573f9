//! Features scaled and shifted by a condition.

use rayon::prelude::*;
use relume_kernels::vectorised;

use super::{dot, sum};
use crate::burn::host::{Array, Gradient, INPUTS, Outer, Step, buffer};

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
        let mut out = buffer(x.values.len());
        let planes = out.par_chunks_mut(h * w).zip(x.values.par_chunks(h * w));
        planes.enumerate().for_each(|(plane, (out, x))| {
            let (scale, shift) = told(&by, channels, plane);
            vectorised(|| {
                out.iter_mut().zip(x).for_each(|(out, x)| *out = x * scale + shift);
            });
        });
        (out, x.shape)
    }

    fn backward(&self, outer: &Outer<'_>) -> [Gradient; INPUTS] {
        let (x, by) = (outer.inputs[0], outer.inputs[1]);
        let [_, channels, h, w] = x.shape;
        let mut dx = buffer(x.values.len());
        let planes = dx.par_chunks_mut(h * w).zip(x.values.par_chunks(h * w));
        let planes = planes.zip(outer.gradient.par_chunks(h * w)).enumerate();
        let sums: Vec<(f32, f32)> = planes
            .map(|(plane, ((dx, x), dy))| {
                let (scale, _) = told(&by, channels, plane);
                vectorised(|| dx.iter_mut().zip(dy).for_each(|(dx, dy)| *dx = dy * scale));
                (dot(x, dy), sum(dy))
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
