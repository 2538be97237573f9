//! The inference kernels on every instruction set against plain loops in f64.

use std::sync::Mutex;

use relume_kernels::{
    Activation, Blocked, Epilogue, Method, PackedConv, Padding, available, force_isa,
};

/// The instruction set is a setting of the process: tests take turns.
static TURN: Mutex<()> = Mutex::new(());

struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        ((self.0 >> 33) as usize) % end
    }

    fn numbers(&mut self, len: usize) -> Vec<f32> {
        (0..len).map(|_| self.below(1 << 20) as f32 / (1 << 19) as f32 - 1.0).collect()
    }
}

#[derive(Clone, Copy, Debug)]
struct Shape {
    c_in: usize,
    c_out: usize,
    height: usize,
    width: usize,
    kernel: usize,
    stride: usize,
    padding: Padding,
}

/// The convolution with its bias by plain loops.
fn reference(s: &Shape, out: (usize, usize), x: &[f32], weight: &[f32], bias: &[f32]) -> Vec<f64> {
    let mut sums = Vec::new();
    for (co, bias) in bias.iter().enumerate() {
        for oy in 0..out.0 {
            for ox in 0..out.1 {
                let mut sum = f64::from(*bias);
                for ci in 0..s.c_in {
                    for ky in 0..s.kernel {
                        for kx in 0..s.kernel {
                            let y = (oy * s.stride + ky).wrapping_sub(s.padding.top);
                            let x_at = (ox * s.stride + kx).wrapping_sub(s.padding.left);
                            if y < s.height && x_at < s.width {
                                let pixel = x[(ci * s.height + y) * s.width + x_at];
                                let w = ((co * s.c_in + ci) * s.kernel + ky) * s.kernel + kx;
                                sum += f64::from(pixel) * f64::from(weight[w]);
                            }
                        }
                    }
                }
                sums.push(sum);
            }
        }
    }
    sums
}

/// The largest difference relative to the largest number expected.
fn error(got: &[f32], expected: &[f64]) -> f64 {
    assert_eq!(got.len(), expected.len());
    let scale = expected.iter().fold(1e-30_f64, |m, v| m.max(v.abs()));
    let worst = got.iter().zip(expected).map(|(g, e)| {
        let difference = (f64::from(*g) - e).abs();
        if difference.is_nan() { f64::INFINITY } else { difference }
    });
    worst.fold(0.0, f64::max) / scale
}

/// Runs one shape with activation number `kind`, with or without residual, on every instruction
/// set; returns the largest error.
fn check(method: Method, s: &Shape, kind: usize, with_residual: bool, random: &mut Random) -> f64 {
    let x = random.numbers(s.c_in * s.height * s.width);
    let weight = random.numbers(s.c_out * s.c_in * s.kernel * s.kernel);
    let bias = random.numbers(s.c_out);
    let slopes = random.numbers(s.c_out);
    let activation = [
        Activation::None,
        Activation::Relu,
        Activation::LeakyRelu(0.1),
        Activation::PRelu(&slopes),
    ][kind];
    let mut worst = 0.0_f64;
    for isa in available() {
        force_isa(Some(isa));
        let window = (s.kernel, s.stride);
        let conv = PackedConv::with_method(method, (s.c_in, s.c_out), window, &weight, Some(&bias));
        force_isa(None);
        let size = conv.out_size(s.height, s.width, s.padding);
        let plane = size.0 * size.1;
        let residual = random.numbers(s.c_out * plane);
        let blocked_residual = Blocked::from_planar(&residual, s.c_out, size.0, size.1);
        let mut expected = reference(s, size, &x, &weight, &bias);
        for (i, sum) in expected.iter_mut().enumerate() {
            let slope = match activation {
                Activation::None => 1.0,
                Activation::Relu => 0.0,
                Activation::LeakyRelu(slope) => f64::from(slope),
                Activation::PRelu(slopes) => f64::from(slopes[i / plane]),
            };
            if *sum < 0.0 {
                *sum *= slope;
            }
            if with_residual {
                *sum += f64::from(residual[i]);
            }
        }
        let blocked = Blocked::from_planar(&x, s.c_in, s.height, s.width);
        // Left-over numbers and another size must not matter.
        let mut out = Blocked::zeros(5, 3, 7);
        out.data_mut().fill(f32::NAN);
        let residual = with_residual.then_some(&blocked_residual);
        conv.run(&blocked, &mut out, s.padding, &Epilogue { activation, residual });
        assert_eq!((out.channels(), out.height(), out.width()), (s.c_out, size.0, size.1));
        let mut planes = vec![f32::NAN; s.c_out * plane];
        out.to_planar(&mut planes);
        let error = error(&planes, &expected);
        let allowed = if method == Method::Direct { 3e-6 } else { 2e-5 };
        assert!(error <= allowed, "{isa:?}: error {error:e} for {s:?}, {activation:?}");
        let filling = out.data().chunks_exact(16).enumerate().all(|(pixel, lanes)| {
            let first = pixel / plane * 16;
            lanes.iter().enumerate().all(|(i, v)| first + i < s.c_out || *v == 0.0)
        });
        assert!(filling, "{isa:?}: the last block's filling is not zero for {s:?}");
        worst = worst.max(error);
    }
    worst
}

