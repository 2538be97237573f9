//! 36 numbers per patch: how normalised luma, and products of neighbours, are distributed.

use std::sync::OnceLock;

use libm::tgamma;
use rayon::prelude::*;
use relume_media::{Error, ErrorKind, Image, Plane, Result, Size, Srgb};

/// Side in pixels of a patch, at full scale.
const PATCH: usize = 96;
/// Features of a patch: 18 at full scale, 18 at half.
pub(super) const FEATURES: usize = 36;
/// Pixels that the local mean sees to each side.
const REACH: usize = 3;
/// Standard deviation in pixels of the local mean's Gaussian window.
const SIGMA: f64 = 7.0 / 6.0;
/// Step and range of the shapes that a distribution may have.
const SHAPES: (f64, f64, usize) = (0.2, 0.001, 9801);
/// Neighbours whose products are looked at: rows up and columns left, wrapping around in the patch.
const NEIGHBOURS: [(isize, isize); 4] = [(0, 1), (1, 0), (1, 1), (1, -1)];

/// What is known of one patch.
#[derive(Debug, Clone)]
pub(super) struct Patch {
    /// Its statistics; where it is flat some are no numbers.
    pub(super) features: [f64; FEATURES],
    /// Mean local standard deviation, in 8-bit levels.
    pub(super) sharpness: f64,
}

/// All whole patches of a picture.
pub(super) fn patches(picture: &Image<Srgb>) -> Result<Vec<Patch>> {
    let (columns, rows) = (picture.width() / PATCH, picture.height() / PATCH);
    if columns * rows < 2 {
        let message = format!(
            "NIQE needs two patches of {PATCH}×{PATCH} pixels, {} has fewer",
            picture.size()
        );
        return Err(Error::new(ErrorKind::Parameter, message));
    }
    let full = luma(picture, Size::new(columns * PATCH, rows * PATCH));
    let half = halve(&full);
    let (full, half) = (normalise(&full), normalise(&half));
    let patch = |index: usize| {
        let (x, y) = (index % columns, index / columns);
        let mut features = [0.0; FEATURES];
        let (fine, coarse) = features.split_at_mut(FEATURES / 2);
        describe(&cut(&full.0, x, y, PATCH), PATCH, fine);
        describe(&cut(&half.0, x, y, PATCH / 2), PATCH / 2, coarse);
        let contrast = cut(&full.1, x, y, PATCH);
        let sum: f64 = contrast.iter().map(|&v| f64::from(v)).sum();
        Patch { features, sharpness: sum / contrast.len() as f64 }
    };
    Ok((0..columns * rows).into_par_iter().map(patch).collect())
}

/// Luma in whole levels, 16 to 235, of the upper left part of `size`.
fn luma(picture: &Image<Srgb>, size: Size) -> Plane {
    let weigh = |[r, g, b]: [f32; 3]| {
        let level = |v: f32| f64::from((v.clamp(0.0, 1.0) * 255.0).round()) / 255.0;
        (16.0 + 65.481 * level(r) + 128.553 * level(g) + 24.966 * level(b)).round_ties_even()
    };
    let values = (0..size.pixels())
        .map(|i| weigh(picture.get(i % size.width, i / size.width)) as f32)
        .collect();
    Plane { size, values }
}

/// Half the size by MATLAB's `imresize(·, 0.5)`: cubic kernel stretched to twice its width, edges
/// mirrored. Both sides must be even.
fn halve(plane: &Plane) -> Plane {
    let taps = cubic_taps();
    let Size { width, height } = plane.size;
    let between = transposed(&halve_rows(&plane.values, width, &taps), width / 2, height);
    let values = transposed(&halve_rows(&between, height, &taps), height / 2, width / 2);
    Plane { size: Size::new(width / 2, height / 2), values }
}

/// The kernel at the eight pixels around the middle of two: distances ±½, ±1½, ±2½, ±3½.
fn cubic_taps() -> [f64; 8] {
    let kernel = |x: f64| {
        let x = x.abs();
        if x <= 1.0 {
            1.5 * x.powi(3) - 2.5 * x.powi(2) + 1.0
        } else {
            -0.5 * x.powi(3) + 2.5 * x.powi(2) - 4.0 * x + 2.0
        }
    };
    let taps: [f64; 8] = std::array::from_fn(|i| kernel((i as f64 - 3.5) / 2.0));
    let sum: f64 = taps.iter().sum();
    taps.map(|tap| tap / sum)
}

