//! Charbonnier distance, the loss that MIRNet trains with, as a score.

use relume_media::{Image, Result, Srgb};

use super::{Better, Measure, MetricCard, Shown, same_size};

/// The softening of the event-photo enhancer's tables: an absolute difference in all but name.
const EPSILON: f64 = 1e-8;

/// The card of [`charbonnier`].
pub(super) const CARD: MetricCard = MetricCard {
    name: "charbonnier",
    help: "mean of √(difference² + 10⁻¹⁶) over RGB, 0 to 1, 8 bit after rounding",
    source: "Charbonnier et al. 1994; the loss of MIRNet's tables",
    unit: "",
    better: Better::Lower,
    decimals: 4,
    shown: Shown::OnRequest,
    measure: Measure::AgainstTruth(charbonnier),
};

/// Mean of `√(d² + ε²)` over all RGB values in 0 to 1, both pictures rounded to 8 bit.
///
/// # Errors
/// [`relume_media::ErrorKind::Parameter`] when the sizes differ or the pictures are empty.
pub fn charbonnier(picture: &Image<Srgb>, truth: &Image<Srgb>) -> Result<f64> {
    same_size(picture, truth)?;
    let (a, b) = (picture.to_rgb8(), truth.to_rgb8());
    let distance = |(&a, &b): (&u8, &u8)| (f64::from(a.abs_diff(b)) / 255.0).hypot(EPSILON);
    Ok(a.iter().zip(&b).map(distance).sum::<f64>() / a.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use relume_media::Size;

    #[test]
    fn it_is_the_mean_difference_and_epsilon_where_there_is_none() {
        let a = Image::from_rgb8(Size::new(2, 1), &[10, 20, 30, 40, 50, 60]).unwrap();
        let b = Image::from_rgb8(Size::new(2, 1), &[10, 20, 30, 91, 50, 60]).unwrap();
        assert!((charbonnier(&a, &b).unwrap() - 0.2 / 6.0).abs() < 1e-7);
        assert!((charbonnier(&a, &a).unwrap() - EPSILON).abs() < 1e-15);
    }
}
