//! Lays the pixels one patch reads out so that the kernels see rows of whole vectors.

use std::borrow::Cow;

use super::geometry::{Geometry, Patch};
use crate::aligned::Aligned;

/// Numbers a copy may run over the end of a buffer.
const SLACK: usize = 32;

/// How the vectors of a patch find their pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// In the source itself.
    InPlace,
    /// In a padded copy, every tap a shift.
    Padded,
    /// In a copy with a plane for every term of the sum, for widths that are no multiple of a
    /// vector.
    Gathered,
}

/// The layout shared by all patches of one call.
pub(super) struct Layout {
    geometry: Geometry,
    mode: Mode,
    lanes: usize,
    /// Whether the halves of a vector lie apart.
    pub(super) halves: bool,
    /// The largest patch.
    pub(super) size: Patch,
    /// For every term of the sum, in the order channel, tap row, tap column: its shift.
    pub(super) offsets: Vec<usize>,
    /// For every vector of the largest patch: where its halves start.
    starts: Vec<(usize, usize)>,
    /// Shifts into the padded copy.
    taps: Vec<usize>,
    phases: (usize, usize),
    pitch: usize,
    plane: usize,
    image_stride: usize,
    channel_stride: usize,
    gathered_stride: usize,
}

/// Buffers a patch is laid out in.
pub(super) struct Buffers<'a> {
    pub(super) padded: &'a mut Aligned,
    pub(super) gathered: &'a mut Aligned,
}

impl Layout {
    /// A layout for patches of about `pixels` outputs; `budget` bounds the numbers of a laid-out
    /// patch where it can.
    pub(super) fn new(geometry: &Geometry, lanes: usize, pixels: usize, budget: usize) -> Self {
        let geometry = *geometry;
        let whole_rows = geometry.out_width.is_multiple_of(lanes);
        let half_rows = lanes >= 8 && geometry.out_width.is_multiple_of(lanes / 2);
        let small = geometry.images > 1 && 2 * geometry.out_height * geometry.out_width <= pixels;
        let mode = match (whole_rows || half_rows, geometry.is_pointwise()) {
            (true, true) if !small => Mode::InPlace,
            (true, _) => Mode::Padded,
            (false, _) => Mode::Gathered,
        };
        let phases = (geometry.stride.min(geometry.taps_y), geometry.stride.min(geometry.taps_x));
        let per_pixel = match mode {
            Mode::Gathered => geometry.depth(),
            _ => geometry.channels * phases.0 * phases.1,
        };
        let pixels = pixels.min(budget / per_pixel.max(1)).max(3 * lanes);
        let size = geometry.patch_size(pixels, mode == Mode::InPlace);
        let mut layout = Self {
            geometry,
            mode,
            lanes,
            halves: !whole_rows && mode != Mode::Gathered,
            size,
            offsets: Vec::new(),
            starts: Vec::new(),
            taps: Vec::new(),
            phases,
            pitch: 0,
            plane: 0,
            image_stride: 0,
            channel_stride: 0,
            gathered_stride: 0,
        };
        layout.set_strides();
        layout.set_tables();
        layout
    }

    fn set_strides(&mut self) {
        let g = &self.geometry;
        if self.mode == Mode::InPlace {
            self.pitch = g.width;
            self.plane = g.height * g.width;
            self.image_stride = self.plane * g.channels;
            self.channel_stride = self.plane;
        } else {
            self.pitch = g.out_width + (g.taps_x - 1) / g.stride;
            self.plane = (self.size.rows + (g.taps_y - 1) / g.stride) * self.pitch;
            self.image_stride = self.plane * self.phases.0 * self.phases.1;
            self.channel_stride = self.size.images * self.image_stride;
        }
        let pixels = self.size.images * self.size.rows * g.out_width;
        self.gathered_stride = pixels.next_multiple_of(self.lanes);
    }

    fn set_tables(&mut self) {
        let g = self.geometry;
        for channel in 0..g.channels {
            for ky in 0..g.taps_y {
                for kx in 0..g.taps_x {
                    let phase = (ky % g.stride) * self.phases.1 + kx % g.stride;
                    let shift = (ky / g.stride) * self.pitch + kx / g.stride;
                    self.taps.push(channel * self.channel_stride + phase * self.plane + shift);
                }
            }
        }
        let vectors = self.vectors(&self.size);
        if self.mode == Mode::Gathered {
            self.offsets = (0..self.taps.len()).map(|k| k * self.gathered_stride).collect();
            let start = |v| (v * self.lanes, v * self.lanes + self.lanes / 2);
            self.starts = (0..vectors).map(start).collect();
            return;
        }
        self.offsets = self.taps.clone();
        let pixels = self.pixels(&self.size);
        let place = |pixel: usize| {
            let pixel = if pixel < pixels { pixel } else { 0 };
            let (row, column) = (pixel / g.out_width, pixel % g.out_width);
            let (image, row) = (row / self.size.rows, row % self.size.rows);
            image * self.image_stride + row * self.pitch + column
        };
        let start = |v| (place(v * self.lanes), place(v * self.lanes + self.lanes / 2));
        self.starts = (0..vectors).map(start).collect();
    }

    /// All patches of the call.
    pub(super) fn patches(&self) -> Vec<Patch> {
        self.geometry.patches(self.size)
    }

    /// Output pixels of a patch.
    pub(super) fn pixels(&self, patch: &Patch) -> usize {
        patch.images * patch.rows * self.geometry.out_width
    }

    /// Vectors of a patch; the last may be part empty.
    pub(super) fn vectors(&self, patch: &Patch) -> usize {
        self.pixels(patch).div_ceil(self.lanes)
    }

