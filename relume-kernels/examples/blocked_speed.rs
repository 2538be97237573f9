//! Speed of the inference convolutions, on one thread unless RAYON_NUM_THREADS says more.
//!
//! `cargo run --release -p relume-kernels --example blocked_speed [portable|avx2|avx512]`

#![allow(clippy::print_stdout, reason = "a table is what it is for")]

use std::time::Instant;

use relume_kernels::{
    Activation, BLOCK, Epilogue, Isa, Method, PackedConv, Request, Window, current_isa, force_isa,
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

fn show(c_in: usize, c_out: usize, size: usize, kernel: usize, stride: usize, padding: usize) {
    let fill = |len: usize| -> Vec<f32> { (0..len).map(|i| (i % 17) as f32 * 0.1 - 0.8).collect() };
    let area = kernel * kernel;
    let (weight, bias) = (fill(c_out * c_in * area), fill(c_out));
    let x = Window::from_planar(&fill(c_in * size * size), BLOCK, (c_in, size, size));
    let side = (size + 2 * padding - kernel) / stride + 1;
    let mut out = Window::zeros(c_out, BLOCK, 0..side, 0..side);
    let request = Request {
        sources: &[&x],
        bounds: (size, size),
        padding,
        rows: 0..side,
        columns: 0..side,
        phase: (0, 0),
        epilogue: Epilogue { activation: Activation::Relu, ..Epilogue::default() },
    };
    for method in [Method::Direct, Method::Winograd] {
        if method == Method::Winograd && (kernel, stride) != (3, 1) {
            continue;
        }
        let window = (kernel, stride);
        let conv = PackedConv::with_method(method, (c_in, c_out), window, &weight, Some(&bias));
        let seconds = best_of(|| conv.run(&request, &mut out));
        let macs = (side * side * c_out * c_in * area) as f64;
        println!(
            "{c_in:>3} -> {c_out:>3} @ {size:>3}  k{kernel} s{stride} p{padding}  {:8} {:8.3} ms \
             {:6.1} GMAC/s",
            format!("{method:?}"),
            seconds * 1e3,
            macs / seconds / 1e9
        );
    }
}

fn main() {
    match std::env::args().nth(1).as_deref() {
        Some("portable") => force_isa(Some(Isa::Portable)),
        Some("avx2") => force_isa(Some(Isa::Avx2)),
        _ => {}
    }
    println!("{:?}", current_isa());
    for padding in [0, 1] {
        for (channels, size) in [(32, 128), (64, 64), (128, 32), (192, 16)] {
            show(channels, channels, size, 3, 1, padding);
        }
    }
    show(64, 64, 512, 3, 1, 1);
    show(3, 32, 128, 3, 1, 1);
    show(12, 32, 128, 3, 1, 1);
    show(32, 12, 128, 3, 1, 1);
    show(64, 32, 128, 1, 1, 0);
    show(256, 128, 32, 1, 1, 0);
    show(32, 64, 128, 2, 2, 0);
    show(3, 16, 256, 3, 2, 1);
}
