//! The two inner loops everything in [`crate::conv`] is made of, for every instruction set.
//!
//! Both see a source as rows of pixels: number `k` of the sum (a channel and a kernel tap) is a
//! shift `offsets[k]` into the source, and the pixels of one vector lie behind each other, or in
//! two halves, from a start of their own.

#[cfg(target_arch = "x86_64")]
use crate::isa::Isa;
use crate::isa::current_isa;
use crate::lanes::{Lanes, Plain};

/// Most vectors of pixels one [`Tile`] may have.
pub(crate) const MAX_VECTORS: usize = 3;

/// One block of outputs: `out[m][v] = bias[m] + sum over k of weights[k][m] * source[k][v]`.
pub(crate) struct Tile {
    pub(crate) source: *const f32,
    /// `depth` shifts into `source`.
    pub(crate) offsets: *const usize,
    pub(crate) depth: usize,
    /// Where each vector's lower and upper half start, relative to `source`.
    pub(crate) starts: [(usize, usize); MAX_VECTORS],
    /// `[depth][m]`
    pub(crate) weights: *const f32,
    /// `[m]`
    pub(crate) bias: *const f32,
    pub(crate) out: *mut f32,
    pub(crate) out_stride: usize,
    /// Rows to write; the others are padding.
    pub(crate) rows: usize,
}

/// Most rows of each operand in one [`Dot`].
pub(crate) const MAX_DOT: usize = 6;

/// One block of sums over pixels: `out[k][m] = sum over v of left[m][v] * right[k][v]`.
pub(crate) struct Dot<'a> {
    pub(crate) left: [*const f32; MAX_DOT],
    pub(crate) right: [*const f32; MAX_DOT],
    /// For each vector, where its halves start in the rows of `right`; in those of `left` they
    /// lie one after the other.
    pub(crate) starts: &'a [(usize, usize)],
    /// `[k][m]`
    pub(crate) out: [[f32; 4]; MAX_DOT],
    /// The sums before their lanes are added up.
    pub(crate) lanes: &'a mut DotLanes,
}

/// Room for the sums of a [`Dot`]: `[k][m][lane]`.
#[repr(align(64))]
pub(crate) struct DotLanes(pub(crate) [f32; MAX_DOT * 4 * 16]);

/// The inner loops of one instruction set.
pub(crate) struct Kernels {
    /// f32 in a vector.
    pub(crate) lanes: usize,
    /// Output rows of a large tile; a small one has half.
    pub(crate) rows: usize,
    /// Vectors of pixels in the widest tile, at most [`MAX_VECTORS`].
    pub(crate) vectors: usize,
    /// Rows of `left` and `right` that one dot block takes.
    pub(crate) dot: (usize, usize),
    tile: unsafe fn(bool, bool, usize, &Tile),
    dot_kernel: unsafe fn(bool, &mut Dot),
    add_lanes: unsafe fn(&mut Dot),
}

impl Kernels {
    /// Computes one tile of `rows` (large) or `rows / 2` rows and `vectors` vectors.
    ///
    /// # Safety
    /// All reads and writes that [`Tile`] describes must be in bounds, and the writes must not
    /// race with anything.
    pub(crate) unsafe fn tile(&self, large: bool, halves: bool, vectors: usize, tile: &Tile) {
        // SAFETY: `current` only hands out kernels the processor can run; the rest is the caller's.
        unsafe { (self.tile)(large, halves, vectors, tile) }
    }

