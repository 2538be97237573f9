//! How near a picture is to the truth: one card per metric, all on RGB rounded to 8 bit.
//!
//! Conventions are those of the published tables (BasicSR): no border crop, no rescaling to the
//! truth's brightness; a table's figure is the mean over its pictures. [`align`] is the exception
//! and never a headline: it separates detail from the exposure guess.

mod align;
mod psnr;
mod ssim;

pub use align::{Alignment, align, find_alignment};
pub use psnr::psnr;
pub use ssim::{WINDOW as SSIM_WINDOW, ssim};

use relume_media::{Error, ErrorKind, Image, Result, Srgb};

/// A metric as data: what `relume score` lists and runs.
#[derive(Debug)]
pub struct MetricCard {
    /// Name on the command line and in reports.
    pub name: &'static str,
    /// One line: what it measures and by which convention.
    pub help: &'static str,
    /// Unit, or empty.
    pub unit: &'static str,
    /// Whether a greater value is a better picture.
    pub higher_is_better: bool,
    /// Decimals worth printing.
    pub decimals: usize,
    /// The value of a picture (first) against the truth (second).
    pub evaluate: fn(&Image<Srgb>, &Image<Srgb>) -> Result<f64>,
}

/// Every metric there is.
pub const METRICS: &[&MetricCard] = &[&psnr::CARD, &ssim::CARD];

/// The metric called `name`.
pub fn find(name: &str) -> Option<&'static MetricCard> {
    METRICS.iter().copied().find(|card| card.name == name)
}

fn same_size(picture: &Image<Srgb>, truth: &Image<Srgb>) -> Result<()> {
    let (a, b) = (picture.size(), truth.size());
    if a == b && a.pixels() > 0 {
        return Ok(());
    }
    let message = if a == b {
        "an empty picture cannot be compared".to_owned()
    } else {
        format!("pictures must have the same size to be compared: {a} and {b}")
    };
    Err(Error::new(ErrorKind::Parameter, message))
}

#[cfg(test)]
mod tests {
    use super::*;
    use relume_media::Size;

    /// The pair of pictures whose values scikit-image gave.
    pub(super) fn golden_pair(size: Size) -> (Image<Srgb>, Image<Srgb>) {
        let mut state = 12345_u32;
        let (mut a, mut b) = (Vec::new(), Vec::new());
        for y in 0..size.height {
            for x in 0..size.width {
                for c in 0..3 {
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    let value = ((x * (5 + c) + y * 3) % 200) as u8;
                    a.push(value);
                    b.push(value + ((state >> 24) % 41) as u8);
                }
            }
        }
        (Image::from_rgb8(size, &a).unwrap(), Image::from_rgb8(size, &b).unwrap())
    }

    #[test]
    fn cards_are_unique_and_described() {
        for (i, card) in METRICS.iter().enumerate() {
            assert!(!card.help.is_empty());
            assert!(METRICS[..i].iter().all(|other| other.name != card.name));
            assert_eq!(find(card.name).unwrap().help, card.help);
        }
        assert!(find("nonsense").is_none());
    }

    #[test]
    fn values_are_those_of_scikit_image() {
        // structural_similarity(gaussian_weights=True, sigma=1.5, use_sample_covariance=False).
        let cases = [
            (37, 29, 20.934_013_668_060_636, 0.710_168_382_993_913_4),
            (11, 11, 20.921_514_837_228_376, 0.636_148_001_514_342),
            (64, 13, 20.880_913_644_174_34, 0.703_021_336_946_281_5),
        ];
        for (width, height, decibels, similarity) in cases {
            let (a, b) = golden_pair(Size::new(width, height));
            assert!((psnr(&a, &b).unwrap() - decibels).abs() < 1e-9, "{width}x{height}");
            assert!((ssim(&a, &b).unwrap() - similarity).abs() < 1e-9, "{width}x{height}");
        }
    }

    #[test]
    fn every_metric_is_symmetric_and_refuses_other_sizes() {
        let (a, b) = golden_pair(Size::new(20, 17));
        let other = Image::black(Size::new(17, 20));
        for card in METRICS {
            let (forth, back) = ((card.evaluate)(&a, &b), (card.evaluate)(&b, &a));
            assert!((forth.unwrap() - back.unwrap()).abs() < 1e-12);
            let error = (card.evaluate)(&a, &other).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Parameter);
        }
    }
}
