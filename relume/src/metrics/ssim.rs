//! Structural similarity (Wang et al. 2004).

use rayon::prelude::*;
use relume_media::{Error, ErrorKind, Image, Result, Srgb};

use super::{MetricCard, same_size};

/// Side of the Gaussian window; smaller pictures have no SSIM.
pub const WINDOW: usize = 11;
const SIGMA: f64 = 1.5;
const C1: f64 = (0.01 * 255.0) * (0.01 * 255.0);
const C2: f64 = (0.03 * 255.0) * (0.03 * 255.0);

/// The card of [`ssim`].
pub(super) const CARD: MetricCard = MetricCard {
    name: "ssim",
    help: "structural similarity, 11x11 Gaussian (sigma 1.5), valid area, mean of R, G and B",
    unit: "",
    higher_is_better: true,
    decimals: 4,
    evaluate: ssim,
};

/// SSIM, at most 1, of both pictures rounded to 8 bit: per channel over the valid area, averaged.
///
/// # Errors
/// [`ErrorKind::Parameter`] when the sizes differ or a side is shorter than [`WINDOW`].
pub fn ssim(picture: &Image<Srgb>, truth: &Image<Srgb>) -> Result<f64> {
    same_size(picture, truth)?;
    let (width, height) = (picture.width(), picture.height());
    if width < WINDOW || height < WINDOW {
        return Err(Error::new(
            ErrorKind::Parameter,
            format!("SSIM needs at least {WINDOW}×{WINDOW} pixels, got {}", picture.size()),
        ));
    }
    let (a, b) = (levels(picture), levels(truth));
    let window = gaussian();
    let rows = height - WINDOW + 1;
    // Summed row by row in order: the result does not depend on the number of threads.
    let sums: Vec<f64> = (0..3 * rows)
        .into_par_iter()
        .map(|i| {
            let top = (i / rows * height + i % rows) * width;
            let rows = top..top + WINDOW * width;
            row_sum(&a[rows.clone()], &b[rows], width, &window)
        })
        .collect();
    Ok(sums.iter().sum::<f64>() / (3 * rows * (width - WINDOW + 1)) as f64)
}

/// Planar values in 8-bit levels.
fn levels(image: &Image<Srgb>) -> Vec<u8> {
    image.values().iter().map(|v| (v.clamp(0.0, 1.0) * 255.0).round() as u8).collect()
}

fn gaussian() -> [f64; WINDOW] {
    let center = (WINDOW / 2) as f64;
    let weights: [f64; WINDOW] =
        std::array::from_fn(|i| (-(i as f64 - center).powi(2) / (2.0 * SIGMA * SIGMA)).exp());
    let sum: f64 = weights.iter().sum();
    weights.map(|w| w / sum)
}

/// The sum of SSIM values of one output row, from the [`WINDOW`] input rows it sees.
fn row_sum(a: &[u8], b: &[u8], width: usize, window: &[f64; WINDOW]) -> f64 {
    // Per column, down the window: a, b, a², b², a·b.
    let mut columns = vec![[0.0_f64; 5]; width];
    for (y, weight) in window.iter().enumerate() {
        let row = y * width..(y + 1) * width;
        for (column, (&a, &b)) in columns.iter_mut().zip(a[row.clone()].iter().zip(&b[row])) {
            let (a, b) = (f64::from(a), f64::from(b));
            for (sum, value) in column.iter_mut().zip([a, b, a * a, b * b, a * b]) {
                *sum += weight * value;
            }
        }
    }
    columns.windows(WINDOW).map(|columns| similarity(columns, window)).sum()
}

fn similarity(columns: &[[f64; 5]], window: &[f64; WINDOW]) -> f64 {
    let mut moments = [0.0; 5];
    for (column, weight) in columns.iter().zip(window) {
        for (moment, value) in moments.iter_mut().zip(column) {
            *moment += weight * value;
        }
    }
    let [a, b, aa, bb, ab] = moments;
    let (var_a, var_b, cov) = (aa - a * a, bb - b * b, ab - a * b);
    ((2.0 * a * b + C1) * (2.0 * cov + C2)) / ((a * a + b * b + C1) * (var_a + var_b + C2))
}

#[cfg(test)]
mod tests {
    use super::*;
    use relume_media::Size;

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
