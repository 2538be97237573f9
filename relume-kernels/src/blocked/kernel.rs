//! The inner loop of blocked convolution: some pixels times 16 or 32 output channels.

use super::window::BLOCK;
use crate::isa::{Isa, current_isa};
use crate::lanes::{Lanes, Plain};

/// One kernel tap of one block of input channels.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tap {
    /// Shift from the first output pixel's place in the source.
    pub(crate) offset: usize,
    /// Channels of the block that are not filling.
    pub(crate) channels: usize,
}

/// One block of outputs; pixels lie [`BLOCK`] numbers apart in source, output and residual.
pub(super) struct BlockTile<'a> {
    pub(super) source: *const f32,
    pub(super) taps: &'a [Tap],
    /// `[tap][input channel][output channel]`
    pub(super) weights: *const f32,
    /// `[output channel]`
    pub(super) bias: *const f32,
    /// `[output channel]`, what negative sums are multiplied by; null for no activation.
    pub(super) slopes: *const f32,
    /// `[output channel]`, what the activated sum is multiplied by; null for no affine step.
    pub(super) scale: *const f32,
    /// `[output channel]`, what is added to the product; read where `scale` is.
    pub(super) shift: *const f32,
    /// Null for none.
    pub(super) residual: *const f32,
    /// Numbers between two blocks of channels of the residual.
    pub(super) residual_stride: usize,
    pub(super) out: *mut f32,
    /// Numbers between two blocks of output channels.
    pub(super) block_stride: usize,
}

/// The inner loops of one instruction set.
#[derive(Debug)]
pub(crate) struct BlockKernels {
    pub(crate) isa: Isa,
    /// Output channels of a wide tile, 16 or 32; a narrow one has 16.
    pub(crate) wide: usize,
    /// Pixels a tile may have, falling, the last 1.
    pub(super) pixels: &'static [usize],
    run: unsafe fn(bool, usize, &BlockTile),
}

impl BlockKernels {
    /// Computes one tile of `pixels` pixels, one of [`Self::pixels`].
    ///
    /// # Safety
    /// All reads and writes that the tile describes must be in bounds, and nothing else may use
    /// what is written.
    pub(super) unsafe fn run(&self, wide: bool, pixels: usize, tile: &BlockTile) {
        // SAFETY: `current` only hands out kernels the processor can run; the rest is the caller's.
        unsafe { (self.run)(wide, pixels, tile) }
    }

    /// The kernels of the instruction set in force.
    pub(crate) fn current() -> &'static Self {
        match current_isa() {
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => &AVX512,
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => &AVX2,
            _ => &PLAIN,
        }
    }
}

/// # Safety
/// As [`BlockKernels::run`], for `P` pixels and `V` vectors of output channels, on a processor
/// that can run `L`.
#[inline(always)]
unsafe fn tile<L: Lanes, const P: usize, const V: usize>(t: &BlockTile) {
    // SAFETY: the caller vouches for every address the tile describes.
    unsafe {
        let bias: [L; V] = std::array::from_fn(|v| L::load(t.bias.add(v * L::LANES)));
        let mut sums = [bias; P];
        let mut weights = t.weights;
        for tap in t.taps {
            let source = t.source.add(tap.offset);
            for channel in 0..tap.channels {
                let row: [L; V] = std::array::from_fn(|v| L::load(weights.add(v * L::LANES)));
                for (p, sums) in sums.iter_mut().enumerate() {
                    let pixel = L::splat(*source.add(p * BLOCK + channel));
                    for (sum, &weight) in sums.iter_mut().zip(&row) {
                        *sum = pixel.multiply_add(weight, *sum);
                    }
                }
                weights = weights.add(V * L::LANES);
            }
        }
        // Nothing but stores here: a longer loop is not unrolled, and the sums leave the registers.
        for (p, sums) in sums.iter().enumerate() {
            for (v, sum) in sums.iter().enumerate() {
                sum.store(t.out.add(place::<L>(v, t.block_stride) + p * BLOCK));
            }
        }
        if !(t.slopes.is_null() && t.scale.is_null() && t.residual.is_null()) {
            finish::<L, P, V>(t);
        }
    }
}

/// Where vector `v` of the output channels lies when blocks are `stride` apart.
#[inline(always)]
fn place<L: Lanes>(v: usize, stride: usize) -> usize {
    let channel = v * L::LANES;
    channel / BLOCK * stride + channel % BLOCK
}

/// Applies activation, affine step and residual to the sums just stored.
///
/// # Safety
/// As [`tile`].
#[inline(always)]
unsafe fn finish<L: Lanes, const P: usize, const V: usize>(t: &BlockTile) {
    // SAFETY: the caller vouches for every address the tile describes.
    unsafe {
        for v in 0..V {
            let channel = v * L::LANES;
            let to = t.out.add(place::<L>(v, t.block_stride));
            for p in 0..P {
                let mut sum = L::load(to.add(p * BLOCK));
                if !t.slopes.is_null() {
                    sum = sum.slope(L::load(t.slopes.add(channel)));
                }
                if !t.scale.is_null() {
                    let (by, add) = (t.scale.add(channel), t.shift.add(channel));
                    sum = sum.multiply_add(L::load(by), L::load(add));
                }
                if !t.residual.is_null() {
                    let beside = t.residual.add(place::<L>(v, t.residual_stride));
                    sum = sum.add(L::load(beside.add(p * BLOCK)));
                }
                sum.store(to.add(p * BLOCK));
            }
        }
    }
}

/// Writes the table of one instruction set: vector type, vectors of a wide and a narrow tile,
/// pixels of a tile, features.
macro_rules! kernels {
    ($name:ident, $isa:ident, $lanes:ty, $wide:literal, $narrow:literal, [$($pixels:literal),*]
        $(, $feature:literal)?) => {
        static $name: BlockKernels = {
            $(#[target_feature(enable = $feature)])?
            unsafe fn run(wide: bool, pixels: usize, t: &BlockTile) {
                // SAFETY: the feature is on in here; the addresses are the caller's.
                unsafe {
                    match (wide, pixels) {
                        $(
                            (true, $pixels) => tile::<$lanes, $pixels, $wide>(t),
                            (false, $pixels) => tile::<$lanes, $pixels, $narrow>(t),
                        )*
                        _ => unreachable!("{pixels} pixels"),
                    }
                }
            }
            BlockKernels {
                isa: Isa::$isa,
                wide: $wide * <$lanes as Lanes>::LANES,
                pixels: &[$($pixels),*],
                run,
            }
        };
    };
}
#[cfg(target_arch = "aarch64")]
kernels!(PLAIN, Portable, Plain, 4, 4, [4, 2, 1]);
#[cfg(not(target_arch = "aarch64"))]
kernels!(PLAIN, Portable, Plain, 4, 4, [2, 1]);
#[cfg(target_arch = "x86_64")]
kernels!(AVX2, Avx2, std::arch::x86_64::__m256, 2, 2, [4, 2, 1], "avx2,fma");
#[cfg(target_arch = "x86_64")]
kernels!(AVX512, Avx512, std::arch::x86_64::__m512, 2, 1, [8, 4, 2, 1], "avx512f,avx2,fma");
