//! Large 3x3 convolutions of a batch, and their gradients, by Winograd's F(4x4, 3x3).
//!
//! The forward pass transforms tiles of the input, multiplies them with transformed weights at 36
//! points over the channels, and transforms the products back. Each step is linear, so the backward
//! pass takes the adjoint steps in reverse order: spreads the output's gradients over the points,
//! multiplies with the weights for the input's gradients and with the input's tiles for the
//! weights', and transforms those back.
//!
//! Some pictures at a time go through all steps; a step is spread over the current rayon pool, and
//! every sum has one task and one order, whatever the number of threads.

mod bands;
mod kernels;
mod tiles;

use std::cell::RefCell;

use rayon::prelude::*;

use super::ConvShape;
use super::epilogue::{Gradients, Then};
use crate::aligned::{Aligned, with_scratch};
use crate::blocked::winograd::{
    InputTile, OutputTile, POINTS, READ, Tap, Transforms, WRITE, product,
};
use crate::blocked::{BLOCK, BlockKernels, groups};
use bands::{Planes, Shared, Source, Target};
use kernels::{CollectTile, Kernels, OuterTile, SpreadTile, TAPS, Taps};
use tiles::Tiles;

/// Fewest input and output channels for which it pays.
const CHANNELS: usize = 12;
/// Fewest outputs per plane and batch: below, the transform of the weights takes too long.
const PIXELS: usize = 512;
/// Tiles that go through all steps together, about.
const TILES: usize = 512;
/// Tiles whose outer products are added up before they join the sum of all: rounding errors grow
/// with the length of a sum.
const SUMMED: usize = 64;
/// The point whose spread gradients are the sums over the tiles.
const SUM_POINT: usize = READ + 1;

/// Whether a convolution is faster this way. A matter of its shape alone, so that results do not
/// depend on the machine.
pub(super) fn pays(shape: &ConvShape) -> bool {
    if (shape.kernel, shape.stride) != (3, 1) || shape.padding > 2 {
        return false;
    }
    let (height, width) = (shape.out_height(), shape.out_width());
    let computed = height.next_multiple_of(4) * width.next_multiple_of(4);
    shape.c_in.min(shape.c_out) >= CHANNELS
        && shape.n * height * width >= PIXELS
        && 4 * computed <= 5 * height * width
}

/// How a batch is cut.
struct Plan {
    input: Planes,
    output: Planes,
    padding: usize,
    images: usize,
    /// Rows and columns of tiles of one picture.
    down: usize,
    across: usize,
    /// Pictures that go through all steps together.
    together: usize,
    kernels: &'static Kernels,
    products: &'static BlockKernels,
    transforms: &'static Transforms,
}

/// Buffers kept from call to call.
#[derive(Default)]
struct Memory {
    input: Aligned,
    output: Aligned,
    gradients: Aligned,
    weights: Aligned,
    sums: Aligned,
}

thread_local! {
    static MEMORY: RefCell<Memory> = RefCell::default();
}

/// [`conv2d`](super::conv2d) for a shape that [`pays`].
pub(super) fn forward(shape: &ConvShape, x: &[f32], weight: &[f32], then: Then, out: &mut [f32]) {
    let plan = Plan::new(shape);
    let mut memory = MEMORY.take();
    plan.pack(weight, false, &mut memory.weights);
    let source = Source { planes: plan.input, values: x, activated: None };
    let target = Target { planes: plan.output, values: Shared::new(out), residual: then.residual };
    let filled = plan.output.blocks() * BLOCK;
    let mut bias = vec![0.0; filled];
    if let Some(values) = then.bias {
        bias[..values.len()].copy_from_slice(values);
    }
    let slopes = then.slope.map(|slope| vec![slope; filled]);
    for first in (0..plan.images).step_by(plan.together) {
        let images = plan.together.min(plan.images - first);
        let tiles = images * plan.tiles();
        let input = Tiles::new(&mut memory.input, plan.input.blocks(), tiles);
        let output = Tiles::new(&mut memory.output, plan.output.blocks(), tiles);
        tasks(images, plan.input.blocks()).for_each(|(image, block)| {
            plan.transform_input(&source, (first + image, block), image, &input);
        });
        let weights = memory.weights.as_slice();
        (0..POINTS).into_par_iter().for_each(|point| {
            plan.multiply(point, (&input, plan.input), weights, (&output, plan.output));
        });
        tasks(images, plan.output.blocks()).for_each(|(image, block)| {
            let place = (first + image, block);
            plan.transform_output(&output, image, place, (&bias, slopes.as_deref()), &target);
        });
    }
    MEMORY.set(memory);
}

