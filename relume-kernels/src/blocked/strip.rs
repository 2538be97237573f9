//! Some rows of a picture with zeros around them, laid out so that the outputs of a row read
//! pixels that lie side by side.

use super::kernel::Tap;
use super::packed::Padding;
use super::tensor::{BLOCK, Blocked};

/// f32 in a strip, about: it should stay in the second-level cache beside the weights.
const BUDGET: usize = 96 * 1024;

/// Where the rows of a strip lie.
#[derive(Debug)]
pub(super) struct Strip {
    kernel: usize,
    stride: usize,
    padding: Padding,
    /// Output rows in a strip.
    pub(super) rows: usize,
    /// Whether the picture itself is read, without a copy.
    pub(super) in_place: bool,
    /// Pixels in a row of one column phase.
    pitch: usize,
    /// Column phases, `min(stride, kernel)`.
    phases: usize,
    /// Numbers in a row of all phases.
    pub(super) row: usize,
    /// Numbers in one block of channels.
    pub(super) block: usize,
}

impl Strip {
    pub(super) fn new(
        x: &Blocked,
        kernel: usize,
        stride: usize,
        padding: Padding,
        out: (usize, usize),
    ) -> Self {
        let in_place = stride == 1 && padding == Padding::default();
        let phases = stride.min(kernel);
        let pitch = if in_place { x.width() } else { out.1 + (kernel - 1) / stride };
        let row = pitch * phases * BLOCK;
        let fitting = BUDGET / (row * x.blocks()).max(1);
        let rows = (fitting.saturating_sub(kernel - 1) / stride).clamp(1, out.0.max(1));
        let rows = out.0.div_ceil(out.0.div_ceil(rows)).max(1);
        let source_rows = if in_place { x.height() } else { (rows - 1) * stride + kernel };
        let block = source_rows * row;
        Self { kernel, stride, padding, rows, in_place, pitch, phases, row, block }
    }

    /// A strip for a 3x3 kernel with `columns` by `rows` outputs, which may reach past the padded
    /// picture's: what they read there is zero.
    pub(super) fn tiled(padding: Padding, columns: usize, rows: usize) -> Self {
        let pitch = columns + 2;
        let row = pitch * BLOCK;
        let block = (rows + 2) * row;
        Self { kernel: 3, stride: 1, padding, rows, in_place: false, pitch, phases: 1, row, block }
    }

    /// Numbers in a strip.
    pub(super) fn len(&self, blocks: usize) -> usize {
        if self.in_place { 0 } else { blocks * self.block }
    }

    /// The shifts of all taps, in the order block of channels, tap row, tap column.
    pub(super) fn taps(&self, channels: usize) -> Vec<Tap> {
        let mut taps = Vec::new();
        for first in (0..channels).step_by(BLOCK) {
            for ky in 0..self.kernel {
                for kx in 0..self.kernel {
                    let column = (kx % self.stride) * self.pitch + kx / self.stride;
                    let offset = first / BLOCK * self.block + ky * self.row + column * BLOCK;
                    taps.push(Tap { offset, channels: BLOCK.min(channels - first) });
                }
            }
        }
        taps
    }

    /// Where what the first pixel of output row `row` reads begins; `first` is the strip's first.
    pub(super) fn row_start(&self, row: usize, first: usize) -> usize {
        let from = if self.in_place { 0 } else { first };
        (row - from) * self.stride * self.row
    }

    /// Copies what the output rows from `first`, `rows` of them, read.
    pub(super) fn fill(&self, x: &Blocked, first: usize, rows: usize, to: &mut [f32]) {
        let source_rows = (rows - 1) * self.stride + self.kernel;
        let plane = x.height() * x.width() * BLOCK;
        for block in 0..x.blocks() {
            let from = &x.data()[block * plane..][..plane];
            let to = &mut to[block * self.block..][..self.block];
            for (index, to) in to.chunks_exact_mut(self.row).take(source_rows).enumerate() {
                let y = (first * self.stride + index).checked_sub(self.padding.top);
                match y.filter(|y| *y < x.height()) {
                    Some(y) => {
                        let from = &from[y * x.width() * BLOCK..][..x.width() * BLOCK];
                        self.fill_row(from, to);
                    }
                    None => to.fill(0.0),
                }
            }
        }
    }

    fn fill_row(&self, from: &[f32], to: &mut [f32]) {
        let width = from.len() / BLOCK;
        for (phase, to) in to.chunks_exact_mut(self.pitch * BLOCK).enumerate().take(self.phases) {
            // Column i holds pixel i * stride + phase - left.
            let start = self.padding.left.saturating_sub(phase).div_ceil(self.stride);
            let start = start.min(self.pitch);
            let end = (width + self.padding.left).saturating_sub(phase).div_ceil(self.stride);
            let end = end.clamp(start, self.pitch);
            to[..start * BLOCK].fill(0.0);
            to[end * BLOCK..].fill(0.0);
            if start == end {
                continue;
            }
            let skipped = start * self.stride + phase - self.padding.left;
            let (to, from) = (&mut to[start * BLOCK..end * BLOCK], &from[skipped * BLOCK..]);
            if self.stride == 1 {
                to.copy_from_slice(&from[..to.len()]);
                continue;
            }
            let pixels = from.chunks_exact(BLOCK).step_by(self.stride);
            for (to, from) in to.chunks_exact_mut(BLOCK).zip(pixels) {
                to.copy_from_slice(from);
            }
        }
    }
}
