//! Steps that make each row of each channel from the same row of their inputs.

use std::borrow::Cow;
use std::ops::Range;

use rayon::prelude::*;
use relume_kernels::{Window, sigmoid, tanh};

use super::{Work, modulation};
use crate::layer::{Layer, Pointwise};
use crate::relight::Exposure;

/// Numbers below which threads are not worth their start.
const FEW: usize = 4096;

/// Lets `make(group, y, row)` write every row of `out` from `first` on, `[column][lane]`; lanes
/// beyond the last channel are set to zero afterwards.
pub(super) fn fill(out: &mut Window, first: usize, make: impl Fn(usize, usize, &mut [f32]) + Sync) {
    let (lanes, channels) = (out.lanes(), out.channels());
    let used = |group: usize| lanes.min(channels - group * lanes);
    let one = |(group, y, row): (usize, usize, &mut [f32])| {
        make(group, y, row);
        if used(group) < lanes {
            row.chunks_exact_mut(lanes).for_each(|pixel| pixel[used(group)..].fill(0.0));
        }
    };
    let rows = out.rows_from(first);
    if rows.iter().map(|(_, _, row)| row.len()).sum::<usize>() < FEW {
        rows.into_iter().for_each(one);
    } else {
        rows.into_par_iter().for_each(one);
    }
}

/// Row `y` of the channels from `group · lanes` on, in the layout asked for.
pub(super) fn row(
    window: &Window,
    lanes: usize,
    group: usize,
    y: usize,
    columns: Range<usize>,
) -> Cow<'_, [f32]> {
    if window.lanes() == lanes {
        return Cow::Borrowed(window.part(group, y, columns));
    }
    let mut values = vec![0.0; columns.len() * lanes];
    for lane in 0..lanes.min(window.channels() - group * lanes) {
        let channel = group * lanes + lane;
        let from = window.part(channel / window.lanes(), y, columns.clone());
        let from = from[channel % window.lanes()..].iter().step_by(window.lanes());
        values[lane..].iter_mut().step_by(lanes).zip(from).for_each(|(to, from)| *to = *from);
    }
    Cow::Owned(values)
}

/// The exposure step as a table: relighting is a function of one number. Its places are even in the
/// square root of the value, since the curve is steep in the dark.
#[derive(Debug)]
pub(in crate::cpu) struct Relit {
    exposure: Exposure,
    table: Vec<f32>,
}

impl Relit {
    const STEPS: usize = 1 << 15;

    /// The table for gain and white, `[2, 1, 1]`.
    pub(in crate::cpu) fn new(told: &Window) -> Self {
        let exposure = Exposure { gain: told.at(0, 0, 0), white: told.at(1, 0, 0) };
        let at = |i| exposure.relight((i as f32 / Self::STEPS as f32).powi(2));
        Self { exposure, table: (0..=Self::STEPS + 1).map(at).collect() }
    }

    fn relight(&self, x: f32) -> f32 {
        if !(0.0..=1.0).contains(&x) {
            return self.exposure.relight(x);
        }
        let place = x.sqrt() * Self::STEPS as f32;
        let below = place as usize;
        let (low, high) = (self.table[below], self.table[below + 1]);
        low + (high - low) * (place - below as f32)
    }
}

/// Makes the rows from `rows.start` on.
pub(super) fn apply(work: &Work<'_>, rows: Range<usize>, out: &mut Window) {
    let (lanes, columns) = (out.lanes(), out.columns());
    let input = |i: usize, group, y| row(work.inputs[i], lanes, group, y, columns.clone());
    let first = rows.start;
    match &work.node().layer {
        Layer::Pointwise(f) => fill(out, first, |group, y, to| {
            to.copy_from_slice(&input(0, group, y));
            pointwise(*f, to);
        }),
        Layer::Relight => {
            let made;
            let relit = match work.relit {
                Some(relit) => relit,
                None => {
                    made = Relit::new(work.inputs[1]);
                    &made
                }
            };
            fill(out, first, |group, y, to| {
                let from = input(0, group, y);
                to.iter_mut().zip(&*from).for_each(|(to, from)| *to = relit.relight(*from));
            });
        }
        Layer::Prelu { .. } => {
            let slopes = work.own("weight");
            by_channel(
                work,
                first,
                out,
                |c, v| if v > 0.0 { v } else { slopes[c % slopes.len()] * v },
            );
        }
        Layer::BatchNorm { epsilon } => {
            let (scale, shift) = (work.own("weight"), work.own("bias"));
            let (mean, variance) = (work.own("running_mean"), work.own("running_var"));
            let factor = |c: usize| scale[c] / (variance[c] + epsilon).sqrt();
            let factors: Vec<f32> = (0..scale.len()).map(factor).collect();
            by_channel(work, first, out, |c, v| (v - mean[c]) * factors[c] + shift[c]);
        }
        Layer::Modulate => {
            let (factors, terms) = modulation(work.inputs[1]);
            by_channel(work, first, out, |c, v| v * factors[c] + terms[c]);
        }
        _ => pairs(work, rows, out),
    }
}

