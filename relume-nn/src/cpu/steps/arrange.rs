//! Steps that move values about: concatenation, slices, pixel-shuffle and back.

use std::ops::Range;

use relume_kernels::{BLOCK, Window};

use super::Work;
use super::rows::{fill, row};

/// Copies one channel's row, `step` columns apart from `start` on, to every lane `lane` of `to`.
fn gather(from: &Window, c: usize, y: usize, columns: (usize, usize), to: &mut [f32], lanes: usize) {
    let (start, step) = columns;
    let source = from.row(c / from.lanes(), y);
    let first = (start - from.columns().start) * from.lanes() + c % from.lanes();
    let source = source[first..].iter().step_by(step * from.lanes());
    to.iter_mut().step_by(lanes).zip(source).for_each(|(to, from)| *to = *from);
}

/// Channels of all inputs, one after the other.
pub(super) fn concat(work: &Work<'_>, rows: Range<usize>, out: &mut Window) {
    let sources: Vec<(&Window, usize)> =
        work.inputs.iter().flat_map(|window| (0..window.channels()).map(|c| (*window, c))).collect();
    let (lanes, start) = (out.lanes(), out.columns().start);
    fill(out, rows.start, |group, y, to| {
        for (lane, (window, c)) in sources[group * lanes..].iter().take(lanes).enumerate() {
            gather(window, *c, y, (start, 1), &mut to[lane..], lanes);
        }
    });
}

/// Some channels.
pub(super) fn slice(work: &Work<'_>, from: usize, rows: Range<usize>, out: &mut Window) {
    let (lanes, start, channels) = (out.lanes(), out.columns().start, out.channels());
    fill(out, rows.start, |group, y, to| {
        for lane in 0..lanes.min(channels - group * lanes) {
            let c = from + group * lanes + lane;
            gather(work.inputs[0], c, y, (start, 1), &mut to[lane..], lanes);
        }
    });
}

/// `r · r` channels become `r` by `r` pixels; the residual is added.
pub(super) fn shuffle(work: &Work<'_>, r: usize, rows: Range<usize>, out: &mut Window) {
    let (lanes, columns, channels) = (out.lanes(), out.columns(), out.channels());
    let window = work.inputs[0];
    fill(out, rows.start, |group, y, to| {
        if work.step.by_subpixel.is_some() {
            shuffle_blocks(window, r, channels, (group, y), columns.clone(), to);
        } else {
            for lane in 0..lanes.min(channels - group * lanes) {
                for (i, column) in columns.clone().enumerate() {
                    let c = ((group * lanes + lane) * r + y % r) * r + column % r;
                    to[i * lanes + lane] = window.at(c, y / r, column / r);
                }
            }
        }
        if let Some(residual) = work.residual {
            let residual = row(residual, lanes, group, y, columns.clone());
            to.iter_mut().zip(&*residual).for_each(|(to, from)| *to += *from);
        }
    });
}

/// A row whose channels lie together in the source, subpixel after subpixel.
fn shuffle_blocks(
    window: &Window,
    r: usize,
    channels: usize,
    (group, y): (usize, usize),
    columns: Range<usize>,
    to: &mut [f32],
) {
    for across in 0..r {
        let subpixel = y % r * r + across;
        let source = window.row((subpixel * channels) / BLOCK + group, y / r);
        // The first column of this subpixel.
        let skip = (across + r - columns.start % r) % r;
        let first = (columns.start + skip) / r - window.columns().start;
        let source = source[first.min(window.columns().len()) * BLOCK..].chunks_exact(BLOCK);
        let to = to.chunks_exact_mut(BLOCK).skip(skip).step_by(r);
        to.zip(source).for_each(|(to, from)| to.copy_from_slice(from));
    }
}

/// `r` by `r` pixels become `r · r` channels.
pub(super) fn unshuffle(work: &Work<'_>, r: usize, rows: Range<usize>, out: &mut Window) {
    let (lanes, start, channels) = (out.lanes(), out.columns().start, out.channels());
    fill(out, rows.start, |group, y, to| {
        for lane in 0..lanes.min(channels - group * lanes) {
            let c = group * lanes + lane;
            let (source, down, across) = (c / (r * r), c / r % r, c % r);
            let columns = (start * r + across, r);
            gather(work.inputs[0], source, y * r + down, columns, &mut to[lane..], lanes);
        }
    });
}
