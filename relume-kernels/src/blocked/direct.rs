//! Convolution product by product, some output rows at a time.

use std::ops::Range;

use rayon::prelude::*;

use super::kernel::{BlockTile, Tap};
use super::packed::{Group, PackedConv, Request, groups};
use super::store::Store;
use super::window::{BLOCK, Window};
use crate::aligned::with_scratch;

/// f32 that a part's source should have, about: it stays in the second-level cache.
const BUDGET: usize = 64 * 1024;
/// Columns of a part, at most.
const COLUMNS: usize = 512;

/// One run.
pub(super) struct Direct<'a> {
    conv: &'a PackedConv,
    request: &'a Request<'a>,
    store: &'a Store<'a>,
    blocks: usize,
}

/// Where the source of a part lies: column phases, so that the outputs of a row read pixels that
/// lie side by side.
struct Strip {
    /// Pixels in a row of one column phase.
    pitch: usize,
    /// Column phases, `min(stride, kernel)`.
    phases: usize,
    /// Numbers in a row of all phases.
    row: usize,
    /// Numbers in one block of channels.
    block: usize,
}

impl<'a> Direct<'a> {
    pub(super) fn new(
        conv: &'a PackedConv,
        request: &'a Request<'a>,
        store: &'a Store<'a>,
    ) -> Self {
        Self { conv, request, store, blocks: conv.c_in.div_ceil(BLOCK) }
    }

    pub(super) fn run(&self) {
        let Request { rows, columns, .. } = self.request;
        if rows.is_empty() || columns.is_empty() {
            return;
        }
        let (kernel, stride) = (self.conv.kernel, self.conv.stride);
        let across = columns.len().min(COLUMNS);
        let row = (across * stride + kernel) * BLOCK * self.blocks;
        let fitting = (BUDGET / row).saturating_sub(kernel - 1) / stride;
        let down = fitting.clamp(1, rows.len().div_ceil(rayon::current_num_threads()));
        let cut = |range: &Range<usize>, step: usize| {
            let end = range.end;
            range.clone().step_by(step).map(move |at| at..end.min(at + step)).collect::<Vec<_>>()
        };
        let all = cut(columns, across);
        let parts: Vec<_> = cut(rows, down)
            .into_iter()
            .flat_map(|rows| all.iter().map(move |columns| (rows.clone(), columns.clone())))
            .collect();
        parts.into_par_iter().for_each(|(rows, columns)| self.part(rows, columns));
    }

    fn part(&self, rows: Range<usize>, columns: Range<usize>) {
        if let Some((window, at)) = self.in_place(&rows, &columns) {
            let strip = Strip {
                pitch: window.columns().len(),
                phases: 1,
                row: window.row_stride(),
                block: window.group_stride(),
            };
            return self.rows(&strip, &window.data()[at..], rows, columns);
        }
        let (kernel, stride) = (self.conv.kernel, self.conv.stride);
        let (pitch, phases) = (columns.len() + (kernel - 1) / stride, stride.min(kernel));
        let row = pitch * phases * BLOCK;
        let block = ((rows.len() - 1) * stride + kernel) * row;
        let strip = Strip { pitch, phases, row, block };
        with_scratch(|scratch| {
            let copy = scratch.padded.at_least(self.blocks * block);
            self.fill(&strip, &rows, &columns, copy);
            self.rows(&strip, copy, rows, columns);
        });
    }

    /// The source itself, where it can be read as it lies, and where the first pixel read is.
    fn in_place(&self, rows: &Range<usize>, columns: &Range<usize>) -> Option<(&'a Window, usize)> {
        let (reach, padding) = (self.conv.kernel - 1, self.request.padding);
        let &[window] = self.request.sources else { return None };
        if self.conv.stride != 1 || window.lanes() != BLOCK {
            return None;
        }
        let (y, x) = (rows.start.checked_sub(padding)?, columns.start.checked_sub(padding)?);
        let inside = |start: usize, len: usize, all: Range<usize>| {
            start >= all.start && start + len + reach <= all.end
        };
        let held =
            inside(y, rows.len(), window.rows()) && inside(x, columns.len(), window.columns());
        held.then(|| (window, window.place(0, y, x)))
    }

    /// Copies what the outputs read, zeros beyond the picture.
    fn fill(&self, strip: &Strip, rows: &Range<usize>, columns: &Range<usize>, to: &mut [f32]) {
        let stride = self.conv.stride;
        let mut to = to.chunks_exact_mut(strip.block);
        for window in self.request.sources {
            for first in (0..window.channels()).step_by(BLOCK) {
                let Some(to) = to.next() else { return };
                for (index, to) in to.chunks_exact_mut(strip.row).enumerate() {
                    let y = (rows.start * stride + index).checked_sub(self.request.padding);
                    match y.filter(|y| *y < self.request.bounds.0) {
                        Some(y) => self.fill_row(strip, window, first, y, columns.start, to),
                        None => to.fill(0.0),
                    }
                }
            }
        }
    }

