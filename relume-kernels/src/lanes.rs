//! One vector register, for each instruction set.

/// A vector of `LANES` f32. The operations must be inlined into a function that enables the
/// instruction set.
///
/// # Safety
/// Every method may use the instruction set the type stands for, so the processor must have it.
/// Pointers must be valid for the numbers read or written; they need no alignment.
pub(crate) trait Lanes: Copy {
    const LANES: usize;
    /// All lanes the same.
    unsafe fn splat(value: f32) -> Self;
    /// `LANES` numbers at `from`.
    unsafe fn load(from: *const f32) -> Self;
    /// The lower half from `low`, the upper half from `high`.
    unsafe fn load_halves(low: *const f32, high: *const f32) -> Self;
    /// Writes `LANES` numbers at `to`.
    unsafe fn store(self, to: *mut f32);
    /// `self * by + add`
    unsafe fn multiply_add(self, by: Self, add: Self) -> Self;
    /// `max(self, 0) + by * min(self, 0)`
    unsafe fn slope(self, by: Self) -> Self;
    /// `self + other`
    unsafe fn add(self, other: Self) -> Self;
    /// `self - other`
    unsafe fn sub(self, other: Self) -> Self;
    /// The sums over the lanes of four vectors.
    unsafe fn sums(four: [Self; 4]) -> [f32; 4];

    /// Swaps rows and columns of up to [`SIDE`] by [`SIDE`] numbers.
    #[inline(always)]
    unsafe fn transpose(t: &Transpose) {
        // SAFETY: the caller vouches for what `Transpose` describes.
        unsafe {
            for column in 0..t.columns {
                let to = t.to.add(column * t.to_row);
                for row in 0..t.rows {
                    *to.add(row) = *t.from.add(row * t.from_row + column);
                }
                for row in t.rows..t.width {
                    *to.add(row) = 0.0;
                }
            }
        }
    }
}

/// Most rows and columns of a [`Transpose`].
pub(crate) const SIDE: usize = 16;

/// `to[j][i] = from[i][j]` for `rows` rows and `columns` columns of `from`, at most [`SIDE`] each;
/// the rows of `to` are filled up with zeros to `width` numbers, at most [`SIDE`]. Both must be
/// valid for that, and nothing else may use what is written.
pub(crate) struct Transpose {
    pub(crate) from: *const f32,
    pub(crate) from_row: usize,
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    pub(crate) to: *mut f32,
    pub(crate) to_row: usize,
    pub(crate) width: usize,
}

/// What every processor of the target can run: NEON on AArch64, else plain Rust in four lanes.
#[cfg(target_arch = "aarch64")]
pub(crate) type Plain = std::arch::aarch64::float32x4_t;
/// What every processor of the target can run: NEON on AArch64, else plain Rust in four lanes.
#[cfg(not(target_arch = "aarch64"))]
pub(crate) type Plain = [f32; 4];

#[cfg(not(target_arch = "aarch64"))]
impl Lanes for Plain {
    const LANES: usize = 4;

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        [value; 4]
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: the caller vouches for four numbers at `from`.
        unsafe { from.cast::<Self>().read_unaligned() }
    }

    #[inline(always)]
    unsafe fn load_halves(low: *const f32, high: *const f32) -> Self {
        // SAFETY: the caller vouches for two numbers at each.
        unsafe { [*low, *low.add(1), *high, *high.add(1)] }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: the caller vouches for four numbers at `to`.
        unsafe { to.cast::<Self>().write_unaligned(self) }
    }

    #[inline(always)]
    unsafe fn multiply_add(self, by: Self, add: Self) -> Self {
        std::array::from_fn(|i| {
            if cfg!(target_feature = "fma") {
                self[i].mul_add(by[i], add[i])
            } else {
                self[i] * by[i] + add[i]
            }
        })
    }

    #[inline(always)]
    unsafe fn slope(self, by: Self) -> Self {
        std::array::from_fn(|i| self[i].max(0.0) + by[i] * self[i].min(0.0))
    }

    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        std::array::from_fn(|i| self[i] + other[i])
    }

    #[inline(always)]
    unsafe fn sub(self, other: Self) -> Self {
        std::array::from_fn(|i| self[i] - other[i])
    }

    #[inline(always)]
    unsafe fn sums(four: [Self; 4]) -> [f32; 4] {
        four.map(|v| (v[0] + v[2]) + (v[1] + v[3]))
    }
}

#[cfg(target_arch = "x86_64")]
pub(crate) mod x86 {
    use super::{Lanes, Transpose};
    use std::arch::x86_64::*;

    impl Lanes for __m256 {
        const LANES: usize = 8;

        #[inline(always)]
        unsafe fn splat(value: f32) -> Self {
            // SAFETY: the caller vouches for AVX.
            unsafe { _mm256_set1_ps(value) }
        }

        #[inline(always)]
        unsafe fn load(from: *const f32) -> Self {
            // SAFETY: the caller vouches for AVX and eight numbers at `from`.
            unsafe { _mm256_loadu_ps(from) }
        }

