//! The layers that have a [`Step`](super::host::Step) of their own, one file for each kind.

mod convolve;
mod correlate;
mod curve;
mod depthwise;
mod gate;
mod join;
mod layer_norm;
mod modulate;
mod multiply;
mod pointwise;
mod pool;
mod prelu;
mod relight;
mod resample;
mod shuffle;
mod sum;

use rayon::prelude::*;
use relume_kernels::vectorised;

use super::host::buffer;

pub(super) use convolve::Convolve;
pub(super) use correlate::Correlate;
pub(super) use curve::Curve;
pub(super) use depthwise::Depthwise;
pub(super) use gate::Gate;
pub(super) use join::{Join, Part};
pub(super) use layer_norm::LayerNorm;
pub(super) use modulate::Modulate;
pub(super) use multiply::Multiply;
pub(super) use pool::GlobalPool;
pub(super) use prelu::Prelu;
pub(super) use relight::Relight;
pub(super) use resample::Resample;
pub(super) use shuffle::{Shuffle, Unshuffle};
pub(super) use sum::Sum;

/// Numbers that one task takes of a step that goes value by value.
const CHUNK: usize = 16 * 1024;

/// `f` of every two values beside each other, in parallel.
fn map2(a: &[f32], b: &[f32], f: impl Fn(f32, f32) -> f32 + Sync) -> Vec<f32> {
    let mut out = buffer(a.len());
    let parts = out.par_chunks_mut(CHUNK).zip(a.par_chunks(CHUNK).zip(b.par_chunks(CHUNK)));
    parts.for_each(|(out, (a, b))| {
        vectorised(|| {
            out.iter_mut().zip(a.iter().zip(b)).for_each(|(out, (&a, &b))| *out = f(a, b))
        });
    });
    out
}

/// Sums beside each other: more than a vector has lanes.
const LANES: usize = 32;

/// The sum of products, in `f32` along 32 lanes and then in `f64`.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    vectorised(|| {
        let mut sums = [0.0_f32; LANES];
        let whole = a.len() / LANES * LANES;
        for (a, b) in a.chunks_exact(LANES).zip(b.chunks_exact(LANES)) {
            for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
                *sum += a * b;
            }
        }
        let rest = a[whole..].iter().zip(&b[whole..]).map(|(a, b)| f64::from(a * b)).sum::<f64>();
        (sums.iter().map(|v| f64::from(*v)).sum::<f64>() + rest) as f32
    })
}

/// The sum, as [`dot`].
fn sum(a: &[f32]) -> f32 {
    vectorised(|| {
        let mut sums = [0.0_f32; LANES];
        let whole = a.chunks_exact(LANES);
        let rest = whole.remainder().iter().map(|v| f64::from(*v)).sum::<f64>();
        for a in whole {
            sums.iter_mut().zip(a).for_each(|(sum, a)| *sum += a);
        }
        (sums.iter().map(|v| f64::from(*v)).sum::<f64>() + rest) as f32
    })
}
