//! 3x3 convolution with stride 1 by Winograd's F(4x4, 3x3): a quarter of the multiplications.
//!
//! Tiles of 6x6 input pixels are transformed, multiplied with transformed weights as 36 separate
//! products over the channels, and transformed back to 4x4 outputs. Tiles go in groups whose
//! transformed pixels stay in the second-level cache.

use std::ops::Range;

use rayon::prelude::*;

pub(crate) use super::kernel::Tap;
use super::kernel::{BlockKernels, BlockTile};
use super::packed::{Group, Request, groups};
use super::store::Store;
pub(crate) use super::transform::{InputTile, OutputTile, READ, Transforms, WRITE};
use super::window::{BLOCK, Window};
use crate::aligned::{Aligned, Scratch, with_scratch};

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

/// Output channels that are transformed side by side.
const SIDE: usize = 8;
type Lane = [f64; SIDE];

/// Packs the weights of one group of output channels: `[point][input channel][output channel]`.
fn pack_group(c_in: usize, c_out: usize, weight: &[f32], group: Group, to: &mut [f32]) {
    let last = c_out.min(group.first + group.width);
    for first in (group.first..last).step_by(SIDE) {
        let side = SIDE.min(last - first);
        for input in 0..c_in {
            let mut taps = [[0.0; SIDE]; 9];
            for lane in 0..side {
                let from = &weight[((first + lane) * c_in + input) * 9..][..9];
                taps.iter_mut().zip(from).for_each(|(tap, &value)| tap[lane] = f64::from(value));
            }
            let at = input * group.width + first - group.first;
            for (point, values) in transformed(&taps).iter().flatten().enumerate() {
                let to = &mut to[at + point * c_in * group.width..][..side];
                to.iter_mut().zip(values).for_each(|(to, &value)| *to = value as f32);
            }
        }
    }
}

fn transformed(taps: &[Lane; 9]) -> [[Lane; READ]; READ] {
    let columns: [[Lane; READ]; 3] =
        std::array::from_fn(|x| weight_axis([&taps[x], &taps[3 + x], &taps[6 + x]]));
    std::array::from_fn(|y| weight_axis([&columns[0][y], &columns[1][y], &columns[2][y]]))
}

/// The weight transform along one axis: the polynomial of three taps at the points 0, 1, -1, 1/2, -2
/// and infinity, each scaled.
#[inline(always)]
fn weight_axis([a, b, c]: [&Lane; 3]) -> [Lane; READ] {
    let mut points = [[0.0; SIDE]; READ];
    for lane in 0..SIDE {
        let (a, b, c) = (a[lane], b[lane], c[lane]);
        let (near, near_odd) = ((a + c) * (1.0 / 3.0), b * (1.0 / 3.0));
        let half = (a + b * 0.5 + c * 0.25) * (-16.0 / 15.0);
        let far = (a - b * 2.0 + c * 4.0) * (1.0 / 15.0);
        let all = [a, near_odd + near, near_odd - near, half, far, c];
        points.iter_mut().zip(all).for_each(|(point, value)| point[lane] = value);
    }
    points
}

/// One run of a convolution.
pub(super) struct Winograd<'a> {
    pub(super) kernels: &'static BlockKernels,
    pub(crate) weights: &'a [f32],
    pub(crate) c_in: usize,
    pub(crate) c_out: usize,
    pub(crate) request: &'a Request<'a>,
    pub(crate) store: &'a Store<'a>,
}

/// The tiles of a request, row after row. Positions are those of the picture plus [`WRITE`], since
/// the first tile may begin up to three pixels above and left of it.
struct Grid {
    top: usize,
    left: usize,
    across: usize,
    count: usize,
}

impl Grid {
    fn of(request: &Request) -> Self {
        let start = |first: usize, phase: usize| {
            let phase = phase % WRITE;
            (first + WRITE - phase) / WRITE * WRITE + phase
        };
        let top = start(request.rows.start, request.phase.0);
        let left = start(request.columns.start, request.phase.1);
        let across = (request.columns.end + WRITE - left).div_ceil(WRITE);
        let down = (request.rows.end + WRITE - top).div_ceil(WRITE);
        Self { top, left, across, count: across * down }
    }

    /// Top left pixel of a tile.
    fn place(&self, tile: usize) -> (usize, usize) {
        (self.top + tile / self.across * WRITE, self.left + tile % self.across * WRITE)
    }
}