/// [`conv2d_backward`](super::conv2d_backward) for a shape that [`pays`].
pub(super) fn backward(
    shape: &ConvShape,
    x: &[f32],
    weight: &[f32],
    dy: (&[f32], Option<(&[f32], f32)>),
    gradients: Gradients,
) {
    let plan = Plan::new(shape);
    let mut memory = MEMORY.take();
    let Gradients { dx, dweight, dbias } = gradients;
    let filled = [plan.input, plan.output].map(|planes| planes.blocks() * BLOCK);
    if dweight.is_some() {
        memory.sums.at_least(POINTS * filled[0] * filled[1]).fill(0.0);
    }
    let sums = Shared::new(memory.sums.as_mut_slice());
    let mut bias = vec![0.0_f64; filled[1]];
    let target = dx.map(|dx| {
        plan.pack(weight, true, &mut memory.weights);
        Target { planes: plan.input, values: Shared::new(dx), residual: None }
    });
    let source = Source { planes: plan.input, values: x, activated: None };
    let outer = Source { planes: plan.output, values: dy.0, activated: dy.1 };
    for first in (0..plan.images).step_by(plan.together) {
        let images = plan.together.min(plan.images - first);
        let tiles = images * plan.tiles();
        let input = Tiles::new(&mut memory.input, plan.input.blocks(), tiles);
        let output = Tiles::new(&mut memory.output, plan.output.blocks(), tiles);
        tasks(images, plan.output.blocks()).for_each(|(image, block)| {
            plan.spread(&outer, (first + image, block), image, &output);
        });
        if dweight.is_some() {
            tasks(images, plan.input.blocks()).for_each(|(image, block)| {
                plan.transform_input(&source, (first + image, block), image, &input);
            });
        }
        let inner = Tiles::new(&mut memory.gradients, plan.input.blocks(), tiles);
        let weights = memory.weights.as_slice();
        (0..POINTS).into_par_iter().for_each(|point| {
            if dweight.is_some() {
                plan.sum_outer(point, &input, &output, &sums);
            }
            if target.is_some() {
                plan.multiply(point, (&output, plan.output), weights, (&inner, plan.input));
            }
        });
        plan.add_bias(&output, &mut bias);
        if let Some(target) = &target {
            tasks(images, plan.input.blocks()).for_each(|(image, block)| {
                plan.collect(&inner, image, (first + image, block), target);
            });
        }
    }
    if let Some(dweight) = dweight {
        plan.unpack(&sums, dweight);
    }
    if let Some(dbias) = dbias {
        dbias.iter_mut().zip(&bias).for_each(|(to, sum)| *to = *sum as f32);
    }
    MEMORY.set(memory);
}

/// Every pair of a picture and a block of channels.
fn tasks(images: usize, blocks: usize) -> impl ParallelIterator<Item = (usize, usize)> {
    (0..images * blocks).into_par_iter().map(move |task| (task / blocks, task % blocks))
}

impl Plan {
    fn new(shape: &ConvShape) -> Self {
        let (height, width) = (shape.out_height(), shape.out_width());
        let (down, across) = (height.div_ceil(WRITE), width.div_ceil(WRITE));
        let products = BlockKernels::current();
        Self {
            input: Planes { channels: shape.c_in, height: shape.height, width: shape.width },
            output: Planes { channels: shape.c_out, height, width },
            padding: shape.padding,
            images: shape.n,
            down,
            across,
            together: (TILES / (down * across)).clamp(1, shape.n),
            kernels: Kernels::current(),
            products,
            transforms: Transforms::new(products.isa),
        }
    }

