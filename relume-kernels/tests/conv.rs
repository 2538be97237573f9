//! Every training kernel on every instruction set against plain loops in f64.

use std::sync::Mutex;

use relume_kernels::{ConvShape, Gradients, Then, available, conv2d, conv2d_backward, force_isa};

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

/// Calls `each(output index, input index, weight index)` for every product of the convolution.
fn for_products(s: &ConvShape, mut each: impl FnMut(usize, usize, usize)) {
    let (out_height, out_width) = (s.out_height(), s.out_width());
    for image in 0..s.n {
        for co in 0..s.c_out {
            for ci in 0..s.c_in {
                for oy in 0..out_height {
                    for ox in 0..out_width {
                        for ky in 0..s.kernel {
                            for kx in 0..s.kernel {
                                let y = oy * s.stride + ky;
                                let x = ox * s.stride + kx;
                                let inside = (s.padding..s.padding + s.height).contains(&y)
                                    && (s.padding..s.padding + s.width).contains(&x);
                                if inside {
                                    let (y, x) = (y - s.padding, x - s.padding);
                                    each(
                                        ((image * s.c_out + co) * out_height + oy) * out_width + ox,
                                        ((image * s.c_in + ci) * s.height + y) * s.width + x,
                                        ((co * s.c_in + ci) * s.kernel + ky) * s.kernel + kx,
                                    );
                                }
                            }
                        }
                    }
                }
            }
        }
    }
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

struct Results {
    out: Vec<f32>,
    dx: Vec<f32>,
    dweight: Vec<f32>,
    dbias: Vec<f32>,
}

struct Case {
    shape: ConvShape,
    x: Vec<f32>,
    weight: Vec<f32>,
    bias: Vec<f32>,
    slope: Option<f32>,
    residual: Option<Vec<f32>>,
    dy: Vec<f32>,
    /// What an activation of the backward pass gave: numbers of their own, so that rounding does
    /// not decide their sign.
    activated: Vec<f32>,
}

impl Case {
    fn new(shape: ConvShape, random: &mut Random) -> Self {
        let slope = [None, Some(0.0), Some(0.1)][random.below(3)];
        let residual = random.below(2) == 1;
        Self {
            shape,
            slope,
            residual: residual.then(|| random.numbers(shape.output_len())),
            activated: random.numbers(shape.output_len()),
            x: random.numbers(shape.input_len()),
            weight: random.numbers(shape.weight_len()),
            bias: random.numbers(shape.c_out),
            dy: random.numbers(shape.output_len()),
        }
    }

    fn run(&self) -> Results {
        let s = &self.shape;
        // Left-over numbers must not matter.
        let mut results = Results {
            out: vec![f32::NAN; s.output_len()],
            dx: vec![f32::NAN; s.input_len()],
            dweight: vec![f32::NAN; s.weight_len()],
            dbias: vec![f32::NAN; s.c_out],
        };
        let then =
            Then { bias: Some(&self.bias), slope: self.slope, residual: self.residual.as_deref() };
        conv2d(s, &self.x, &self.weight, then, &mut results.out);
        let gradients = Gradients {
            dx: Some(&mut results.dx),
            dweight: Some(&mut results.dweight),
            dbias: Some(&mut results.dbias),
        };
        conv2d_backward(s, &self.x, &self.weight, self.outer(), gradients);
        results
    }

    /// The gradient by the output, and what the activation gave.
    fn outer(&self) -> (&[f32], Option<(&[f32], f32)>) {
        (&self.dy, self.slope.map(|slope| (&self.activated[..], slope)))
    }

    /// The gradient by the sums.
    fn inner(&self, o: usize) -> f64 {
        let slope = self.slope.filter(|_| self.activated[o] <= 0.0).map_or(1.0, f64::from);
        slope * f64::from(self.dy[o])
    }

    /// The largest errors: convolution, gradient by input, by weight, by bias.
    fn check(&self) -> [f64; 4] {
        let mut worst = [0.0_f64; 4];
        let s = &self.shape;
        let plane = s.out_height() * s.out_width();
        let mut out: Vec<f64> =
            (0..s.output_len()).map(|i| f64::from(self.bias[i / plane % s.c_out])).collect();
        let mut dx = vec![0.0_f64; s.input_len()];
        let mut dweight = vec![0.0_f64; s.weight_len()];
        let mut dbias = vec![0.0_f64; s.c_out];
        for o in 0..self.dy.len() {
            dbias[o / plane % s.c_out] += self.inner(o);
        }
        for_products(s, |o, i, w| {
            let (x, weight) = (f64::from(self.x[i]), f64::from(self.weight[w]));
            let dy = self.inner(o);
            out[o] += x * weight;
            dx[i] += dy * weight;
            dweight[w] += dy * x;
        });
        for (o, out) in out.iter_mut().enumerate() {
            let slope = self.slope.filter(|_| *out < 0.0).map_or(1.0, f64::from);
            let beside = self.residual.as_ref().map_or(0.0, |residual| f64::from(residual[o]));
            *out = *out * slope + beside;
        }
        for isa in available() {
            force_isa(Some(isa));
            let got = self.run();
            force_isa(None);
            let results = [
                ("conv2d", &got.out, &out),
                ("input gradient", &got.dx, &dx),
                ("weight gradient", &got.dweight, &dweight),
                ("bias gradient", &got.dbias, &dbias),
            ];
            for ((what, got, expected), worst) in results.into_iter().zip(&mut worst) {
                let error = error(got, expected);
                *worst = worst.max(error);
                let allowed = if what == "weight gradient" { 3e-6 } else { 1e-5 };
                assert!(error <= allowed, "{what} on {isa:?}: error {error:e} for {s:?}");
            }
        }
        worst
    }
}

fn shape(
    n: usize,
    channels: (usize, usize),
    size: (usize, usize),
    k: (usize, usize, usize),
) -> ConvShape {
    ConvShape {
        n,
        c_in: channels.0,
        c_out: channels.1,
        height: size.0,
        width: size.1,
        kernel: k.0,
        stride: k.1,
        padding: k.2,
    }
}

#[test]
#[cfg_attr(miri, ignore = "hours under Miri")]
fn network_shapes_match_plain_loops() {
    let _turn = TURN.lock();
    let mut random = Random(7);
    for case in [
        shape(2, (32, 32), (64, 64), (3, 1, 1)),
        shape(2, (33, 17), (32, 32), (3, 1, 1)),
        shape(4, (48, 40), (16, 16), (3, 1, 1)),
        shape(2, (24, 50), (34, 35), (3, 1, 1)),
        shape(2, (48, 24), (42, 34), (3, 1, 0)),
        shape(3, (25, 39), (30, 26), (3, 1, 2)),
        shape(5, (40, 64), (8, 8), (3, 1, 1)),
        shape(3, (20, 24), (24, 24), (3, 1, 1)),
        shape(3, (20, 24), (7, 8), (3, 1, 1)),
        shape(3, (12, 9), (5, 5), (3, 1, 1)),
        shape(3, (64, 128), (8, 8), (1, 1, 0)),
        shape(3, (37, 65), (5, 8), (1, 1, 0)),
        shape(16, (70, 35), (1, 1), (1, 1, 0)),
        shape(2, (19, 40), (32, 64), (2, 2, 0)),
        shape(2, (3, 16), (128, 128), (3, 2, 1)),
        shape(9, (16, 16), (16, 16), (2, 2, 0)),
    ] {
        println!("{:?} for {case:?}", Case::new(case, &mut random).check());
    }
}

#[test]
fn random_shapes_match_plain_loops() {
    let _turn = TURN.lock();
    let mut random = Random(11);
    for _ in 0..if cfg!(miri) { 12 } else { 400 } {
        let kernel = [1, 2, 3, 5][random.below(4)];
        let stride = 1 + random.below(3);
        let padding = random.below(kernel + 2);
        let largest = if cfg!(miri) { 6 } else { [3, 20, 40][random.below(3)] };
        let size = (1 + random.below(largest), 1 + random.below(largest));
        if size.0.min(size.1) + 2 * padding < kernel {
            continue;
        }
        let channels = (1 + random.below(20), 1 + random.below(20));
        let n = 1 + random.below(4);
        Case::new(shape(n, channels, size, (kernel, stride, padding)), &mut random).check();
    }
}

#[test]
#[cfg_attr(miri, ignore = "hours under Miri")]
fn thread_count_does_not_matter() {
    let _turn = TURN.lock();
    let mut random = Random(13);
    for case in [
        shape(8, (32, 32), (64, 64), (3, 1, 1)),
        shape(8, (64, 96), (8, 8), (3, 1, 1)),
        shape(5, (33, 20), (13, 27), (3, 1, 1)),
        shape(8, (32, 64), (32, 32), (2, 2, 0)),
        shape(8, (64, 128), (16, 16), (1, 1, 0)),
    ] {
        let case = Case::new(case, &mut random);
        let runs: Vec<Results> = [1, 2, 4]
            .into_iter()
            .map(|threads| {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
                pool.expect("a pool").install(|| case.run())
            })
            .collect();
        for other in &runs[1..] {
            let same =
                |a: &[f32], b: &[f32]| a.iter().zip(b).all(|(a, b)| a.to_bits() == b.to_bits());
            assert!(same(&runs[0].out, &other.out), "conv2d of {:?}", case.shape);
            assert!(same(&runs[0].dx, &other.dx), "input gradient of {:?}", case.shape);
            assert!(same(&runs[0].dweight, &other.dweight), "weight gradient of {:?}", case.shape);
            assert!(same(&runs[0].dbias, &other.dbias), "bias gradient of {:?}", case.shape);
        }
    }
}

#[test]
#[should_panic(expected = "length of x")]
fn wrong_length_is_refused() {
    let shape = shape(1, (1, 1), (4, 4), (3, 1, 1));
    conv2d(&shape, &[0.0; 15], &[0.0; 9], Then::default(), &mut [0.0; 16]);
}

#[test]
#[cfg_attr(miri, ignore = "hours under Miri")]
fn gradients_that_are_not_wanted_change_no_others() {
    let _turn = TURN.lock();
    let mut random = Random(17);
    for case in [shape(2, (16, 20), (16, 20), (3, 1, 1)), shape(2, (5, 4), (9, 8), (3, 2, 1))] {
        let case = Case::new(case, &mut random);
        let all = case.run();
        let mut alone = vec![f32::NAN; all.dx.len()];
        let gradients = Gradients { dx: Some(&mut alone), ..Gradients::default() };
        conv2d_backward(&case.shape, &case.x, &case.weight, case.outer(), gradients);
        assert_eq!(alone, all.dx);
        let mut alone = vec![f32::NAN; all.dweight.len()];
        let gradients = Gradients { dweight: Some(&mut alone), ..Gradients::default() };
        conv2d_backward(&case.shape, &case.x, &case.weight, case.outer(), gradients);
        assert_eq!(alone, all.dweight);
    }
}