fn halve_rows(values: &[f32], width: usize, taps: &[f64; 8]) -> Vec<f32> {
    let mirrored = |i: isize| match i {
        i if i < 0 => (-1 - i) as usize,
        i if i as usize >= width => 2 * width - 1 - i as usize,
        i => i as usize,
    };
    let row = |row: &[f32]| -> Vec<f32> {
        let value = |x: usize| {
            let near = (0..8).map(|i| row[mirrored(2 * x as isize + i as isize - 3)]);
            near.zip(taps).map(|(v, tap)| f64::from(v) * tap).sum::<f64>() as f32
        };
        (0..width / 2).map(value).collect()
    };
    values.par_chunks_exact(width).flat_map_iter(row).collect()
}

fn transposed(values: &[f32], width: usize, height: usize) -> Vec<f32> {
    (0..values.len()).map(|i| values[i % height * width + i / height]).collect()
}

/// Luma less its local mean, over its local standard deviation plus 1 (equation 1); and that
/// deviation. Values are rounded to `f32` after each step: flat areas become exactly 0.
fn normalise(plane: &Plane) -> (Plane, Plane) {
    let mean = blur(plane);
    let squares = plane.values.iter().map(|v| v * v).collect();
    let mean_square = blur(&Plane { size: plane.size, values: squares });
    let mut deviation = mean_square;
    for (v, mean) in deviation.values.iter_mut().zip(&mean.values) {
        *v = (*v - mean * mean).abs().sqrt();
    }
    let mut normal = plane.clone();
    for ((v, mean), deviation) in normal.values.iter_mut().zip(&mean.values).zip(&deviation.values)
    {
        *v = (*v - mean) / (deviation + 1.0);
    }
    (normal, deviation)
}

/// The Gaussian window's mean around each value; beyond the edge the edge is repeated.
fn blur(plane: &Plane) -> Plane {
    let Size { width, height } = plane.size;
    let window: [f64; 2 * REACH + 1] =
        std::array::from_fn(|i| (-(i as f64 - REACH as f64).powi(2) / (2.0 * SIGMA * SIGMA)).exp());
    let sum: f64 = window.iter().sum();
    let window = window.map(|w| w / sum);
    let row = |y: usize| {
        let down: Vec<f64> = (0..width)
            .map(|x| {
                let value = |i: usize| {
                    let row = (y + i).saturating_sub(REACH).min(height - 1);
                    f64::from(plane.values[row * width + x])
                };
                window.iter().enumerate().map(|(i, w)| w * value(i)).sum()
            })
            .collect();
        let across = move |x: usize| {
            let value = |i: usize| down[(x + i).saturating_sub(REACH).min(width - 1)];
            window.iter().enumerate().map(|(i, w)| w * value(i)).sum::<f64>() as f32
        };
        (0..width).map(across).collect::<Vec<f32>>()
    };
    Plane { size: plane.size, values: (0..height).into_par_iter().flat_map_iter(row).collect() }
}

/// The patch in column `x` and row `y` of patches, row by row.
fn cut(plane: &Plane, x: usize, y: usize, side: usize) -> Vec<f32> {
    let rows = (y * side..(y + 1) * side).map(|row| plane.row(row));
    rows.flat_map(|row| &row[x * side..(x + 1) * side]).copied().collect()
}

/// The 18 features of one patch at one scale.
fn describe(patch: &[f32], side: usize, features: &mut [f64]) {
    let whole = Distribution::of(patch);
    features[0] = whole.shape;
    features[1] = f64::midpoint(whole.left, whole.right);
    let back = |i: usize, by: isize| (i as isize - by).rem_euclid(side as isize) as usize;
    for ((up, left), features) in NEIGHBOURS.into_iter().zip(features[2..].chunks_exact_mut(4)) {
        let neighbour = |i: usize| patch[back(i / side, up) * side + back(i % side, left)];
        let products: Vec<f32> = (0..patch.len()).map(|i| patch[i] * neighbour(i)).collect();
        let found = Distribution::of(&products);
        features.copy_from_slice(&[found.shape, found.mean(), found.left, found.right]);
    }
}

/// An asymmetric generalised Gaussian distribution: shape, and scale to each side of 0.
struct Distribution {
    shape: f64,
    left: f64,
    right: f64,
}

