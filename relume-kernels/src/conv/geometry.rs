//! Which input pixels an output pixel reads, and how the work is cut into patches.

use super::ConvShape;

/// Sums over taps of a source `[images, channels, height, width]`: output `(oy, ox)` reads
/// `(oy * stride + ky - pad_y, ox * stride + kx - pad_x)` for every tap, zero outside.
#[derive(Clone, Copy, Debug)]
pub(super) struct Geometry {
    pub(super) images: usize,
    pub(super) channels: usize,
    pub(super) height: usize,
    pub(super) width: usize,
    pub(super) taps_y: usize,
    pub(super) taps_x: usize,
    pub(super) stride: usize,
    pub(super) pad_y: isize,
    pub(super) pad_x: isize,
    pub(super) out_height: usize,
    pub(super) out_width: usize,
}

/// Some output rows of one picture, or all rows of several.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patch {
    pub(super) image: usize,
    pub(super) images: usize,
    pub(super) row: usize,
    pub(super) rows: usize,
}

impl Geometry {
    pub(super) fn forward(shape: &ConvShape) -> Self {
        let pad = shape.padding.cast_signed();
        Self {
            images: shape.n,
            channels: shape.c_in,
            height: shape.height,
            width: shape.width,
            taps_y: shape.kernel,
            taps_x: shape.kernel,
            stride: shape.stride,
            pad_y: pad,
            pad_x: pad,
            out_height: shape.out_height(),
            out_width: shape.out_width(),
        }
    }

    /// Terms of one output's sum.
    pub(super) fn depth(&self) -> usize {
        self.channels * self.taps_y * self.taps_x
    }

    /// Whether every output reads just the pixel at its own place.
    pub(super) fn is_pointwise(&self) -> bool {
        (self.taps_y, self.taps_x, self.stride) == (1, 1, 1)
            && (self.pad_y, self.pad_x) == (0, 0)
            && (self.height, self.width) == (self.out_height, self.out_width)
    }

    /// A pointwise sum does not care where rows end: lays the picture out in rows of whole
    /// vectors if the number of pixels allows.
    pub(super) fn folded(mut self, lanes: usize) -> Self {
        let pixels = self.height * self.width;
        let row = [lanes, lanes / 2].into_iter().find(|row| pixels.is_multiple_of(*row));
        if let (true, Some(row)) = (self.is_pointwise() && lanes >= 8, row) {
            (self.height, self.width) = (pixels / row, row);
            (self.out_height, self.out_width) = (pixels / row, row);
        }
        self
    }

    /// The largest patch of about `pixels` outputs.
    pub(super) fn patch_size(&self, pixels: usize, keep_images_apart: bool) -> Patch {
        let whole = self.out_height * self.out_width;
        let (images, rows) = if pixels >= 2 * whole && !keep_images_apart {
            let parts = self.images.div_ceil(pixels / whole);
            (self.images.div_ceil(parts), self.out_height)
        } else {
            let rows = (pixels / self.out_width).clamp(1, self.out_height);
            (1, self.out_height.div_ceil(self.out_height.div_ceil(rows)))
        };
        Patch { image: 0, images, row: 0, rows }
    }

    /// The whole output in patches of at most `size`, in order.
    pub(super) fn patches(&self, size: Patch) -> Vec<Patch> {
        let mut patches = Vec::new();
        for image in (0..self.images).step_by(size.images) {
            let images = size.images.min(self.images - image);
            for row in (0..self.out_height).step_by(size.rows) {
                let rows = size.rows.min(self.out_height - row);
                patches.push(Patch { image, images, row, rows });
            }
        }
        patches
    }
}
