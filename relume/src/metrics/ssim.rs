//! Structural similarity (Wang et al. 2004).

use rayon::prelude::*;
use relume_media::{Image, Result, Size, Srgb};

use super::{Better, Measure, MetricCard, Shown, at_least, same_size};

/// Side of the Gaussian window; smaller pictures have no SSIM.
pub const WINDOW: usize = 11;
const SIGMA: f64 = 1.5;
const C1: f64 = (0.01 * 255.0) * (0.01 * 255.0);
const C2: f64 = (0.03 * 255.0) * (0.03 * 255.0);

/// The card of [`ssim`].
pub(super) const CARD: MetricCard = MetricCard {
    name: "ssim",
    help: "structural similarity, 11x11 Gaussian (sigma 1.5), valid area, mean of R, G and B",
    source: "Wang et al. 2004; BasicSR, calculate_ssim",
    unit: "",
    better: Better::Higher,
    decimals: 4,
    shown: Shown::Always,
    measure: Measure::AgainstTruth(ssim),
};

/// SSIM, at most 1, of both pictures rounded to 8 bit: per channel over the valid area, averaged.
///
/// # Errors
/// [`relume_media::ErrorKind::Parameter`] when the sizes differ or a side is shorter than [`WINDOW`].
pub fn ssim(picture: &Image<Srgb>, truth: &Image<Srgb>) -> Result<f64> {
    same_size(picture, truth)?;
    at_least(WINDOW, "SSIM", picture)?;
    let size = picture.size();
    let (a, b) = (levels(picture), levels(truth));
    let planes = a.chunks_exact(size.pixels()).zip(b.chunks_exact(size.pixels()));
    Ok(planes.map(|(a, b)| similarity(a, b, size).whole).sum::<f64>() / 3.0)
}

/// Planar values in 8-bit levels.
pub(super) fn levels(image: &Image<Srgb>) -> Vec<f64> {
    image.values().iter().map(|v| f64::from((v.clamp(0.0, 1.0) * 255.0).round())).collect()
}

/// Means over the valid area of one plane.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Similarity {
    /// Of light, contrast and structure: SSIM.
    pub(super) whole: f64,
    /// Of contrast and structure only.
    pub(super) structure: f64,
}

/// Compares two planes of `size`, both sides at least [`WINDOW`], in 8-bit levels.
pub(super) fn similarity(a: &[f64], b: &[f64], size: Size) -> Similarity {
    let window = gaussian();
    let (rows, columns) = (size.height - WINDOW + 1, size.width - WINDOW + 1);
    // Summed row by row in order: the result does not depend on the number of threads.
    let sums: Vec<Similarity> = (0..rows)
        .into_par_iter()
        .map(|top| {
            let seen = top * size.width..(top + WINDOW) * size.width;
            row_sum(&a[seen.clone()], &b[seen], size.width, &window)
        })
        .collect();
    let count = (rows * columns) as f64;
    let mean = |part: fn(&Similarity) -> f64| sums.iter().map(part).sum::<f64>() / count;
    Similarity { whole: mean(|s| s.whole), structure: mean(|s| s.structure) }
}

fn gaussian() -> [f64; WINDOW] {
    let center = (WINDOW / 2) as f64;
    let weights: [f64; WINDOW] =
        std::array::from_fn(|i| (-(i as f64 - center).powi(2) / (2.0 * SIGMA * SIGMA)).exp());
    let sum: f64 = weights.iter().sum();
    weights.map(|w| w / sum)
}

/// The sums over one output row, from the [`WINDOW`] input rows it sees.
fn row_sum(a: &[f64], b: &[f64], width: usize, window: &[f64; WINDOW]) -> Similarity {
    // Per column, down the window: a, b, a², b², a·b.
    let mut columns = vec![[0.0_f64; 5]; width];
    for (y, weight) in window.iter().enumerate() {
        let row = y * width..(y + 1) * width;
        for (column, (&a, &b)) in columns.iter_mut().zip(a[row.clone()].iter().zip(&b[row])) {
            for (sum, value) in column.iter_mut().zip([a, b, a * a, b * b, a * b]) {
                *sum += weight * value;
            }
        }
    }
    columns.windows(WINDOW).fold(Similarity::default(), |sum, columns| {
        let (light, structure) = terms(columns, window);
        Similarity { whole: sum.whole + light * structure, structure: sum.structure + structure }
    })
}

/// Equations 6 and 13: the light term, and contrast and structure in one.
fn terms(columns: &[[f64; 5]], window: &[f64; WINDOW]) -> (f64, f64) {
    let mut moments = [0.0; 5];
    for (column, weight) in columns.iter().zip(window) {
        for (moment, value) in moments.iter_mut().zip(column) {
            *moment += weight * value;
        }
    }
    let [a, b, aa, bb, ab] = moments;
    let (var_a, var_b, cov) = (aa - a * a, bb - b * b, ab - a * b);
    let light = (2.0 * a * b + C1) / (a * a + b * b + C1);
    (light, (2.0 * cov + C2) / (var_a + var_b + C2))
}

#[cfg(test)]
mod tests {
    use super::*;
    use relume_media::ErrorKind;

    #[test]
    fn flat_pictures_leave_only_the_light_term() {
        let flat = |level: u8| Image::from_rgb8(Size::new(12, 11), &[level; 396]).unwrap();
        // (2·100·120 + C1) / (100² + 120² + C1)
        let expected = (24_000.0 + C1) / (24_400.0 + C1);
        assert!((ssim(&flat(100), &flat(120)).unwrap() - expected).abs() < 1e-12);
        assert!((ssim(&flat(7), &flat(7)).unwrap() - 1.0).abs() < 1e-12);
    }

    #[test]
    fn a_picture_smaller_than_the_window_is_refused() {
        let small = Image::black(Size::new(10, 40));
        assert_eq!(ssim(&small, &small).unwrap_err().kind(), ErrorKind::Parameter);
    }
}
