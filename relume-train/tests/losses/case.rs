//! A loss on given tensors, and the same in plain loops.

use std::collections::BTreeMap;

use burn::tensor::Device;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use relume_nn::burn::{Tensors, download, upload};
use relume_train::losses::{Given, Loss, build};

/// Plain values `[n, c, h, w]`.
#[derive(Debug, Clone)]
pub(crate) struct Plane {
    pub(crate) shape: [usize; 4],
    pub(crate) values: Vec<f64>,
}

impl Plane {
    /// Random values from `low` to `high` that `f32` holds exactly.
    pub(crate) fn random(shape: [usize; 4], seed: u64, low: f32, high: f32) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut draw = || f64::from(low + (high - low) * rng.random::<f32>());
        Self { shape, values: (0..shape.iter().product()).map(|_| draw()).collect() }
    }

    pub(crate) fn from_fn(shape: [usize; 4], f: impl Fn([usize; 4]) -> f64) -> Self {
        let mut values = Vec::new();
        for n in 0..shape[0] {
            for c in 0..shape[1] {
                for y in 0..shape[2] {
                    for x in 0..shape[3] {
                        values.push(f([n, c, y, x]));
                    }
                }
            }
        }
        Self { shape, values }
    }

    pub(crate) fn at(&self, n: usize, c: usize, y: usize, x: usize) -> f64 {
        let [_, channels, height, width] = self.shape;
        self.values[((n * channels + c) * height + y) * width + x]
    }

    /// Each value with its place.
    pub(crate) fn places(&self) -> impl Iterator<Item = ([usize; 4], f64)> + '_ {
        let [_, c, h, w] = self.shape;
        let place = move |i: usize| [i / (c * h * w), i / (h * w) % c, i / w % h, i % w];
        self.values.iter().enumerate().map(move |(i, &value)| (place(i), value))
    }

    pub(crate) fn mean(&self) -> f64 {
        self.values.iter().sum::<f64>() / self.values.len() as f64
    }

    /// Value by value with another of the same shape.
    pub(crate) fn with(&self, other: &Self, f: impl Fn(f64, f64) -> f64) -> Self {
        assert_eq!(self.shape, other.shape);
        let values = self.values.iter().zip(&other.values).map(|(&a, &b)| f(a, b)).collect();
        Self { shape: self.shape, values }
    }

    pub(crate) fn map(&self, f: impl Fn(f64) -> f64) -> Self {
        Self { shape: self.shape, values: self.values.iter().map(|&v| f(v)).collect() }
    }

    /// Means of blocks.
    pub(crate) fn pooled(&self, side: usize) -> Self {
        let [n, c, h, w] = self.shape;
        Self::from_fn([n, c, h / side, w / side], |[n, c, y, x]| {
            let mut sum = 0.0;
            for dy in 0..side {
                for dx in 0..side {
                    sum += self.at(n, c, y * side + dy, x * side + dx);
                }
            }
            sum / (side * side) as f64
        })
    }

    /// Mean over the channels.
    pub(crate) fn grey(&self) -> Self {
        let [n, c, h, w] = self.shape;
        Self::from_fn([n, 1, h, w], |[n, _, y, x]| {
            (0..c).map(|c| self.at(n, c, y, x)).sum::<f64>() / c as f64
        })
    }

    pub(crate) fn tensor(&self) -> relume_nn::Tensor {
        relume_nn::Tensor::new(self.shape, self.values.iter().map(|&v| v as f32).collect())
    }
}

/// Tensors by the names under which a loss finds them.
pub(crate) type Planes = BTreeMap<&'static str, Plane>;

/// The same in plain loops: outputs, targets and feeds to the value.
pub(crate) type Reference = Box<dyn Fn(&Planes, &Planes, &Planes) -> f64>;

/// A loss on given tensors, and the same in plain loops.
pub(crate) struct Case {
    pub(crate) kind: &'static str,
    /// The parameters as a recipe writes them.
    pub(crate) table: &'static str,
    /// What sets up the loss where a recipe cannot.
    pub(crate) loss: Option<Box<dyn Loss>>,
    pub(crate) outputs: Planes,
    pub(crate) targets: Planes,
    pub(crate) feeds: Planes,
    pub(crate) reference: Reference,
}

