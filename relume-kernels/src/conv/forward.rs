//! The convolution and its input gradient: both sum shifted pixels times weights.

use rayon::prelude::*;

use super::ConvShape;
use super::geometry::{Geometry, Patch};
use super::patch::{Buffers, Layout};
use crate::aligned::{Aligned, Scratch, with_scratch};
use crate::micro::{Kernels, MAX_VECTORS, Tile};

/// Outputs in one patch, at most.
const PATCH_PIXELS: usize = 2048;
/// f32 in the laid-out pixels of one patch, about: half a megabyte-sized second-level cache.
const PATCH_BUDGET: usize = 96 * 1024;
/// A call is cut into at least this many tasks if it can be.
const TASKS: usize = 8;

/// [`conv2d`](super::conv2d) product by product.
pub(super) fn direct(
    shape: &ConvShape,
    x: &[f32],
    weight: &[f32],
    bias: Option<&[f32]>,
    out: &mut [f32],
) {
    let geometry = Geometry::forward(shape);
    let terms: Vec<usize> = (0..geometry.depth()).collect();
    let source = WeightSource { weight, terms: &terms, row_stride: terms.len() };
    let target = Target {
        rows: shape.c_out,
        height: geometry.out_height,
        width: geometry.out_width,
        stride: 1,
        origin: (0, 0),
    };
    sweep(&geometry, x, &source, bias, &target, out);
}

/// The gradient of the loss by the input, product by product.
pub(super) fn input_gradient(shape: &ConvShape, dy: &[f32], weight: &[f32], dx: &mut [f32]) {
    if shape.stride > shape.kernel {
        dx.fill(0.0); // some inputs are read by no output
    }
    let phases = 0..shape.stride.min(shape.kernel);
    for phase_y in phases.clone() {
        for phase_x in phases.clone() {
            gradient_phase(shape, (phase_y, phase_x), dy, weight, dx);
        }
    }
}

/// One axis of the inputs that the taps `phase`, `phase + stride`, ... reach.
struct PhaseAxis {
    taps: usize,
    first: usize,
    count: usize,
    pad: isize,
}

impl PhaseAxis {
    /// Input `i` is reached by tap `phase + stride * t` from output `j - t`, where
    /// `i + padding = stride * j + phase`.
    fn new(shape: &ConvShape, phase: usize, size: usize) -> Self {
        let taps = (shape.kernel - phase).div_ceil(shape.stride);
        let first_output = shape.padding.saturating_sub(phase).div_ceil(shape.stride);
        let first = shape.stride * first_output + phase - shape.padding;
        let count = size.saturating_sub(first).div_ceil(shape.stride);
        let pad = taps.cast_signed() - 1 - first_output.cast_signed();
        Self { taps, first, count, pad }
    }
}

fn gradient_phase(
    shape: &ConvShape,
    phase: (usize, usize),
    dy: &[f32],
    weight: &[f32],
    dx: &mut [f32],
) {
    let rows = PhaseAxis::new(shape, phase.0, shape.height);
    let columns = PhaseAxis::new(shape, phase.1, shape.width);
    let geometry = Geometry {
        images: shape.n,
        channels: shape.c_out,
        height: shape.out_height(),
        width: shape.out_width(),
        taps_y: rows.taps,
        taps_x: columns.taps,
        stride: 1,
        pad_y: rows.pad,
        pad_x: columns.pad,
        out_height: rows.count,
        out_width: columns.count,
    };
    let area = shape.kernel * shape.kernel;
    let mut terms = Vec::with_capacity(geometry.depth());
    for channel in 0..shape.c_out {
        for tap_y in (0..rows.taps).rev() {
            for tap_x in (0..columns.taps).rev() {
                let ky = phase.0 + shape.stride * tap_y;
                let kx = phase.1 + shape.stride * tap_x;
                terms.push(channel * shape.c_in * area + ky * shape.kernel + kx);
            }
        }
    }
    let source = WeightSource { weight, terms: &terms, row_stride: area };
    let target = Target {
        rows: shape.c_in,
        height: shape.height,
        width: shape.width,
        stride: shape.stride,
        origin: (rows.first, columns.first),
    };
    sweep(&geometry, dy, &source, None, &target, dx);
}