    /// Tiles of one picture.
    fn tiles(&self) -> usize {
        self.down * self.across
    }

    /// Transforms the weights `[c_out, c_in, 3, 3]` and packs them for products that sum over the
    /// input channels or, `turned`, over the output channels: for every group of those that are
    /// made, `[point][summed channel][made channel]`.
    fn pack(&self, weight: &[f32], turned: bool, packed: &mut Aligned) {
        let (c_in, c_out) = (self.input.channels, self.output.channels);
        let (summed, made) = if turned { (c_out, c_in) } else { (c_in, c_out) };
        let (summed_step, made_step) =
            if turned { (c_in * TAPS, TAPS) } else { (TAPS, c_in * TAPS) };
        let len = made.next_multiple_of(BLOCK) * summed * POINTS;
        let out = Shared::new(packed.at_least(len));
        let all: Vec<_> = groups(made, self.products.wide).collect();
        let parts = summed.div_ceil(BLOCK);
        (0..all.len() * parts).into_par_iter().for_each(|task| {
            let group = all[task / parts];
            let some = task % parts * BLOCK..summed.min((task % parts + 1) * BLOCK);
            let step = summed * group.width;
            let mut taps = Taps([0.0; _]);
            for channel in some {
                for first in (group.first..group.first + group.width).step_by(BLOCK) {
                    for lane in 0..BLOCK {
                        let at = channel * summed_step + (first + lane) * made_step;
                        let there = first + lane < made;
                        for tap in 0..TAPS {
                            taps.0[tap * BLOCK + lane] = if there { weight[at + tap] } else { 0.0 };
                        }
                    }
                    let at = group.first * summed * POINTS
                        + channel * group.width
                        + (first - group.first);
                    let out = out.at(at, (POINTS - 1) * step + BLOCK);
                    // SAFETY: in bounds as `at` checks; no other task has this channel and group.
                    unsafe { self.kernels.weights(&taps, out, step) };
                }
            }
        });
    }

    /// Transforms the tiles of one block of channels of a picture, the `index`th of those that go
    /// together.
    fn transform_input(&self, source: &Source, place: (usize, usize), index: usize, to: &Tiles) {
        let row = (self.across * WRITE + 2) * BLOCK;
        with_scratch(|scratch| {
            let band = scratch.padded.at_least(READ * row);
            for down in 0..self.down {
                let kept = if down == 0 { 0 } else { 2 };
                band.copy_within(WRITE * row..(WRITE + kept) * row, 0);
                for (y, to) in band.chunks_exact_mut(row).enumerate().skip(kept) {
                    let y = (down * WRITE + y).checked_sub(self.padding);
                    source.row(self.kernels, place, y, self.padding, to);
                }
                for across in 0..self.across {
                    let tile = (index * self.down + down) * self.across + across;
                    let tile = InputTile {
                        source: band[across * WRITE * BLOCK..].as_ptr(),
                        row,
                        out: to.tile(place.1, tile),
                        step: to.step,
                    };
                    // SAFETY: the band has six rows of six pixels there, `tile` checks the points,
                    // which are this task's alone.
                    unsafe { self.transforms.input(&tile) };
                }
            }
        });
    }

    /// Spreads the gradients of one block of output channels of a picture over the points.
    fn spread(&self, source: &Source, place: (usize, usize), index: usize, to: &Tiles) {
        let row = self.across * WRITE * BLOCK;
        with_scratch(|scratch| {
            let band = scratch.padded.at_least(WRITE * row);
            for down in 0..self.down {
                for (y, to) in band.chunks_exact_mut(row).enumerate() {
                    source.row(self.kernels, place, Some(down * WRITE + y), 0, to);
                }
                for across in 0..self.across {
                    let tile = (index * self.down + down) * self.across + across;
                    let tile = SpreadTile {
                        source: band[across * WRITE * BLOCK..].as_ptr(),
                        row,
                        out: to.tile(place.1, tile),
                        step: to.step,
                    };
                    // SAFETY: the band has four rows of four pixels there, `tile` checks the
                    // points, which are this task's alone.
                    unsafe { self.kernels.spread(&tile) };
                }
            }
        });
    }