/// Steps that make a number of two.
fn pairs(work: &Work<'_>, rows: Range<usize>, out: &mut Window) {
    let first = rows.start;
    let other = work.inputs[1];
    match &work.node().layer {
        Layer::Multiply if other.rows().len() * other.columns().len() == 1 && !spreads(work) => {
            let factors = other.to_planar();
            by_channel(work, first, out, |c, v| v * factors[c]);
        }
        Layer::Multiply if other.channels() < out.channels() => {
            let (lanes, columns) = (out.lanes(), out.columns());
            fill(out, first, |group, y, to| {
                let from = row(work.inputs[0], lanes, group, y, columns.clone());
                let factors = row(other, 1, 0, y, columns.clone());
                let pixels = to.chunks_exact_mut(lanes).zip(from.chunks_exact(lanes));
                for ((to, from), factor) in pixels.zip(&*factors) {
                    to.iter_mut().zip(from).for_each(|(to, from)| *to = from * factor);
                }
            });
        }
        Layer::Multiply => both(work, first, out, |a, b| a * b),
        Layer::Divide => both(work, first, out, |a, b| a / b),
        Layer::Curve => both(work, first, out, |a, r| a + r * (a * a - a)),
        _ => both(work, first, out, |a, b| a + b),
    }
}

/// Whether the second input follows the picture.
fn spreads(work: &Work<'_>) -> bool {
    let extent = work.graph.node(work.node().inputs[1]).extent;
    matches!(extent, crate::Extent::Picture { .. })
}

fn both(work: &Work<'_>, first: usize, out: &mut Window, f: impl Fn(f32, f32) -> f32 + Sync) {
    let (lanes, columns) = (out.lanes(), out.columns());
    fill(out, first, |group, y, to| {
        let a = row(work.inputs[0], lanes, group, y, columns.clone());
        let b = row(work.inputs[1], lanes, group, y, columns.clone());
        to.iter_mut().zip(&*a).zip(&*b).for_each(|((to, a), b)| *to = f(*a, *b));
    });
}

fn by_channel(
    work: &Work<'_>,
    first: usize,
    out: &mut Window,
    f: impl Fn(usize, f32) -> f32 + Sync,
) {
    let (lanes, columns, channels) = (out.lanes(), out.columns(), out.channels());
    fill(out, first, |group, y, to| {
        let from = row(work.inputs[0], lanes, group, y, columns.clone());
        let used = lanes.min(channels - group * lanes);
        for (to, from) in to.chunks_exact_mut(lanes).zip(from.chunks_exact(lanes)) {
            for (lane, (to, from)) in to[..used].iter_mut().zip(from).enumerate() {
                *to = f(group * lanes + lane, *from);
            }
        }
    });
}

fn pointwise(f: Pointwise, values: &mut [f32]) {
    match f {
        Pointwise::Sigmoid => sigmoid(values),
        Pointwise::Tanh => tanh(values),
        _ => values.iter_mut().for_each(|value| *value = f.apply(*value)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_the_exposure_step() {
        for (gain, white) in [(1.0, 1.0), (3.0, 1.0), (20.0, 9.0), (0.5, 1.0), (300.0, 250.0)] {
            let mut worst = 0.0_f32;
            let mut told = Window::zeros(2, 1, 0..1, 0..1);
            told.data_mut().copy_from_slice(&[gain, white]);
            let (relit, exposure) = (Relit::new(&told), Exposure { gain, white });
            for i in -100..100_100 {
                let x = i as f32 / 1e5;
                worst = worst.max((relit.relight(x) - exposure.relight(x)).abs());
            }
            assert!(worst < 2e-5, "{worst}, gain {gain}");
        }
    }
}
