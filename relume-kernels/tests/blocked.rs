//! The inference kernels on every instruction set against plain loops in f64.

use std::ops::Range;
use std::sync::Mutex;

use relume_kernels::{
    Activation, BLOCK, Epilogue, Isa, Method, PackedConv, Request, Window, available, force_isa,
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

    /// Some of `0..end`, at least one.
    fn part(&mut self, end: usize) -> Range<usize> {
        let start = self.below(end);
        start..start + 1 + self.below(end - start)
    }
}

#[derive(Clone, Debug)]
struct Shape {
    c_in: usize,
    c_out: usize,
    height: usize,
    width: usize,
    kernel: usize,
    stride: usize,
    padding: usize,
    rows: Range<usize>,
    columns: Range<usize>,
    phase: (usize, usize),
}

impl Shape {
    fn random(random: &mut Random, largest: usize) -> Option<Self> {
        let kernel = [1, 2, 3, 5, 3, 3][random.below(6)];
        let (stride, padding) = (1 + random.below(3), random.below(2));
        let stride = if kernel == 3 && random.below(3) > 0 { 1 } else { stride };
        let (height, width) = (1 + random.below(largest), 1 + random.below(largest));
        let out = |length: usize| Some((length + 2 * padding).checked_sub(kernel)? / stride + 1);
        Some(Self {
            c_in: 1 + random.below(50),
            c_out: 1 + random.below(70),
            rows: random.part(out(height)?),
            columns: random.part(out(width)?),
            phase: (random.below(4), random.below(4)),
            ..Self { height, width, kernel, stride, padding, ..Self::default() }
        })
    }
}

impl Default for Shape {
    fn default() -> Self {
        let side = 4;
        Self {
            c_in: 1,
            c_out: 1,
            height: side,
            width: side,
            kernel: 1,
            stride: 1,
            padding: 0,
            rows: 0..side,
            columns: 0..side,
            phase: (0, 0),
        }
    }
}

/// Everything a run needs, in planes.
struct Values {
    x: Vec<f32>,
    weight: Vec<f32>,
    bias: Vec<f32>,
    slopes: Vec<f32>,
    factors: Vec<f32>,
    terms: Vec<f32>,
    residual: Vec<f32>,
    with_affine: bool,
    with_residual: bool,
}

impl Values {
    fn random(s: &Shape, random: &mut Random) -> Self {
        let mut numbers = |len| random.numbers(len);
        Self {
            x: numbers(s.c_in * s.height * s.width),
            weight: numbers(s.c_out * s.c_in * s.kernel * s.kernel),
            bias: numbers(s.c_out),
            slopes: numbers(s.c_out),
            factors: numbers(s.c_out),
            terms: numbers(s.c_out),
            residual: numbers(s.c_out * s.rows.len() * s.columns.len()),
            with_affine: random.below(2) == 0,
            with_residual: random.below(2) == 0,
        }
    }
}

/// The convolution and its store by plain loops.
fn reference(s: &Shape, v: &Values, kind: usize) -> Vec<f64> {
    let mut sums = Vec::new();
    for co in 0..s.c_out {
        for oy in s.rows.clone() {
            for ox in s.columns.clone() {
                let mut sum = f64::from(v.bias[co]);
                for ci in 0..s.c_in {
                    for ky in 0..s.kernel {
                        for kx in 0..s.kernel {
                            let y = (oy * s.stride + ky).wrapping_sub(s.padding);
                            let x = (ox * s.stride + kx).wrapping_sub(s.padding);
                            if y < s.height && x < s.width {
                                let w = ((co * s.c_in + ci) * s.kernel + ky) * s.kernel + kx;
                                let pixel = v.x[(ci * s.height + y) * s.width + x];
                                sum += f64::from(pixel) * f64::from(v.weight[w]);
                            }
                        }
                    }
                }
                if sum < 0.0 {
                    sum *= [1.0, 0.0, 0.1, f64::from(v.slopes[co])][kind];
                }
                if v.with_affine {
                    sum = sum * f64::from(v.factors[co]) + f64::from(v.terms[co]);
                }
                if v.with_residual {
                    sum += f64::from(v.residual[sums.len()]);
                }
                sums.push(sum);
            }
        }
    }
    sums
}