    /// The products over the channels at one point.
    fn multiply(
        &self,
        point: usize,
        from: (&Tiles, Planes),
        weights: &[f32],
        to: (&Tiles, Planes),
    ) {
        let (tiles, channels) = (from.0.tiles, from.1.channels);
        let taps: Vec<Tap> = (0..from.1.blocks())
            .map(|block| Tap {
                offset: block * tiles * BLOCK,
                channels: BLOCK.min(channels - block * BLOCK),
            })
            .collect();
        for group in groups(to.1.channels, self.products.wide) {
            let size = channels * group.width;
            let weights = &weights[group.first * channels * POINTS + point * size..][..size];
            let (source, out) = (from.0.point(point, 0), to.0.point(point, group.first / BLOCK));
            // SAFETY: `point` checks that all tiles of all blocks are in bounds; the products at
            // this point are this task's alone.
            unsafe {
                product(self.products, group, (&taps, weights), (source, tiles), (out, tiles));
            }
        }
    }

    /// Adds up the outer products of input tiles and gradients at one point:
    /// `[input channel][output channel]`.
    fn sum_outer(&self, point: usize, input: &Tiles, output: &Tiles, sums: &Shared) {
        let row = self.output.blocks() * BLOCK;
        let size = self.input.blocks() * BLOCK * row;
        let mut block = 0;
        while block < self.output.blocks() {
            let wide = block + self.kernels.right <= self.output.blocks();
            let blocks = if wide { self.kernels.right } else { 1 };
            for channel in (0..self.input.blocks() * BLOCK).step_by(self.kernels.left) {
                let at = point * size + channel * row + block * BLOCK;
                let room = (self.kernels.left - 1) * row + blocks * BLOCK;
                let (left, right) =
                    (input.point(point, channel / BLOCK), output.point(point, block));
                for first in (0..input.tiles).step_by(SUMMED) {
                    // SAFETY: `point` and `at` check the bounds; the sums of this point are this
                    // task's alone.
                    unsafe {
                        let tile = OuterTile {
                            left: left.add(first * BLOCK + channel % BLOCK),
                            right: right.add(first * BLOCK),
                            right_step: output.tiles * BLOCK,
                            count: SUMMED.min(input.tiles - first),
                            out: sums.at(at, room),
                            row,
                        };
                        self.kernels.outer(wide, &tile);
                    }
                }
            }
            block += blocks;
        }
    }

    /// Adds the sums of all gradients of each output channel.
    fn add_bias(&self, output: &Tiles, bias: &mut [f64]) {
        for (block, bias) in bias.chunks_exact_mut(BLOCK).enumerate() {
            let from = output.point(SUM_POINT, block);
            // SAFETY: `point` checks that the tiles of the block are in bounds; nothing writes
            // them now.
            let tiles = unsafe { std::slice::from_raw_parts(from, output.tiles * BLOCK) };
            for some in tiles.chunks(32 * BLOCK) {
                let mut sums = [0.0_f32; BLOCK];
                for tile in some.chunks_exact(BLOCK) {
                    sums.iter_mut().zip(tile).for_each(|(sum, value)| *sum += value);
                }
                bias.iter_mut().zip(sums).for_each(|(bias, sum)| *bias += f64::from(sum));
            }
        }
    }

