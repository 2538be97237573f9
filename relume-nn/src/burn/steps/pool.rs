//! The mean over all pixels.

use rayon::prelude::*;

use super::sum;
use crate::burn::host::{Array, Gradient, INPUTS, Outer, Step, buffer};

/// `[n, c, h, w]` to `[n, c, 1, 1]`.
#[derive(Debug)]
pub(in crate::burn) struct GlobalPool;

impl Step for GlobalPool {
    fn forward(&self, inputs: &[Array<'_>]) -> (Vec<f32>, [usize; 4]) {
        let [n, c, h, w] = inputs[0].shape;
        let mean = |plane: &[f32]| sum(plane) / (h * w) as f32;
        (inputs[0].values.par_chunks(h * w).map(mean).collect(), [n, c, 1, 1])
    }

    fn backward(&self, outer: &Outer<'_>) -> [Gradient; INPUTS] {
        let [_, _, h, w] = outer.inputs[0].shape;
        let mut dx = buffer(outer.inputs[0].values.len());
        let planes = dx.par_chunks_mut(h * w).zip(outer.gradient);
        planes.for_each(|(dx, dy)| dx.fill(dy / (h * w) as f32));
        [Gradient::Of(dx), Gradient::None, Gradient::None, Gradient::None]
    }
}
