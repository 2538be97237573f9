//! The simulated auto-exposure: it measures, waits, and follows in steps.

use crate::degrade::random::{Dice, Step};

/// How one camera meters and follows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Metering {
    /// Width of the weighting about the centre, relative to the picture; spot metering is narrow.
    centre: f32,
    /// Exponent by which bright parts count more.
    highlights: f32,
    /// Wanted mean.
    key: f32,
    /// Share of the error that is corrected each frame, and of its sum.
    follow: f32,
    integral: f32,
    /// Frames until a measurement counts.
    pub(super) delay: usize,
    /// Most stops a frame, and the error that is let be.
    fastest: f32,
    dead_band: f32,
    /// Steps in stops.
    step: f32,
    locked: bool,
    /// Stops on top of what the camera finds right.
    compensation: f32,
}

/// Stops that the exposure may lie from the scene's key.
const LIMIT: f32 = 5.0;

impl Metering {
    /// A random camera; `delay` and `locked` are as told where they are told.
    pub(super) fn draw(seed: u64, delay: Option<usize>, locked: Option<bool>) -> Self {
        let mut dice = Dice::new(seed, Step::Metering, 0);
        let kind = dice.unit();
        let integral = if dice.chance(0.2) { dice.between([0.005, 0.03]) } else { 0.0 };
        let (drawn_delay, drawn_lock) = (1 + (3.0 * dice.unit()) as usize, dice.chance(0.1));
        Self {
            centre: if kind < 0.1 { 0.12 } else { 0.5 },
            highlights: if kind > 0.9 { 1.0 } else { 0.0 },
            key: dice.between([0.18, 0.24]),
            follow: dice.between([0.05, 0.3]),
            integral,
            delay: delay.unwrap_or(drawn_delay.min(3)),
            fastest: dice.between([0.1, 0.5]),
            dead_band: dice.between([0.1, 0.25]),
            step: if dice.chance(0.5) { 0.125 } else { 0.0625 },
            locked: locked.unwrap_or(drawn_lock),
            compensation: dice.between([0.0, 1.5]),
        }
    }

    /// Stops by which the measured light of `luminance`, rows of `width`, misses the key at `ev`.
    fn error(&self, luminance: &[f32], width: usize, ev: f32) -> f32 {
        let height = (luminance.len() / width).max(1);
        let (mut sum, mut weights) = (0.0_f32, 1e-6_f32);
        for (i, light) in luminance.iter().enumerate() {
            let x = ((i % width) as f32 + 0.5) / width as f32 - 0.5;
            let y = ((i / width) as f32 + 0.5) / height as f32 - 0.5;
            let value = (light * ev.exp2()).min(1.0);
            let weight = (-(x * x + y * y) / (2.0 * self.centre * self.centre)).exp();
            let weight = weight * (0.05 + value).powf(self.highlights);
            sum += weight * value;
            weights += weight;
        }
        (self.key / (sum / weights).max(1e-5)).log2()
    }

    /// The exposure of every frame in stops; `luminance` is each frame's, rows of `width` values.
    pub(super) fn follow(&self, luminance: &[Vec<f32>], width: usize) -> Vec<f32> {
        let Some(first) = luminance.first() else { return Vec::new() };
        let mut found = 0.0_f32;
        for _ in 0..60 {
            found = (found + 0.5 * self.error(first, width, found)).clamp(-LIMIT, LIMIT);
        }
        let mut exact = found;
        let mut sum = 0.0;
        let (mut exposures, mut errors) = (Vec::new(), Vec::new());
        let quantise = |ev: f32| (ev / self.step).round() * self.step;
        for frame in luminance {
            let ev = quantise(exact);
            exposures.push(ev + self.compensation);
            errors.push(self.error(frame, width, ev));
            let seen = errors.len().checked_sub(self.delay + 1).map_or(0.0, |i| errors[i]);
            if self.locked || seen.abs() <= self.dead_band {
                continue;
            }
            sum += seen;
            let step =
                (self.follow * seen + self.integral * sum).clamp(-self.fastest, self.fastest);
            exact = (exact + step).clamp(-LIMIT, LIMIT);
        }
        exposures
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_follows_late_and_ends_at_the_key() {
        let camera = Metering { locked: false, ..Metering::draw(3, Some(2), Some(false)) };
        let frames: Vec<Vec<f32>> =
            (0..120).map(|t| vec![if t < 40 { 0.1 } else { 0.4 }; 32]).collect();
        let ev = camera.follow(&frames, 8);
        assert!((40..=42).all(|t| ev[t] == ev[0]), "two frames late: {ev:?}");
        let last = camera.error(&frames[119], 8, ev[119] - camera.compensation);
        assert!(last.abs() <= camera.dead_band + 0.3, "{last}");
        assert!(
            ev.windows(2).all(|pair| (pair[0] - pair[1]).abs() <= camera.fastest + camera.step)
        );
        let locked = Metering { locked: true, ..camera }.follow(&frames, 8);
        assert!(locked.iter().all(|ev| *ev == locked[0]));
    }
}
