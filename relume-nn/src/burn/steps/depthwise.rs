//! Convolution of every channel by itself.

use rayon::prelude::*;
use relume_kernels::vectorised;

use super::{LANES, sum};
use crate::burn::host::{Array, Gradient, INPUTS, Outer, Step, buffer};
use crate::layer::Conv;

/// Reads the picture, the weight `[c, 1, k, k]` and, if there is one, the bias.
#[derive(Debug)]
pub(in crate::burn) struct Depthwise(pub(in crate::burn) Conv);

/// A plane with zeros around it.
struct Padded {
    values: Vec<f32>,
    width: usize,
}

impl Padded {
    fn new(plane: &[f32], width: usize, padding: usize) -> Self {
        let padded = width + 2 * padding;
        let mut values = vec![0.0; (plane.len() / width + 2 * padding) * padded];
        let rows = values[padding * padded..].chunks_exact_mut(padded);
        for (to, from) in rows.zip(plane.chunks_exact(width)) {
            to[padding..padding + width].copy_from_slice(from);
        }
        Self { values, width: padded }
    }

    /// What the outputs of row `y` read under tap `tap` of `k * k`.
    fn under(&self, y: usize, tap: usize, k: usize) -> &[f32] {
        &self.values[(y + tap / k) * self.width + tap % k..]
    }

    /// Sums of products with `taps`, `[k, k]`, for rows of `width` outputs.
    fn convolve(&self, taps: &[f32], k: usize, bias: f32, (to, width): (&mut [f32], usize)) {
        vectorised(|| {
            for (y, to) in to.chunks_exact_mut(width).enumerate() {
                if let Ok(taps) = <&[f32; 9]>::try_from(taps) {
                    let rows = [0, 3, 6].map(|tap| &self.under(y, tap, 3)[..width + 2]);
                    three(rows, taps, bias, to);
                    continue;
                }
                to.fill(bias);
                for (index, &tap) in taps.iter().enumerate() {
                    let from = self.under(y, index, k);
                    to.iter_mut().zip(from).for_each(|(to, from)| *to += tap * from);
                }
            }
        });
    }

    /// The gradients by the taps, where `dy` is that by the outputs, in rows of `width`.
    fn gradients(&self, dy: &[f32], width: usize, k: usize, to: &mut [f32]) {
        vectorised(|| {
            for (tap, to) in to.iter_mut().enumerate() {
                let mut sums = [0.0_f32; LANES];
                for (y, dy) in dy.chunks_exact(width).enumerate() {
                    let from = &self.under(y, tap, k)[..width];
                    for (dy, from) in dy.chunks(LANES).zip(from.chunks(LANES)) {
                        for (sum, (dy, from)) in sums.iter_mut().zip(dy.iter().zip(from)) {
                            *sum += dy * from;
                        }
                    }
                }
                *to = sums.iter().map(|sum| f64::from(*sum)).sum::<f64>() as f32;
            }
        });
    }
}

/// One row of outputs of three by three taps.
#[inline(always)]
fn three([a, b, c]: [&[f32]; 3], taps: &[f32; 9], bias: f32, to: &mut [f32]) {
    let (a, b, c) = (&a[..to.len() + 2], &b[..to.len() + 2], &c[..to.len() + 2]);
    for (i, to) in to.iter_mut().enumerate() {
        let upper = taps[0] * a[i] + taps[1] * a[i + 1] + taps[2] * a[i + 2];
        let middle = taps[3] * b[i] + taps[4] * b[i + 1] + taps[5] * b[i + 2];
        let lower = taps[6] * c[i] + taps[7] * c[i + 1] + taps[8] * c[i + 2];
        *to = bias + (upper + middle + lower);
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
            Padded::new(values, width, self.0.padding).convolve(taps, k, bias, (out, columns));
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
                let outputs = Padded::new(dy, columns, k - 1 - self.0.padding);
                outputs.convolve(&taps, k, 0.0, (dx, width));
                let inputs = Padded::new(values, width, self.0.padding);
                inputs.gradients(dy, columns, k, &mut sums[..k * k]);
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
