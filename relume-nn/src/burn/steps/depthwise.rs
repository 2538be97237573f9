//! Convolution of every channel by itself.

use rayon::prelude::*;
use relume_kernels::vectorised;

use super::{dot, sum};
use crate::burn::host::{Array, Gradient, INPUTS, Outer, Step, buffer};
use crate::layer::Conv;

/// Reads the picture, the weight `[c, 1, k, k]` and, if there is one, the bias.
#[derive(Debug)]
pub(in crate::burn) struct Depthwise(pub(in crate::burn) Conv);

/// One plane and what lies around it: zeros.
#[derive(Clone, Copy)]
struct Plane<'a> {
    values: &'a [f32],
    height: usize,
    width: usize,
}

impl Plane<'_> {
    /// For output row `y` under tap (`ky`, `kx`): the part of a row of `width` outputs, from its
    /// first, that reads inside this plane, and what it reads.
    fn under(
        &self,
        y: usize,
        (ky, kx): (usize, usize),
        padding: usize,
        width: usize,
    ) -> Option<(usize, &[f32])> {
        let row = (y + ky).checked_sub(padding).filter(|row| *row < self.height)?;
        let first = padding.saturating_sub(kx);
        let end = width.min((self.width + padding).saturating_sub(kx));
        if first >= end {
            return None;
        }
        Some((first, &self.values[row * self.width + first + kx - padding..][..end - first]))
    }

    /// Sums of products with `taps` `[k, k]` for `width` by `to.len() / width` outputs.
    fn convolve(
        &self,
        taps: &[f32],
        (k, padding): (usize, usize),
        bias: f32,
        to: (&mut [f32], usize),
    ) {
        let (to, width) = to;
        vectorised(|| {
            for (y, to) in to.chunks_exact_mut(width).enumerate() {
                to.fill(bias);
                for (index, &tap) in taps.iter().enumerate() {
                    let at = (index / k, index % k);
                    if let Some((first, from)) = self.under(y, at, padding, width) {
                        to[first..].iter_mut().zip(from).for_each(|(to, from)| *to += tap * from);
                    }
                }
            }
        });
    }
}

impl Depthwise {
    /// Whether this is a convolution of every channel by itself, undilated, step by step.
    pub(in crate::burn) fn serves(conv: &Conv) -> bool {
        conv.groups == conv.c_in
            && conv.c_in == conv.c_out
            && (conv.stride, conv.dilation) == (1, 1)
            && conv.padding < conv.kernel
    }

    fn out_size(&self, x: &Array<'_>) -> (usize, usize) {
        (self.0.out_length(x.shape[2]), self.0.out_length(x.shape[3]))
    }
}

impl Step for Depthwise {
    fn forward(&self, inputs: &[Array<'_>]) -> (Vec<f32>, [usize; 4]) {
        let (x, weight, k) = (inputs[0], inputs[1].values, self.0.kernel);
        let ([n, c, height, width], (rows, columns)) = (x.shape, self.out_size(&x));
        let mut out = buffer(n * c * rows * columns);
        let planes = out.par_chunks_mut(rows * columns).zip(x.values.par_chunks(height * width));
        planes.enumerate().for_each(|(index, (out, values))| {
            let channel = index % c;
            let bias = inputs.get(2).map_or(0.0, |bias| bias.values[channel]);
            let taps = &weight[channel * k * k..][..k * k];
            let plane = Plane { values, height, width };
            plane.convolve(taps, (k, self.0.padding), bias, (out, columns));
        });
        (out, [n, c, rows, columns])
    }

    fn backward(&self, outer: &Outer<'_>) -> [Gradient; INPUTS] {
        let (x, weight, k) = (outer.inputs[0], outer.inputs[1].values, self.0.kernel);
        let ([n, c, height, width], (rows, columns)) = (x.shape, self.out_size(&x));
        let mut dx = buffer(x.values.len());
        // For every plane: the gradients by its taps, then by its bias.
        let mut sums = vec![0.0; n * c * (k * k + 1)];
        let planes = dx.par_chunks_mut(height * width).zip(x.values.par_chunks(height * width));
        let planes = planes.zip(outer.gradient.par_chunks(rows * columns));
        planes.zip(sums.par_chunks_mut(k * k + 1)).enumerate().for_each(
            |(index, (((dx, values), dy), sums))| {
                let taps: Vec<f32> =
                    weight[index % c * k * k..][..k * k].iter().rev().copied().collect();
                let outputs = Plane { values: dy, height: rows, width: columns };
                outputs.convolve(&taps, (k, k - 1 - self.0.padding), 0.0, (dx, width));
                let inputs = Plane { values, height, width };
                for (index, to) in sums[..k * k].iter_mut().enumerate() {
                    let at = (index / k, index % k);
                    let products = dy.chunks_exact(columns).enumerate().filter_map(|(y, dy)| {
                        let (first, from) = inputs.under(y, at, self.0.padding, columns)?;
                        Some(f64::from(dot(&dy[first..first + from.len()], from)))
                    });
                    *to = products.sum::<f64>() as f32;
                }
                sums[k * k] = sum(dy);
            },
        );
        let mut dweight = vec![0.0; weight.len()];
        let mut dbias = vec![0.0; c];
        for (index, sums) in sums.chunks_exact(k * k + 1).enumerate() {
            let taps = &mut dweight[index % c * k * k..][..k * k];
            taps.iter_mut().zip(sums).for_each(|(to, sum)| *to += sum);
            dbias[index % c] += sums[k * k];
        }
        let bias = if self.0.bias { Gradient::Of(dbias) } else { Gradient::None };
        [Gradient::Of(dx), Gradient::Of(dweight), bias, Gradient::None]
    }
}
