//! The layers that have a [`Step`](super::host::Step) of their own, one file for each kind.

mod convolve;
mod modulate;
mod pointwise;
mod relight;
mod shuffle;
mod sum;

use rayon::prelude::*;

pub(super) use convolve::Convolve;
pub(super) use modulate::Modulate;
pub(super) use relight::Relight;
pub(super) use shuffle::{Shuffle, Unshuffle};
pub(super) use sum::Sum;

/// Numbers that one task takes of a step that goes value by value.
const CHUNK: usize = 16 * 1024;

/// `f` of every value beside each other, in parallel.
fn map2(a: &[f32], b: &[f32], f: impl Fn(f32, f32) -> f32 + Sync) -> Vec<f32> {
    let mut out = vec![0.0; a.len()];
    let parts = out.par_chunks_mut(CHUNK).zip(a.par_chunks(CHUNK).zip(b.par_chunks(CHUNK)));
    parts.for_each(|(out, (a, b))| {
        out.iter_mut().zip(a.iter().zip(b)).for_each(|(out, (&a, &b))| *out = f(a, b));
    });
    out
}
