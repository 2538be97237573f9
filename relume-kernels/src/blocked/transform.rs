//! The transforms of Winograd's F(4x4, 3x3): six by six pixels in, four by four out, with the
//! points 0, 1, -1, 1/2, -2 and infinity. (With 2 instead of 1/2 rounding errors are twice as large.)

use std::ops::Range;

use super::window::BLOCK;
use crate::isa::Isa;
use crate::lanes::{Lanes, Plain};

/// Pixels along a side of what a tile reads.
pub(crate) const READ: usize = 6;
/// Pixels along a side of what a tile writes.
pub(crate) const WRITE: usize = 4;

/// One block of input channels of one tile.
pub(crate) struct InputTile {
    /// Top left pixel.
    pub(crate) source: *const f32,
    /// Numbers between two rows of pixels.
    pub(crate) row: usize,
    /// Where the first of the 36 transformed pixels goes.
    pub(crate) out: *mut f32,
    /// Numbers between two of them.
    pub(crate) step: usize,
}

/// One block of output channels of one tile.
pub(crate) struct OutputTile {
    /// The first of the 36 transformed pixels.
    pub(crate) source: *const f32,
    /// Numbers between two of them.
    pub(crate) step: usize,
    /// `[BLOCK]`
    pub(crate) bias: *const f32,
    /// `[BLOCK]`, what negative sums are multiplied by; null for no activation.
    pub(crate) slopes: *const f32,
    /// `[BLOCK]`, what the activated sum is multiplied by; null for no affine step.
    pub(crate) scale: *const f32,
    /// `[BLOCK]`, what is added to the product; read where `scale` is.
    pub(crate) shift: *const f32,
    /// The residual of the first pixel written; null for none.
    pub(crate) residual: *const f32,
    /// Numbers between two rows of pixels of the residual.
    pub(crate) residual_row: usize,
    /// The first pixel written.
    pub(crate) out: *mut f32,
    /// Numbers between two rows of pixels.
    pub(crate) row: usize,
    /// Rows and columns of the tile to write; the others lie outside.
    pub(crate) rows: Range<usize>,
    pub(crate) columns: Range<usize>,
}

/// Both transforms for one instruction set.
pub(crate) struct Transforms {
    input: unsafe fn(&InputTile),
    output: unsafe fn(&OutputTile),
}

impl Transforms {
    /// # Safety
    /// Six rows of six pixels of the source and 36 transformed pixels must be in bounds.
    pub(crate) unsafe fn input(&self, tile: &InputTile) {
        // SAFETY: the caller's; `new` is only asked for sets the processor has.
        unsafe { (self.input)(tile) }
    }

    /// # Safety
    /// 36 transformed pixels, and `rows` by `columns` pixels of output and residual, must be in bounds, and
    /// nothing else may use what is written.
    pub(crate) unsafe fn output(&self, tile: &OutputTile) {
        // SAFETY: the caller's; `new` is only asked for sets the processor has.
        unsafe { (self.output)(tile) }
    }

    /// The transforms for an instruction set the processor has.
    pub(crate) fn new(isa: Isa) -> &'static Self {
        match isa {
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => &AVX512,
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => &AVX2,
            _ => &PLAIN,
        }
    }
}

/// The input transform along one axis.
///
/// # Safety
/// The processor must be able to run `L`.
#[inline(always)]
unsafe fn read_axis<L: Lanes>(d: [L; READ]) -> [L; READ] {
    // SAFETY: the caller's.
    unsafe {
        let (more, two, minus_half) = (L::splat(1.5), L::splat(2.0), L::splat(-0.5));
        let (even, odd) = (d[4].sub(d[2]), d[3].sub(d[1]));
        let (near, near_odd) = (d[3].multiply_add(more, even), d[2].multiply_add(more, odd));
        [
            odd.multiply_add(more, d[0].sub(d[2]).add(even)),
            near.add(near_odd),
            near.sub(near_odd),
            odd.multiply_add(two, even),
            odd.multiply_add(minus_half, even),
            even.multiply_add(more, d[5].sub(d[3]).sub(odd)),
        ]
    }
}

