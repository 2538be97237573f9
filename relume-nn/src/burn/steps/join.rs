//! Channels of several tensors joined, and taken apart.

use rayon::prelude::*;

use crate::burn::host::{Array, Gradient, INPUTS, Outer, Step, buffer};

/// The channels of all inputs, one after the other.
#[derive(Debug)]
pub(in crate::burn) struct Join;

/// The channels `from..to`.
#[derive(Debug)]
pub(in crate::burn) struct Part {
    pub(in crate::burn) from: usize,
    pub(in crate::burn) to: usize,
}

/// Copies the channels from `at` on, of `all` in a picture.
fn take(values: &[f32], area: usize, all: usize, at: usize, channels: usize) -> Vec<f32> {
    let mut out = buffer(values.len() / all * channels);
    out.par_chunks_mut(area * channels)
        .zip(values.par_chunks(area * all))
        .for_each(|(out, values)| out.copy_from_slice(&values[at * area..][..channels * area]));
    out
}

impl Step for Join {
    fn forward(&self, inputs: &[Array<'_>]) -> (Vec<f32>, [usize; 4]) {
        let [n, _, h, w] = inputs[0].shape;
        let channels = inputs.iter().map(|input| input.shape[1]).sum();
        let mut out = buffer(n * channels * h * w);
        out.par_chunks_mut(channels * h * w).enumerate().for_each(|(image, mut out)| {
            for input in inputs {
                let size = input.shape[1] * h * w;
                let (to, rest) = out.split_at_mut(size);
                to.copy_from_slice(&input.values[image * size..][..size]);
                out = rest;
            }
        });
        (out, [n, channels, h, w])
    }

    fn backward(&self, outer: &Outer<'_>) -> [Gradient; INPUTS] {
        let all = outer.inputs.iter().map(|input| input.shape[1]).sum();
        let [_, _, h, w] = outer.inputs[0].shape;
        let mut at = 0;
        let mut index = 0;
        [(); INPUTS].map(|()| {
            let Some(input) = outer.inputs.get(index) else { return Gradient::None };
            let from = at;
            at += input.shape[1];
            index += 1;
            if !outer.wanted[index - 1] {
                return Gradient::None;
            }
            Gradient::Of(take(outer.gradient, h * w, all, from, input.shape[1]))
        })
    }
}

impl Step for Part {
    fn forward(&self, inputs: &[Array<'_>]) -> (Vec<f32>, [usize; 4]) {
        let [n, c, h, w] = inputs[0].shape;
        let channels = self.to - self.from;
        (take(inputs[0].values, h * w, c, self.from, channels), [n, channels, h, w])
    }

    fn backward(&self, outer: &Outer<'_>) -> [Gradient; INPUTS] {
        let [_, c, h, w] = outer.inputs[0].shape;
        let mut dx = buffer(outer.inputs[0].values.len());
        let given = outer.gradient.par_chunks((self.to - self.from) * h * w);
        dx.par_chunks_mut(c * h * w).zip(given).for_each(|(dx, dy)| {
            dx[..self.from * h * w].fill(0.0);
            dx[self.from * h * w..self.to * h * w].copy_from_slice(dy);
            dx[self.to * h * w..].fill(0.0);
        });
        [Gradient::Of(dx), Gradient::None, Gradient::None, Gradient::None]
    }
}