        #[inline(always)]
        unsafe fn load_halves(low: *const f32, high: *const f32) -> Self {
            // SAFETY: the caller vouches for AVX and four numbers at each.
            unsafe { _mm256_loadu2_m128(high, low) }
        }

        #[inline(always)]
        unsafe fn store(self, to: *mut f32) {
            // SAFETY: the caller vouches for AVX and eight numbers at `to`.
            unsafe { _mm256_storeu_ps(to, self) }
        }

        #[inline(always)]
        unsafe fn multiply_add(self, by: Self, add: Self) -> Self {
            // SAFETY: the caller vouches for FMA.
            unsafe { _mm256_fmadd_ps(self, by, add) }
        }

        #[inline(always)]
        unsafe fn slope(self, by: Self) -> Self {
            // SAFETY: the caller vouches for AVX and FMA.
            unsafe {
                let zero = _mm256_setzero_ps();
                let positive = _mm256_max_ps(self, zero);
                _mm256_fmadd_ps(by, _mm256_min_ps(self, zero), positive)
            }
        }

        #[inline(always)]
        unsafe fn add(self, other: Self) -> Self {
            // SAFETY: the caller vouches for AVX and FMA.
            unsafe { _mm256_add_ps(self, other) }
        }

        #[inline(always)]
        unsafe fn sub(self, other: Self) -> Self {
            // SAFETY: the caller vouches for AVX and FMA.
            unsafe { _mm256_sub_ps(self, other) }
        }

        #[inline(always)]
        unsafe fn sums(four: [Self; 4]) -> [f32; 4] {
            // SAFETY: the caller vouches for AVX; an array of four f32 holds what is stored.
            unsafe {
                let left = _mm256_hadd_ps(four[0], four[1]);
                let right = _mm256_hadd_ps(four[2], four[3]);
                let both = _mm256_hadd_ps(left, right);
                let low = _mm256_castps256_ps128(both);
                let high = _mm256_extractf128_ps::<1>(both);
                let mut out = [0.0; 4];
                _mm_storeu_ps(out.as_mut_ptr(), _mm_add_ps(low, high));
                out
            }
        }
    }

    /// The sum of a vector's halves.
    ///
    /// # Safety
    /// The processor must have AVX-512F.
    #[inline(always)]
    unsafe fn fold(v: __m512) -> __m256 {
        // SAFETY: the caller vouches for AVX-512F, which brings AVX.
        unsafe {
            let high = _mm512_extractf64x4_pd::<1>(_mm512_castps_pd(v));
            _mm256_add_ps(_mm512_castps512_ps256(v), _mm256_castpd_ps(high))
        }
    }

    /// The columns of sixteen rows.
    ///
    /// # Safety
    /// The processor must have AVX-512F.
    #[inline(always)]
    unsafe fn turn(rows: [__m512; 16]) -> [__m512; 16] {
        // SAFETY: the caller vouches for AVX-512F.
        unsafe {
            let zero = _mm512_setzero_ps();
            let (mut pairs, mut fours, mut columns) = ([zero; 16], [zero; 16], [zero; 16]);
            for i in (0..16).step_by(2) {
                pairs[i] = _mm512_unpacklo_ps(rows[i], rows[i + 1]);
                pairs[i + 1] = _mm512_unpackhi_ps(rows[i], rows[i + 1]);
            }
            for i in [0, 1, 4, 5, 8, 9, 12, 13] {
                let (upper, lower) = (_mm512_castps_pd(pairs[i]), _mm512_castps_pd(pairs[i + 2]));
                let to = i / 4 * 4 + i % 4 * 2;
                fours[to] = _mm512_castpd_ps(_mm512_unpacklo_pd(upper, lower));
                fours[to + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(upper, lower));
            }
            // A quarter q of `fours[4 r + j]` holds column 4 q + j of the rows 4 r to 4 r + 3.
            for j in 0..4 {
                let even = _mm512_shuffle_f32x4::<0x88>(fours[j], fours[4 + j]);
                let odd = _mm512_shuffle_f32x4::<0xdd>(fours[j], fours[4 + j]);
                let even_below = _mm512_shuffle_f32x4::<0x88>(fours[8 + j], fours[12 + j]);
                let odd_below = _mm512_shuffle_f32x4::<0xdd>(fours[8 + j], fours[12 + j]);
                columns[j] = _mm512_shuffle_f32x4::<0x88>(even, even_below);
                columns[4 + j] = _mm512_shuffle_f32x4::<0x88>(odd, odd_below);
                columns[8 + j] = _mm512_shuffle_f32x4::<0xdd>(even, even_below);
                columns[12 + j] = _mm512_shuffle_f32x4::<0xdd>(odd, odd_below);
            }
            columns
        }
    }

    impl Lanes for __m512 {
        const LANES: usize = 16;

        #[inline(always)]
        unsafe fn splat(value: f32) -> Self {
            // SAFETY: the caller vouches for AVX-512F.
            unsafe { _mm512_set1_ps(value) }
        }

        #[inline(always)]
        unsafe fn load(from: *const f32) -> Self {
            // SAFETY: the caller vouches for AVX-512F and sixteen numbers at `from`.
            unsafe { _mm512_loadu_ps(from) }
        }

