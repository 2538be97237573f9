//! Random numbers of one step: every step, and every row of the sensor, has its own stream, so
//! that the result depends on the seed alone and not on the order or number of threads.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// The steps that draw random numbers. A number never changes its meaning: it names a stream.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Step {
    Choice = 1,
    Camera = 2,
    Shake = 3,
    Noise = 4,
    Develop = 5,
    Sensor = 6,
    Uneven = 7,
    Path = 8,
    Scene = 9,
    Metering = 10,
    Formation = 11,
    Things = 12,
    Stratum = 13,
}

/// One stream of random numbers.
pub(crate) struct Dice {
    source: ChaCha8Rng,
    spare: Option<f32>,
}

impl Dice {
    /// The stream of `step` for `seed`; `part` tells parts of one step apart (rows).
    pub(crate) fn new(seed: u64, step: Step, part: usize) -> Self {
        let mut source = ChaCha8Rng::seed_from_u64(seed);
        source.set_stream(((step as u64) << 40) | part as u64);
        Self { source, spare: None }
    }

    /// Uniform in 0..1.
    pub(crate) fn unit(&mut self) -> f32 {
        self.source.random()
    }

    /// Uniform between the two ends of `range`.
    pub(crate) fn between(&mut self, range: [f32; 2]) -> f32 {
        range[0] + (range[1] - range[0]) * self.unit()
    }

    /// Uniform in the logarithm between the two positive ends of `range`.
    pub(crate) fn log_between(&mut self, range: [f32; 2]) -> f32 {
        self.between(range.map(|v| v.max(1e-9).ln())).exp()
    }

    /// True with probability `share`.
    pub(crate) fn chance(&mut self, share: f32) -> bool {
        self.unit() < share
    }

    /// Standard normal (Box and Muller 1958).
    pub(crate) fn normal(&mut self) -> f32 {
        if let Some(spare) = self.spare.take() {
            return spare;
        }
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        let (sin, cos) = (std::f32::consts::TAU * self.unit()).sin_cos();
        self.spare = Some(radius * sin);
        radius * cos
    }

    /// A Poisson count of the given mean; from 24 up the normal approximation, not rounded.
    pub(crate) fn poisson(&mut self, mean: f32) -> f32 {
        if mean >= 24.0 {
            return mean + mean.sqrt() * self.normal();
        }
        let (floor, mut product, mut count) = ((-mean).exp(), self.unit(), 0.0);
        while product > floor {
            product *= self.unit();
            count += 1.0;
        }
        count
    }
}
