//! Losses that compare a picture with the truth.

use crate::case::{Case, Plane};

const SHAPE: [usize; 4] = [2, 3, 9, 11];

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::pair("l1", "", SHAPE, |x, t| x.with(t, |x, t| (x - t).abs()).mean()),
        Case::pair("l2", "", SHAPE, |x, t| x.with(t, |x, t| (x - t) * (x - t)).mean()),
        Case::pair("charbonnier", "", SHAPE, |x, t| charbonnier(&minus(x, t), 1e-3)),
        Case::pair("charbonnier", "epsilon = 0.3", SHAPE, |x, t| charbonnier(&minus(x, t), 0.3)),
        Case::pair("charbonnier", "epsilon = 1e-8", SHAPE, |x, t| charbonnier(&minus(x, t), 1e-8)),
        Case::pair("gradient", "", SHAPE, gradient),
        Case::pair("coarse", "", [1, 3, 18, 27], |x, t| charbonnier(&minus(x, t).pooled(8), 1e-3)),
        Case::pair("coarse", "scale = 3", SHAPE, |x, t| charbonnier(&minus(x, t).pooled(3), 1e-3)),
        Case::pair("edge", "", SHAPE, |x, t| {
            charbonnier(&minus(&laplacian(x), &laplacian(t)), 1e-3)
        }),
        Case::pair("frequency", "", [1, 2, 6, 7], frequency),
        Case::pair("ssim", "", [1, 2, 14, 13], |x, t| 1.0 - similarity(x, t).0.mean()),
        Case::pair("ms_ssim", "scales = 1", [1, 1, 12, 13], |x, t| ms_ssim(x, t, &[1.0])),
        Case::pair("ms_ssim", "scales = 2", [1, 1, 23, 24], |x, t| {
            ms_ssim(x, t, &[0.0448 / 0.3304, 0.2856 / 0.3304])
        }),
    ]
}

fn minus(a: &Plane, b: &Plane) -> Plane {
    a.with(b, |a, b| a - b)
}

fn charbonnier(difference: &Plane, epsilon: f64) -> f64 {
    difference.map(|d| (d * d + epsilon * epsilon).sqrt()).mean()
}

fn gradient(x: &Plane, t: &Plane) -> f64 {
    let [n, c, h, w] = x.shape;
    let d = minus(x, t);
    let down =
        Plane::from_fn([n, c, h - 1, w], |[n, c, y, x]| d.at(n, c, y + 1, x) - d.at(n, c, y, x));
    let across =
        Plane::from_fn([n, c, h, w - 1], |[n, c, y, x]| d.at(n, c, y, x + 1) - d.at(n, c, y, x));
    charbonnier(&down, 1e-3) + charbonnier(&across, 1e-3)
}

/// The picture less its blurred, halved, zero-filled and blurred self.
fn laplacian(picture: &Plane) -> Plane {
    let [_, _, h, w] = picture.shape;
    let blur = |p: &Plane| {
        let taps = [0.05, 0.25, 0.4, 0.25, 0.05];
        Plane::from_fn(p.shape, |[n, c, y, x]| {
            let mut sum = 0.0;
            for (dy, wy) in taps.iter().enumerate() {
                for (dx, wx) in taps.iter().enumerate() {
                    let row = (y + dy).saturating_sub(2).min(h - 1);
                    let column = (x + dx).saturating_sub(2).min(w - 1);
                    sum += wy * wx * p.at(n, c, row, column);
                }
            }
            sum
        })
    };
    let blurred = blur(picture);
    let filled = Plane::from_fn(picture.shape, |[n, c, y, x]| {
        if y % 2 == 0 && x % 2 == 0 { 4.0 * blurred.at(n, c, y, x) } else { 0.0 }
    });
    minus(picture, &blur(&filled))
}

fn frequency(x: &Plane, t: &Plane) -> f64 {
    let d = minus(x, t);
    let [n, c, h, w] = d.shape;
    let scale = 1.0 / ((h * w) as f64).sqrt();
    let part = |wave: fn(f64) -> f64| {
        Plane::from_fn([n, c, h, w], |[n, c, v, u]| {
            let mut sum = 0.0;
            for y in 0..h {
                for x in 0..w {
                    let turns = (v * y) as f64 / h as f64 + (u * x) as f64 / w as f64;
                    sum += d.at(n, c, y, x) * wave(-std::f64::consts::TAU * turns);
                }
            }
            (scale * sum).abs()
        })
    };
    (part(f64::cos).mean() + part(f64::sin).mean()) / 2.0
}

/// SSIM and its structure at every place where the window fits.
fn similarity(a: &Plane, b: &Plane) -> (Plane, Plane) {
    let [n, c, h, w] = a.shape;
    let weight = |i: usize| (-(i as f64 - 5.0).powi(2) / (2.0 * 1.5 * 1.5)).exp();
    let sum: f64 = (0..11).map(weight).sum();
    let part = |n, c, y, x| {
        let moment = |f: &dyn Fn(f64, f64) -> f64| {
            let mut total = 0.0;
            for dy in 0..11 {
                for dx in 0..11 {
                    let (a, b) = (a.at(n, c, y + dy, x + dx), b.at(n, c, y + dy, x + dx));
                    total += weight(dy) * weight(dx) / (sum * sum) * f(a, b);
                }
            }
            total
        };
        let (mean_a, mean_b) = (moment(&|a, _| a), moment(&|_, b| b));
        let var_a = moment(&|a, _| (a - mean_a).powi(2));
        let var_b = moment(&|_, b| (b - mean_b).powi(2));
        let covariance = moment(&|a, b| (a - mean_a) * (b - mean_b));
        let light = (2.0 * mean_a * mean_b + 1e-4) / (mean_a.powi(2) + mean_b.powi(2) + 1e-4);
        (light, (2.0 * covariance + 9e-4) / (var_a + var_b + 9e-4))
    };
    let valid = [n, c, h - 10, w - 10];
    let whole = Plane::from_fn(valid, |[n, c, y, x]| {
        let (light, structure) = part(n, c, y, x);
        light * structure
    });
    (whole, Plane::from_fn(valid, |[n, c, y, x]| part(n, c, y, x).1))
}

/// Of one sample with one channel.
fn ms_ssim(x: &Plane, t: &Plane, shares: &[f64]) -> f64 {
    let (mut x, mut t, mut product) = (x.clone(), t.clone(), 1.0);
    for (scale, &share) in shares.iter().enumerate() {
        let (whole, structure) = similarity(&x, &t);
        let last = scale + 1 == shares.len();
        product *= (if last { whole } else { structure }).mean().powf(share);
        (x, t) = (x.pooled(2), t.pooled(2));
    }
    1.0 - product
}
