//! What the processor can do at most, for shares in tables.

use std::time::Instant;

use rayon::prelude::*;

#[cfg(target_arch = "x86_64")]
use crate::isa::Isa;
use crate::isa::current_isa;
use crate::lanes::{Lanes, Plain};

/// Rounds of one measurement.
const ROUNDS: usize = 4_000_000;
/// Independent sums: enough to hide the latency of a multiply-add.
const SUMS: usize = 12;

/// Measures the multiply-adds a second, in f32 numbers, that all threads of the current rayon pool
/// reach together on registers alone: the best of three runs.
#[must_use]
pub fn peak_macs_per_second() -> f64 {
    let threads = rayon::current_num_threads();
    let run = || {
        let clock = Instant::now();
        let done: usize = (0..threads).into_par_iter().map(|_| work()).sum();
        done as f64 / clock.elapsed().as_secs_f64()
    };
    (0..3).map(|_| run()).fold(0.0, f64::max)
}

/// Multiply-adds done by one thread.
fn work() -> usize {
    match current_isa() {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => {
            #[target_feature(enable = "avx512f,avx2,fma")]
            unsafe fn run() -> usize {
                // SAFETY: the feature is on in here.
                unsafe { sums::<std::arch::x86_64::__m512>() }
            }
            // SAFETY: `current_isa` only names sets that the processor has.
            unsafe { run() }
        }
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => {
            #[target_feature(enable = "avx2,fma")]
            unsafe fn run() -> usize {
                // SAFETY: the feature is on in here.
                unsafe { sums::<std::arch::x86_64::__m256>() }
            }
            // SAFETY: `current_isa` only names sets that the processor has.
            unsafe { run() }
        }
        // SAFETY: plain Rust.
        _ => unsafe { sums::<Plain>() },
    }
}

/// # Safety
/// The processor must be able to run `L`.
#[inline(always)]
unsafe fn sums<L: Lanes>() -> usize {
    // SAFETY: the caller's; the array holds what is stored.
    unsafe {
        let by = L::splat(std::hint::black_box(0.999_9));
        let add = L::splat(std::hint::black_box(0.000_1));
        let mut sums = [L::splat(std::hint::black_box(1.0)); SUMS];
        for _ in 0..ROUNDS {
            for sum in &mut sums {
                *sum = sum.multiply_add(by, add);
            }
        }
        let mut out = [0.0_f32; 16];
        let total = sums.into_iter().fold(L::splat(0.0), |a, b| a.add(b));
        total.store(out.as_mut_ptr());
        std::hint::black_box(out);
        ROUNDS * SUMS * L::LANES
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_peak_is_that_of_a_computer() {
        let peak = super::peak_macs_per_second();
        assert!((1e8..1e14).contains(&peak), "{peak}");
    }
}
