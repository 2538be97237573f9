//! How far the brightness of a picture's parts is from a well-exposed level.

use relume_media::{Image, Result, Srgb};

use super::{Better, Measure, MetricCard, Shown, at_least};

/// Side in pixels of the patches whose mean counts.
const PATCH: usize = 16;
/// The well-exposed level, a display value.
const WELL_EXPOSED: f64 = 0.6;

/// The card of [`exposure_error`].
pub(super) const CARD: MetricCard = MetricCard {
    name: "exposure_error",
    help: "mean distance of the means of 16x16 patches from the level 0.6",
    source: "exposure control loss of Zero-DCE (Guo et al. 2020)",
    unit: "",
    better: Better::Lower,
    decimals: 4,
    shown: Shown::InTables,
    measure: Measure::Alone(exposure_error),
};

/// Mean absolute difference between 0.6 and the mean of R, G and B (8 bit, 0 to 1) over each whole
/// 16×16 patch: 0 (all patches at that level) to 0.6 (all black).
///
/// # Errors
/// [`relume_media::ErrorKind::Parameter`] when no patch fits the picture.
pub fn exposure_error(picture: &Image<Srgb>) -> Result<f64> {
    at_least(PATCH, "exposure_error", picture)?;
    let (columns, rows) = (picture.width() / PATCH, picture.height() / PATCH);
    let bytes = picture.to_rgb8();
    let mut sums = vec![0_u64; columns * rows];
    for (y, row) in bytes.chunks_exact(3 * picture.width()).take(rows * PATCH).enumerate() {
        for (x, patch) in row.chunks_exact(3 * PATCH).enumerate() {
            sums[y / PATCH * columns + x] += patch.iter().map(|&v| u64::from(v)).sum::<u64>();
        }
    }
    let full = (3 * PATCH * PATCH * 255) as f64;
    let errors = sums.iter().map(|&sum| (sum as f64 / full - WELL_EXPOSED).abs());
    Ok(errors.sum::<f64>() / sums.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use relume_media::{ErrorKind, Size};

    #[test]
    fn flat_pictures_have_the_distance_of_their_level() {
        let flat = |v: f32| Image::from_fn(Size::new(40, 33), |_, _| [v; 3]);
        for (level, expected) in [(0.6, 0.0), (0.0, 0.6), (1.0, 0.4), (0.2, 0.4)] {
            assert!((exposure_error(&flat(level)).unwrap() - expected).abs() < 1e-9, "{level}");
        }
    }

    #[test]
    fn a_half_burnt_half_black_picture_is_no_well_exposed_one() {
        // Its mean is 0.6, but no patch is near it; pixels beyond the last whole patch don't count.
        let picture = Image::from_fn(Size::new(85, 16), |x, _| {
            [if x < 32 {
                0.0
            } else if x < 80 {
                1.0
            } else {
                0.6
            }; 3]
        });
        let expected = (2.0 * 0.6 + 3.0 * 0.4) / 5.0;
        assert!((exposure_error(&picture).unwrap() - expected).abs() < 1e-9);
        let small = exposure_error(&Image::black(Size::new(15, 99)));
        assert_eq!(small.unwrap_err().kind(), ErrorKind::Parameter);
    }
}