/// The rectangle that the request reads, a little more, as one or two windows.
fn sources(s: &Shape, x: &[f32], random: &mut Random) -> Vec<Window> {
    let reach = |out: &Range<usize>, length: usize, slack: usize| {
        // Winograd's tiles read whole: up to seven pixels further.
        let start = (out.start * s.stride).saturating_sub(s.padding + 4 + slack);
        let end = (out.end - 1) * s.stride + s.kernel + 4 + slack;
        start.min(length - 1)..end.min(length)
    };
    let slack = random.below(3);
    let (rows, columns) = (reach(&s.rows, s.height, slack), reach(&s.columns, s.width, slack));
    let split = if s.c_in > BLOCK && random.below(2) == 0 { BLOCK } else { 0 };
    let lanes = if s.c_in <= 4 && s.kernel != 3 { 1 } else { BLOCK };
    let mut windows = Vec::new();
    for channels in [0..split, split..s.c_in] {
        if channels.is_empty() {
            continue;
        }
        let mut planes = Vec::new();
        for c in channels.clone() {
            for y in rows.clone() {
                let row = (c * s.height + y) * s.width;
                planes.extend(&x[row + columns.start..row + columns.end]);
            }
        }
        let mut window = Window::zeros(channels.len(), lanes, rows.clone(), columns.clone());
        window.fill_from_planar(&planes);
        windows.push(window);
    }
    windows
}

