//! Steps that see few pixels at a time but all their channels: attention within windows, colours.

use std::ops::Range;

use relume_kernels::Window;

use super::Work;
use super::rows::{fill, row};
use crate::windows::{Windows, attend};

/// Attention within windows, plainly: it runs on thumbnails.
pub(super) fn attention(work: &Work<'_>, windows: Windows, out: &mut Window) {
    let (x, channels) = (work.inputs[0], out.channels());
    let size @ (height, width) = work.source;
    let planar = x.to_planar();
    let read = |c: usize, y: usize, i: usize| planar[(c * height + y) * width + i];
    let mut made = vec![0.0; channels * height * width];
    let put = |c: usize, y: usize, i: usize, value| made[(c * height + y) * width + i] = value;
    attend(windows, work.own("pos_embedding"), (channels, size), read, put);
    out.fill_from_planar(&made);
}

/// Three numbers of each pixel made into three others.
pub(super) fn pixels(
    work: &Work<'_>,
    rows: Range<usize>,
    out: &mut Window,
    make: impl Fn([f32; 3]) -> [f32; 3] + Sync,
) {
    let (lanes, columns) = (out.lanes(), out.columns());
    let x = work.inputs[0];
    fill(out, rows.start, |group, y, to| {
        let planes = [0, 1, 2].map(|c| row(x, 1, c, y, columns.clone()));
        for (i, to) in to.chunks_exact_mut(lanes).enumerate() {
            let made = make([planes[0][i], planes[1][i], planes[2][i]]);
            for (lane, to) in to.iter_mut().enumerate().take(3 - (group * lanes).min(3)) {
                *to = made[group * lanes + lane];
            }
        }
    });
}
