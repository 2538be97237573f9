//! The inner loops of training in Winograd's domain: transforms of the weights, the adjoints of the
//! transforms of [`crate::blocked`], sums of outer products and the way from planes to blocks.

use crate::blocked::BLOCK;
use crate::blocked::winograd::{POINTS, READ, WRITE};
use crate::isa::{Isa, current_isa};
use crate::lanes::{Lanes, Plain, Transpose};

/// Kernel taps: three by three.
pub(super) const TAPS: usize = 9;

/// Kernels of [`BLOCK`] channels, `[tap][channel]`, and their transforms.
#[repr(align(64))]
pub(super) struct Taps(pub(super) [f32; TAPS * BLOCK]);

/// Four by four output gradients of one block of channels, to be spread over 36 points.
pub(super) struct SpreadTile {
    /// Top left pixel.
    pub(super) source: *const f32,
    /// Numbers between two rows of pixels.
    pub(super) row: usize,
    /// Where the first point goes.
    pub(super) out: *mut f32,
    /// Numbers between two points.
    pub(super) step: usize,
}

/// 36 points of one block of channels, to be collected into six by six input gradients.
pub(super) struct CollectTile {
    /// The first point.
    pub(super) source: *const f32,
    /// Numbers between two points.
    pub(super) step: usize,
    /// Top left pixel, added to.
    pub(super) out: *mut f32,
    /// Numbers between two rows of pixels.
    pub(super) row: usize,
}

/// A short sum of outer products: `out[i][j] += sum over k of left[k][i] * right[k][j]`, numbers of
/// one `k` lying [`BLOCK`] behind those of the last.
pub(super) struct OuterTile {
    pub(super) left: *const f32,
    pub(super) right: *const f32,
    /// Numbers between two blocks of `right`.
    pub(super) right_step: usize,
    pub(super) count: usize,
    pub(super) out: *mut f32,
    /// Numbers between two rows of `out`.
    pub(super) row: usize,
}

/// The inner loops of one instruction set.
pub(super) struct Kernels {
    /// Channels on the left of an [`OuterTile`], a divisor of [`BLOCK`].
    pub(super) left: usize,
    /// Blocks on the right of a wide [`OuterTile`]; a narrow one has 1.
    pub(super) right: usize,
    weights: unsafe fn(&Taps, *mut f32, usize),
    weight_gradients: unsafe fn(*const f32, usize, &mut Taps),
    spread: unsafe fn(&SpreadTile),
    collect: unsafe fn(&CollectTile),
    outer: unsafe fn(bool, &OuterTile),
    transpose: unsafe fn(&Transpose),
}

impl Kernels {
    /// The kernels of the instruction set in force.
    pub(super) fn current() -> &'static Self {
        match current_isa() {
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => &AVX512,
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => &AVX2,
            _ => &PLAIN,
        }
    }

    /// Transforms taps to 36 points, `step` numbers apart.
    ///
    /// # Safety
    /// [`BLOCK`] numbers at each point must be in bounds, and nothing else may use them.
    pub(super) unsafe fn weights(&self, taps: &Taps, out: *mut f32, step: usize) {
        // SAFETY: the caller's; `current` only hands out kernels the processor can run. So below.
        unsafe { (self.weights)(taps, out, step) }
    }

    /// Collects 36 points of weight gradients, `step` numbers apart, into taps.
    ///
    /// # Safety
    /// [`BLOCK`] numbers at each point must be in bounds.
    pub(super) unsafe fn weight_gradients(&self, from: *const f32, step: usize, taps: &mut Taps) {
        // SAFETY: as in `weights`.
        unsafe { (self.weight_gradients)(from, step, taps) }
    }

    /// # Safety
    /// Four rows of four pixels and 36 points must be in bounds, and nothing else may use the
    /// latter.
    pub(super) unsafe fn spread(&self, tile: &SpreadTile) {
        // SAFETY: as in `weights`.
        unsafe { (self.spread)(tile) }
    }

    /// # Safety
    /// 36 points and six rows of six pixels must be in bounds, and nothing else may use the latter.
    pub(super) unsafe fn collect(&self, tile: &CollectTile) {
        // SAFETY: as in `weights`.
        unsafe { (self.collect)(tile) }
    }

    /// # Safety
    /// `count` times [`Self::left`] numbers on the left, `count` blocks on the right (in each of
    /// [`Self::right`] blocks if `wide`) and the rows of `out` must be in bounds, and nothing else
    /// may use the latter.
    pub(super) unsafe fn outer(&self, wide: bool, tile: &OuterTile) {
        // SAFETY: as in `weights`.
        unsafe { (self.outer)(wide, tile) }
    }

    /// # Safety
    /// As [`Transpose`] asks.
    pub(super) unsafe fn transpose(&self, tile: &Transpose) {
        // SAFETY: as in `weights`.
        unsafe { (self.transpose)(tile) }
    }
}