impl Winograd<'_> {
    /// Computes all tiles, spread over the current rayon pool.
    pub(crate) fn run(&self) {
        if self.request.rows.is_empty() || self.request.columns.is_empty() {
            return;
        }
        let grid = Grid::of(self.request);
        let room = (GROUP_BUDGET / (POINTS * self.filled())).clamp(8, MAX_GROUP) / 8 * 8;
        let share = grid.count.div_ceil(rayon::current_num_threads()).next_multiple_of(8);
        let room = room.min(share);
        let parts = (0..grid.count.div_ceil(room)).into_par_iter();
        parts.for_each(|part| self.part(&grid, part * room, room));
    }

    fn filled(&self) -> usize {
        self.c_in.next_multiple_of(BLOCK)
    }

    /// Up to `room` tiles from `first` on.
    fn part(&self, grid: &Grid, first: usize, room: usize) {
        let count = room.min(grid.count - first);
        let tiles: Vec<_> = (first..first + count).map(|tile| grid.place(tile)).collect();
        with_scratch(|scratch| {
            let Scratch { gathered, other, .. } = scratch;
            let blocks = self.filled() / BLOCK;
            let pixels = gathered.at_least(POINTS * step(blocks, room));
            let sums = other.at_least(POINTS * step(self.kernels.wide / BLOCK, room));
            self.transform_input(&tiles, room, pixels);
            for group in groups(self.c_out, self.kernels.wide) {
                self.multiply(count, room, group, pixels, sums);
                self.transform_output(&tiles, room, group, sums);
            }
        });
    }

    fn transform_input(&self, tiles: &[(usize, usize)], room: usize, pixels: &mut [f32]) {
        let transforms = Transforms::new(self.kernels.isa);
        let step = step(self.filled() / BLOCK, room);
        let mut copy = Patch([0.0; POINTS * BLOCK]);
        let mut block = 0;
        for window in self.request.sources {
            assert_eq!(window.lanes(), BLOCK, "{window:?}");
            for group in 0..window.groups() {
                for (index, &(y, x)) in tiles.iter().enumerate() {
                    // The tile reads from one pixel (the padding) above and left of itself.
                    let corner = (y - self.request.padding, x - self.request.padding);
                    let (source, row) = match inside(window, corner) {
                        Some((y, x)) => (
                            window.data()[window.place(group, y, x)..].as_ptr(),
                            window.row_stride(),
                        ),
                        None => {
                            copy.fill(window, group, corner, self.request.bounds);
                            (copy.0.as_ptr(), READ * BLOCK)
                        }
                    };
                    let to = (block * room + index) * BLOCK;
                    assert!(to + (POINTS - 1) * step + BLOCK <= pixels.len());
                    let tile = InputTile { source, row, out: pixels[to..].as_mut_ptr(), step };
                    // SAFETY: `inside` says that all 6 x 6 pixels are in the window, or they are in
                    // the copy; the transformed pixels are in bounds as just checked.
                    unsafe { transforms.input(&tile) };
                }
                block += 1;
            }
        }
    }

    fn multiply(&self, count: usize, room: usize, group: Group, pixels: &[f32], sums: &mut [f32]) {
        let blocks = self.filled() / BLOCK;
        let taps: Vec<Tap> = (0..blocks)
            .map(|block| Tap {
                offset: block * room * BLOCK,
                channels: BLOCK.min(self.c_in - block * BLOCK),
            })
            .collect();
        let from_step = step(blocks, room);
        let to_step = step(self.kernels.wide / BLOCK, room);
        assert!(pixels.len() >= POINTS * from_step && sums.len() >= POINTS * to_step);
        let weights = &self.weights[group.first * self.c_in * POINTS..];
        let weights = &weights[..group.width * self.c_in * POINTS];
        for (point, weights) in weights.chunks_exact(group.width * self.c_in).enumerate() {
            let from = pixels[point * from_step..].as_ptr();
            let to = sums[point * to_step..].as_mut_ptr();
            // SAFETY: every block of a point has room for `room` pixels, of which `count` are
            // used; the buffers hold all points as checked above.
            unsafe {
                product(self.kernels, group, (&taps, weights), (from, count), (to, room));
            }
        }
    }

    fn transform_output(&self, tiles: &[(usize, usize)], room: usize, group: Group, sums: &[f32]) {
        let transforms = Transforms::new(self.kernels.isa);
        let Request { rows, columns, .. } = self.request;
        let step = step(self.kernels.wide / BLOCK, room);
        // Rows or columns of a tile at `at` (plus WRITE) that are asked for.
        let kept = |at: usize, wanted: &Range<usize>| {
            let start = (wanted.start + WRITE).saturating_sub(at);
            start..(wanted.end + WRITE - at).min(WRITE)
        };
        for block in 0..group.width / BLOCK {
            let channel = group.first + block * BLOCK;
            let then = self.store.then(channel);
            for (index, &(y, x)) in tiles.iter().enumerate() {
                let (rows, columns) = (kept(y, rows), kept(x, columns));
                let at = (y + rows.start - WRITE, x + columns.start - WRITE);
                let from = (block * room + index) * BLOCK;
                assert!(from + (POINTS - 1) * step + BLOCK <= sums.len());
                let (residual, residual_row, _) = self.store.residual(channel, at.0, at.1);
                let tile = OutputTile {
                    source: sums[from..].as_ptr(),
                    step,
                    bias: then.bias,
                    slopes: then.slopes,
                    scale: then.scale,
                    shift: then.shift,
                    residual,
                    residual_row,
                    out: self.store.place(channel, at, (rows.len(), columns.len()), 1),
                    row: self.store.row,
                    rows,
                    columns,
                };
                // SAFETY: the sums are in bounds as just checked, `place` checks the output, the
                // residual holds every pixel of the request; no other tile has these pixels.
                unsafe { transforms.output(&tile) };
            }
        }
    }
}