    /// Where the halves of each of the patch's vectors start. The empty half of a last vector
    /// repeats the other, so that only pixels of the patch are read.
    pub(super) fn starts(&self, patch: &Patch) -> Cow<'_, [(usize, usize)]> {
        let starts = &self.starts[..self.vectors(patch)];
        if !self.halves || self.pixels(patch).is_multiple_of(self.lanes) {
            return Cow::Borrowed(starts);
        }
        let mut starts = starts.to_vec();
        if let Some(last) = starts.last_mut() {
            last.1 = last.0;
        }
        Cow::Owned(starts)
    }

    /// Whether the vectors of a patch hold its outputs in order and nothing else.
    pub(super) fn is_dense(&self, patch: &Patch) -> bool {
        patch.images == 1 && self.pixels(patch).is_multiple_of(self.lanes)
    }

    /// Output pixels of one picture.
    pub(super) fn plane_pixels(&self) -> usize {
        self.geometry.out_height * self.geometry.out_width
    }

    /// Where the patch's first output lies in the plane of its first picture.
    pub(super) fn first_pixel(&self, patch: &Patch) -> usize {
        patch.row * self.geometry.out_width
    }

    /// Lays out what `patch` reads of `source`. Every `offset + start`, plus a vector (or half),
    /// is in bounds of what comes back.
    pub(super) fn lay_out<'a>(
        &self,
        source: &'a [f32],
        patch: &Patch,
        buffers: Buffers<'a>,
    ) -> &'a [f32] {
        let g = &self.geometry;
        if self.mode == Mode::InPlace {
            return &source[patch.image * self.image_stride + self.first_pixel(patch)..];
        }
        let len = g.channels * self.channel_stride + SLACK;
        let padded = buffers.padded.at_least(len);
        self.pad(source, patch, padded);
        if self.mode == Mode::Padded {
            return padded;
        }
        let gathered = buffers.gathered.at_least(g.depth() * self.gathered_stride + SLACK);
        self.gather(padded, patch, gathered);
        gathered
    }

    fn pad(&self, source: &[f32], patch: &Patch, padded: &mut [f32]) {
        let g = &self.geometry;
        let plane_len = g.height * g.width;
        let rows = patch.rows + (g.taps_y - 1) / g.stride;
        for channel in 0..g.channels {
            for image in 0..patch.images {
                let plane = &source[((patch.image + image) * g.channels + channel) * plane_len..];
                let to = channel * self.channel_stride + image * self.image_stride;
                for (index, phase) in
                    padded[to..][..self.image_stride].chunks_exact_mut(self.plane).enumerate()
                {
                    let (phase_y, phase_x) = (index / self.phases.1, index % self.phases.1);
                    let shift = phase_x.cast_signed() - g.pad_x;
                    for (row, to) in phase.chunks_exact_mut(self.pitch).take(rows).enumerate() {
                        let y = ((patch.row + row) * g.stride + phase_y).cast_signed() - g.pad_y;
                        if (0..g.height.cast_signed()).contains(&y) {
                            let from = &plane[y.cast_unsigned() * g.width..][..g.width];
                            copy_row(from, to, g.stride, shift);
                        } else {
                            to.fill(0.0);
                        }
                    }
                }
            }
        }
    }

    fn gather(&self, padded: &[f32], patch: &Patch, gathered: &mut [f32]) {
        let width = self.geometry.out_width;
        let pixels = self.pixels(patch);
        let filled = pixels.next_multiple_of(self.lanes);
        for (k, &tap) in self.taps.iter().enumerate() {
            let mut to = k * self.gathered_stride;
            for image in 0..patch.images {
                let mut from = tap + image * self.image_stride;
                for _ in 0..patch.rows {
                    copy_over(padded, from, gathered, to, width);
                    from += self.pitch;
                    to += width;
                }
            }
            let end = k * self.gathered_stride;
            gathered[end + pixels..end + filled].fill(0.0);
        }
    }
}

/// `to[i] = from[i * stride + shift]`, zero outside.
fn copy_row(from: &[f32], to: &mut [f32], stride: usize, shift: isize) {
    let step = stride.cast_signed();
    let first = (-shift).max(0).cast_unsigned().div_ceil(stride).min(to.len());
    let room = from.len().cast_signed() - shift;
    let end = room.max(0).cast_unsigned().div_ceil(stride).clamp(first, to.len());
    to[..first].fill(0.0);
    to[end..].fill(0.0);
    if first == end {
        return;
    }
    let from = &from[(first.cast_signed() * step + shift).cast_unsigned()..];
    let to = &mut to[first..end];
    match stride {
        1 => to.copy_from_slice(&from[..to.len()]),
        2 => {
            let (pairs, last) = (to.len() - 1, to.len() - 1);
            for (to, from) in to[..pairs].iter_mut().zip(from.chunks_exact(2)) {
                *to = from[0];
            }
            to[last] = from[2 * last];
        }
        _ => to.iter_mut().zip(from.iter().step_by(stride)).for_each(|(to, from)| *to = *from),
    }
}

/// Copies `width` numbers, and up to seven more when `width` is small: both sides have room.
fn copy_over(from: &[f32], at: usize, to: &mut [f32], to_at: usize, width: usize) {
    if width > SLACK {
        to[to_at..to_at + width].copy_from_slice(&from[at..at + width]);
        return;
    }
    let padded = width.next_multiple_of(8);
    let (from, to) = (&from[at..at + padded], &mut to[to_at..to_at + padded]);
    for (to, from) in to.chunks_exact_mut(8).zip(from.chunks_exact(8)) {
        to.copy_from_slice(from);
    }
}
