//! 3x3 convolution with stride 1 by Winograd's F(4x4, 3x3): a quarter of the multiplications.
//!
//! Tiles of 6x6 input pixels are transformed, multiplied with transformed weights as 36 separate
//! products over the channels, and transformed back to 4x4 outputs. Tiles go in groups whose
//! transformed pixels stay in the second-level cache.

use super::kernel::{BlockKernels, BlockTile, Tap};
use super::packed::{Group, Padding, groups};
use super::strip::Strip;
use super::tensor::{BLOCK, Blocked};
use super::transform::{InputTile, OutputTile, READ, Transforms, WRITE};
use crate::aligned::{Aligned, Scratch};

/// Products per tile and pair of channels.
pub(crate) const POINTS: usize = READ * READ;
/// f32 of transformed input in one group of tiles, about.
const GROUP_BUDGET: usize = 96 * 1024;
/// Tiles in a group, at most.
const MAX_GROUP: usize = 64;

/// Transforms `weight`, `[c_out, c_in, 3, 3]`, in f64 and packs it, group after group of output
/// channels.
pub(super) fn pack(c_in: usize, c_out: usize, weight: &[f32], wide: usize) -> Aligned {
    let mut packed = Aligned::zeros(c_out.next_multiple_of(BLOCK) * c_in * POINTS);
    let parts = packed.as_mut_slice().chunks_mut((wide * c_in * POINTS).max(1));
    for (to, group) in parts.zip(groups(c_out, wide)) {
        pack_group(c_in, c_out, weight, group, to);
    }
    packed
}

/// Packs the weights of one group of output channels: `[point][input channel][output channel]`.
pub(crate) fn pack_group(c_in: usize, c_out: usize, weight: &[f32], group: Group, to: &mut [f32]) {
    for input in 0..c_in {
        for output in group.first..c_out.min(group.first + group.width) {
            let taps = &weight[(output * c_in + input) * 9..][..9];
            let at = input * group.width + output - group.first;
            for (point, value) in transformed(taps).into_iter().flatten().enumerate() {
                to[at + point * c_in * group.width] = value as f32;
            }
        }
    }
}

fn transformed(taps: &[f32]) -> [[f64; READ]; READ] {
    let columns: [[f64; READ]; 3] =
        std::array::from_fn(|x| weight_axis(std::array::from_fn(|y| f64::from(taps[y * 3 + x]))));
    std::array::from_fn(|y| weight_axis(std::array::from_fn(|x| columns[x][y])))
}

/// The weight transform along one axis: the polynomial of three taps at the points 0, 1, -1, 2, -2
/// and infinity, each scaled.
#[inline(always)]
fn weight_axis([a, b, c]: [f64; 3]) -> [f64; READ] {
    let near = (a + c) * (-1.0 / 6.0);
    let near_odd = b * (-1.0 / 6.0);
    let far = a * (1.0 / 24.0) + c * (1.0 / 6.0);
    let far_odd = b * (1.0 / 12.0);
    [a * 0.25, near + near_odd, near - near_odd, far + far_odd, far - far_odd, c]
}

/// One run of a convolution.
pub(crate) struct Run<'a> {
    pub(crate) kernels: &'static BlockKernels,
    pub(crate) weights: &'a [f32],
    pub(crate) bias: &'a [f32],
    pub(crate) slopes: Option<&'a [f32]>,
    pub(crate) residual: Option<&'a [f32]>,
    pub(crate) c_in: usize,
    pub(crate) c_out: usize,
    /// Height and width of the output.
    pub(crate) size: (usize, usize),
}

/// Some tiles, counted along the rows of a strip.
struct Tiles<'a> {
    strip: &'a Strip,
    /// First output row of the strip.
    row: usize,
    /// Tiles in a row.
    across: usize,
    first: usize,
    count: usize,
    /// Tiles a full group has.
    room: usize,
}

