//! Normalisation over the channels of each pixel.

use rayon::prelude::*;
use relume_kernels::vectorised;

use super::{dot, sum};
use crate::burn::host::{Array, Gradient, INPUTS, Outer, Step, buffer};

/// Reads the picture, and a scale and a shift for every channel.
#[derive(Debug)]
pub(in crate::burn) struct LayerNorm {
    /// Added to the variance.
    pub(in crate::burn) epsilon: f32,
}

/// Pixels that one task takes: their statistics stay in the first-level cache.
const SOME: usize = 512;

/// Mean and `1 / deviation` of each of up to [`SOME`] pixels of a picture.
struct Statistics {
    mean: [f32; SOME],
    unit: [f32; SOME],
}

impl Statistics {
    /// Of the pixels from `at` on, `count` of them, of a picture in planes of `area` pixels.
    fn of(picture: &[f32], area: usize, at: usize, count: usize, epsilon: f32) -> Self {
        let mut all = Self { mean: [0.0; SOME], unit: [0.0; SOME] };
        let share = area as f32 / picture.len() as f32;
        let (mean, unit) = (&mut all.mean[..count], &mut all.unit[..count]);
        for plane in picture.chunks_exact(area) {
            mean.iter_mut().zip(&plane[at..]).for_each(|(sum, x)| *sum += x);
        }
        mean.iter_mut().for_each(|sum| *sum *= share);
        for plane in picture.chunks_exact(area) {
            for ((sum, x), mean) in unit.iter_mut().zip(&plane[at..]).zip(&*mean) {
                *sum += (x - mean) * (x - mean);
            }
        }
        unit.iter_mut().for_each(|sum| *sum = 1.0 / (*sum * share + epsilon).sqrt());
        all
    }
}

impl Step for LayerNorm {
    fn forward(&self, inputs: &[Array<'_>]) -> (Vec<f32>, [usize; 4]) {
        let (x, scale, shift) = (inputs[0], inputs[1].values, inputs[2].values);
        let [_, c, h, w] = x.shape;
        let area = h * w;
        let mut out = buffer(x.values.len());
        let pictures = out.par_chunks_mut(c * area).zip(x.values.par_chunks(c * area));
        pictures.for_each(|(out, picture)| {
            for at in (0..area).step_by(SOME) {
                let count = SOME.min(area - at);
                vectorised(|| {
                    let all = Statistics::of(picture, area, at, count, self.epsilon);
                    for channel in 0..c {
                        let from = &picture[channel * area + at..][..count];
                        let to = &mut out[channel * area + at..][..count];
                        let told = all.mean.iter().zip(&all.unit);
                        for ((to, x), (mean, unit)) in to.iter_mut().zip(from).zip(told) {
                            *to = (x - mean) * unit * scale[channel] + shift[channel];
                        }
                    }
                });
            }
        });
        (out, x.shape)
    }

    fn backward(&self, outer: &Outer<'_>) -> [Gradient; INPUTS] {
        let (x, scale) = (outer.inputs[0], outer.inputs[1].values);
        let [n, c, h, w] = x.shape;
        let size = c * h * w;
        let mut dx = buffer(x.values.len());
        // For every picture: the gradients by the scales, then by the shifts.
        let mut sums = vec![0.0; n * 2 * c];
        let pictures = dx.par_chunks_mut(size).zip(x.values.par_chunks(size));
        let pictures = pictures.zip(outer.gradient.par_chunks(size));
        pictures.zip(sums.par_chunks_mut(2 * c)).for_each(|(((dx, picture), dy), sums)| {
            let (scales, shifts) = sums.split_at_mut(c);
            for at in (0..h * w).step_by(SOME) {
                let some = Pixels { area: h * w, at, count: SOME.min(h * w - at), scale };
                self.gradient(&some, (picture, dy), dx, (scales, shifts));
            }
        });
        let mut all = vec![0.0; 2 * c];
        for sums in sums.chunks_exact(2 * c) {
            all.iter_mut().zip(sums).for_each(|(all, sum)| *all += sum);
        }
        let shifts = all.split_off(c);
        [Gradient::Of(dx), Gradient::Of(all), Gradient::Of(shifts), Gradient::None]
    }
}

/// Some pixels of a picture.
struct Pixels<'a> {
    area: usize,
    at: usize,
    count: usize,
    scale: &'a [f32],
}

impl LayerNorm {
    /// With `u = (x - mean) / deviation` and `g = dy scale`:
    /// `dx = (g - mean of g - u · mean of g u) / deviation`.
    fn gradient(
        &self,
        some: &Pixels<'_>,
        (picture, dy): (&[f32], &[f32]),
        dx: &mut [f32],
        (scales, shifts): (&mut [f32], &mut [f32]),
    ) {
        let Pixels { area, at, count, scale } = *some;
        vectorised(|| {
            let all = Statistics::of(picture, area, at, count, self.epsilon);
            let (mut even, mut along, mut unit) = ([0.0; SOME], [0.0; SOME], [0.0_f32; SOME]);
            for (channel, scale) in scale.iter().enumerate() {
                let (x, dy) =
                    (&picture[channel * area + at..][..count], &dy[channel * area + at..][..count]);
                for i in 0..count {
                    unit[i] = (x[i] - all.mean[i]) * all.unit[i];
                    even[i] += dy[i] * scale;
                    along[i] += dy[i] * scale * unit[i];
                }
                scales[channel] += dot(dy, &unit[..count]);
                shifts[channel] += sum(dy);
            }
            let share = 1.0 / scale.len() as f32;
            for (channel, scale) in scale.iter().enumerate() {
                let range = channel * area + at..channel * area + at + count;
                let (x, dy, dx) = (&picture[range.clone()], &dy[range.clone()], &mut dx[range]);
                for i in 0..count {
                    let unit = (x[i] - all.mean[i]) * all.unit[i];
                    let rest = dy[i] * scale - (even[i] + unit * along[i]) * share;
                    dx[i] = rest * all.unit[i];
                }
            }
        });
    }
}