/// Where the weight of output row `m` and term `k` lies: `weight[terms[k] + m * row_stride]`.
struct WeightSource<'a> {
    weight: &'a [f32],
    terms: &'a [usize],
    row_stride: usize,
}

/// Weights as the kernels read them: blocks of output rows, `[term][row]` in each.
struct Packed {
    weights: Aligned,
    bias: Aligned,
    depth: usize,
    rows: usize,
    block: usize,
}

impl Packed {
    fn new(source: &WeightSource, bias: Option<&[f32]>, rows: usize, block: usize) -> Self {
        let depth = source.terms.len();
        let blocks = rows.div_ceil(block);
        let mut weights = Aligned::zeros(blocks * block * depth);
        weights.as_mut_slice().par_chunks_mut((block * depth).max(1)).enumerate().for_each(
            |(index, to)| {
                let first = index * block;
                let real = block.min(rows - first);
                let wide = Self::width(real, block);
                for (to, &term) in to.chunks_exact_mut(wide).zip(source.terms) {
                    for (m, to) in to[..real].iter_mut().enumerate() {
                        *to = source.weight[term + (first + m) * source.row_stride];
                    }
                }
            },
        );
        let mut padded_bias = Aligned::zeros(blocks * block);
        if let Some(bias) = bias {
            padded_bias.as_mut_slice()[..rows].copy_from_slice(bias);
        }
        Self { weights, bias: padded_bias, depth, rows, block }
    }

    fn blocks(&self) -> usize {
        self.rows.div_ceil(self.block)
    }

    /// Rows of a block that holds `real` ones: a small tile has half of a large one's.
    fn width(real: usize, block: usize) -> usize {
        if real * 2 <= block { block / 2 } else { block }
    }
}

/// The planes written: pixel `(y, x)` of the sum goes to `(origin + stride * (y, x))`.
struct Target {
    rows: usize,
    height: usize,
    width: usize,
    stride: usize,
    origin: (usize, usize),
}

impl Target {
    /// Whether the sums are the planes, pixel for pixel.
    fn is_plain(&self) -> bool {
        self.stride == 1 && self.origin == (0, 0)
    }
}

/// An output that several tasks write disjoint parts of.
struct SharedOut {
    start: *mut f32,
    len: usize,
}

// SAFETY: tasks write disjoint parts, and the exclusive borrow it was made from outlives them.
unsafe impl Sync for SharedOut {}

struct Sweep<'a> {
    kernels: &'static Kernels,
    layout: Layout,
    /// Pixels of one output plane of the sum, before scattering.
    width: usize,
    source: &'a [f32],
    packed: Packed,
    target: &'a Target,
    out: SharedOut,
}

fn sweep(
    geometry: &Geometry,
    source: &[f32],
    weights: &WeightSource,
    bias: Option<&[f32]>,
    target: &Target,
    out: &mut [f32],
) {
    if out.is_empty() || geometry.out_height * geometry.out_width == 0 {
        return;
    }
    let kernels = Kernels::current();
    let geometry = if target.is_plain() { geometry.folded(kernels.lanes) } else { *geometry };
    let pixels = geometry.images * geometry.out_height * geometry.out_width;
    let patch_pixels = PATCH_PIXELS.min(pixels.div_ceil(TASKS));
    let layout = Layout::new(&geometry, kernels.lanes, patch_pixels, PATCH_BUDGET);
    let packed = Packed::new(weights, bias, target.rows, kernels.rows);
    let patches = layout.patches();
    let parts = TASKS.div_ceil(patches.len()).min(packed.blocks());
    let out = SharedOut { start: out.as_mut_ptr(), len: out.len() };
    let width = geometry.out_width;
    let sweep = Sweep { kernels, layout, width, source, packed, target, out };
    (0..patches.len() * parts).into_par_iter().for_each(|task| {
        let part = task % parts;
        let blocks = sweep.packed.blocks();
        let range = blocks * part / parts..blocks * (part + 1) / parts;
        with_scratch(|scratch| sweep.run(&patches[task / parts], range, scratch));
    });
}

