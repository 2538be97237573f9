//! How good a picture is, in numbers: one card per metric, all on RGB rounded to 8 bit.
//!
//! Conventions are those of the published tables (BasicSR): no border crop, no rescaling to the
//! truth's brightness; a table's figure is the mean over its pictures. What fits brightness to the
//! truth first (`psnr_aligned`, `psnr_gtmean`) says so in its name and is never a headline.
//!
//! A new metric is a file here and one line in [`METRICS`].

mod align;
mod charbonnier;
mod clipping;
mod delta_e;
mod exposure_error;
mod flicker;
mod gt_mean;
mod ms_ssim;
pub mod niqe;
mod psnr;
pub mod pu21;
mod ssim;

pub use align::{Alignment, align, find_alignment, find_gamma, psnr_aligned};
pub use charbonnier::charbonnier;
pub use clipping::{clipped_highlights, clipped_shadows};
pub use delta_e::delta_e2000;
pub use exposure_error::exposure_error;
pub use flicker::Flicker;
pub use gt_mean::psnr_gtmean;
pub use ms_ssim::ms_ssim;
pub use niqe::{Pristine, niqe};
pub use psnr::psnr;
pub use ssim::{WINDOW as SSIM_WINDOW, ssim};

use relume_media::{Error, ErrorKind, Image, Result, Srgb};

/// A metric as data: what `relume score` and `relume eval` list and run.
#[derive(Debug)]
pub struct MetricCard {
    /// Name on the command line and in reports.
    pub name: &'static str,
    /// One line: what it measures and by which convention.
    pub help: &'static str,
    /// The paper or code it follows.
    pub source: &'static str,
    /// Unit, or empty.
    pub unit: &'static str,
    /// Which values are good ones.
    pub better: Better,
    /// Decimals worth printing.
    pub decimals: usize,
    /// Where it appears without being asked for.
    pub shown: Shown,
    /// How it is measured, and what that takes.
    pub measure: Measure,
}

/// Which values of a metric are good ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Better {
    /// The greater the better.
    Higher,
    /// The smaller the better.
    Lower,
}

/// Where a metric appears without being asked for by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Shown {
    /// In scores of single pictures and in tables.
    Always,
    /// In the tables of an evaluation.
    InTables,
    /// Nowhere.
    OnRequest,
}

/// How a metric is measured.
#[derive(Debug, Clone, Copy)]
pub enum Measure {
    /// The picture (first) against the truth (second).
    AgainstTruth(fn(&Image<Srgb>, &Image<Srgb>) -> Result<f64>),
    /// The picture alone.
    Alone(fn(&Image<Srgb>) -> Result<f64>),
    /// The picture against statistics of good photographs.
    AgainstPristine(fn(&Image<Srgb>, &Pristine) -> Result<f64>),
}

/// What is measured, with all that metrics may need.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// The picture to judge.
    pub picture: &'a Image<Srgb>,
    /// The truth, if there is one.
    pub truth: Option<&'a Image<Srgb>>,
    /// Statistics of good photographs, for [`niqe()`].
    pub pristine: &'a Pristine,
}

/// Every metric there is; tables have their columns in this order.
pub const METRICS: &[&MetricCard] = &[
    &psnr::CARD,
    &ssim::CARD,
    &ms_ssim::CARD,
    &delta_e::CARD,
    &align::CARD,
    &gt_mean::CARD,
    &charbonnier::CARD,
    &niqe::CARD,
    &exposure_error::CARD,
    &clipping::HIGHLIGHTS,
    &clipping::SHADOWS,
];

/// The metric called `name`.
pub fn find(name: &str) -> Option<&'static MetricCard> {
    METRICS.iter().copied().find(|card| card.name == name)
}

impl MetricCard {
    /// Whether it compares with the truth.
    pub fn needs_truth(&self) -> bool {
        matches!(self.measure, Measure::AgainstTruth(_))
    }

    /// The value for a subject.
    ///
    /// # Errors
    /// [`ErrorKind::Parameter`] when it cannot be measured: no truth, sizes that differ, a picture
    /// too small.
    pub fn evaluate(&self, subject: &Subject<'_>) -> Result<f64> {
        match (self.measure, subject.truth) {
            (Measure::AgainstTruth(measure), Some(truth)) => measure(subject.picture, truth),
            (Measure::AgainstTruth(_), None) => {
                let message = format!("{} compares with the truth, and none was given", self.name);
                Err(Error::new(ErrorKind::Parameter, message))
            }
            (Measure::Alone(measure), _) => measure(subject.picture),
            (Measure::AgainstPristine(measure), _) => measure(subject.picture, subject.pristine),
        }
    }
}

fn same_size(picture: &Image<Srgb>, truth: &Image<Srgb>) -> Result<()> {
    let (a, b) = (picture.size(), truth.size());
    if a == b {
        return not_empty(picture);
    }
    let message = format!("pictures must have the same size to be compared: {a} and {b}");
    Err(Error::new(ErrorKind::Parameter, message))
}

fn not_empty(picture: &Image<Srgb>) -> Result<()> {
    if picture.size().pixels() > 0 {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Parameter, "an empty picture cannot be measured"))
}

/// Refuses pictures with a side shorter than `least` pixels.
fn at_least(least: usize, what: &str, picture: &Image<Srgb>) -> Result<()> {
    if picture.width().min(picture.height()) >= least {
        return Ok(());
    }
    let message = format!("{what} needs at least {least}×{least} pixels, got {}", picture.size());
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
            assert!(!card.help.is_empty() && !card.source.is_empty());
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
    fn every_metric_says_what_it_needs_and_prefers_the_truth() {
        let size = Size::new(200, 192);
        let (truth, bad) = golden_pair(size);
        let pristine = Pristine::ours().unwrap();
        let other = Image::black(Size::new(192, 200));
        for card in METRICS {
            let value =
                |picture, truth| card.evaluate(&Subject { picture, truth, pristine: &pristine });
            assert_eq!(value(&bad, None).is_err(), card.needs_truth(), "{}", card.name);
            if !card.needs_truth() {
                continue;
            }
            let error = value(&bad, Some(&other)).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Parameter, "{}", card.name);
            let (perfect, less) = (value(&truth, Some(&truth)), value(&bad, Some(&truth)));
            let higher = perfect.unwrap() > less.unwrap();
            assert_eq!(higher, card.better == Better::Higher, "{}", card.name);
        }
    }

    #[test]
    fn an_empty_picture_is_refused_by_every_metric() {
        let empty = Image::black(Size::new(0, 0));
        let pristine = Pristine::ours().unwrap();
        for card in METRICS {
            let subject = Subject { picture: &empty, truth: Some(&empty), pristine: &pristine };
            let error = card.evaluate(&subject).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Parameter, "{}", card.name);
        }
    }
}