    fn fill_row(
        &self,
        strip: &Strip,
        window: &Window,
        first: usize,
        y: usize,
        column: usize,
        to: &mut [f32],
    ) {
        let (stride, padding) = (self.conv.stride, self.request.padding);
        let held = window.columns();
        for (phase, to) in to.chunks_exact_mut(strip.pitch * BLOCK).enumerate().take(strip.phases) {
            // Pixel i holds picture column (column + i) * stride + phase - padding.
            let begin = column * stride + phase;
            let start = padding.saturating_sub(begin).div_ceil(stride).min(strip.pitch);
            let end = (self.request.bounds.1 + padding).saturating_sub(begin).div_ceil(stride);
            // Phases of fewer taps read fewer columns.
            let read = strip.pitch - (self.conv.kernel - 1) / stride;
            let read = read + (self.conv.kernel - 1 - phase) / stride;
            let end = end.clamp(start, strip.pitch).min(read.max(start));
            to[..start * BLOCK].fill(0.0);
            to[end * BLOCK..].fill(0.0);
            if start == end {
                continue;
            }
            let from = begin + start * stride - padding;
            let last = from + (end - start - 1) * stride;
            assert!(
                held.contains(&from) && held.contains(&last),
                "{window:?} lacks {from} or {last}"
            );
            let to = &mut to[start * BLOCK..end * BLOCK];
            copy_pixels(window, first, y, from, stride, to);
        }
    }

    fn rows(&self, strip: &Strip, source: &[f32], rows: Range<usize>, columns: Range<usize>) {
        let (kernel, stride) = (self.conv.kernel, self.conv.stride);
        let mut taps = Vec::with_capacity(self.blocks * kernel * kernel);
        for first in (0..self.conv.c_in).step_by(BLOCK) {
            for ky in 0..kernel {
                for kx in 0..kernel {
                    let column = (kx % stride) * strip.pitch + kx / stride;
                    let offset = first / BLOCK * strip.block + ky * strip.row + column * BLOCK;
                    taps.push(Tap { offset, channels: BLOCK.min(self.conv.c_in - first) });
                }
            }
        }
        for group in groups(self.conv.c_out, self.conv.kernels.wide) {
            for y in rows.clone() {
                let start = (y - rows.start) * stride * strip.row;
                self.row(&source[start..], &taps, group, y, &columns);
            }
        }
    }

    fn row(&self, source: &[f32], taps: &[Tap], group: Group, y: usize, columns: &Range<usize>) {
        let conv = self.conv;
        let depth = conv.c_in * conv.kernel * conv.kernel;
        let weights = &conv.weights.as_slice()[group.first * depth..][..group.width * depth];
        let farthest = taps.iter().map(|tap| tap.offset).max().unwrap_or(0);
        assert!(farthest + columns.len() * BLOCK <= source.len());
        let blocks = group.width / BLOCK;
        let out = self.store.place(group.first, (y, columns.start), (1, columns.len()), blocks);
        let (residual, _, residual_stride) = self.store.residual(group.first, y, columns.start);
        let then = self.store.then(group.first);
        let mut done = 0;
        for &pixels in conv.kernels.pixels {
            while columns.len() - done >= pixels {
                let shift = done * BLOCK;
                let tile = BlockTile {
                    source: source[shift..].as_ptr(),
                    taps,
                    weights: weights.as_ptr(),
                    bias: then.bias,
                    slopes: then.slopes,
                    scale: then.scale,
                    shift: then.shift,
                    residual: residual.wrapping_add(if residual.is_null() { 0 } else { shift }),
                    residual_stride,
                    out: out.wrapping_add(shift),
                    block_stride: self.store.block,
                };
                // SAFETY: sources and outputs of the whole row are in bounds as checked above, the
                // residual holds every pixel of the request; weights and the numbers per channel
                // have the group's width; no other part writes these pixels.
                unsafe { conv.kernels.run(group.width == conv.kernels.wide, pixels, &tile) };
                done += pixels;
            }
        }
    }
}

/// Copies every `stride`-th pixel of row `y` from column `from` on: the lanes from channel `first`.
fn copy_pixels(
    window: &Window,
    first: usize,
    y: usize,
    from: usize,
    stride: usize,
    to: &mut [f32],
) {
    let skipped = from - window.columns().start;
    if window.lanes() == BLOCK {
        let source = &window.row(first / BLOCK, y)[skipped * BLOCK..];
        if stride == 1 {
            to.copy_from_slice(&source[..to.len()]);
            return;
        }
        let pixels = source.chunks_exact(BLOCK).step_by(stride);
        to.chunks_exact_mut(BLOCK).zip(pixels).for_each(|(to, from)| to.copy_from_slice(from));
        return;
    }
    to.fill(0.0);
    for lane in 0..BLOCK.min(window.channels() - first) {
        let source = window.row(first + lane, y)[skipped..].iter().step_by(stride);
        to[lane..].iter_mut().step_by(BLOCK).zip(source).for_each(|(to, from)| *to = *from);
    }
}
