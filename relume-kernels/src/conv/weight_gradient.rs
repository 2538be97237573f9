//! The gradients by the weights and the bias: sums over all pixels of the batch.

use rayon::prelude::*;

use super::ConvShape;
use super::geometry::{Geometry, Patch};
use super::patch::{Buffers, Layout};
use crate::aligned::{Aligned, Scratch, with_scratch};
use crate::micro::{Dot, DotLanes, Kernels, MAX_DOT};

/// Outputs in one patch, at most.
const PATCH_PIXELS: usize = 1024;
/// f32 in the laid-out pixels of one patch, about.
const PATCH_BUDGET: usize = 256 * 1024;
/// Most partial sums. Part of the result, as it decides the order of the sums: it must not depend on
/// the machine.
const SUMS: usize = 8;
/// Fewest pixels worth a partial sum of their own.
const PIXELS_PER_SUM: usize = 1024;

/// The gradient of the loss by the weight, product by product.
pub(super) fn weight_gradient(shape: &ConvShape, x: &[f32], dy: &[f32], dweight: &mut [f32]) {
    if dy.is_empty() || dweight.is_empty() {
        dweight.fill(0.0);
        return;
    }
    let kernels = Kernels::current();
    let geometry = Geometry::forward(shape).folded(kernels.lanes);
    let layout = Layout::new(&geometry, kernels.lanes, PATCH_PIXELS, PATCH_BUDGET);
    let patches = layout.patches();
    let pixels = shape.n * geometry.out_height * geometry.out_width;
    let sums = (pixels / PIXELS_PER_SUM).clamp(1, SUMS).min(patches.len());
    let block = kernels.dot.0;
    let blocks = shape.c_out.div_ceil(block);
    // Every part lays all patches out anew; how many there are changes no sum.
    let parts = rayon::current_num_threads().div_ceil(sums).min(blocks);
    let rows = blocks.div_ceil(parts) * block;
    let job = Job { kernels, layout, depth: geometry.depth(), c_out: shape.c_out, x, dy };
    let mut partial = Aligned::zeros(sums * dweight.len());
    let tasks: Vec<(usize, usize, &mut [f32])> = partial
        .as_mut_slice()
        .chunks_exact_mut(dweight.len())
        .enumerate()
        .flat_map(|(sum, all)| {
            let parts = all.chunks_mut(rows * job.depth).enumerate();
            parts.map(move |(part, to)| (sum, part * rows, to))
        })
        .collect();
    tasks.into_par_iter().for_each(|(sum, first, to)| {
        let range = patches.len() * sum / sums..patches.len() * (sum + 1) / sums;
        with_scratch(|scratch| {
            for patch in &patches[range] {
                job.add(patch, first, to, scratch);
            }
        });
    });
    reduce(partial.as_slice(), dweight);
}

/// Adds up the partial sums, in order.
fn reduce(partial: &[f32], dweight: &mut [f32]) {
    let len = dweight.len();
    dweight.par_chunks_mut(16 * 1024).enumerate().for_each(|(chunk, to)| {
        let at = chunk * 16 * 1024;
        to.copy_from_slice(&partial[at..at + to.len()]);
        for sum in partial.chunks_exact(len).skip(1) {
            for (to, from) in to.iter_mut().zip(&sum[at..]) {
                *to += from;
            }
        }
    });
}

/// The gradient of the loss by the bias.
pub(super) fn bias_gradient(shape: &ConvShape, dy: &[f32], dbias: &mut [f32]) {
    let plane = shape.out_height() * shape.out_width();
    dbias.par_iter_mut().enumerate().for_each(|(channel, to)| {
        let mut total = 0.0_f64;
        for image in 0..shape.n {
            let pixels = &dy[(image * shape.c_out + channel) * plane..][..plane];
            let mut lanes = [0.0_f32; 32];
            let mut chunks = pixels.chunks_exact(32);
            for chunk in &mut chunks {
                lanes.iter_mut().zip(chunk).for_each(|(sum, value)| *sum += value);
            }
            total += lanes.iter().chain(chunks.remainder()).map(|v| f64::from(*v)).sum::<f64>();
        }
        *to = total as f32;
    });
}

struct Job<'a> {
    kernels: &'static Kernels,
    layout: Layout,
    depth: usize,
    c_out: usize,
    x: &'a [f32],
    dy: &'a [f32],
}

impl Job<'_> {
    /// Adds what `patch` gives to the weights `to`, `[rows][depth]`, of the output channels from
    /// `first`.
    fn add(&self, patch: &Patch, first: usize, to: &mut [f32], scratch: &mut Scratch) {
        let Scratch { padded, gathered, other } = scratch;
        let rows = to.len() / self.depth;
        let source = self.layout.lay_out(self.x, patch, Buffers { padded, gathered });
        let starts = self.layout.starts(patch);
        let (dy, dy_stride) = self.gradients(patch, first, rows, other);
        let (block, columns) = self.kernels.dot;
        assert!(dy.len() >= (rows - 1) * dy_stride + starts.len() * self.kernels.lanes);
        let mut lanes = DotLanes([0.0; _]);
        for (index, to) in to.chunks_mut(block * self.depth).enumerate() {
            let rows = to.len() / self.depth;
            // Rows and terms past the end repeat the last one; their sums are dropped.
            let left = std::array::from_fn(|m| {
                dy[(index * block + m.min(rows - 1)) * dy_stride..].as_ptr()
            });
            for k in (0..self.depth).step_by(columns) {
                let last = self.depth - 1;
                let right = std::array::from_fn(|i| {
                    source[self.layout.offsets[(k + i).min(last)]..].as_ptr()
                });
                let out = [[0.0; 4]; MAX_DOT];
                let mut dot = Dot { left, right, starts: &starts, out, lanes: &mut lanes };
                // SAFETY: rows of `left` hold all vectors (checked above); offsets plus starts
                // are in bounds by the layout.
                unsafe { self.kernels.dot(self.layout.halves, &mut dot) };
                let width = columns.min(self.depth - k);
                for (m, to) in to.chunks_exact_mut(self.depth).enumerate() {
                    for (to, from) in to[k..k + width].iter_mut().zip(&dot.out) {
                        *to += from[m];
                    }
                }
            }
        }
    }

    /// Rows of output gradients in the order of the patch's vectors, zero where a vector is
    /// empty: the numbers, and how far rows are apart.
    fn gradients<'a>(
        &'a self,
        patch: &Patch,
        first: usize,
        rows: usize,
        buffer: &'a mut Aligned,
    ) -> (&'a [f32], usize) {
        let plane = self.layout.plane_pixels();
        let skip = self.layout.first_pixel(patch);
        if self.layout.is_dense(patch) {
            let at = (patch.image * self.c_out + first) * plane + skip;
            return (&self.dy[at..], plane);
        }
        let stride = self.layout.vectors(patch) * self.kernels.lanes;
        let pixels = self.layout.pixels(patch) / patch.images;
        let buffer = buffer.at_least(rows * stride);
        for (m, to) in buffer.chunks_exact_mut(stride).enumerate() {
            for (image, to) in to.chunks_mut(pixels).take(patch.images).enumerate() {
                let at = ((patch.image + image) * self.c_out + first + m) * plane + skip;
                to.copy_from_slice(&self.dy[at..at + pixels]);
            }
            to[patch.images * pixels..].fill(0.0);
        }
        (buffer, stride)
    }
}
