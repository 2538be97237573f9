//! Inside the camera after the sensor: white balance, colour matrix, tone, noise reduction.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::chroma::LumaChroma;
use super::random::Dice;
use crate::{Image, Linear, Plane, Size, Srgb};

/// How the camera turns sensor values into a picture, with its errors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Development {
    /// White balance that the light calls for: factors on red, green (1) and blue.
    pub white_balance: [f32; 3],
    /// What the camera multiplies each channel by on top of it; 1 is right.
    pub white_balance_error: [f32; 3],
    /// Linear RGB to linear RGB, rows sum to 1; the identity is right.
    pub color_matrix: [[f32; 3]; 3],
    /// Error of the black level, in shares of the sensor's range.
    pub black_error: f32,
    /// Strength of an S-shaped curve after the sRGB curve, 0 (none) to 1.
    pub contrast: f32,
    /// Strength of the camera's noise reduction, 0 (none) to 1.
    pub denoise: f32,
}

impl Development {
    /// A camera without errors, under daylight.
    pub fn neutral() -> Self {
        Self {
            white_balance: [1.9, 1.0, 1.7],
            white_balance_error: [1.0; 3],
            color_matrix: saturation(1.0),
            black_error: 0.0,
            contrast: 0.0,
            denoise: 0.0,
        }
    }

    /// A random camera under random light; `dark` is the read noise that black errors go with.
    pub(super) fn draw(dice: &mut Dice, denoise_share: f32, dark: f32) -> Self {
        // Warm light needs little red and much blue.
        let warmth = dice.unit();
        let red = 2.2 - 0.9 * warmth + 0.1 * dice.normal();
        let blue = 1.4 + 1.2 * warmth + 0.12 * dice.normal();
        let mut off = || (0.045 * dice.normal()).clamp(-0.12, 0.12).exp();
        let white_balance_error = [off(), 1.0, off()];
        let mut color_matrix = saturation(dice.between([0.82, 1.12]));
        for (i, row) in color_matrix.iter_mut().enumerate() {
            for j in (0..3).filter(|&j| j != i) {
                let leak = 0.02 * dice.normal();
                row[j] += leak;
                row[i] -= leak;
            }
        }
        let black_error = 0.3 * dark * dice.normal().clamp(-2.0, 2.0);
        let contrast = dice.unit() * dice.between([0.0, 0.45]);
        let denoise = if dice.chance(denoise_share) { dice.between([0.2, 1.0]) } else { 0.0 };
        Self {
            white_balance: [red.max(1.05), 1.0, blue.max(1.05)],
            white_balance_error,
            color_matrix,
            black_error,
            contrast,
            denoise,
        }
    }

    /// The finished picture, not yet rounded to 8 bit.
    pub(super) fn develop(&self, sensed: Image<Linear>) -> Image<Srgb> {
        let mut picture = self.tone(&self.color(sensed));
        if self.denoise > 0.0 {
            smooth(&mut picture, self.denoise);
        }
        picture
    }

    /// White balance, clip at white so that lamps stay white, colour matrix.
    fn color(&self, mut image: Image<Linear>) -> Image<Linear> {
        let n = image.size().pixels();
        let gains: [f32; 3] =
            std::array::from_fn(|c| self.white_balance[c] * self.white_balance_error[c]);
        let (red, rest) = image.values_mut().split_at_mut(n);
        let (green, blue) = rest.split_at_mut(n);
        for ((r, g), b) in red.iter_mut().zip(green).zip(blue) {
            let rgb =
                [(*r * gains[0]).min(1.0), (*g * gains[1]).min(1.0), (*b * gains[2]).min(1.0)];
            let mixed = self.color_matrix.map(|m| m[0] * rgb[0] + m[1] * rgb[1] + m[2] * rgb[2]);
            [*r, *g, *b] = mixed;
        }
        image
    }

    fn tone(&self, image: &Image<Linear>) -> Image<Srgb> {
        let contrast = self.contrast;
        image.to_srgb().map(|v| {
            let v = v.clamp(0.0, 1.0);
            v + contrast * v * (1.0 - v) * (2.0 * v - 1.0)
        })
    }
}

