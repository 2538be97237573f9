//! Steps that take statistics: over channels, over all pixels.

use std::ops::Range;

use rayon::prelude::*;
use relume_kernels::Window;

use super::Work;
use super::rows::{fill, row};

/// Normalises over the channels of each pixel.
pub(super) fn layer_norm(work: &Work<'_>, epsilon: f32, rows: Range<usize>, out: &mut Window) {
    let (lanes, columns, channels) = (out.lanes(), out.columns(), out.channels());
    let (scale, shift) = (work.own("weight"), work.own("bias"));
    let x = work.inputs[0];
    fill(out, rows.start, |group, y, to| {
        let mut sums = vec![[0.0_f64; 2]; columns.len()];
        for group in 0..x.groups() {
            let values = x.part(group, y, columns.clone());
            for (sums, pixel) in sums.iter_mut().zip(values.chunks_exact(x.lanes())) {
                for value in pixel.iter().map(|value| f64::from(*value)) {
                    sums[0] += value;
                    sums[1] += value * value;
                }
            }
        }
        let from = row(x, lanes, group, y, columns.clone());
        let used = lanes.min(channels - group * lanes);
        let pixels = to.chunks_exact_mut(lanes).zip(from.chunks_exact(lanes));
        for ((to, from), [sum, squares]) in pixels.zip(sums) {
            let mean = sum / channels as f64;
            let variance = (squares / channels as f64 - mean * mean).max(0.0);
            let by = (1.0 / (variance + f64::from(epsilon)).sqrt()) as f32;
            for lane in 0..used {
                let c = group * lanes + lane;
                to[lane] = (from[lane] - mean as f32) * by * scale[c] + shift[c];
            }
        }
    });
}

/// The largest channel of each pixel, and the mean.
pub(super) fn channels(work: &Work<'_>, rows: Range<usize>, out: &mut Window) {
    let (lanes, columns) = (out.lanes(), out.columns());
    let x = work.inputs[0];
    let all = x.channels();
    fill(out, rows.start, |group, y, to| {
        let mut largest = vec![f32::NEG_INFINITY; columns.len()];
        let mut sums = vec![0.0_f64; columns.len()];
        for group in 0..x.groups() {
            let used = x.lanes().min(all - group * x.lanes());
            let pixels = x.part(group, y, columns.clone()).chunks_exact(x.lanes());
            for ((pixel, largest), sum) in pixels.zip(&mut largest).zip(&mut sums) {
                *largest = pixel[..used].iter().copied().fold(*largest, f32::max);
                *sum += pixel[..used].iter().map(|v| f64::from(*v)).sum::<f64>();
            }
        }
        for lane in 0..lanes.min(2 - group * lanes) {
            let to = to[lane..].iter_mut().step_by(lanes);
            if group * lanes + lane == 0 {
                to.zip(&largest).for_each(|(to, largest)| *to = *largest);
            } else {
                to.zip(&sums).for_each(|(to, sum)| *to = (sum / all as f64) as f32);
            }
        }
    });
}

/// Shares of the groups of channels.
pub(super) fn softmax(work: &Work<'_>, groups: usize, rows: Range<usize>, out: &mut Window) {
    let (lanes, columns, channels) = (out.lanes(), out.columns(), out.channels());
    let each = channels / groups;
    let x = work.inputs[0];
    fill(out, rows.start, |group, y, to| {
        for lane in 0..lanes.min(channels - group * lanes) {
            let c = group * lanes + lane;
            for (to, column) in to[lane..].iter_mut().step_by(lanes).zip(columns.clone()) {
                let of = |group: usize| f64::from(x.at(group * each + c % each, y, column));
                let largest = (0..groups).map(of).fold(f64::NEG_INFINITY, f64::max);
                let sum: f64 = (0..groups).map(|group| (of(group) - largest).exp()).sum();
                *to = ((of(c / each) - largest).exp() / sum) as f32;
            }
        }
    });
}

/// Mean over all pixels, row sums first, in their order.
pub(super) fn global(work: &Work<'_>, out: &mut Window) {
    let x = work.inputs[0];
    let (height, width) = (x.rows().len(), x.columns().len());
    let lanes = x.lanes();
    let rows: Vec<(usize, usize)> =
        (0..x.groups()).flat_map(|group| x.rows().map(move |y| (group, y))).collect();
    let sums: Vec<Vec<f64>> = rows
        .into_par_iter()
        .map(|(group, y)| {
            let mut sums = vec![0.0_f64; lanes];
            for pixel in x.row(group, y).chunks_exact(lanes) {
                sums.iter_mut().zip(pixel).for_each(|(sum, value)| *sum += f64::from(*value));
            }
            sums
        })
        .collect();
    let means: Vec<f32> = (0..x.channels())
        .map(|c| {
            let rows = &sums[c / lanes * height..][..height];
            (rows.iter().map(|row| row[c % lanes]).sum::<f64>() / (height * width) as f64) as f32
        })
        .collect();
    out.fill_from_planar(&means);
}