impl Case {
    /// A picture compared with another that is somewhat like it.
    pub(crate) fn pair(
        kind: &'static str,
        table: &'static str,
        shape: [usize; 4],
        reference: impl Fn(&Plane, &Plane) -> f64 + 'static,
    ) -> Self {
        let x = Plane::random(shape, 1, 0.0, 1.0);
        let noise = Plane::random(shape, 2, 0.0, 1.0);
        let truth = x.with(&noise, |x, noise| f64::from((0.6 * x + 0.4 * noise) as f32));
        Self {
            kind,
            table,
            loss: None,
            outputs: [("restored", x)].into(),
            targets: [("restored", truth)].into(),
            feeds: Planes::new(),
            reference: Box::new(move |x, truth, _| reference(&x["restored"], &truth["restored"])),
        }
    }

    pub(crate) fn check(&self) {
        let name = format!("{} {}", self.kind, self.table);
        let built = build(self.kind, &self.table.parse().unwrap(), "restored");
        let built = self.loss.is_none().then(|| built.unwrap());
        let loss = self.loss.as_ref().or(built.as_ref()).unwrap();
        let looked_at = loss.outputs();
        assert!(self.outputs.keys().all(|name| looked_at.contains(name)), "{name}: {looked_at:?}");

        let (value, gradients) =
            differentiate(loss.as_ref(), &self.outputs, &self.targets, &self.feeds);
        let expected = (self.reference)(&self.outputs, &self.targets, &self.feeds);
        assert!(expected.abs() > 1e-4, "{name}: {expected} would hide mistakes");
        let error = (value - expected).abs() / expected.abs();
        assert!(error < 2e-5, "{name}: {value}, plain loops give {expected}");
        for (output, gradient) in &gradients {
            let wanted = self.central_differences(output);
            let largest = wanted.iter().fold(0.0_f64, |m, g| m.max(g.abs()));
            let pairs = gradient.values.iter().zip(&wanted);
            let error = pairs.map(|(a, b)| (f64::from(*a) - b).abs()).fold(0.0, f64::max);
            assert!(
                error <= 1e-3 * largest + 1e-9,
                "{name}: gradient of {output} is off by {error}, its largest value is {largest}"
            );
        }
    }

    /// The slope of the plain loops along every value of an output.
    fn central_differences(&self, output: &str) -> Vec<f64> {
        const STEP: f64 = 1e-6;
        let mut outputs = self.outputs.clone();
        let mut slope = |index: usize| {
            let here = self.outputs[output].values[index];
            let [above, below] = [here + STEP, here - STEP].map(|there| {
                outputs.get_mut(output).unwrap().values[index] = there;
                (self.reference)(&outputs, &self.targets, &self.feeds)
            });
            outputs.get_mut(output).unwrap().values[index] = here;
            (above - below) / (2.0 * STEP)
        };
        (0..self.outputs[output].values.len()).map(&mut slope).collect()
    }
}

/// Value and gradients of the outputs.
pub(crate) fn differentiate(
    loss: &dyn Loss,
    outputs: &Planes,
    targets: &Planes,
    feeds: &Planes,
) -> (f64, BTreeMap<String, relume_nn::Tensor>) {
    let device = Device::flex().autodiff();
    let send = |planes: &Planes| -> Tensors {
        planes.iter().map(|(name, p)| ((*name).to_owned(), upload(&p.tensor(), &device))).collect()
    };
    let outputs: Tensors =
        send(outputs).into_iter().map(|(name, tensor)| (name, tensor.require_grad())).collect();
    let (targets, feeds) = (send(targets), send(feeds));
    let given = Given { outputs: &outputs, targets: &targets, feeds: &feeds };
    let value = loss.value(&given).unwrap();
    let found = value.backward();
    let gradient = |(name, tensor): (String, burn::tensor::Tensor<4>)| {
        tensor.grad(&found).map(|gradient| (name, download(gradient).unwrap()))
    };
    let value = f64::from(value.into_scalar::<f32>());
    (value, outputs.into_iter().filter_map(gradient).collect())
}
