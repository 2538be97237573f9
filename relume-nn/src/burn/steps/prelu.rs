//! Learned slopes below zero.

use rayon::prelude::*;
use relume_kernels::vectorised;

use crate::burn::host::{Array, Gradient, INPUTS, Outer, Step, buffer};

/// Reads a picture, and one slope or one for every channel.
#[derive(Debug)]
pub(in crate::burn) struct Prelu;

impl Step for Prelu {
    fn forward(&self, inputs: &[Array<'_>]) -> (Vec<f32>, [usize; 4]) {
        let (x, slopes) = (inputs[0], inputs[1].values);
        let [_, c, h, w] = x.shape;
        let mut out = buffer(x.values.len());
        let planes = out.par_chunks_mut(h * w).zip(x.values.par_chunks(h * w)).enumerate();
        planes.for_each(|(plane, (out, x))| {
            let slope = slopes[plane % c % slopes.len()];
            let bend = |x: f32| if x > 0.0 { x } else { slope * x };
            vectorised(|| out.iter_mut().zip(x).for_each(|(out, x)| *out = bend(*x)));
        });
        (out, x.shape)
    }

    fn backward(&self, outer: &Outer<'_>) -> [Gradient; INPUTS] {
        let (x, slopes) = (outer.inputs[0], outer.inputs[1].values);
        let [_, c, h, w] = x.shape;
        let mut dx = buffer(x.values.len());
        let planes = dx.par_chunks_mut(h * w).zip(x.values.par_chunks(h * w));
        let planes = planes.zip(outer.gradient.par_chunks(h * w)).enumerate();
        let sums: Vec<f64> = planes
            .map(|(plane, ((dx, x), dy))| {
                let slope = slopes[plane % c % slopes.len()];
                vectorised(|| {
                    let mut total = 0.0_f64;
                    for ((dx, x), dy) in dx.chunks_mut(64).zip(x.chunks(64)).zip(dy.chunks(64)) {
                        let mut sums = [0.0_f32; 64];
                        for (i, (dx, (x, dy))) in dx.iter_mut().zip(x.iter().zip(dy)).enumerate() {
                            *dx = if *x > 0.0 { *dy } else { slope * dy };
                            sums[i] = x.min(0.0) * dy;
                        }
                        total += f64::from(sums.iter().sum::<f32>());
                    }
                    total
                })
            })
            .collect();
        let mut all = vec![0.0_f64; slopes.len()];
        for (plane, sum) in sums.into_iter().enumerate() {
            all[plane % c % slopes.len()] += sum;
        }
        let dslopes = all.into_iter().map(|sum| sum as f32).collect();
        [Gradient::Of(dx), Gradient::Of(dslopes), Gradient::None, Gradient::None]
    }
}
