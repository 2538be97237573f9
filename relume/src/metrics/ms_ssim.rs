//! Multi-scale structural similarity (Wang, Simoncelli and Bovik 2003).

use relume_media::{Image, Result, Size, Srgb};

use super::ssim::{WINDOW, levels, similarity};
use super::{Better, Measure, MetricCard, Shown, at_least, same_size};

/// Exponents of the scales, finest first (section 3.2 of the paper).
const WEIGHTS: [f64; 5] = [0.0448, 0.2856, 0.3001, 0.2363, 0.1333];

/// The least side: the window must fit the coarsest scale.
const LEAST: usize = (WINDOW - 1) * 16 + 1;

/// The card of [`ms_ssim`].
pub(super) const CARD: MetricCard = MetricCard {
    name: "ms_ssim",
    help: "multi-scale structural similarity, five scales, mean of R, G and B",
    source: "Wang, Simoncelli and Bovik 2003",
    unit: "",
    better: Better::Higher,
    decimals: 4,
    shown: Shown::InTables,
    measure: Measure::AgainstTruth(ms_ssim),
};

/// MS-SSIM, 0 to 1, of both pictures rounded to 8 bit: per channel, averaged. Scales are made by
/// averaging 2×2 pixels (of an odd side the last pixel counts twice); negative terms count as 0.
///
/// # Errors
/// [`relume_media::ErrorKind::Parameter`] when the sizes differ or a side is below 161 pixels.
pub fn ms_ssim(picture: &Image<Srgb>, truth: &Image<Srgb>) -> Result<f64> {
    same_size(picture, truth)?;
    at_least(LEAST, "MS-SSIM", picture)?;
    let (a, b) = (levels(picture), levels(truth));
    let area = picture.size().pixels();
    let planes = a.chunks_exact(area).zip(b.chunks_exact(area));
    Ok(planes.map(|(a, b)| of_plane(a, b, picture.size())).sum::<f64>() / 3.0)
}

fn of_plane(a: &[f64], b: &[f64], mut size: Size) -> f64 {
    let (mut a, mut b) = (a.to_vec(), b.to_vec());
    let mut product = 1.0;
    for (scale, weight) in WEIGHTS.into_iter().enumerate() {
        let found = similarity(&a, &b, size);
        let last = scale + 1 == WEIGHTS.len();
        let value: f64 = if last { found.whole } else { found.structure };
        product *= value.max(0.0).powf(weight);
        if !last {
            (a, b) = (halve(&a, size), halve(&b, size));
            size = half(size);
        }
    }
    product
}

fn half(size: Size) -> Size {
    Size::new(size.width.div_ceil(2), size.height.div_ceil(2))
}

/// The means of 2×2 values.
fn halve(plane: &[f64], size: Size) -> Vec<f64> {
    let Size { width, height } = half(size);
    let mut out = Vec::with_capacity(width * height);
    for y in 0..height {
        let rows = [2 * y, (2 * y + 1).min(size.height - 1)];
        for x in 0..width {
            let columns = [2 * x, (2 * x + 1).min(size.width - 1)];
            let sum: f64 = rows
                .iter()
                .flat_map(|y| columns.iter().map(move |x| plane[y * size.width + x]))
                .sum();
            out.push(sum / 4.0);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::tests::golden_pair;
    use super::*;
    use relume_media::ErrorKind;

    #[test]
    fn values_are_those_of_pytorch_msssim() {
        // ms_ssim(data_range=255) of pytorch-msssim 1.0.0; it treats odd sides otherwise.
        for (width, height, expected) in
            [(176, 192, 0.975_879_225_048_491_3), (320, 176, 0.975_862_782_741_791_1)]
        {
            let (a, b) = golden_pair(Size::new(width, height));
            let found = ms_ssim(&a, &b).unwrap();
            assert!((found - expected).abs() < 1e-5, "{width}x{height}: {found}");
            assert!((ms_ssim(&a, &a).unwrap() - 1.0).abs() < 1e-12);
        }
    }

    #[test]
    fn odd_sides_repeat_their_last_pixel() {
        let plane: Vec<f64> = (0..15).map(f64::from).collect();
        assert_eq!(halve(&plane, Size::new(5, 3)), [3.0, 5.0, 6.5, 10.5, 12.5, 14.0]);
    }

    #[test]
    fn a_picture_too_small_for_five_scales_is_refused() {
        let small = Image::black(Size::new(160, 400));
        assert_eq!(ms_ssim(&small, &small).unwrap_err().kind(), ErrorKind::Parameter);
    }
}