/// The weight transform along one axis: the polynomial of three taps at the points 0, 1, -1, 1/2, -2
/// and infinity, each scaled.
///
/// # Safety
/// The processor must be able to run `L`; so for all below.
#[inline(always)]
unsafe fn weight_axis<L: Lanes>([a, b, c]: [L; 3]) -> [L; READ] {
    // SAFETY: the caller's.
    unsafe {
        let (zero, third, part) = (L::splat(0.0), L::splat(1.0 / 3.0), L::splat(1.0 / 15.0));
        let near = a.add(c).multiply_add(third, zero);
        let near_odd = b.multiply_add(third, zero);
        let half = c.multiply_add(L::splat(0.25), b.multiply_add(L::splat(0.5), a));
        let far = c.multiply_add(L::splat(4.0), b.multiply_add(L::splat(-2.0), a));
        [
            a,
            near_odd.add(near),
            near_odd.sub(near),
            half.multiply_add(L::splat(-16.0 / 15.0), zero),
            far.multiply_add(part, zero),
            c,
        ]
    }
}

/// The adjoint of [`weight_axis`].
#[inline(always)]
unsafe fn weight_gradient_axis<L: Lanes>(u: [L; READ]) -> [L; 3] {
    // SAFETY: the caller's.
    unsafe {
        let (zero, third, part) = (L::splat(0.0), L::splat(1.0 / 3.0), L::splat(1.0 / 15.0));
        let half = u[3].multiply_add(L::splat(-16.0 / 15.0), zero);
        let far = u[4].multiply_add(part, zero);
        let near = u[1].sub(u[2]).multiply_add(third, zero);
        [
            u[0].add(near).add(half.add(far)),
            u[1].add(u[2]).multiply_add(
                third,
                half.multiply_add(L::splat(0.5), far.multiply_add(L::splat(-2.0), zero)),
            ),
            half.multiply_add(L::splat(0.25), far.multiply_add(L::splat(4.0), near)).add(u[5]),
        ]
    }
}

/// The adjoint of the output transform along one axis.
#[inline(always)]
unsafe fn spread_axis<L: Lanes>(o: [L; WRITE]) -> [L; READ] {
    // SAFETY: the caller's.
    unsafe {
        let (half, quarter, eighth) = (L::splat(0.5), L::splat(0.25), L::splat(0.125));
        let (minus_two, four, minus_eight) = (L::splat(-2.0), L::splat(4.0), L::splat(-8.0));
        let (near, near_odd) = (o[0].add(o[2]), o[1].add(o[3]));
        let inner = o[1].multiply_add(half, o[0]);
        let outer = o[1].multiply_add(minus_two, o[0]);
        [
            o[0],
            near.add(near_odd),
            near.sub(near_odd),
            o[3].multiply_add(eighth, o[2].multiply_add(quarter, inner)),
            o[3].multiply_add(minus_eight, o[2].multiply_add(four, outer)),
            o[3],
        ]
    }
}