impl Distribution {
    /// Fits by moments (Lasmar et al. 2009). Without values on one side that scale is no number.
    fn of(values: &[f32]) -> Self {
        let (mut below, mut above, mut size) = ((0.0, 0.0), (0.0, 0.0), 0.0);
        for &value in values {
            let value = f64::from(value);
            size += value.abs();
            let side = if value < 0.0 { &mut below } else { &mut above };
            if value != 0.0 {
                *side = (side.0 + value * value, side.1 + 1.0);
            }
        }
        let count = values.len() as f64;
        let (left, right) = ((below.0 / below.1).sqrt(), (above.0 / above.1).sqrt());
        let ratio: f64 = left / right;
        let flatness = (size / count).powi(2) / ((below.0 + above.0) / count);
        let wanted =
            flatness * (ratio.powi(3) + 1.0) * (ratio + 1.0) / (ratio * ratio + 1.0).powi(2);
        let shape = shape_for(wanted);
        let scale = (tgamma(1.0 / shape) / tgamma(3.0 / shape)).sqrt();
        Self { shape, left: left * scale, right: right * scale }
    }

    /// Equation 8.
    fn mean(&self) -> f64 {
        (self.right - self.left) * tgamma(2.0 / self.shape) / tgamma(1.0 / self.shape)
    }
}

/// The shape whose ratio of moments is nearest to `wanted`; the least one if that is no number.
fn shape_for(wanted: f64) -> f64 {
    static RATIOS: OnceLock<Vec<f64>> = OnceLock::new();
    let (first, step, count) = SHAPES;
    let shape = |i: usize| first + step * i as f64;
    let ratios = RATIOS.get_or_init(|| {
        let ratio =
            |shape: f64| tgamma(2.0 / shape).powi(2) / (tgamma(1.0 / shape) * tgamma(3.0 / shape));
        (0..count).map(|i| ratio(shape(i))).collect()
    });
    if wanted.is_nan() {
        return first;
    }
    // Ratios grow with the shape.
    let after = ratios.partition_point(|&ratio| ratio < wanted).clamp(1, count - 1);
    let nearer = (ratios[after] - wanted).abs() < (wanted - ratios[after - 1]).abs();
    shape(if nearer { after } else { after - 1 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gaussian_and_a_laplacian_have_the_shapes_2_and_1() {
        // Quantiles instead of samples: exact up to the tails.
        let quantiles = |density: fn(f64) -> f64| {
            let (mut sum, mut values) = (0.0, Vec::new());
            for i in -80_000..80_000_i32 {
                let x = f64::from(i) / 8000.0;
                sum += density(x) / 8000.0;
                while sum * 9216.0 > values.len() as f64 + 0.5 && values.len() < 9216 {
                    values.push(x as f32);
                }
            }
            Distribution::of(&values)
        };
        let gaussian = quantiles(|x| (-x * x / 2.0).exp() / std::f64::consts::TAU.sqrt());
        let laplacian = quantiles(|x| (-x.abs()).exp() / 2.0);
        assert!((gaussian.shape - 2.0).abs() < 0.02, "{}", gaussian.shape);
        assert!((laplacian.shape - 1.0).abs() < 0.02, "{}", laplacian.shape);
        // Scale: √2 σ for the Gaussian, 1 for the Laplacian; both lie evenly around 0.
        assert!((gaussian.left - 2.0_f64.sqrt()).abs() < 0.02 && gaussian.mean().abs() < 0.01);
        assert!((laplacian.right - 1.0).abs() < 0.02);
    }

    #[test]
    fn halving_keeps_flat_and_straight_areas() {
        let plane =
            Plane { size: Size::new(32, 16), values: (0..512).map(|i| (i % 32) as f32).collect() };
        let half = halve(&plane);
        assert_eq!(half.size, Size::new(16, 8));
        for x in 2..14 {
            assert!((half.row(4)[x] - (2.0 * x as f32 + 0.5)).abs() < 1e-5, "{x}");
        }
    }

    #[test]
    fn flat_areas_are_normalised_to_exactly_nothing() {
        let (normal, deviation) = normalise(&Plane::filled(Size::new(20, 20), 77.0));
        assert!(normal.values.iter().all(|&v| v == 0.0));
        assert!(deviation.values.iter().all(|&v| v == 0.0));
    }

    #[test]
    fn a_blur_is_a_mean_and_edges_repeat() {
        let mut plane = Plane::filled(Size::new(9, 9), 0.0);
        plane.values[0] = 1.0;
        let window: f64 = (-3..=3).map(|i| (-f64::from(i * i) / (2.0 * SIGMA * SIGMA)).exp()).sum();
        // In the corner the four taps at and before it all see the same value.
        let seen: f64 = (0..=3).map(|i| (-f64::from(i * i) / (2.0 * SIGMA * SIGMA)).exp()).sum();
        let expected = (seen / window).powi(2);
        assert!((f64::from(blur(&plane).values[0]) - expected).abs() < 1e-6);
    }
}