    /// Computes one block of sums.
    ///
    /// # Safety
    /// The first `dot.0` pointers of `left` must be valid for all vectors, the first `dot.1` of
    /// `right` for every start plus a vector (or half).
    pub(crate) unsafe fn dot(&self, halves: bool, dot: &mut Dot) {
        // SAFETY: as in `tile`.
        unsafe {
            (self.dot_kernel)(halves, dot);
            (self.add_lanes)(dot);
        }
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

#[inline(always)]
unsafe fn load<L: Lanes>(base: *const f32, start: (usize, usize), halves: bool) -> L {
    // SAFETY: the caller vouches for the instruction set and for the numbers at the starts.
    unsafe {
        if halves {
            L::load_halves(base.add(start.0), base.add(start.1))
        } else {
            L::load(base.add(start.0))
        }
    }
}

/// # Safety
/// As [`Kernels::tile`], for `M` rows and `V` vectors, on a processor that can run `L`.
#[inline(always)]
unsafe fn tile<L: Lanes, const M: usize, const V: usize, const HALVES: bool>(t: &Tile) {
    // SAFETY: the caller vouches for every address the tile describes.
    unsafe {
        let mut sums: [[L; V]; M] = std::array::from_fn(|m| [L::splat(*t.bias.add(m)); V]);
        let mut weights = t.weights;
        for k in 0..t.depth {
            let source = t.source.add(*t.offsets.add(k));
            let pixels: [L; V] = std::array::from_fn(|v| load(source, t.starts[v], HALVES));
            for (m, row) in sums.iter_mut().enumerate() {
                let weight = L::splat(*weights.add(m));
                for (sum, &pixel) in row.iter_mut().zip(&pixels) {
                    *sum = weight.multiply_add(pixel, *sum);
                }
            }
            weights = weights.add(M);
        }
        for (m, row) in sums.iter().enumerate() {
            if m < t.rows {
                let out = t.out.add(m * t.out_stride);
                for (v, &sum) in row.iter().enumerate() {
                    sum.store(out.add(v * L::LANES));
                }
            }
        }
    }
}

/// # Safety
/// As [`Kernels::dot`], for `M` by `K` rows, on a processor that can run `L`; `M` is 4.
#[inline(always)]
unsafe fn dot<L: Lanes, const K: usize, const HALVES: bool>(d: &mut Dot) {
    // SAFETY: the caller vouches for the pointers, for all vectors.
    unsafe {
        let mut sums = [[L::splat(0.0); 4]; K];
        for (v, &start) in d.starts.iter().enumerate() {
            let left: [L; 4] = std::array::from_fn(|m| L::load(d.left[m].add(v * L::LANES)));
            for (k, column) in sums.iter_mut().enumerate() {
                let right: L = load(d.right[k], start, HALVES);
                for (sum, &left) in column.iter_mut().zip(&left) {
                    *sum = left.multiply_add(right, *sum);
                }
            }
        }
        let lanes = d.lanes.0.as_mut_ptr();
        for (k, column) in sums.iter().enumerate() {
            for (m, sum) in column.iter().enumerate() {
                sum.store(lanes.add((k * 4 + m) * L::LANES));
            }
        }
    }
}

/// Adds up the lanes [`dot`] left. A function of its own: together, the compiler keeps the sums in
/// the sixteen registers that horizontal additions can reach and spills the rest.
///
/// # Safety
/// The processor must be able to run `L`.
#[inline(always)]
unsafe fn add_lanes<L: Lanes, const K: usize>(d: &mut Dot) {
    for (k, out) in d.out.iter_mut().take(K).enumerate() {
        let rows = d.lanes.0[k * 4 * L::LANES..][..4 * L::LANES].as_ptr();
        // SAFETY: four vectors lie there; the caller vouches for the instruction set.
        unsafe {
            let row = |m: usize| L::load(rows.add(m * L::LANES));
            *out = L::sums([row(0), row(1), row(2), row(3)]);
        }
    }
}

/// Writes the table of one instruction set: vector type, features, rows of a large and of a small
/// tile, vectors of the widest tile, rows of `right` in a dot block.
macro_rules! kernels {
    ($name:ident, $lanes:ty, $large:literal, $small:literal, $vectors:literal, $dot:literal $(, $feature:literal)?) => {
        static $name: Kernels = {
            $(#[target_feature(enable = $feature)])?
            unsafe fn run_tile(large: bool, halves: bool, vectors: usize, t: &Tile) {
                // SAFETY: the feature is on in here; the addresses are the caller's.
                unsafe {
                    match (large, halves, vectors) {
                        (true, false, 3) => tile::<$lanes, $large, 3, false>(t),
                        (true, false, 2) => tile::<$lanes, $large, 2, false>(t),
                        (true, false, _) => tile::<$lanes, $large, 1, false>(t),
                        (false, false, 3) => tile::<$lanes, $small, 3, false>(t),
                        (false, false, 2) => tile::<$lanes, $small, 2, false>(t),
                        (false, false, _) => tile::<$lanes, $small, 1, false>(t),
                        (true, true, 3) => tile::<$lanes, $large, 3, true>(t),
                        (true, true, 2) => tile::<$lanes, $large, 2, true>(t),
                        (true, true, _) => tile::<$lanes, $large, 1, true>(t),
                        (false, true, 3) => tile::<$lanes, $small, 3, true>(t),
                        (false, true, 2) => tile::<$lanes, $small, 2, true>(t),
                        (false, true, _) => tile::<$lanes, $small, 1, true>(t),
                    }
                }
            }
            $(#[target_feature(enable = $feature)])?
            unsafe fn run_dot(halves: bool, d: &mut Dot) {
                // SAFETY: the feature is on in here; the pointers are the caller's.
                unsafe {
                    if halves {
                        dot::<$lanes, $dot, true>(d);
                    } else {
                        dot::<$lanes, $dot, false>(d);
                    }
                }
            }
            $(#[target_feature(enable = $feature)])?
            #[inline(never)]
            unsafe fn run_add_lanes(d: &mut Dot) {
                // SAFETY: the feature is on in here.
                unsafe { add_lanes::<$lanes, $dot>(d) }
            }
            Kernels {
                lanes: <$lanes as Lanes>::LANES,
                rows: $large,
                vectors: $vectors,
                dot: (4, $dot),
                tile: run_tile,
                dot_kernel: run_dot,
                add_lanes: run_add_lanes,
            }
        };
    };
}

kernels!(PLAIN, Plain, 4, 2, 2, 2);
#[cfg(target_arch = "x86_64")]
kernels!(AVX2, std::arch::x86_64::__m256, 4, 2, 2, 2, "avx2,fma");
#[cfg(target_arch = "x86_64")]
kernels!(AVX512, std::arch::x86_64::__m512, 8, 4, 3, 5, "avx512f,avx2,fma");
