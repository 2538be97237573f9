//! Distances of light beyond the clip level, in units in which eyes judge alike (PU21), and in stops.
//!
//! Light is linear with the clip level at 1, which a display shows with [`CLIP_LEVEL`] cd/m². What it
//! could not show, more than [`PEAK`] cd/m², counts as that. No rescaling, no response correction.

use relume_media::{Error, ErrorKind, Image, Linear, Result, Size};

use super::ssim::{WINDOW, similarity};

/// Luminance of the clip level in cd/m²: that of diffuse white in HDR (ITU-R BT.2408).
pub const CLIP_LEVEL: f64 = 203.0;
/// Brightest luminance of the display in cd/m².
pub const PEAK: f64 = 4000.0;

/// The parameters "banding_glare" of Mantiuk and Azimi 2021.
const P: [f64; 7] = [
    0.353_487_901,
    0.373_465_862_9,
    8.277_049_286e-5,
    0.906_256_262_7,
    0.091_503_031_66,
    0.909_951_720_4,
    596.314_814_2,
];
/// Dynamic range and peak of PSNR and SSIM.
const RANGE: f64 = 256.0;

/// The PU21 code of a luminance in cd/m² (Mantiuk and Azimi 2021, PU21): 256.4 at 100, 595.4 at 10,000.
pub fn pu21(luminance: f64) -> f64 {
    let light = luminance.clamp(0.005, 10_000.0).powf(P[3]);
    P[6] * (((P[0] + P[1] * light) / (1.0 + P[2] * light)).powf(P[4]) - P[5])
}

/// The code of linear light as the display shows it.
pub fn pu21_shown(light: f32) -> f64 {
    pu21((f64::from(light.max(0.0)) * CLIP_LEVEL).min(PEAK))
}

/// PSNR in dB of red, green and blue under PU21, peak 256; with a `mask`, weighted by it.
///
/// # Errors
/// [`ErrorKind::Parameter`] when sizes differ or the mask is empty.
pub fn pu21_psnr(
    picture: &Image<Linear>,
    truth: &Image<Linear>,
    mask: Option<&[f32]>,
) -> Result<f64> {
    let count = checked(picture.size(), truth.size(), mask)?;
    let (mut sum, mut weights) = (0.0, 0.0);
    for (i, (a, b)) in picture.values().iter().zip(truth.values()).enumerate() {
        let weight = mask.map_or(1.0, |mask| f64::from(mask[i % count]));
        if weight > 0.0 {
            sum += weight * (pu21_shown(*a) - pu21_shown(*b)).powi(2);
            weights += weight;
        }
    }
    if weights <= 0.0 {
        return Err(Error::new(ErrorKind::Parameter, "the mask is empty: nothing to compare"));
    }
    Ok(10.0 * (RANGE * RANGE / (sum / weights).max(1e-12)).log10())
}

/// SSIM of luminance under PU21, dynamic range 256, 11×11 Gaussian.
///
/// # Errors
/// [`ErrorKind::Parameter`] when sizes differ or a side is shorter than the window.
pub fn pu21_ssim(picture: &Image<Linear>, truth: &Image<Linear>) -> Result<f64> {
    checked(picture.size(), truth.size(), None)?;
    let size = picture.size();
    if size.width.min(size.height) < WINDOW {
        let message = format!("SSIM needs {WINDOW} pixels on a side, got {size}");
        return Err(Error::new(ErrorKind::Parameter, message));
    }
    // The same comparison at a range of 255.
    let codes = |image: &Image<Linear>| -> Vec<f64> {
        let light = image.luminance().values;
        light.into_iter().map(|v| pu21_shown(v) * 255.0 / RANGE).collect()
    };
    Ok(similarity(&codes(picture), &codes(truth), size).whole)
}

/// Errors in stops where light was lost.
#[derive(Debug, Clone, Copy, Default, PartialEq, serde::Serialize)]
pub struct Stops {
    /// Mean absolute error of `log₂` luminance over the mask.
    pub mean: f64,
    /// Share of the mask within a quarter of a stop.
    pub quarter: f64,
    /// Share within half a stop.
    pub half: f64,
}

/// Errors of luminance in stops, weighted by `mask`, a value a pixel.
///
/// # Errors
/// [`ErrorKind::Parameter`] when sizes differ or the mask is empty.
pub fn stops_off(picture: &Image<Linear>, truth: &Image<Linear>, mask: &[f32]) -> Result<Stops> {
    checked(picture.size(), truth.size(), Some(mask))?;
    let (a, b) = (picture.luminance().values, truth.luminance().values);
    let (mut sums, mut weights) = ([0.0; 3], 0.0);
    for ((a, b), &weight) in a.iter().zip(&b).zip(mask).filter(|(_, weight)| **weight > 0.0) {
        let off = f64::from(((a.max(1e-4)) / b.max(1e-4)).log2().abs());
        let counts = [off, f64::from(u8::from(off <= 0.25)), f64::from(u8::from(off <= 0.5))];
        sums.iter_mut().zip(counts).for_each(|(sum, value)| *sum += f64::from(weight) * value);
        weights += f64::from(weight);
    }
    if weights <= 0.0 {
        return Err(Error::new(ErrorKind::Parameter, "the mask is empty: nothing to compare"));
    }
    let [mean, quarter, half] = sums.map(|sum| sum / weights);
    Ok(Stops { mean, quarter, half })
}

/// Pixels of pictures and masks that fit together.
fn checked(a: Size, b: Size, mask: Option<&[f32]>) -> Result<usize> {
    if a != b || mask.is_some_and(|mask| mask.len() != a.pixels()) {
        let message = format!("pictures of {a} and {b}, or their mask, do not fit together");
        return Err(Error::new(ErrorKind::Parameter, message));
    }
    Ok(a.pixels())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_the_published_ones() {
        let known = [
            (1.0, 36.543_911),
            (10.0, 123.647_484),
            (100.0, 256.383_897),
            (1000.0, 420.096_921),
            (4000.0, 527.493_901),
            (10_000.0, 595.393_920),
        ];
        for (luminance, code) in known {
            assert!((pu21(luminance) - code).abs() < 1e-5, "{luminance}: {}", pu21(luminance));
        }
    }

    #[test]
    fn errors_are_what_they_say() {
        let size = Size::new(12, 12);
        let truth = Image::<Linear>::from_fn(size, |x, _| [if x < 6 { 0.5 } else { 4.0 }; 3]);
        let clipped = truth.clone().map(|v| v.min(1.0));
        let mask: Vec<f32> = (0..144).map(|i| f32::from(u8::from(i % 12 >= 6))).collect();
        let off = stops_off(&clipped, &truth, &mask).unwrap();
        assert!((off.mean - 2.0).abs() < 1e-6 && off.half == 0.0);
        let step = pu21(812.0) - pu21(203.0);
        let expected = 10.0 * (65_536.0 / (step * step)).log10();
        assert!((pu21_psnr(&clipped, &truth, Some(&mask)).unwrap() - expected).abs() < 1e-9);
        let whole = pu21_psnr(&clipped, &truth, None).unwrap();
        assert!((whole - expected - 10.0 * 2.0_f64.log10()).abs() < 1e-9);
        assert!((pu21_ssim(&truth, &truth).unwrap() - 1.0).abs() < 1e-9);
        assert!(pu21_ssim(&clipped, &truth).unwrap() < 0.9);
        assert!(stops_off(&clipped, &truth, &vec![0.0; 144]).is_err());
    }
}