/// The adjoint of the input transform along one axis.
#[inline(always)]
unsafe fn collect_axis<L: Lanes>(v: [L; READ]) -> [L; READ] {
    // SAFETY: the caller's.
    unsafe {
        let (zero, more, two) = (L::splat(0.0), L::splat(1.5), L::splat(2.0));
        let minus_half = L::splat(-0.5);
        let (near, near_odd) = (v[1].add(v[2]), v[1].sub(v[2]));
        let even = v[5].multiply_add(more, v[3].add(v[4]).add(near).add(v[0]));
        let odd = v[3].multiply_add(two, v[4].multiply_add(minus_half, near_odd)).sub(v[5]);
        let odd = v[0].multiply_add(more, odd);
        [
            v[0],
            zero.sub(odd),
            near_odd.multiply_add(more, zero).sub(even).sub(v[0]),
            near.multiply_add(more, odd).sub(v[5]),
            even,
            v[5],
        ]
    }
}

/// Row `y` of some columns. (Plain loops here and below: the compiler does not inline the closures
/// of `array::from_fn` once they are large.)
#[inline(always)]
fn across<L: Lanes, const N: usize, const M: usize>(columns: &[[L; M]; N], y: usize) -> [L; N] {
    let mut row = [columns[0][y]; N];
    row.iter_mut().zip(columns).for_each(|(value, column)| *value = column[y]);
    row
}

#[inline(always)]
unsafe fn weights<L: Lanes>(taps: &Taps, out: *mut f32, step: usize) {
    // SAFETY: the caller vouches for all points.
    unsafe {
        for lane in (0..BLOCK).step_by(L::LANES) {
            let tap = |y: usize, x: usize| L::load(taps.0[(y * 3 + x) * BLOCK + lane..].as_ptr());
            let mut columns = [[L::splat(0.0); READ]; 3];
            for (x, column) in columns.iter_mut().enumerate() {
                *column = weight_axis([tap(0, x), tap(1, x), tap(2, x)]);
            }
            for y in 0..READ {
                let row = weight_axis(across(&columns, y));
                for (x, value) in row.into_iter().enumerate() {
                    value.store(out.add((y * READ + x) * step + lane));
                }
            }
        }
    }
}

#[inline(always)]
unsafe fn weight_gradients<L: Lanes>(from: *const f32, step: usize, taps: &mut Taps) {
    // SAFETY: the caller vouches for all points.
    unsafe {
        for lane in (0..BLOCK).step_by(L::LANES) {
            let point = |y: usize, x: usize| L::load(from.add((y * READ + x) * step + lane));
            let mut columns = [[L::splat(0.0); 3]; READ];
            for (x, column) in columns.iter_mut().enumerate() {
                let mut points = [L::splat(0.0); READ];
                points.iter_mut().enumerate().for_each(|(y, value)| *value = point(y, x));
                *column = weight_gradient_axis(points);
            }
            for y in 0..3 {
                let row = weight_gradient_axis(across(&columns, y));
                for (x, value) in row.into_iter().enumerate() {
                    value.store(taps.0[(y * 3 + x) * BLOCK + lane..].as_mut_ptr());
                }
            }
        }
    }
}

#[inline(always)]
unsafe fn spread<L: Lanes>(t: &SpreadTile) {
    // SAFETY: the caller vouches for pixels and points.
    unsafe {
        for lane in (0..BLOCK).step_by(L::LANES) {
            let pixel = |y: usize, x: usize| L::load(t.source.add(y * t.row + x * BLOCK + lane));
            let mut columns = [[L::splat(0.0); READ]; WRITE];
            for (x, column) in columns.iter_mut().enumerate() {
                *column = spread_axis([pixel(0, x), pixel(1, x), pixel(2, x), pixel(3, x)]);
            }
            for y in 0..READ {
                let row = spread_axis(across(&columns, y));
                for (x, value) in row.into_iter().enumerate() {
                    value.store(t.out.add((y * READ + x) * t.step + lane));
                }
            }
        }
    }
}

#[inline(always)]
unsafe fn collect<L: Lanes>(t: &CollectTile) {
    // SAFETY: the caller vouches for pixels and points.
    unsafe {
        for lane in (0..BLOCK).step_by(L::LANES) {
            let point = |y: usize, x: usize| L::load(t.source.add((y * READ + x) * t.step + lane));
            let mut columns = [[L::splat(0.0); READ]; READ];
            for (x, column) in columns.iter_mut().enumerate() {
                let mut points = [L::splat(0.0); READ];
                points.iter_mut().enumerate().for_each(|(y, value)| *value = point(y, x));
                *column = collect_axis(points);
            }
            for y in 0..READ {
                let row = collect_axis(across(&columns, y));
                for (x, value) in row.into_iter().enumerate() {
                    let to = t.out.add(y * t.row + x * BLOCK + lane);
                    L::load(to).add(value).store(to);
                }
            }
        }
    }
}

