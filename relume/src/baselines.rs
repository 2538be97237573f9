//! What anyone can do by hand: the rows a restoration has to beat in a benchmark.

use relume_media::{Image, Plane, Size, Srgb};

/// Mean display value that [`auto_gamma`] aims at.
pub const AUTO_GAMMA_MEAN: f64 = 0.45;
/// Tiles per axis of [`clahe`].
const TILES: usize = 8;
/// Clip limit of [`clahe`], in multiples of a flat histogram's height.
const CLIP_LIMIT: f64 = 2.0;
const BINS: usize = 256;

/// The picture raised to the power that makes the mean of all its display values `0.45`.
///
/// A picture whose mean no gamma between 1/16 and 16 can reach (all black, all white) gets the
/// nearest.
pub fn auto_gamma(image: &Image<Srgb>) -> Image<Srgb> {
    // 4080 levels: 8-bit values fall on levels exactly, and the search does not touch pixels.
    let mut counts = vec![0_u64; 255 * 16 + 1];
    let top = (counts.len() - 1) as f64;
    for v in image.values() {
        counts[(f64::from(v.clamp(0.0, 1.0)) * top).round() as usize] += 1;
    }
    let mean = |gamma: f64| {
        let sum: f64 =
            counts.iter().enumerate().map(|(i, &n)| n as f64 * (i as f64 / top).powf(gamma)).sum();
        sum / image.values().len().max(1) as f64
    };
    let (mut low, mut high) = (-4.0_f64, 4.0_f64);
    for _ in 0..48 {
        let middle = f64::midpoint(low, high);
        if mean(middle.exp2()) > AUTO_GAMMA_MEAN {
            low = middle;
        } else {
            high = middle;
        }
    }
    let gamma = f64::midpoint(low, high).exp2() as f32;
    image.clone().map(|v| v.clamp(0.0, 1.0).powf(gamma))
}

/// Contrast-limited adaptive histogram equalisation of luma (8×8 tiles, clip limit 2, as OpenCV
/// does it); red, green and blue are scaled by the ratio of new to old luma.
pub fn clahe(image: &Image<Srgb>) -> Image<Srgb> {
    let luma = luma(image);
    let equalised = equalise(&luma);
    let mut out = image.clone();
    for channel in 0..3 {
        let values = out.channel_mut(channel).iter_mut();
        for ((v, &old), &new) in values.zip(&luma.values).zip(&equalised.values) {
            *v = if old > 0.5 / 255.0 { (*v * new / old).clamp(0.0, 1.0) } else { new };
        }
    }
    out
}

/// Rec. 601 luma of display values, as OpenCV's grey conversion.
fn luma(image: &Image<Srgb>) -> Plane {
    let (r, g, b) = (image.channel(0), image.channel(1), image.channel(2));
    let values = (0..image.size().pixels())
        .map(|i| (0.299 * r[i] + 0.587 * g[i] + 0.114 * b[i]).clamp(0.0, 1.0))
        .collect();
    Plane { size: image.size(), values }
}

fn bin(value: f32) -> usize {
    (value * (BINS - 1) as f32).round() as usize
}

/// Every value looked up in the curves of the four tiles around it, bilinearly.
fn equalise(luma: &Plane) -> Plane {
    let Size { width, height } = luma.size;
    let (tiles_x, tiles_y) = (TILES.min(width.max(1)), TILES.min(height.max(1)));
    let curves: Vec<[f32; BINS]> = (0..tiles_x * tiles_y)
        .map(|tile| {
            let (tx, ty) = (tile % tiles_x, tile / tiles_x);
            let columns = tx * width / tiles_x..(tx + 1) * width / tiles_x;
            let rows = ty * height / tiles_y..(ty + 1) * height / tiles_y;
            curve(rows.flat_map(|y| luma.row(y)[columns.clone()].iter().copied()))
        })
        .collect();
    let mut out = luma.clone();
    for y in 0..height {
        let (y0, y1, down) = between(y, height, tiles_y);
        for x in 0..width {
            let (x0, x1, right) = between(x, width, tiles_x);
            let value = &mut out.values[y * width + x];
            let level = bin(*value);
            let at = |tx: usize, ty: usize| curves[ty * tiles_x + tx][level];
            let upper = at(x0, y0) * (1.0 - right) + at(x1, y0) * right;
            let lower = at(x0, y1) * (1.0 - right) + at(x1, y1) * right;
            *value = upper * (1.0 - down) + lower * down;
        }
    }
    out
}

/// The two tiles whose centres surround a position, and the weight of the second.
fn between(position: usize, length: usize, tiles: usize) -> (usize, usize, f32) {
    let at = (position as f32 + 0.5) * tiles as f32 / length as f32 - 0.5;
    let first = at.floor().clamp(0.0, (tiles - 1) as f32);
    ((first as usize), (first as usize + 1).min(tiles - 1), (at - first).clamp(0.0, 1.0))
}

/// Cumulative histogram of a tile, no bin higher than the clip limit, the excess spread evenly.
fn curve(values: impl Iterator<Item = f32>) -> [f32; BINS] {
    let mut histogram = [0_u32; BINS];
    let mut total = 0_u32;
    for value in values {
        histogram[bin(value)] += 1;
        total += 1;
    }
    let limit = ((CLIP_LIMIT * f64::from(total) / BINS as f64) as u32).max(1);
    let excess: u32 = histogram.iter().map(|&n| n.saturating_sub(limit)).sum();
    let mut sum = 0.0;
    histogram.map(|n| {
        sum += n.min(limit) as f32 + excess as f32 / BINS as f32;
        (sum / total.max(1) as f32).min(1.0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scene() -> Image<Srgb> {
        Image::from_fn(Size::new(120, 90), |x, y| {
            let v = 0.02 + 0.1 * ((x / 7 + y / 5) % 6) as f32 / 6.0;
            [v, v * 0.8, v * 0.5]
        })
    }

    fn mean(image: &Image<Srgb>) -> f64 {
        image.values().iter().map(|&v| f64::from(v)).sum::<f64>() / image.values().len() as f64
    }

    #[test]
    fn auto_gamma_reaches_the_mean_it_aims_at() {
        assert!((mean(&auto_gamma(&scene())) - AUTO_GAMMA_MEAN).abs() < 1e-3);
        let black = Image::black(Size::new(3, 2));
        assert_eq!(auto_gamma(&black), black);
    }

    #[test]
    fn clahe_raises_contrast_and_keeps_hue() {
        let (before, after) = (scene(), clahe(&scene()));
        assert!(mean(&after) > mean(&before));
        let [r, g, b] = after.get(60, 45);
        assert!((g / r - 0.8).abs() < 1e-3 && (b / r - 0.5).abs() < 1e-3, "{r} {g} {b}");
    }

    #[test]
    fn clahe_takes_the_smallest_pictures() {
        for (width, height) in [(1, 1), (3, 20), (8, 1)] {
            let out = clahe(&Image::from_fn(Size::new(width, height), |_, _| [0.2; 3]));
            assert!(out.values().iter().all(|v| (0.0..=1.0).contains(v)));
        }
    }
}
