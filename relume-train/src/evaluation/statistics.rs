//! Mean, spread, and how sure the mean is.

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use serde::Serialize;

/// How often the pictures are drawn anew.
const RESAMPLES: usize = 2000;
/// Share of the resampled means that the interval leaves out on each side.
const TAIL: f64 = 0.025;

/// A metric over several pictures.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Summary {
    /// Number of pictures.
    pub count: usize,
    /// Mean of the pictures' values.
    pub mean: f64,
    /// Standard deviation of the values, `n − 1` in the denominator; 0 for one picture.
    pub deviation: f64,
    /// Where the mean lies with 95 % confidence: the percentile bootstrap (Efron 1979).
    pub interval: [f64; 2],
}

impl Summary {
    /// Of some values; nothing of none. The same seed gives the same interval.
    pub fn of(values: &[f64], seed: u64) -> Option<Self> {
        if values.is_empty() {
            return None;
        }
        let count = values.len();
        let mean = values.iter().sum::<f64>() / count as f64;
        let squares: f64 = values.iter().map(|v| (v - mean).powi(2)).sum();
        let deviation = (squares / (count - 1).max(1) as f64).sqrt();
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut draw = || {
            let sum: f64 = (0..count).map(|_| values[rng.random_range(0..count)]).sum();
            sum / count as f64
        };
        let mut means: Vec<f64> = (0..RESAMPLES).map(|_| draw()).collect();
        means.sort_by(f64::total_cmp);
        let at = |share: f64| means[(share * (RESAMPLES - 1) as f64).round() as usize];
        Some(Self { count, mean, deviation, interval: [at(TAIL), at(1.0 - TAIL)] })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    #[test]
    fn mean_and_deviation_are_the_textbook_s() {
        let found = Summary::of(&[2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0], 1).unwrap();
        assert_eq!(found.mean, 5.0);
        assert!((found.deviation - (32.0_f64 / 7.0).sqrt()).abs() < 1e-12);
        assert_eq!(Summary::of(&[], 1), None);
        assert_eq!(Summary::of(&[3.0], 1).unwrap().interval, [3.0, 3.0]);
    }

    #[test]
    fn the_interval_is_as_wide_as_theory_says() {
        // 400 even draws from 0 to 1: the mean's standard error is √(1/12/400) = 0.0144.
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let values: Vec<f64> = (0..400).map(|_| rng.random::<f64>()).collect();
        let Summary { mean, interval: [low, high], .. } = Summary::of(&values, 1).unwrap();
        assert!(low < mean && mean < high);
        assert!((high - low - 2.0 * 1.96 * 0.0144).abs() < 0.008, "{low} to {high}");
    }
}
