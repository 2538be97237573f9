//! The one gain and gamma per picture that fits the truth best.

use relume_media::{Image, Result, Srgb};

use super::{Better, Measure, MetricCard, Shown, psnr, same_size};

/// The card of [`psnr_aligned`].
pub(super) const CARD: MetricCard = MetricCard {
    name: "psnr_aligned",
    help: "PSNR after the one gain and gamma that fits the truth best: detail without brightness",
    source: "relume",
    unit: "dB",
    better: Better::Higher,
    decimals: 2,
    shown: Shown::InTables,
    measure: Measure::AgainstTruth(psnr_aligned),
};

/// Levels of the histogram the search runs on; 8-bit values fall on levels exactly.
const LEVELS: usize = 255 * 16;
/// Points per axis and refinement.
const GRID: i32 = 16;
const REFINEMENTS: usize = 12;

/// `out = clamp(gain · in^gamma, 0, 1)` in display light, the same for all channels.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Alignment {
    /// Factor in display light.
    pub gain: f64,
    /// Exponent in display light.
    pub gamma: f64,
}

impl Alignment {
    /// The picture with this gain and gamma.
    pub fn apply(self, image: &Image<Srgb>) -> Image<Srgb> {
        image.clone().map(|v| self.value(f64::from(v)) as f32)
    }

    fn value(self, v: f64) -> f64 {
        (self.gain * v.clamp(0.0, 1.0).powf(self.gamma)).clamp(0.0, 1.0)
    }
}

/// `output` with the one gain and gamma that brings it nearest to `truth` (least squared error).
///
/// # Errors
/// [`relume_media::ErrorKind::Parameter`] when the sizes differ or the pictures are empty.
pub fn align(output: &Image<Srgb>, truth: &Image<Srgb>) -> Result<Image<Srgb>> {
    Ok(find_alignment(output, truth)?.apply(output))
}

/// PSNR in decibels of `output` after [`align`]: what is left when brightness does not count.
///
/// # Errors
/// As [`align`].
pub fn psnr_aligned(output: &Image<Srgb>, truth: &Image<Srgb>) -> Result<f64> {
    psnr(&align(output, truth)?, truth)
}

/// Searches gain and gamma coarse to fine; deterministic, gain 1/16 to 64, gamma 1/8 to 8.
///
/// # Errors
/// As [`align`].
pub fn find_alignment(output: &Image<Srgb>, truth: &Image<Srgb>) -> Result<Alignment> {
    same_size(output, truth)?;
    Ok(search(&joint_levels(output, truth), (1.0, 5.0)))
}

/// As [`find_alignment`], but the gamma alone: the gain stays 1.
///
/// # Errors
/// As [`align`].
pub fn find_gamma(output: &Image<Srgb>, truth: &Image<Srgb>) -> Result<Alignment> {
    same_size(output, truth)?;
    Ok(search(&joint_levels(output, truth), (0.0, 0.0)))
}

/// The best alignment with a log gain within the reach (second) of a centre (first).
fn search(levels: &[Level], log_gain: (f64, f64)) -> Alignment {
    let at = |log_gain: f64, log_gamma: f64| Alignment {
        gain: log_gain.exp2(),
        gamma: log_gamma.exp2(),
    };
    let (mut center, mut reach) = ((log_gain.0, 0.0), (log_gain.1, 3.0));
    // Without a reach there is one gain only.
    let gain_steps = if log_gain.1 > 0.0 { GRID } else { 0 };
    for _ in 0..REFINEMENTS {
        let mut best = (f64::INFINITY, center);
        for i in -gain_steps..=gain_steps {
            for j in -GRID..=GRID {
                let gain: f64 = center.0 + reach.0 * f64::from(i) / f64::from(GRID);
                let gamma: f64 = center.1 + reach.1 * f64::from(j) / f64::from(GRID);
                let point = (gain.clamp(-4.0, 6.0), gamma.clamp(-3.0, 3.0));
                let error = squared_error(levels, at(point.0, point.1));
                if error < best.0 {
                    best = (error, point);
                }
            }
        }
        center = best.1;
        reach = (reach.0 / 4.0, reach.1 / 4.0);
    }
    at(center.0, center.1)
}