        #[inline(always)]
        unsafe fn load_halves(low: *const f32, high: *const f32) -> Self {
            // SAFETY: the caller vouches for AVX-512F and eight numbers at each.
            unsafe {
                let low = _mm512_castps_pd(_mm512_castps256_ps512(_mm256_loadu_ps(low)));
                let high = _mm256_loadu_pd(high.cast());
                _mm512_castpd_ps(_mm512_insertf64x4::<1>(low, high))
            }
        }

        #[inline(always)]
        unsafe fn store(self, to: *mut f32) {
            // SAFETY: the caller vouches for AVX-512F and sixteen numbers at `to`.
            unsafe { _mm512_storeu_ps(to, self) }
        }

        #[inline(always)]
        unsafe fn multiply_add(self, by: Self, add: Self) -> Self {
            // SAFETY: the caller vouches for AVX-512F.
            unsafe { _mm512_fmadd_ps(self, by, add) }
        }

        #[inline(always)]
        unsafe fn slope(self, by: Self) -> Self {
            // SAFETY: the caller vouches for AVX-512F.
            unsafe {
                let zero = _mm512_setzero_ps();
                let positive = _mm512_max_ps(self, zero);
                _mm512_fmadd_ps(by, _mm512_min_ps(self, zero), positive)
            }
        }

        #[inline(always)]
        unsafe fn add(self, other: Self) -> Self {
            // SAFETY: the caller vouches for AVX-512F.
            unsafe { _mm512_add_ps(self, other) }
        }

        #[inline(always)]
        unsafe fn sub(self, other: Self) -> Self {
            // SAFETY: the caller vouches for AVX-512F.
            unsafe { _mm512_sub_ps(self, other) }
        }

        #[inline(always)]
        unsafe fn sums(four: [Self; 4]) -> [f32; 4] {
            // SAFETY: the caller vouches for AVX-512F, which brings AVX.
            unsafe {
                let [a, b, c, d] = four;
                let folded = [fold(a), fold(b), fold(c), fold(d)];
                <__m256 as Lanes>::sums(folded)
            }
        }

        #[inline(always)]
        unsafe fn transpose(t: &Transpose) {
            let mask = |count: usize| ((1_u32 << count) - 1) as __mmask16;
            // SAFETY: the caller vouches for AVX-512F and for the numbers that the masks let
            // through; no others are touched.
            unsafe {
                let mut rows = [_mm512_setzero_ps(); 16];
                for (row, values) in rows.iter_mut().enumerate() {
                    let there = if row < t.rows { mask(t.columns) } else { 0 };
                    *values = _mm512_maskz_loadu_ps(there, t.from.wrapping_add(row * t.from_row));
                }
                let columns = turn(rows);
                for (column, values) in columns.into_iter().enumerate() {
                    let there = if column < t.columns { mask(t.width) } else { 0 };
                    _mm512_mask_storeu_ps(t.to.wrapping_add(column * t.to_row), there, values);
                }
            }
        }
    }
}

#[cfg(target_arch = "aarch64")]
mod neon {
    use super::Lanes;
    use std::arch::aarch64::*;

    impl Lanes for float32x4_t {
        const LANES: usize = 4;

        #[inline(always)]
        unsafe fn splat(value: f32) -> Self {
            // SAFETY: every AArch64 processor has NEON, here and below.
            unsafe { vdupq_n_f32(value) }
        }

        #[inline(always)]
        unsafe fn load(from: *const f32) -> Self {
            // SAFETY: the caller vouches for four numbers at `from`.
            unsafe { vld1q_f32(from) }
        }

        #[inline(always)]
        unsafe fn load_halves(low: *const f32, high: *const f32) -> Self {
            // SAFETY: the caller vouches for two numbers at each.
            unsafe { vcombine_f32(vld1_f32(low), vld1_f32(high)) }
        }

        #[inline(always)]
        unsafe fn store(self, to: *mut f32) {
            // SAFETY: the caller vouches for four numbers at `to`.
            unsafe { vst1q_f32(to, self) }
        }

        #[inline(always)]
        unsafe fn multiply_add(self, by: Self, add: Self) -> Self {
            // SAFETY: as in `splat`.
            unsafe { vfmaq_f32(add, self, by) }
        }

        #[inline(always)]
        unsafe fn slope(self, by: Self) -> Self {
            // SAFETY: as in `splat`.
            unsafe {
                let zero = vdupq_n_f32(0.0);
                vfmaq_f32(vmaxq_f32(self, zero), by, vminq_f32(self, zero))
            }
        }

        #[inline(always)]
        unsafe fn add(self, other: Self) -> Self {
            // SAFETY: as in `splat`.
            unsafe { vaddq_f32(self, other) }
        }

        #[inline(always)]
        unsafe fn sub(self, other: Self) -> Self {
            // SAFETY: as in `splat`.
            unsafe { vsubq_f32(self, other) }
        }

        #[inline(always)]
        unsafe fn sums(four: [Self; 4]) -> [f32; 4] {
            // SAFETY: as in `splat`.
            unsafe { four.map(|v| vaddvq_f32(v)) }
        }
    }
}
