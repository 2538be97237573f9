//! The sensor: one colour per pixel, shot and read noise, saturation, quantisation.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::random::{Dice, Step};
use crate::{Image, Linear, Plane};

/// Noise of one exposure. The signal is linear, 1 is where the sensor saturates.
///
/// Poisson–Gaussian (Foi et al. 2008, *Practical Poissonian-Gaussian noise modeling and fitting
/// for single-image raw-data*): at signal x the variance is `shot · x + read²`, and every row
/// shares an offset of standard deviation `row`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Noise {
    /// Variance per unit of signal: one over the number of electrons at saturation. 0: none.
    pub shot: f32,
    /// Standard deviation of the read noise.
    pub read: f32,
    /// Standard deviation of the offset of a row.
    pub row: f32,
    /// Bits of the converter, 1 to 16.
    pub bits: u8,
}

impl Noise {
    /// A converter of 14 bits and nothing else.
    pub fn none() -> Self {
        Self { shot: 0.0, read: 0.0, row: 0.0, bits: 14 }
    }

    /// Standard deviation at `signal`, without the offset of rows.
    pub fn deviation(&self, signal: f32) -> f32 {
        (self.shot * signal.max(0.0) + self.read * self.read).sqrt()
    }
}

/// The colour (0 red, 1 green, 2 blue) of mosaic pixel (x, y): RGGB.
pub(super) fn color_at(x: usize, y: usize) -> usize {
    (x & 1) + (y & 1)
}

/// What the sensor reads from `light`: one value a pixel, black at 0, saturated at 1.
///
/// `gains` is the white balance that will follow: the sensor sees red and blue that much darker,
/// which is why they come out noisier. `black_error` is the error of the subtracted black level.
pub(super) fn read_out(
    light: &Image<Linear>,
    gains: [f32; 3],
    noise: &Noise,
    black_error: f32,
    seed: u64,
) -> Plane {
    let mut mosaic = Plane::filled(light.size(), 0.0);
    let width = light.width().max(1);
    let levels = (1u32 << noise.bits.clamp(1, 16)) as f32 - 1.0;
    let (levels, lowest) = ((levels * 15.0 / 16.0).round(), -levels / 16.0); // a sixteenth lies below black
    mosaic.values.par_chunks_mut(width).enumerate().with_min_len(16).for_each(|(y, row)| {
        let mut dice = Dice::new(seed, Step::Sensor, y);
        let offset = if noise.row > 0.0 { noise.row * dice.normal() } else { 0.0 };
        for (x, value) in row.iter_mut().enumerate() {
            let color = color_at(x, y);
            let signal = light.channel(color)[y * width + x] / gains[color];
            let sensed = expose_pixel(&mut dice, signal.max(0.0), noise) + offset;
            let step = (sensed.min(1.0) * levels).round().max(lowest);
            *value = step / levels - black_error;
        }
    });
    mosaic
}

/// One pixel's reading before saturation.
fn expose_pixel(dice: &mut Dice, signal: f32, noise: &Noise) -> f32 {
    let mut sensed = signal;
    if noise.shot > 0.0 {
        // Far above saturation the noise cannot matter: the value is clipped anyway.
        sensed = if signal > 4.0 { 4.0 } else { dice.poisson(signal / noise.shot) * noise.shot };
    }
    if noise.read > 0.0 {
        sensed += noise.read * dice.normal();
    }
    sensed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Size;

    fn measure(signal: f32, noise: &Noise, seed: u64) -> (f32, f32) {
        let light = Image::from_fn(Size::new(200, 200), |_, _| [signal; 3]);
        let values = read_out(&light, [1.0; 3], noise, 0.0, seed).values;
        let n = values.len() as f32;
        let mean = values.iter().sum::<f32>() / n;
        (mean, values.iter().map(|v| (v - mean).powi(2)).sum::<f32>() / n)
    }

    #[test]
    fn shot_noise_variance_is_proportional_to_the_signal() {
        let noise = Noise { shot: 0.002, ..Noise::none() };
        // From two electrons (exact Poisson) to 250 (normal approximation).
        for signal in [0.004, 0.02, 0.045, 0.06, 0.2, 0.5] {
            let (mean, variance) = measure(signal, &noise, 7);
            assert!((mean / signal - 1.0).abs() < 0.02, "mean {mean} of {signal}");
            let ratio = variance / (signal * noise.shot);
            assert!((ratio - 1.0).abs() < 0.05, "variance ratio {ratio} at {signal}");
        }
    }

    #[test]
    fn read_noise_is_there_in_the_dark_and_may_go_below_black() {
        let noise = Noise { read: 0.01, ..Noise::none() };
        let (mean, variance) = measure(0.0, &noise, 1);
        assert!(mean.abs() < 4e-4, "{mean}");
        assert!((variance.sqrt() / 0.01 - 1.0).abs() < 0.03);
    }

    #[test]
    fn bright_light_saturates_at_one() {
        let (mean, variance) = measure(30.0, &Noise { shot: 0.01, ..Noise::none() }, 1);
        assert!((mean - 1.0).abs() < 1e-6 && variance < 1e-9, "{mean}, {variance}");
    }
}
