//! PSNR after rescaling to the truth's brightness, as some published tables have it.

use relume_media::{Image, Result, Srgb};

use super::{Better, Measure, MetricCard, Shown, psnr, same_size};

/// The card of [`psnr_gtmean`].
pub(super) const CARD: MetricCard = MetricCard {
    name: "psnr_gtmean",
    help: "PSNR after giving the picture the truth's mean grey; only to compare with such tables",
    source: "KinD (Zhang et al. 2019), as in LLFlow and Retinexformer",
    unit: "dB",
    better: Better::Higher,
    decimals: 2,
    shown: Shown::OnRequest,
    measure: Measure::AgainstTruth(psnr_gtmean),
};

/// PSNR in decibels after all values were multiplied by the ratio of mean greys (Rec. 601 luma of
/// display values) of truth and picture, and cut off at 1.
///
/// # Errors
/// [`relume_media::ErrorKind::Parameter`] when the sizes differ or the pictures are empty.
pub fn psnr_gtmean(picture: &Image<Srgb>, truth: &Image<Srgb>) -> Result<f64> {
    same_size(picture, truth)?;
    // A black picture stays black.
    let ratio = mean_grey(truth) / mean_grey(picture).max(1e-6);
    psnr(&picture.clone().map(|v| (v * ratio as f32).min(1.0)), truth)
}

fn mean_grey(image: &Image<Srgb>) -> f64 {
    let mean = |channel: usize| {
        let values = image.channel(channel).iter();
        values.map(|&v| f64::from(v)).sum::<f64>() / image.size().pixels() as f64
    };
    0.299 * mean(0) + 0.587 * mean(1) + 0.114 * mean(2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use relume_media::Size;

    #[test]
    fn a_gain_is_forgiven_and_nothing_else() {
        let truth =
            Image::from_fn(Size::new(16, 9), |x, y| [x as f32 / 20.0, y as f32 / 12.0, 0.3]);
        let dark = truth.clone().map(|v| v / 4.0);
        assert!(psnr(&dark, &truth).unwrap() < 12.0);
        assert!(psnr_gtmean(&dark, &truth).unwrap() > 60.0);
        let curved = truth.clone().map(|v| v * v);
        assert!(psnr_gtmean(&curved, &truth).unwrap() < 30.0);
        let black = Image::black(truth.size());
        assert_eq!(psnr_gtmean(&black, &truth).unwrap(), psnr(&black, &truth).unwrap());
    }
}
