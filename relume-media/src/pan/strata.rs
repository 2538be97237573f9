//! Which clips are worth keeping: some light is lost, and of that a share was seen before.

use super::{Pan, PanOptions, Scene};
use crate::Size;
use crate::degrade::random::{Dice, Step};

/// How much of what is clipped was seen well exposed in an earlier frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recoverability {
    /// More than 0.6.
    High,
    /// 0.2 to 0.6.
    Middle,
    /// Less than 0.2: pure invention, such as the sun and lamps.
    Low,
}

/// Light that counts as well exposed, relative to the clip level.
const WELL_EXPOSED: std::ops::Range<f32> = 0.015_625..0.9;
/// Small frames in which shares are counted.
const GRID: usize = 32;
/// Clips that are drawn for one that fits.
const DRAWS: u64 = 24;

/// What a clip is worth.
#[derive(Debug, Clone, Copy)]
struct Worth {
    /// Whether 10 % of the frames have 1 % of their pixels clipped, and none more than half.
    kept: bool,
    /// Share of the clipped area that was seen well exposed.
    recoverable: f32,
}

impl Recoverability {
    /// The stratum of a share.
    pub fn of(share: f32) -> Self {
        match share {
            s if s > 0.6 => Self::High,
            s if s >= 0.2 => Self::Middle,
            _ => Self::Low,
        }
    }
}

impl<'a> Pan<'a> {
    /// A clip in which light is lost: half of them of high, 30 % of middle and 20 % of low
    /// recoverability, as far as the scene allows.
    pub fn sample(seed: u64, scene: &'a Scene, options: &PanOptions) -> Self {
        let draw = Dice::new(seed, Step::Stratum, 0).unit();
        let wanted = match draw {
            d if d < 0.5 => Recoverability::High,
            d if d < 0.8 => Recoverability::Middle,
            _ => Recoverability::Low,
        };
        let mut second = None;
        for attempt in 0..DRAWS {
            let pan = Pan::new(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ attempt, scene, options);
            let worth = pan.worth();
            if worth.kept && Recoverability::of(worth.recoverable) == wanted {
                return pan;
            }
            if worth.kept || second.is_none() {
                second = Some(pan);
            }
        }
        second.unwrap_or_else(|| Pan::new(seed, scene, options))
    }

    /// Share of what is clipped anywhere in the clip that was seen well exposed in an earlier frame.
    pub fn recoverable(&self) -> f32 {
        self.worth().recoverable
    }

    /// Frame `t`, small, in its exposure.
    fn glance(&self, t: usize) -> Vec<f32> {
        let gain = self.exposures[t].exp2();
        self.small(t, self.grid()).into_iter().map(|light| light * gain).collect()
    }

    fn grid(&self) -> Size {
        Size::new(GRID, (GRID * self.size.height / self.size.width).max(4))
    }

    /// Share of frame `t` that is clipped.
    pub fn clipped(&self, t: usize) -> f32 {
        let frame = self.glance(t);
        frame.iter().filter(|light| **light >= 1.0).count() as f32 / frame.len() as f32
    }

    /// Share of what is clipped in frame `t` that frame `r` shows well exposed.
    pub fn shows(&self, t: usize, r: usize) -> f32 {
        let (here, there, size) = (self.glance(t), self.glance(r), self.grid());
        let lost: Vec<usize> = (0..here.len()).filter(|&i| here[i] >= 1.0).collect();
        let seen = lost.iter().filter(|&&i| self.is_seen(i, size, (t, r), &there)).count();
        seen as f32 / lost.len().max(1) as f32
    }

    fn worth(&self) -> Worth {
        let size = self.grid();
        let frames: Vec<Vec<f32>> = (0..self.frames).map(|t| self.glance(t)).collect();
        let (mut lossy, mut worst) = (0, 0.0_f32);
        let (mut clipped, mut seen) = (0_usize, 0_usize);
        for (t, frame) in frames.iter().enumerate() {
            let lost: Vec<usize> = (0..frame.len()).filter(|&i| frame[i] >= 1.0).collect();
            let share = lost.len() as f32 / frame.len() as f32;
            lossy += usize::from(share >= 0.01);
            worst = worst.max(share);
            // Every third frame and every third pixel tell enough.
            for &i in lost.iter().step_by(3).filter(|_| t % 3 == 0) {
                clipped += 1;
                seen += usize::from(self.was_seen(i, size, t, &frames));
            }
        }
        Worth {
            kept: 10 * lossy >= self.frames && worst <= 0.5,
            recoverable: seen as f32 / clipped.max(1) as f32,
        }
    }

    /// Whether pixel `i` of frame `t` is well exposed in an earlier one.
    fn was_seen(&self, i: usize, size: Size, t: usize, frames: &[Vec<f32>]) -> bool {
        (0..t).rev().step_by(2).any(|r| self.is_seen(i, size, (t, r), &frames[r]))
    }

    /// Whether pixel `i` of frame `t` is well exposed in frame `r`.
    fn is_seen(&self, i: usize, size: Size, (t, r): (usize, usize), frame: &[f32]) -> bool {
        let sides = [size.width as f32, size.height as f32];
        let at = [(i % size.width) as f32 + 0.5, (i / size.width) as f32 + 0.5];
        match self.find(at, sides, (t, r)) {
            Some((there, true)) => {
                let place = there[1] as usize * size.width + there[0] as usize;
                frame.get(place).is_some_and(|light| WELL_EXPOSED.contains(light))
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sampled_clips_lose_light_and_some_of_it_was_seen() {
        let scene = Scene::procedural(6);
        let options = PanOptions { width: 64, height: 40, frames: 24, ..PanOptions::default() };
        let worths: Vec<Worth> =
            (0..8).map(|seed| Pan::sample(seed, &scene, &options).worth()).collect();
        assert!(worths.iter().filter(|worth| worth.kept).count() >= 6, "{worths:?}");
        assert!(worths.iter().any(|worth| worth.recoverable > 0.3), "{worths:?}");
    }
}