    /// Transforms the products of one block of output channels of a picture back.
    fn transform_output(
        &self,
        from: &Tiles,
        index: usize,
        place: (usize, usize),
        (bias, slopes): (&[f32], Option<&[f32]>),
        target: &Target,
    ) {
        let row = self.across * WRITE * BLOCK;
        let channel = place.1 * BLOCK;
        with_scratch(|scratch| {
            let band = scratch.padded.at_least(WRITE * row);
            for down in 0..self.down {
                for across in 0..self.across {
                    let tile = (index * self.down + down) * self.across + across;
                    let tile = OutputTile {
                        source: from.tile(place.1, tile),
                        step: from.step,
                        bias: bias[channel..channel + BLOCK].as_ptr(),
                        slopes: slopes.map_or(std::ptr::null(), |slopes| {
                            slopes[channel..channel + BLOCK].as_ptr()
                        }),
                        scale: std::ptr::null(),
                        shift: std::ptr::null(),
                        residual: std::ptr::null(),
                        residual_row: 0,
                        out: band[across * WRITE * BLOCK..].as_mut_ptr(),
                        row,
                        rows: 0..WRITE,
                        columns: 0..WRITE,
                    };
                    // SAFETY: `tile` checks the points; the band has four rows of four pixels
                    // there.
                    unsafe { self.transforms.output(&tile) };
                }
                let rows = down * WRITE..self.output.height.min((down + 1) * WRITE);
                for (y, band) in rows.zip(band.chunks_exact(row)) {
                    // SAFETY: no other task has these rows.
                    unsafe { target.row(self.kernels, place, y, band) };
                }
            }
        });
    }

    /// Collects the gradients of one block of input channels of a picture from the points.
    fn collect(&self, from: &Tiles, index: usize, place: (usize, usize), target: &Target) {
        let row = (self.across * WRITE + 2) * BLOCK;
        with_scratch(|scratch| {
            let band = scratch.padded.at_least(READ * row);
            band.fill(0.0);
            for down in 0..self.down {
                for across in 0..self.across {
                    let tile = (index * self.down + down) * self.across + across;
                    let tile = CollectTile {
                        source: from.tile(place.1, tile),
                        step: from.step,
                        out: band[across * WRITE * BLOCK..].as_mut_ptr(),
                        row,
                    };
                    // SAFETY: `tile` checks the points; the band has six rows of six pixels there.
                    unsafe { self.kernels.collect(&tile) };
                }
                // Tiles below still add to the last two rows, except those of the lowest.
                let done = if down + 1 == self.down { READ } else { WRITE };
                for (y, band) in band.chunks_exact(row).take(done).enumerate() {
                    let y = (down * WRITE + y).checked_sub(self.padding);
                    if let Some(y) = y.filter(|y| *y < self.input.height) {
                        // SAFETY: no other task has these rows.
                        unsafe {
                            target.row(self.kernels, place, y, &band[self.padding * BLOCK..]);
                        }
                    }
                }
                band.copy_within(WRITE * row.., 0);
                band[2 * row..].fill(0.0);
            }
        });
    }

    /// Transforms the sums of outer products to the gradients of the weights.
    fn unpack(&self, sums: &Shared, dweight: &mut [f32]) {
        let (c_in, c_out) = (self.input.channels, self.output.channels);
        let row = self.output.blocks() * BLOCK;
        let step = self.input.blocks() * BLOCK * row;
        dweight.par_chunks_mut(BLOCK * c_in * TAPS).enumerate().for_each(|(block, to)| {
            let lanes = BLOCK.min(c_out - block * BLOCK);
            let mut taps = Taps([0.0; _]);
            for channel in 0..c_in {
                let from = sums.at(channel * row + block * BLOCK, (POINTS - 1) * step + BLOCK);
                // SAFETY: in bounds as `at` checks; nothing writes the sums now.
                unsafe { self.kernels.weight_gradients(from, step, &mut taps) };
                for lane in 0..lanes {
                    let to = &mut to[(lane * c_in + channel) * TAPS..][..TAPS];
                    for (tap, to) in to.iter_mut().enumerate() {
                        *to = taps.0[tap * BLOCK + lane];
                    }
                }
            }
        });
    }
}
