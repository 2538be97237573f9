//! Steps that move values about: concatenation, slices, pixel-shuffle and back.

use std::ops::Range;

use relume_kernels::{BLOCK, Window};

use super::Work;
use super::rows::{fill, row};

/// Copies one channel's row, `step` columns apart from `start` on, to every lane `lane` of `to`.
fn gather(
    from: &Window,
    c: usize,
    y: usize,
    columns: (usize, usize),
    to: &mut [f32],
    lanes: usize,
) {
    let (start, step) = columns;
    let source = from.row(c / from.lanes(), y);
    let first = (start - from.columns().start) * from.lanes() + c % from.lanes();
    let source = source[first..].iter().step_by(step * from.lanes());
    to.iter_mut().step_by(lanes).zip(source).for_each(|(to, from)| *to = *from);
}

/// Neighbouring lanes of one group of an input, and the lane of the output they go to.
struct Segment<'a> {
    from: &'a Window,
    group: usize,
    lane: usize,
    to: usize,
    count: usize,
}

/// Where the lanes of one group of a concatenation come from.
fn segments<'a>(inputs: &[&'a Window], lanes: usize, group: usize) -> Vec<Segment<'a>> {
    let wanted = group * lanes..(group + 1) * lanes;
    let mut segments = Vec::new();
    let mut first = 0;
    for &from in inputs {
        let mut c = 0;
        while c < from.channels() {
            let (place, lane) = (first + c, c % from.lanes());
            let left = (from.lanes() - lane).min(from.channels() - c);
            let count = left.min(lanes - place % lanes);
            if wanted.contains(&place) {
                let (group, to) = (c / from.lanes(), place % lanes);
                segments.push(Segment { from, group, lane, to, count });
            }
            c += count;
        }
        first += from.channels();
    }
    segments
}

/// Channels of all inputs, one after the other.
pub(super) fn concat(work: &Work<'_>, rows: Range<usize>, out: &mut Window) {
    let (lanes, columns) = (out.lanes(), out.columns());
    let all: Vec<_> = (0..out.groups()).map(|group| segments(&work.inputs, lanes, group)).collect();
    fill(out, rows.start, |group, y, to| {
        for &Segment { from, group, lane, to: at, count } in &all[group] {
            let source = from.part(group, y, columns.clone()).chunks_exact(from.lanes());
            for (to, from) in to.chunks_exact_mut(lanes).zip(source) {
                to[at..at + count].copy_from_slice(&from[lane..lane + count]);
            }
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
                let first = ((group * lanes + lane) * r + y % r) * r;
                shuffle_channel(window, r, (first, y / r), columns.clone(), &mut to[lane..], lanes);
            }
        }
        if let Some(residual) = work.residual {
            let residual = row(residual, lanes, group, y, columns.clone());
            to.iter_mut().zip(&*residual).for_each(|(to, from)| *to += *from);
        }
    });
}

/// A row of one channel: every `r`-th pixel from each of the source channels from `first` on.
fn shuffle_channel(
    window: &Window,
    r: usize,
    (first, y): (usize, usize),
    columns: Range<usize>,
    to: &mut [f32],
    lanes: usize,
) {
    for across in 0..r {
        let skip = (across + r - columns.start % r) % r;
        if skip < columns.len() {
            let start = (columns.start + skip) / r;
            let c = first + across;
            let source = window.row(c / window.lanes(), y);
            let source = &source[(start - window.columns().start) * window.lanes()..];
            let source = source[c % window.lanes()..].iter().step_by(window.lanes());
            let to = to[skip * lanes..].iter_mut().step_by(r * lanes);
            to.zip(source).for_each(|(to, from)| *to = *from);
        }
    }
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
