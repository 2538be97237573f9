//! Products of two tensors.

use rayon::prelude::*;
use relume_kernels::vectorised;

use super::{dot, map2};
use crate::burn::host::{Array, Gradient, INPUTS, Outer, Step, buffer};

/// A tensor times another of its shape, `[n, c, 1, 1]` or `[n, 1, h, w]`.
#[derive(Debug)]
pub(in crate::burn) struct Multiply;

/// What a plane is multiplied by.
enum Factor<'a> {
    All(f32),
    Each(&'a [f32]),
}

fn factor<'a>(by: &Array<'a>, channels: usize, plane: usize) -> Factor<'a> {
    let [_, c, h, w] = by.shape;
    let index = if c == channels { plane } else { plane / channels };
    let values = &by.values[index * h * w..][..h * w];
    if h * w == 1 { Factor::All(values[0]) } else { Factor::Each(values) }
}

/// `x` times the factors of its planes.
fn multiply(x: &[f32], shape: [usize; 4], by: &Array<'_>) -> Vec<f32> {
    let [_, channels, h, w] = shape;
    let mut out = buffer(x.len());
    let planes = out.par_chunks_mut(h * w).zip(x.par_chunks(h * w)).enumerate();
    planes.for_each(|(plane, (out, x))| {
        let factor = factor(by, channels, plane);
        vectorised(|| match factor {
            Factor::All(by) => out.iter_mut().zip(x).for_each(|(out, x)| *out = x * by),
            Factor::Each(by) => {
                out.iter_mut().zip(x.iter().zip(by)).for_each(|(out, (x, by))| *out = x * by);
            }
        });
    });
    out
}

impl Step for Multiply {
    fn forward(&self, inputs: &[Array<'_>]) -> (Vec<f32>, [usize; 4]) {
        (multiply(inputs[0].values, inputs[0].shape, &inputs[1]), inputs[0].shape)
    }

    fn backward(&self, outer: &Outer<'_>) -> [Gradient; INPUTS] {
        let (x, by, dy) = (outer.inputs[0], outer.inputs[1], outer.gradient);
        let [_, channels, h, w] = x.shape;
        let dby = if by.shape == x.shape {
            map2(x.values, dy, |x, dy| x * dy)
        } else if by.shape[2] * by.shape[3] == 1 && by.shape[1] == channels {
            x.values.par_chunks(h * w).zip(dy.par_chunks(h * w)).map(|(x, dy)| dot(x, dy)).collect()
        } else {
            let mut dby = vec![0.0; by.values.len()];
            let size = channels * h * w;
            let pictures = x.values.par_chunks(size).zip(dy.par_chunks(size));
            dby.par_chunks_mut(h * w).zip(pictures).for_each(|(to, (x, dy))| {
                for (x, dy) in x.chunks_exact(h * w).zip(dy.chunks_exact(h * w)) {
                    let pairs = x.iter().zip(dy);
                    vectorised(|| to.iter_mut().zip(pairs).for_each(|(to, (x, dy))| *to += x * dy));
                }
            });
            dby
        };
        let dx = Gradient::Of(multiply(dy, x.shape, &by));
        [dx, Gradient::Of(dby), Gradient::None, Gradient::None]
    }
}
