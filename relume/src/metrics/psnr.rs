//! Peak signal-to-noise ratio.

use relume_media::{Image, Result, Srgb};

use super::{Better, Measure, MetricCard, Shown, same_size};

/// The card of [`psnr`].
pub(super) const CARD: MetricCard = MetricCard {
    name: "psnr",
    help: "peak signal-to-noise ratio, RGB, 8 bit after rounding, no border crop",
    source: "BasicSR, calculate_psnr",
    unit: "dB",
    better: Better::Higher,
    decimals: 2,
    shown: Shown::Always,
    measure: Measure::AgainstTruth(psnr),
};

/// PSNR in decibels over all RGB values, both pictures rounded to 8 bit; infinite when they agree.
///
/// # Errors
/// [`relume_media::ErrorKind::Parameter`] when the sizes differ or the pictures are empty.
pub fn psnr(picture: &Image<Srgb>, truth: &Image<Srgb>) -> Result<f64> {
    same_size(picture, truth)?;
    let (a, b) = (picture.to_rgb8(), truth.to_rgb8());
    let squares: u64 = a.iter().zip(&b).map(|(&a, &b)| u64::from(a.abs_diff(b)).pow(2)).sum();
    let mean = squares as f64 / a.len() as f64;
    Ok(10.0 * (255.0 * 255.0 / mean).log10())
}

#[cfg(test)]
mod tests {
    use super::*;
    use relume_media::Size;

    #[test]
    fn one_level_everywhere_is_48_decibels() {
        let a = Image::from_rgb8(Size::new(2, 1), &[10, 20, 30, 40, 50, 60]).unwrap();
        let b = Image::from_rgb8(Size::new(2, 1), &[11, 19, 31, 41, 49, 61]).unwrap();
        assert!((psnr(&a, &b).unwrap() - 48.130_803_608_679_1).abs() < 1e-12);
        assert_eq!(psnr(&a, &a).unwrap(), f64::INFINITY);
    }

    #[test]
    fn less_than_half_a_level_is_no_difference() {
        let a = Image::<Srgb>::from_fn(Size::new(3, 3), |_, _| [100.0 / 255.0; 3]);
        let b = a.clone().map(|v| v + 0.4 / 255.0);
        assert_eq!(psnr(&a, &b).unwrap(), f64::INFINITY);
    }
}
