//! Steps that look at a neighbourhood without the kernels: resizing, grouped convolutions.

use std::ops::Range;

use relume_kernels::Window;

use super::Work;
use super::rows::{fill, row};
use crate::graph::Node;
use crate::layer::{Conv, Layer};
use crate::reference::{self, enlarge_taps, halve_taps, parameter};
use crate::region::{Span, conv_reads};
use crate::tensor::Tensor;

/// Grouped and dilated convolutions.
pub(super) fn grouped(work: &Work<'_>, conv: &Conv, rows: Range<usize>, out: &mut Window) {
    if conv.groups == conv.c_in && conv.c_in == conv.c_out {
        return depthwise(work, conv, rows, out);
    }
    // No fast path: the reference, on the pixels at hand with their zeros.
    let x = work.inputs[0];
    let columns = out.columns();
    let made = (Span::new(rows.start, rows.end), Span::new(columns.start, columns.end));
    let (rows_read, down) = conv_reads(conv, made.0, work.source.0);
    let (columns_read, across) = conv_reads(conv, made.1, work.source.1);
    let (height, width) = (rows_read.len(), columns_read.len());
    let shape =
        [1, conv.c_in, height + down.before + down.after, width + across.before + across.after];
    let tensor = Tensor::from_fn(shape, |_, c, y, i| {
        let inside = (down.before..down.before + height).contains(&y)
            && (across.before..across.before + width).contains(&i);
        let (y, i) = (y + rows_read.start, i + columns_read.start);
        if inside { x.at(c, y - down.before, i - across.before) } else { 0.0 }
    });
    let node = work.node();
    let bare = Node { layer: Layer::Conv(Conv { padding: 0, ..conv.clone() }), ..node.clone() };
    let made = reference::apply(&bare, work.weights, &[&tensor]);
    let lanes = out.lanes();
    let channels = out.channels();
    fill(out, rows.start, |group, y, to| {
        for lane in 0..lanes.min(channels - group * lanes) {
            for (i, to) in to[lane..].iter_mut().step_by(lanes).enumerate() {
                *to = made.at(0, group * lanes + lane, y - rows.start, i);
            }
        }
    });
}

/// Each channel with a kernel of its own.
fn depthwise(work: &Work<'_>, conv: &Conv, rows: Range<usize>, out: &mut Window) {
    let node = work.node();
    let (lanes, columns, channels) = (out.lanes(), out.columns(), out.channels());
    let taps = conv.kernel * conv.kernel;
    let weight = parameter(work.weights, node, "weight");
    let bias = conv.bias.then(|| parameter(work.weights, node, "bias"));
    let x = work.inputs[0];
    let (height, width) = work.source;
    fill(out, rows.start, |group, y, to| {
        let used = lanes.min(channels - group * lanes);
        let channel = |lane: usize| group * lanes + lane;
        let mut start = vec![0.0; lanes];
        if let Some(bias) = bias {
            start[..used].copy_from_slice(&bias[channel(0)..channel(used)]);
        }
        to.chunks_exact_mut(lanes).for_each(|pixel| pixel.copy_from_slice(&start));
        for tap in 0..taps {
            let down = y * conv.stride + tap / conv.kernel * conv.dilation;
            let Some(from) = down.checked_sub(conv.padding).filter(|y| *y < height) else {
                continue;
            };
            let mut by = vec![0.0; lanes];
            (0..used).for_each(|lane| by[lane] = weight[channel(lane) * taps + tap]);
            let held = x.columns();
            let source = row(x, lanes, group, from, held.clone());
            for (to, column) in to.chunks_exact_mut(lanes).zip(columns.clone()) {
                let across = column * conv.stride + tap % conv.kernel * conv.dilation;
                let Some(across) = across.checked_sub(conv.padding).filter(|x| *x < width) else {
                    continue;
                };
                let from = &source[(across - held.start) * lanes..][..lanes];
                to.iter_mut().zip(from).zip(&by).for_each(|((to, from), by)| *to += from * by);
            }
        }
    });
}

/// Bilinear enlargement.
pub(super) fn enlarge(work: &Work<'_>, r: usize, rows: Range<usize>, out: &mut Window) {
    let (lanes, columns) = (out.lanes(), out.columns());
    let x = work.inputs[0];
    let held = x.columns();
    let taps: Vec<_> = columns
        .map(|column| {
            let (left, right, across) = enlarge_taps(column, r, work.source.1);
            ((left - held.start) * lanes, (right - held.start) * lanes, across)
        })
        .collect();
    fill(out, rows.start, |group, y, to| {
        let (top, bottom, down) = enlarge_taps(y, r, work.source.0);
        let top = row(x, lanes, group, top, held.clone());
        let bottom = row(x, lanes, group, bottom, held.clone());
        for (to, &(left, right, across)) in to.chunks_exact_mut(lanes).zip(&taps) {
            let corners = [&top[left..], &top[right..], &bottom[left..], &bottom[right..]];
            let [top_left, top_right, bottom_left, bottom_right] = corners.map(|c| &c[..lanes]);
            for lane in 0..lanes {
                let above = top_left[lane] * (1.0 - across) + top_right[lane] * across;
                let below = bottom_left[lane] * (1.0 - across) + bottom_right[lane] * across;
                to[lane] = above * (1.0 - down) + below * down;
            }
        }
    });
}

/// Means of blocks of `r` × `r` pixels.
pub(super) fn average_pool(work: &Work<'_>, r: usize, rows: Range<usize>, out: &mut Window) {
    let (lanes, columns) = (out.lanes(), out.columns());
    let x = work.inputs[0];
    let (held, share) = (x.columns(), 1.0 / (r * r) as f32);
    fill(out, rows.start, |group, y, to| {
        to.fill(0.0);
        for line in y * r..(y + 1) * r {
            let from = row(x, lanes, group, line, held.clone());
            for (to, column) in to.chunks_exact_mut(lanes).zip(columns.clone()) {
                let first = (column * r - held.start) * lanes;
                for from in from[first..].chunks_exact(lanes).take(r) {
                    to.iter_mut().zip(from).for_each(|(to, from)| *to += share * from);
                }
            }
        }
    });
}

/// Half the size behind a small blur.
pub(super) fn blur_halve(work: &Work<'_>, rows: Range<usize>, out: &mut Window) {
    let (lanes, columns) = (out.lanes(), out.columns());
    let x = work.inputs[0];
    let held = x.columns();
    fill(out, rows.start, |group, y, to| {
        let lines = halve_taps(y, work.source.0)
            .map(|(from, share)| (row(x, lanes, group, from, held.clone()), share));
        for (to, column) in to.chunks_exact_mut(lanes).zip(columns.clone()) {
            to.fill(0.0);
            let taps = halve_taps(column, work.source.1);
            for (line, down) in &lines {
                for (from, across) in taps {
                    let from = &line[(from - held.start) * lanes..][..lanes];
                    let share = down * across;
                    to.iter_mut().zip(from).for_each(|(to, from)| *to += share * from);
                }
            }
        }
    });
}