/// The output transform along one axis.
///
/// # Safety
/// The processor must be able to run `L`.
#[inline(always)]
unsafe fn write_axis<L: Lanes>(m: [L; READ]) -> [L; WRITE] {
    // SAFETY: the caller's.
    unsafe {
        let (half, quarter, eighth) = (L::splat(0.5), L::splat(0.25), L::splat(0.125));
        let (minus_two, four, minus_eight) = (L::splat(-2.0), L::splat(4.0), L::splat(-8.0));
        let (near, near_odd) = (m[1].add(m[2]), m[1].sub(m[2]));
        [
            m[0].add(near).add(m[3].add(m[4])),
            m[4].multiply_add(minus_two, m[3].multiply_add(half, near_odd)),
            m[4].multiply_add(four, m[3].multiply_add(quarter, near)),
            m[4].multiply_add(minus_eight, m[3].multiply_add(eighth, near_odd)).add(m[5]),
        ]
    }
}

#[inline(always)]
fn turned<L: Lanes, const N: usize>(columns: [[L; N]; READ]) -> [[L; READ]; N] {
    std::array::from_fn(|y| std::array::from_fn(|x| columns[x][y]))
}

/// # Safety
/// As [`Transforms::input`], on a processor that can run `L`.
#[inline(always)]
unsafe fn input<L: Lanes>(t: &InputTile) {
    // SAFETY: the caller vouches for all pixels.
    unsafe {
        for lane in (0..BLOCK).step_by(L::LANES) {
            let source = t.source.add(lane);
            let mut half = [[L::splat(0.0); READ]; READ];
            for (x, column) in half.iter_mut().enumerate() {
                let pixels = std::array::from_fn(|y| L::load(source.add(y * t.row + x * BLOCK)));
                *column = read_axis(pixels);
            }
            for (y, row) in turned(half).into_iter().enumerate() {
                let row = read_axis(row);
                for (x, value) in row.into_iter().enumerate() {
                    value.store(t.out.add(lane + (y * READ + x) * t.step));
                }
            }
        }
    }
}

/// # Safety
/// As [`Transforms::output`], on a processor that can run `L`.
#[inline(always)]
unsafe fn output<L: Lanes>(t: &OutputTile) {
    // SAFETY: the caller vouches for all pixels.
    unsafe {
        for lane in (0..BLOCK).step_by(L::LANES) {
            let source = t.source.add(lane);
            let bias = L::load(t.bias.add(lane));
            let mut half = [[L::splat(0.0); WRITE]; READ];
            for (x, column) in half.iter_mut().enumerate() {
                let from = |y: usize| L::load(source.add((y * READ + x) * t.step));
                *column = write_axis(std::array::from_fn(from));
            }
            let half = turned(half);
            for y in t.rows.clone() {
                let row = write_axis(half[y]);
                for x in t.columns.clone() {
                    let (down, across) = (y - t.rows.start, lane + (x - t.columns.start) * BLOCK);
                    let mut sum = row[x].add(bias);
                    if !t.slopes.is_null() {
                        sum = sum.slope(L::load(t.slopes.add(lane)));
                    }
                    if !t.scale.is_null() {
                        let (by, add) = (t.scale.add(lane), t.shift.add(lane));
                        sum = sum.multiply_add(L::load(by), L::load(add));
                    }
                    if !t.residual.is_null() {
                        let beside = t.residual.add(down * t.residual_row + across);
                        sum = sum.add(L::load(beside));
                    }
                    sum.store(t.out.add(down * t.row + across));
                }
            }
        }
    }
}

/// Writes the table of one instruction set: vector type, features.
macro_rules! transforms {
    ($name:ident, $lanes:ty $(, $feature:literal)?) => {
        static $name: Transforms = {
            $(#[target_feature(enable = $feature)])?
            unsafe fn run_input(t: &InputTile) {
                // SAFETY: the feature is on in here; the addresses are the caller's.
                unsafe { input::<$lanes>(t) }
            }
            $(#[target_feature(enable = $feature)])?
            unsafe fn run_output(t: &OutputTile) {
                // SAFETY: the feature is on in here; the addresses are the caller's.
                unsafe { output::<$lanes>(t) }
            }
            Transforms { input: run_input, output: run_output }
        };
    };
}

transforms!(PLAIN, Plain);
#[cfg(target_arch = "x86_64")]
transforms!(AVX2, std::arch::x86_64::__m256, "avx2,fma");
#[cfg(target_arch = "x86_64")]
transforms!(AVX512, std::arch::x86_64::__m512, "avx512f,avx2,fma");