impl Sweep<'_> {
    fn run(&self, patch: &Patch, blocks: std::ops::Range<usize>, scratch: &mut Scratch) {
        let Scratch { padded, gathered, other } = scratch;
        let source = self.layout.lay_out(self.source, patch, Buffers { padded, gathered });
        let starts = self.layout.starts(patch);
        let target = self.target;
        let plane = target.height * target.width;
        let direct = target.is_plain() && self.layout.is_dense(patch);
        for block in blocks {
            let first = block * self.packed.block;
            let rows = self.packed.block.min(target.rows - first);
            if direct {
                let at =
                    (patch.image * target.rows + first) * plane + self.layout.first_pixel(patch);
                assert!(
                    at + (rows - 1) * plane + starts.len() * self.kernels.lanes <= self.out.len
                );
                // SAFETY: just checked to be in bounds for `rows` rows; the pixels belong to this
                // patch and these blocks alone.
                unsafe { self.run_block(block, source, &starts, self.out.start.add(at), plane) };
            } else {
                let stride = starts.len() * self.kernels.lanes;
                let buffer = other.at_least(self.packed.block * stride);
                // SAFETY: the buffer has room for a whole block.
                unsafe { self.run_block(block, source, &starts, buffer.as_mut_ptr(), stride) };
                for (m, row) in buffer.chunks_exact(stride).take(rows).enumerate() {
                    self.scatter(patch, first + m, row);
                }
            }
        }
    }

    /// Computes one block of rows for all vectors of a patch.
    ///
    /// # Safety
    /// `out` must be valid for writing every vector of each of the block's rows, `out_stride`
    /// apart, and nothing else may use that memory.
    unsafe fn run_block(
        &self,
        block: usize,
        source: &[f32],
        starts: &[(usize, usize)],
        out: *mut f32,
        out_stride: usize,
    ) {
        let packed = &self.packed;
        let first = block * packed.block;
        let rows = packed.block.min(packed.rows - first);
        let large = Packed::width(rows, packed.block) == packed.block;
        let weights = &packed.weights.as_slice()[first * packed.depth..];
        let bias = &packed.bias.as_slice()[first..];
        let mut done = 0;
        while done < starts.len() {
            let vectors = match starts.len() - done {
                4 => 2,
                left => left.min(self.kernels.vectors),
            };
            let mut here = [(0, 0); MAX_VECTORS];
            here[..vectors].copy_from_slice(&starts[done..done + vectors]);
            let tile = Tile {
                source: source.as_ptr(),
                offsets: self.layout.offsets.as_ptr(),
                depth: packed.depth,
                starts: here,
                weights: weights.as_ptr(),
                bias: bias.as_ptr(),
                // SAFETY: `done` vectors into the first row, which the caller vouches for.
                out: unsafe { out.add(done * self.kernels.lanes) },
                out_stride,
                rows,
            };
            // SAFETY: offsets and starts are in bounds by the layout, which has `depth` offsets;
            // weights and bias are padded to whole blocks; the caller vouches for `out`.
            unsafe { self.kernels.tile(large, self.layout.halves, vectors, &tile) };
            done += vectors;
        }
    }

    /// Puts a row of finished sums where the target wants them.
    fn scatter(&self, patch: &Patch, channel: usize, row: &[f32]) {
        let target = self.target;
        let plane = target.height * target.width;
        let pixels = self.layout.pixels(patch) / patch.images;
        for image in 0..patch.images {
            let at = ((patch.image + image) * target.rows + channel) * plane;
            assert!(at + plane <= self.out.len);
            let from = &row[image * pixels..][..pixels];
            if target.is_plain() {
                let first = self.layout.first_pixel(patch);
                assert!(first + pixels <= plane);
                // SAFETY: in bounds as just checked; these pixels are this task's alone.
                unsafe {
                    let to = self.out.start.add(at + first);
                    to.copy_from_nonoverlapping(from.as_ptr(), pixels);
                }
                continue;
            }
            for (y, from) in from.chunks_exact(self.width).enumerate() {
                let y = target.origin.0 + (patch.row + y) * target.stride;
                let last = target.origin.1 + (self.width - 1) * target.stride;
                assert!(y < target.height && last < target.width);
                for (x, &value) in from.iter().enumerate() {
                    let x = target.origin.1 + x * target.stride;
                    // SAFETY: inside the plane as just checked; this task's alone.
                    unsafe { self.out.start.add(at + y * target.width + x).write(value) };
                }
            }
        }
    }
}