/// [`OuterTile`] for `I` channels on the left and `V` vectors on the right.
#[inline(always)]
unsafe fn outer<L: Lanes, const I: usize, const V: usize>(t: &OuterTile) {
    let place = |v: usize| v * L::LANES / BLOCK * t.right_step + v * L::LANES % BLOCK;
    // SAFETY: the caller vouches for every address the tile describes.
    unsafe {
        let mut sums = [[L::splat(0.0); V]; I];
        let (mut left, mut right) = (t.left, t.right);
        for _ in 0..t.count {
            let row: [L; V] = std::array::from_fn(|v| L::load(right.add(place(v))));
            for (i, sums) in sums.iter_mut().enumerate() {
                let factor = L::splat(*left.add(i));
                for (sum, &right) in sums.iter_mut().zip(&row) {
                    *sum = factor.multiply_add(right, *sum);
                }
            }
            (left, right) = (left.add(BLOCK), right.add(BLOCK));
        }
        for (i, sums) in sums.iter().enumerate() {
            for (v, &sum) in sums.iter().enumerate() {
                let to = t.out.add(i * t.row + v * L::LANES);
                L::load(to).add(sum).store(to);
            }
        }
    }
}

/// Writes the table of one instruction set: vector type, channels on the left of an outer product,
/// vectors on the right of a wide and of a narrow one, features.
macro_rules! kernels {
    ($name:ident, $lanes:ty, $left:literal, $wide:literal, $narrow:literal
        $(, $feature:literal)?) => {
        static $name: Kernels = {
            $(#[target_feature(enable = $feature)])?
            unsafe fn run_weights(taps: &Taps, out: *mut f32, step: usize) {
                // SAFETY: the feature is on in here; the addresses are the caller's. So below.
                unsafe { weights::<$lanes>(taps, out, step) }
            }
            $(#[target_feature(enable = $feature)])?
            unsafe fn run_weight_gradients(from: *const f32, step: usize, taps: &mut Taps) {
                // SAFETY: as in `run_weights`.
                unsafe { weight_gradients::<$lanes>(from, step, taps) }
            }
            $(#[target_feature(enable = $feature)])?
            unsafe fn run_spread(t: &SpreadTile) {
                // SAFETY: as in `run_weights`.
                unsafe { spread::<$lanes>(t) }
            }
            $(#[target_feature(enable = $feature)])?
            unsafe fn run_collect(t: &CollectTile) {
                // SAFETY: as in `run_weights`.
                unsafe { collect::<$lanes>(t) }
            }
            $(#[target_feature(enable = $feature)])?
            unsafe fn run_outer(wide: bool, t: &OuterTile) {
                // SAFETY: as in `run_weights`.
                unsafe {
                    if wide {
                        outer::<$lanes, $left, $wide>(t);
                    } else {
                        outer::<$lanes, $left, $narrow>(t);
                    }
                }
            }
            $(#[target_feature(enable = $feature)])?
            unsafe fn run_transpose(t: &Transpose) {
                // SAFETY: as in `run_weights`.
                unsafe { <$lanes>::transpose(t) }
            }
            Kernels {
                left: $left,
                right: $wide * <$lanes as Lanes>::LANES / BLOCK,
                weights: run_weights,
                weight_gradients: run_weight_gradients,
                spread: run_spread,
                collect: run_collect,
                outer: run_outer,
                transpose: run_transpose,
            }
        };
    };
}

kernels!(PLAIN, Plain, 2, 4, 4);
#[cfg(target_arch = "x86_64")]
kernels!(AVX2, std::arch::x86_64::__m256, 4, 2, 2, "avx2,fma");
#[cfg(target_arch = "x86_64")]
kernels!(AVX512, std::arch::x86_64::__m512, 8, 2, 1, "avx512f,avx2,fma");

const _: () = assert!(POINTS == READ * READ);