fn run(conv: &PackedConv, s: &Shape, v: &Values, kind: usize, sources: &[&Window]) -> Window {
    let planes = (s.c_out, s.rows.len(), s.columns.len());
    let mut residual = Window::zeros(planes.0, BLOCK, s.rows.clone(), s.columns.clone());
    if v.with_residual {
        residual.fill_from_planar(&v.residual);
    }
    let activation = [
        Activation::None,
        Activation::Relu,
        Activation::LeakyRelu(0.1),
        Activation::PRelu(&v.slopes),
    ][kind];
    let epilogue = Epilogue {
        activation,
        affine: v.with_affine.then_some((&v.factors[..], &v.terms[..])),
        residual: v.with_residual.then_some(&residual),
    };
    let request = Request {
        sources,
        bounds: (s.height, s.width),
        padding: s.padding,
        rows: s.rows.clone(),
        columns: s.columns.clone(),
        phase: s.phase,
        epilogue,
    };
    // Left-over numbers must not matter.
    let mut used = Window::zeros(60, BLOCK, 0..9, 0..9);
    used.data_mut().fill(f32::NAN);
    let buffer = used.into_buffer();
    let mut out = Window::reusing(buffer, s.c_out, BLOCK, s.rows.clone(), s.columns.clone());
    conv.run(&request, &mut out);
    out
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

/// One shape on one instruction set; returns the error.
fn check(isa: Isa, method: Method, s: &Shape, random: &mut Random) -> f64 {
    let v = Values::random(s, random);
    let kind = random.below(4);
    force_isa(Some(isa));
    let (channels, window) = ((s.c_in, s.c_out), (s.kernel, s.stride));
    let conv = PackedConv::with_method(method, channels, window, &v.weight, Some(&v.bias));
    force_isa(None);
    let sources = sources(s, &v.x, random);
    let sources: Vec<&Window> = sources.iter().collect();
    let out = run(&conv, s, &v, kind, &sources);
    let error = error(&out.to_planar(), &reference(s, &v, kind));
    let allowed = if method == Method::Direct { 3e-6 } else { 2e-5 };
    assert!(error <= allowed, "{isa:?} {method:?}: error {error:e} for {s:?}");
    let plane = s.rows.len() * s.columns.len();
    let filling = out.data().chunks_exact(BLOCK).enumerate().all(|(pixel, lanes)| {
        let first = pixel / plane * BLOCK;
        lanes.iter().enumerate().all(|(i, v)| first + i < s.c_out || *v == 0.0)
    });
    assert!(filling, "{isa:?}: the last block's filling is not zero for {s:?}");
    error
}

#[test]
fn layouts_go_there_and_back() {
    let planes = Random(3).numbers(19 * 5 * 7);
    for lanes in [1, BLOCK] {
        let window = Window::from_planar(&planes, lanes, (19, 5, 7));
        assert_eq!(window.data().as_ptr().align_offset(64), 0);
        assert_eq!(window.at(18, 1, 1), planes[18 * 35 + 8]);
        assert_eq!(window.to_planar(), planes);
    }
}

#[test]
fn random_requests_match_plain_loops() {
    let _turn = TURN.lock();
    let mut random = Random(17);
    let mut worst = [0.0_f64; 2];
    let mut runs = 0;
    for round in 0..if cfg!(miri) { 12 } else { 400 } {
        let largest = if cfg!(miri) { 5 } else { [1, 9, 40][round % 3] };
        let Some(shape) = Shape::random(&mut random, largest) else { continue };
        for isa in available() {
            for (method, worst) in [Method::Direct, Method::Winograd].into_iter().zip(&mut worst) {
                if method == Method::Direct || (shape.kernel, shape.stride) == (3, 1) {
                    *worst = worst.max(check(isa, method, &shape, &mut random));
                    runs += 1;
                }
            }
        }
    }
    assert!(cfg!(miri) || runs > 250 * available().count(), "{runs}");
    println!("largest errors in {runs} runs, direct and Winograd: {worst:?}");
}

#[test]
#[cfg_attr(miri, ignore = "hours under Miri")]
fn the_same_bytes_however_the_output_is_cut_and_on_any_number_of_threads() {
    let _turn = TURN.lock();
    let mut random = Random(29);
    for phase in 0..4 {
        let whole = Shape {
            c_in: 40,
            c_out: 33,
            height: 37,
            width: 61,
            kernel: 3,
            padding: 1,
            rows: 0..37,
            columns: 0..61,
            phase: (phase, 3 - phase),
            ..Shape::default()
        };
        let mut v = Values::random(&whole, &mut random);
        v.with_residual = false;
        let channels = (whole.c_in, whole.c_out);
        let conv = PackedConv::new(channels.0, channels.1, 3, 1, &v.weight, Some(&v.bias));
        assert_eq!(conv.method(), Method::Winograd);
        let x = Window::from_planar(&v.x, BLOCK, (40, 37, 61));
        let expected = run(&conv, &whole, &v, 2, &[&x]);
        for threads in [1, 2, 3, 7] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
            let Ok(pool) = pool else { panic!("no threads") };
            let (rows, columns) = (phase + 8..phase + 20, 19 - phase..61);
            let cut = Shape { rows, columns, ..whole.clone() };
            for s in [&whole, &cut] {
                let out = pool.install(|| run(&conv, s, &v, 2, &[&x]));
                for y in s.rows.clone() {
                    let (got, want) = (out.row(2, y), expected.part(2, y, s.columns.clone()));
                    assert_eq!(got, want, "row {y} with {threads} threads, phase {phase}");
                }
            }
        }
    }
}

#[test]
#[should_panic(expected = "channels of the sources")]
fn wrong_channels_are_refused() {
    let conv = PackedConv::new(3, 4, 1, 1, &[0.0; 12], None);
    let s = Shape { c_in: 2, c_out: 4, ..Shape::default() };
    let mut v = Values::random(&s, &mut Random(1));
    v.with_residual = false;
    run(&conv, &s, &v, 0, &[&Window::zeros(2, BLOCK, 0..4, 0..4)]);
}