#[test]
fn blocked_layout_goes_there_and_back() {
    let mut random = Random(3);
    let planes = random.numbers(19 * 5 * 7);
    let blocked = Blocked::from_planar(&planes, 19, 5, 7);
    assert_eq!(blocked.data().as_ptr().align_offset(64), 0);
    assert_eq!(blocked.data()[5 * 7 * 16 + 8 * 16 + 2], planes[18 * 35 + 8]);
    let mut back = vec![0.0; planes.len()];
    blocked.to_planar(&mut back);
    assert_eq!(planes, back);
}

#[test]
fn network_shapes_match_plain_loops() {
    let _turn = TURN.lock();
    let mut random = Random(5);
    for (channels, size, kernel, stride, padding) in [
        ((32, 32), (40, 75), 3, 1, Padding::all(1)),
        ((64, 48), (33, 20), 3, 1, Padding::all(0)),
        ((32, 64), (21, 64), 3, 1, Padding { top: 1, left: 0, bottom: 0, right: 1 }),
        ((3, 16), (37, 41), 3, 2, Padding::all(1)),
        ((32, 64), (30, 46), 2, 2, Padding::all(0)),
        ((96, 33), (17, 19), 1, 1, Padding::all(0)),
        ((32, 12), (24, 31), 3, 1, Padding::all(1)),
    ] {
        let shape = Shape {
            c_in: channels.0,
            c_out: channels.1,
            height: size.0,
            width: size.1,
            kernel,
            stride,
            padding,
        };
        for kind in 0..4 {
            check(Method::Direct, &shape, kind, kind % 2 == 0, &mut random);
            if (kernel, stride) == (3, 1) {
                check(Method::Winograd, &shape, kind, kind % 2 == 0, &mut random);
            }
        }
    }
}

#[test]
fn random_shapes_match_plain_loops() {
    let _turn = TURN.lock();
    let mut random = Random(17);
    let mut worst = [0.0_f64; 2];
    for round in 0..300 {
        let kernel = [1, 2, 3, 5, 3][random.below(5)];
        let mut side = || random.below(3);
        let padding = Padding { top: side(), left: side(), bottom: side(), right: side() };
        let largest = [1, 9, 40][random.below(3)];
        let shape = Shape {
            c_in: 1 + random.below(50),
            c_out: 1 + random.below(70),
            height: 1 + random.below(largest),
            width: 1 + random.below(largest),
            kernel,
            stride: 1 + random.below(3),
            padding,
        };
        let height = shape.height + padding.top + padding.bottom;
        let width = shape.width + padding.left + padding.right;
        if height.min(width) >= kernel {
            for (method, worst) in [Method::Direct, Method::Winograd].into_iter().zip(&mut worst) {
                if method == Method::Direct || (kernel, shape.stride) == (3, 1) {
                    let error = check(method, &shape, round % 4, round % 3 == 0, &mut random);
                    *worst = worst.max(error);
                }
            }
        }
    }
    println!("largest errors, direct and Winograd: {worst:?}");
}

#[test]
#[should_panic(expected = "channels of x")]
fn wrong_channels_are_refused() {
    let conv = PackedConv::new(3, 4, 1, 1, &[0.0; 12], None);
    let mut out = Blocked::default();
    conv.run(&Blocked::zeros(2, 4, 4), &mut out, Padding::default(), &Epilogue::default());
}