/// A matrix that scales the distance from Rec. 709 luminance by `amount`.
fn saturation(amount: f32) -> [[f32; 3]; 3] {
    let luminance = [0.2126, 0.7152, 0.0722];
    std::array::from_fn(|i| {
        std::array::from_fn(|j| (1.0 - amount) * luminance[j] + if i == j { amount } else { 0.0 })
    })
}

/// Noise reduction as in phones: colour is smeared, brightness smoothed where it is nearly flat.
fn smooth(picture: &mut Image<Srgb>, strength: f32) {
    let mut parts = LumaChroma::of(picture);
    for plane in [&mut parts.blue, &mut parts.red] {
        for _ in 0..1 + (2.0 * strength) as usize {
            let soft = binomial(plane);
            for (value, soft) in plane.values.iter_mut().zip(&soft.values) {
                *value += strength * (soft - *value);
            }
        }
    }
    parts.luma = sigma_filter(&parts.luma, 0.02 + 0.04 * strength, 0.75 * strength);
    parts.store(picture);
}

/// Separable 5 × 5 binomial mean; the border is repeated.
fn binomial(plane: &Plane) -> Plane {
    transposed_pass(&transposed_pass(plane))
}

/// One-dimensional binomial mean along rows, transposed.
fn transposed_pass(plane: &Plane) -> Plane {
    let Size { width, height } = plane.size;
    let mut out = Plane::filled(Size::new(height, width), 0.0);
    let mut line = vec![0.0; width + 4];
    for y in 0..height {
        let row = plane.row(y);
        line[2..width + 2].copy_from_slice(row);
        line[..2].fill(row[0]);
        line[width + 2..].fill(row[width - 1]);
        for (x, w) in line.windows(5).enumerate() {
            out.values[x * height + y] =
                (w[0] + w[4] + 4.0 * (w[1] + w[3]) + 6.0 * w[2]) * (1.0 / 16.0);
        }
    }
    out
}

/// Mean of the 3 × 3 neighbours, each weighed down by its difference in units of `range`, mixed
/// in with `amount`.
fn sigma_filter(plane: &Plane, range: f32, amount: f32) -> Plane {
    let Size { width, height } = plane.size;
    let inverse = 1.0 / (range * range);
    let mut out = plane.clone();
    out.values.par_chunks_mut(width).enumerate().with_min_len(16).for_each(|(y, row)| {
        let rows = [y.saturating_sub(1), y, (y + 1).min(height - 1)].map(|y| plane.row(y));
        for (x, value) in row.iter_mut().enumerate() {
            let columns = [x.saturating_sub(1), x, (x + 1).min(width - 1)];
            let (mut sum, mut weights) = (0.0, 0.0);
            for near in rows {
                for column in columns {
                    let difference = near[column] - *value;
                    let weight = 1.0 / (1.0 + difference * difference * inverse);
                    sum += weight * difference;
                    weights += weight;
                }
            }
            *value += amount * sum / weights;
        }
    });
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_neutral_camera_keeps_colours_and_smoothing_keeps_flat_ones() {
        let flat = Image::from_fn(Size::new(6, 3), |_, _| [0.3 / 1.9, 0.2, 0.1 / 1.7]);
        for denoise in [0.0, 1.0] {
            let camera = Development { denoise, ..Development::neutral() };
            let wanted = Image::<Linear>::from_fn(Size::new(6, 3), |_, _| [0.3, 0.2, 0.1]);
            let picture = camera.develop(flat.clone());
            for (a, b) in picture.values().iter().zip(wanted.to_srgb().values()) {
                assert!((a - b).abs() < 1e-5, "{a} {b}");
            }
        }
    }

    #[test]
    fn black_and_white_stay_what_they_are_in_every_camera() {
        for seed in 0..20 {
            let mut dice = Dice::new(seed, super::super::random::Step::Develop, 0);
            let camera = Development { black_error: 0.0, ..Development::draw(&mut dice, 0.5, 0.0) };
            let ends =
                Image::from_fn(Size::new(40, 4), |x, _| [f32::from(u8::from(x > 20)) * 2.0; 3]);
            let picture = camera.develop(ends);
            assert!(picture.get(0, 0).iter().all(|v| v.abs() < 1e-4));
            assert!(picture.get(39, 3).iter().all(|v| (v - 1.0).abs() < 1e-4));
        }
    }
}
