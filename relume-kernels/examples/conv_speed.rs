//! Speed of the training convolutions on one thread, beside the processor's peak.
//!
//! `cargo run --release -p relume-kernels --example conv_speed [portable|avx2|avx512]`

#![allow(clippy::print_stdout, reason = "a table is what it is for")]

use std::time::Instant;

use relume_kernels::{
    ConvShape, Gradients, Isa, Then, conv2d, conv2d_backward, current_isa, force_isa,
};

/// Seconds of the fastest of many runs.
fn best_of(mut run: impl FnMut()) -> f64 {
    let begin = Instant::now();
    let mut best = f64::INFINITY;
    let mut runs = 0;
    while runs < 5 || begin.elapsed().as_secs_f64() < 0.35 {
        let start = Instant::now();
        run();
        best = best.min(start.elapsed().as_secs_f64());
        runs += 1;
    }
    best
}

/// GMAC/s of one core that does nothing but fused multiply-adds in 512-bit registers.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
fn fma_loop(rounds: usize) -> f32 {
    use std::arch::x86_64::*;
    let mut sums = [_mm512_set1_ps(0.1); 16];
    let (factor, addend) = (_mm512_set1_ps(0.999), _mm512_set1_ps(0.001));
    for _ in 0..rounds {
        for sum in &mut sums {
            *sum = _mm512_fmadd_ps(*sum, factor, addend);
        }
    }
    sums.into_iter().fold(0.0, |total, sum| total + _mm512_reduce_add_ps(sum))
}

/// GMAC/s that the processor can do, where it has AVX-512.
fn peak() -> Option<f64> {
    #[cfg(target_arch = "x86_64")]
    if relume_kernels::best_isa() == Isa::Avx512 {
        let rounds = 100_000;
        // SAFETY: the processor has AVX-512F.
        let seconds = best_of(|| _ = std::hint::black_box(unsafe { fma_loop(rounds) }));
        return Some((rounds * 16 * 16) as f64 / seconds / 1e9);
    }
    None
}

fn show(n: usize, c_in: usize, c_out: usize, size: usize, k: (usize, usize, usize)) {
    let shape = ConvShape {
        n,
        c_in,
        c_out,
        height: size,
        width: size,
        kernel: k.0,
        stride: k.1,
        padding: k.2,
    };
    let fill = |len: usize| -> Vec<f32> { (0..len).map(|i| (i % 17) as f32 * 0.1 - 0.8).collect() };
    let (x, weight, dy) =
        (fill(shape.input_len()), fill(shape.weight_len()), fill(shape.output_len()));
    let bias = fill(c_out);
    let mut out = vec![0.0; shape.output_len()];
    let mut dx = vec![0.0; shape.input_len()];
    let mut dweight = vec![0.0; shape.weight_len()];
    let mut dbias = vec![0.0; c_out];
    let giga = shape.macs() as f64 / 1e9;
    let then = Then { bias: Some(&bias), ..Then::default() };
    let forward = best_of(|| conv2d(&shape, &x, &weight, then, &mut out));
    let mut backward = |input: bool, weights: bool| {
        let gradients = Gradients {
            dx: input.then_some(&mut dx),
            dweight: weights.then_some(&mut dweight),
            dbias: weights.then_some(&mut dbias),
        };
        conv2d_backward(&shape, &x, &weight, (&dy, None), gradients);
    };
    let input = best_of(|| backward(true, false));
    let weights = best_of(|| backward(false, true));
    let both = best_of(|| backward(true, true));
    println!(
        "{:>2} x {:>3} -> {:>3} @ {:>3}  k{} s{} p{}  {:7.1} {:7.1} {:7.1} {:7.1}",
        n,
        c_in,
        c_out,
        size,
        k.0,
        k.1,
        k.2,
        giga / forward,
        giga / input,
        giga / weights,
        2.0 * giga / both
    );
}

fn main() {
    match std::env::args().nth(1).as_deref() {
        Some("portable") => force_isa(Some(Isa::Portable)),
        Some("avx2") => force_isa(Some(Isa::Avx2)),
        _ => {}
    }
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a pool");
    pool.install(|| {
        println!("{:?}, one thread, GMAC/s; peak {:.1?}", current_isa(), peak());
        println!("shape                              forward   input  weight    both");
        if std::env::args().nth(2).is_some() {
            return show(8, 32, 32, 64, (3, 1, 1));
        }
        for (n, c_in, c_out, size) in [
            (8, 32, 32, 64),
            (8, 64, 64, 32),
            (8, 128, 128, 16),
            (8, 192, 192, 8),
            (8, 16, 32, 64),
            (8, 32, 16, 64),
            (8, 12, 32, 64),
            (8, 32, 12, 64),
        ] {
            show(n, c_in, c_out, size, (3, 1, 1));
        }
        show(8, 32, 32, 63, (3, 1, 1));
        show(8, 64, 64, 4, (3, 1, 1));
        show(8, 64, 32, 64, (1, 1, 0));
        show(8, 128, 64, 32, (1, 1, 0));
        show(8, 128, 256, 16, (1, 1, 0));
        show(8, 256, 192, 8, (1, 1, 0));
        show(8, 192, 96, 1, (1, 1, 0));
        show(8, 32, 64, 64, (2, 2, 0));
        show(8, 64, 128, 32, (2, 2, 0));
        show(8, 128, 192, 16, (2, 2, 0));
        show(8, 3, 16, 128, (3, 2, 1));
        show(8, 16, 32, 64, (3, 2, 1));
        show(8, 32, 32, 32, (5, 1, 2));
    });
}