/// The products of one point: `count` pixels, in blocks of channels at the shifts of `taps` from
/// `source`, times `weights`, `[input channel][output channel]`; the blocks of `out` have `room`
/// pixels each.
///
/// # Safety
/// All those pixels must be in bounds, and nothing else may use those of `out`.
pub(crate) unsafe fn product(
    kernels: &BlockKernels,
    group: Group,
    (taps, weights): (&[Tap], &[f32]),
    (source, count): (*const f32, usize),
    (out, room): (*mut f32, usize),
) {
    let channels: usize = taps.iter().map(|tap| tap.channels).sum();
    assert!(weights.len() >= channels * group.width);
    let no_bias = [0.0_f32; 2 * BLOCK];
    let mut done = 0;
    for &some in kernels.pixels {
        while count - done >= some {
            // SAFETY: `done + some` are at most `count` pixels, which the caller vouches for.
            unsafe {
                let tile = BlockTile {
                    source: source.add(done * BLOCK),
                    taps,
                    weights: weights.as_ptr(),
                    bias: no_bias.as_ptr(),
                    slopes: std::ptr::null(),
                    scale: std::ptr::null(),
                    shift: std::ptr::null(),
                    residual: std::ptr::null(),
                    residual_stride: 0,
                    out: out.add(done * BLOCK),
                    block_stride: room * BLOCK,
                };
                kernels.run(group.width == kernels.wide, some, &tile);
            }
            done += some;
        }
    }
}

/// Where the 6 x 6 pixels from `corner` (plus [`WRITE`]) on are, if the window has them all.
fn inside(window: &Window, corner: (usize, usize)) -> Option<(usize, usize)> {
    let (y, x) = (corner.0.checked_sub(WRITE)?, corner.1.checked_sub(WRITE)?);
    let held = |at: usize, all: Range<usize>| at >= all.start && at + READ <= all.end;
    (held(y, window.rows()) && held(x, window.columns())).then_some((y, x))
}

/// 6 x 6 pixels with zeros beyond the picture.
#[repr(align(64))]
struct Patch([f32; POINTS * BLOCK]);

impl Patch {
    /// Copies from `corner` (plus [`WRITE`]) on.
    fn fill(
        &mut self,
        window: &Window,
        group: usize,
        corner: (usize, usize),
        bounds: (usize, usize),
    ) {
        for (index, to) in self.0.chunks_exact_mut(BLOCK).enumerate() {
            let (y, x) = (corner.0 + index / READ, corner.1 + index % READ);
            let (y, x) = match (y.checked_sub(WRITE), x.checked_sub(WRITE)) {
                (Some(y), Some(x)) if y < bounds.0 && x < bounds.1 => (y, x),
                _ => {
                    to.fill(0.0);
                    continue;
                }
            };
            let held = window.rows().contains(&y) && window.columns().contains(&x);
            assert!(held, "{window:?} lacks pixel ({y}, {x})");
            to.copy_from_slice(&window.data()[window.place(group, y, x)..][..BLOCK]);
        }
    }
}

/// Numbers between two points of a group: off by one pixel from a round number, so that the
/// points do not all fall on the same cache lines.
fn step(blocks: usize, tiles: usize) -> usize {
    (blocks * tiles + 1) * BLOCK
}