/// One level of the output: how many values have it, and the sum of the truth's values there.
struct Level {
    value: f64,
    count: f64,
    truth: f64,
}

/// All that the squared error needs to know of both pictures.
fn joint_levels(output: &Image<Srgb>, truth: &Image<Srgb>) -> Vec<Level> {
    let mut bins = vec![(0_u64, 0_u64); LEVELS + 1];
    for (v, t) in output.values().iter().zip(truth.values()) {
        let bin = &mut bins[(v.clamp(0.0, 1.0) * LEVELS as f32).round() as usize];
        bin.0 += 1;
        bin.1 += (t.clamp(0.0, 1.0) * 255.0).round() as u64;
    }
    bins.iter()
        .enumerate()
        .filter(|(_, bin)| bin.0 > 0)
        .map(|(i, &(count, truth))| Level {
            value: i as f64 / LEVELS as f64,
            count: count as f64,
            truth: truth as f64 / 255.0,
        })
        .collect()
}

/// The squared error of an alignment, up to a constant that does not depend on it.
fn squared_error(levels: &[Level], alignment: Alignment) -> f64 {
    let term = |level: &Level| {
        let v = alignment.value(level.value);
        v * (level.count * v - 2.0 * level.truth)
    };
    levels.iter().map(term).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use relume_media::Size;

    fn ramp() -> Image<Srgb> {
        Image::from_fn(Size::new(64, 48), |x, y| {
            [x as f32 / 63.0, y as f32 / 47.0, (x * y) as f32 / 2961.0]
        })
    }

    #[test]
    fn a_known_gain_and_gamma_is_found() {
        for (gain, gamma) in [(0.3, 1.0), (0.8, 2.2), (0.5, 0.7), (1.0, 1.0)] {
            let truth = ramp();
            let output = truth.clone().map(|v| (v / gain).min(1.0).powf(1.0 / gamma));
            let found = find_alignment(&output, &truth).unwrap();
            let aligned = psnr(&found.apply(&output), &truth).unwrap();
            // Where the output is clipped, nothing can be won back.
            let reached = truth.clone().map(|v| v.min(gain));
            let reachable = psnr(&reached, &truth).unwrap().min(60.0);
            assert!(aligned >= reachable, "{gain} {gamma}: {aligned} dB with {found:?}");
        }
    }

    #[test]
    fn a_darkened_picture_comes_back() {
        let truth = ramp();
        let dark = truth.clone().map(|v| 0.1 * v.powf(1.3));
        assert!(psnr(&dark, &truth).unwrap() < 10.0);
        assert!(psnr(&align(&dark, &truth).unwrap(), &truth).unwrap() > 50.0);
    }

    #[test]
    fn a_known_gamma_is_found_without_touching_the_gain() {
        let truth = ramp();
        let found = find_gamma(&truth.clone().map(|v| v.powf(2.2)), &truth).unwrap();
        assert_eq!(found.gain, 1.0);
        assert!((found.gamma - 1.0 / 2.2).abs() < 1e-3, "{found:?}");
    }

    #[test]
    fn aligning_never_makes_the_squared_error_worse() {
        let truth = ramp();
        let noisy = Image::from_fn(truth.size(), |x, y| {
            truth
                .get(x, y)
                .map(|v| (v + ((x * 7 + y * 13) % 11) as f32 / 40.0 - 0.1).clamp(0.0, 1.0))
        });
        let before = psnr(&noisy, &truth).unwrap();
        assert!(psnr(&align(&noisy, &truth).unwrap(), &truth).unwrap() >= before - 0.01);
    }
}
