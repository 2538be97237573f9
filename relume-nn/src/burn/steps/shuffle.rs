//! Pixel-shuffle and its inverse: each is the other's gradient.

use rayon::prelude::*;

use crate::burn::host::{Array, Gradient, INPUTS, Outer, Step, buffer};

/// `[n, c·r², h, w]` to `[n, c, r·h, r·w]`.
#[derive(Debug)]
pub(in crate::burn) struct Shuffle(pub(in crate::burn) usize);

/// `[n, c, r·h, r·w]` to `[n, c·r², h, w]`.
#[derive(Debug)]
pub(in crate::burn) struct Unshuffle(pub(in crate::burn) usize);

/// From `r²` planes of `h` rows of `w` pixels to one.
fn shuffle(from: &[f32], r: usize, h: usize, w: usize) -> Vec<f32> {
    let mut out = buffer(from.len());
    let planes = out.par_chunks_mut(r * r * h * w).zip(from.par_chunks(r * r * h * w));
    planes.for_each(|(to, from)| {
        for (y, row) in to.chunks_exact_mut(r * w).enumerate() {
            for shift in 0..r {
                let at = ((y % r * r + shift) * h + y / r) * w;
                let to = row[shift..].iter_mut().step_by(r);
                to.zip(&from[at..at + w]).for_each(|(to, from)| *to = *from);
            }
        }
    });
    out
}

/// From one plane to `r²` planes of `h` rows of `w` pixels.
fn unshuffle(from: &[f32], r: usize, h: usize, w: usize) -> Vec<f32> {
    let mut out = buffer(from.len());
    let planes = out.par_chunks_mut(r * r * h * w).zip(from.par_chunks(r * r * h * w));
    planes.for_each(|(to, from)| {
        for (index, to) in to.chunks_exact_mut(w).enumerate() {
            let (y, phase) = (index % h, index / h);
            let row = &from[(y * r + phase / r) * r * w..][..r * w];
            let from = row[phase % r..].iter().step_by(r);
            to.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
        }
    });
    out
}

impl Step for Shuffle {
    fn forward(&self, inputs: &[Array<'_>]) -> (Vec<f32>, [usize; 4]) {
        let ([n, c, h, w], r) = (inputs[0].shape, self.0);
        (shuffle(inputs[0].values, r, h, w), [n, c / (r * r), h * r, w * r])
    }

    fn backward(&self, outer: &Outer<'_>) -> [Gradient; INPUTS] {
        let [_, _, h, w] = outer.inputs[0].shape;
        let dx = Gradient::Of(unshuffle(outer.gradient, self.0, h, w));
        [dx, Gradient::None, Gradient::None, Gradient::None]
    }
}

impl Step for Unshuffle {
    fn forward(&self, inputs: &[Array<'_>]) -> (Vec<f32>, [usize; 4]) {
        let ([n, c, h, w], r) = (inputs[0].shape, self.0);
        (unshuffle(inputs[0].values, r, h / r, w / r), [n, c * r * r, h / r, w / r])
    }

    fn backward(&self, outer: &Outer<'_>) -> [Gradient; INPUTS] {
        let ([_, _, h, w], r) = (outer.inputs[0].shape, self.0);
        let dx = Gradient::Of(shuffle(outer.gradient, r, h / r, w / r));
        [dx, Gradient::None, Gradient::None, Gradient::None]
    }
}
