//! From light to what the camera writes: noise, clipping, the camera's curve, 8 bit, JPEG.

use super::PanOptions;
use crate::degrade::jpeg::write_and_read;
use crate::degrade::random::{Dice, Step};
use crate::light::encode_srgb;
use crate::{Image, Linear, Result, Srgb};

/// A camera's curve from linear light, 0 to 1, to display light.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Curve {
    Srgb,
    /// `(1 + a) xⁿ / (xⁿ + a)` (Eilertsen et al. 2017).
    Sigmoid {
        n: f32,
        a: f32,
    },
    /// sRGB with another exponent and an S of some strength.
    Bent {
        exponent: f32,
        bend: f32,
    },
}

impl Curve {
    fn apply(self, x: f32) -> f32 {
        match self {
            Self::Srgb => encode_srgb(x),
            Self::Sigmoid { n, a } => {
                let power = x.powf(n);
                (1.0 + a) * power / (power + a).max(1e-6)
            }
            Self::Bent { exponent, bend } => {
                let v = encode_srgb(x).powf(exponent);
                v + bend * (v * v * (3.0 - 2.0 * v) - v)
            }
        }
    }
}

/// One camera.
#[derive(Debug, Clone, Copy)]
pub(super) struct Formation {
    seed: u64,
    /// Variance of noise: `shot · x + read`.
    shot: f32,
    read: f32,
    /// White balance: how much darker the sensor sees each colour.
    gains: [f32; 3],
    curve: Curve,
    quality: Option<u8>,
}

impl Formation {
    pub(super) fn draw(seed: u64, options: &PanOptions) -> Self {
        let mut dice = Dice::new(seed, Step::Formation, 0);
        let noisy = if options.noise { 1.0 } else { 0.0 };
        let (shot, read) = (dice.log_between([1e-5, 1e-3]), dice.log_between([1e-7, 1e-5]));
        let balanced = dice.chance(0.5);
        let gains = [dice.between([1.0, 2.2]), 1.0, dice.between([1.0, 2.2])];
        let (other, kind) = (dice.unit(), dice.unit());
        let (n, a) = (0.9 + 0.1 * dice.normal(), 0.6 + 0.1 * dice.normal());
        let sigmoid = Curve::Sigmoid { n: n.clamp(0.2, 2.5), a: a.clamp(0.05, 5.0) };
        let bent =
            Curve::Bent { exponent: dice.between([0.8, 1.2]), bend: dice.between([-0.3, 0.5]) };
        let curve = match (other < options.curve_share, kind < 5.0 / 7.0) {
            (false, _) => Curve::Srgb,
            (true, true) => sigmoid,
            (true, false) => bent,
        };
        let compressed = dice.chance(options.jpeg_share);
        let quality = dice.between([60.0, 95.0]) as u8;
        Self {
            seed,
            shot: noisy * shot,
            read: noisy * read,
            gains: if balanced { gains } else { [1.0; 3] },
            curve,
            quality: compressed.then_some(quality),
        }
    }

    /// What is written of `light`, in the exposure of the frame, as frame `number`.
    pub(super) fn write(&self, light: &Image<Linear>, number: usize) -> Result<Image<Srgb>> {
        let mut dice = Dice::new(self.seed, Step::Formation, 1 + number);
        let mut picture = Image::<Srgb>::black(light.size());
        for (c, gain) in self.gains.into_iter().enumerate() {
            let pairs = picture.channel_mut(c).iter_mut().zip(light.channel(c));
            for (to, &light) in pairs {
                let sensed = light / gain;
                let deviation = (self.shot * sensed.min(4.0) + self.read).sqrt();
                let noise = if deviation > 0.0 { deviation * dice.normal() } else { 0.0 };
                let read = (sensed + noise).clamp(0.0, 1.0) * gain;
                *to = self.curve.apply(read.min(1.0)).clamp(0.0, 1.0);
            }
        }
        write_and_read(picture, self.quality, true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn curves_keep_black_and_white_and_rise() {
        let curves = [
            Curve::Srgb,
            Curve::Sigmoid { n: 0.9, a: 0.6 },
            Curve::Bent { exponent: 1.1, bend: 0.5 },
            Curve::Bent { exponent: 0.8, bend: -0.3 },
        ];
        for curve in curves {
            assert!(curve.apply(0.0).abs() < 1e-6 && (curve.apply(1.0) - 1.0).abs() < 1e-5);
            let values: Vec<f32> = (0..=200).map(|i| curve.apply(i as f32 / 200.0)).collect();
            assert!(values.windows(2).all(|pair| pair[0] <= pair[1] + 1e-6), "{curve:?}");
        }
    }
}
