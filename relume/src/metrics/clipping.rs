//! How much of a picture is lost at the ends of the range.

use relume_media::{Image, Result, Srgb};

use super::{Better, Measure, MetricCard, Shown, not_empty};

/// The card of [`clipped_highlights`].
pub(super) const HIGHLIGHTS: MetricCard = MetricCard {
    name: "clipped_highlights",
    help: "share of pixels with any channel at 254 or 255 of 255",
    source: "relume",
    unit: "%",
    better: Better::Lower,
    decimals: 2,
    shown: Shown::InTables,
    measure: Measure::Alone(clipped_highlights),
};

/// The card of [`clipped_shadows`].
pub(super) const SHADOWS: MetricCard = MetricCard {
    name: "clipped_shadows",
    help: "share of pixels with any channel at 0 or 1 of 255",
    source: "relume",
    unit: "%",
    better: Better::Lower,
    decimals: 2,
    shown: Shown::InTables,
    measure: Measure::Alone(clipped_shadows),
};

/// Percent of pixels with any channel at 254 or more, 0 to 100.
///
/// # Errors
/// [`relume_media::ErrorKind::Parameter`] for an empty picture.
pub fn clipped_highlights(picture: &Image<Srgb>) -> Result<f64> {
    share(picture, |value| value >= 254)
}

/// Percent of pixels with any channel at 1 or less, 0 to 100. A pure colour counts too: it has
/// channels at 0.
///
/// # Errors
/// [`relume_media::ErrorKind::Parameter`] for an empty picture.
pub fn clipped_shadows(picture: &Image<Srgb>) -> Result<f64> {
    share(picture, |value| value <= 1)
}

fn share(picture: &Image<Srgb>, lost: impl Fn(u8) -> bool) -> Result<f64> {
    not_empty(picture)?;
    let bytes = picture.to_rgb8();
    let count = bytes.chunks_exact(3).filter(|rgb| rgb.iter().any(|&v| lost(v))).count();
    Ok(100.0 * count as f64 / picture.size().pixels() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use relume_media::Size;

    #[test]
    fn one_channel_at_the_end_is_enough_and_the_next_level_is_not() {
        let bytes = [254, 90, 90, 253, 90, 90, 90, 1, 90, 90, 2, 255];
        let picture = Image::from_rgb8(Size::new(2, 2), &bytes).unwrap();
        assert_eq!(clipped_highlights(&picture).unwrap(), 50.0);
        assert_eq!(clipped_shadows(&picture).unwrap(), 25.0);
    }
}