impl Run<'_> {
    pub(crate) fn run(&self, x: &Blocked, out: &mut Blocked, padding: Padding, s: &mut Scratch) {
        let (height, width) = self.size;
        let (down, across) = (height.div_ceil(WRITE), width.div_ceil(WRITE));
        let filled = x.blocks() * BLOCK;
        let room = (GROUP_BUDGET / (POINTS * filled)).clamp(8, MAX_GROUP) / 8 * 8;
        let room = room.min(down * across);
        let rows = WRITE * room.div_ceil(across).min(down);
        let strip = Strip::tiled(padding, across * WRITE, rows);
        let Scratch { padded, gathered, other } = s;
        let copy = padded.at_least(strip.len(x.blocks()));
        let pixels = gathered.at_least(POINTS * step(x.blocks(), room));
        let sums = other.at_least(POINTS * step(self.kernels.wide / BLOCK, room));
        for row in (0..height).step_by(rows) {
            let tile_rows = (height - row).div_ceil(WRITE).min(rows / WRITE);
            strip.fill(x, row, tile_rows * WRITE, copy);
            let all = tile_rows * across;
            for first in (0..all).step_by(room) {
                let count = room.min(all - first);
                let tiles = Tiles { strip: &strip, row, across, first, count, room };
                self.transform_input(&tiles, copy, pixels);
                for group in groups(self.c_out, self.kernels.wide) {
                    self.multiply(&tiles, group, pixels, sums);
                    self.transform_output(&tiles, group, sums, out.data_mut());
                }
            }
        }
    }

    fn transform_input(&self, tiles: &Tiles, source: &[f32], pixels: &mut [f32]) {
        let transforms = Transforms::new(self.kernels.isa);
        let blocks = self.c_in.div_ceil(BLOCK);
        let (strip, step) = (tiles.strip, step(blocks, tiles.room));
        for block in 0..blocks {
            for index in 0..tiles.count {
                let (y, x) = tiles.place(index);
                let from = block * strip.block + y * WRITE * strip.row + x * WRITE * BLOCK;
                let to = (block * tiles.room + index) * BLOCK;
                assert!(from + (READ - 1) * strip.row + READ * BLOCK <= source.len());
                assert!(to + (POINTS - 1) * step + BLOCK <= pixels.len());
                let tile = InputTile {
                    source: source[from..].as_ptr(),
                    row: strip.row,
                    out: pixels[to..].as_mut_ptr(),
                    step,
                };
                // SAFETY: in bounds as just checked.
                unsafe { transforms.input(&tile) };
            }
        }
    }

    fn multiply(&self, tiles: &Tiles, group: Group, pixels: &[f32], sums: &mut [f32]) {
        let blocks = self.c_in.div_ceil(BLOCK);
        let taps: Vec<Tap> = (0..blocks)
            .map(|block| Tap {
                offset: block * tiles.room * BLOCK,
                channels: BLOCK.min(self.c_in - block * BLOCK),
            })
            .collect();
        let from_step = step(blocks, tiles.room);
        let to_step = step(self.kernels.wide / BLOCK, tiles.room);
        assert!(pixels.len() >= POINTS * from_step && sums.len() >= POINTS * to_step);
        let weights = &self.weights[group.first * self.c_in * POINTS..];
        let weights = &weights[..group.width * self.c_in * POINTS];
        let no_bias = [0.0_f32; 2 * BLOCK];
        for (point, weights) in weights.chunks_exact(group.width * self.c_in).enumerate() {
            let mut done = 0;
            for &count in self.kernels.pixels {
                while tiles.count - done >= count {
                    let tile = BlockTile {
                        source: pixels[point * from_step + done * BLOCK..].as_ptr(),
                        taps: &taps,
                        weights: weights.as_ptr(),
                        bias: no_bias.as_ptr(),
                        slopes: std::ptr::null(),
                        residual: std::ptr::null(),
                        out: sums[point * to_step + done * BLOCK..].as_mut_ptr(),
                        block_stride: tiles.room * BLOCK,
                    };
                    // SAFETY: every block of a point has room for `room` pixels, of which
                    // `done + count` are at most `count` of the group; the buffers hold all
                    // points as checked above.
                    unsafe { self.kernels.run(group.width == self.kernels.wide, count, &tile) };
                    done += count;
                }
            }
        }
    }

    fn transform_output(&self, tiles: &Tiles, group: Group, sums: &[f32], out: &mut [f32]) {
        let transforms = Transforms::new(self.kernels.isa);
        let (height, width) = self.size;
        let step = step(self.kernels.wide / BLOCK, tiles.room);
        assert!(self.residual.is_none_or(|residual| residual.len() == out.len()));
        for block in 0..group.width / BLOCK {
            let channel = group.first + block * BLOCK;
            for index in 0..tiles.count {
                let (y, x) = tiles.place(index);
                let (y, x) = (tiles.row + y * WRITE, x * WRITE);
                let size = (WRITE.min(height - y), WRITE.min(width - x));
                let from = (block * tiles.room + index) * BLOCK;
                let at = (channel / BLOCK * height * width + y * width + x) * BLOCK;
                assert!(from + (POINTS - 1) * step + BLOCK <= sums.len());
                assert!(at + ((size.0 - 1) * width + size.1) * BLOCK <= out.len());
                let tile = OutputTile {
                    source: sums[from..].as_ptr(),
                    step,
                    bias: self.bias[channel..][..BLOCK].as_ptr(),
                    slopes: self
                        .slopes
                        .map_or(std::ptr::null(), |slopes| slopes[channel..][..BLOCK].as_ptr()),
                    residual: self.residual.map_or(std::ptr::null(), |r| r[at..].as_ptr()),
                    out: out[at..].as_mut_ptr(),
                    row: width * BLOCK,
                    size,
                };
                // SAFETY: in bounds as just checked; the residual is as long as `out`.
                unsafe { transforms.output(&tile) };
            }
        }
    }
}

impl Tiles<'_> {
    /// Tile row in the strip and tile column of one of these tiles.
    fn place(&self, index: usize) -> (usize, usize) {
        let tile = self.first + index;
        (tile / self.across, tile % self.across)
    }
}

/// Numbers between two points of a group: off by one pixel from a round number, so that the
/// points do not all fall on the same cache lines.
fn step(blocks: usize, tiles: usize) -> usize {
    (blocks * tiles + 1) * BLOCK
}
