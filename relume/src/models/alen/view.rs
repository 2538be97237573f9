//! The view of the whole picture that the classifier reads: bilinear with a filter that widens when
//! shrinking, as Pillow does it, on numbers or bit for bit on bytes.

use relume_media::{Image, Srgb};
use relume_nn::Tensor;

use super::slcformer::VIEW_SIDE;

const MEAN: [f32; 3] = [0.485, 0.456, 0.406];
const DEVIATION: [f32; 3] = [0.229, 0.224, 0.225];
/// Bits behind the point of Pillow's weights.
const BITS: u32 = 22;

/// The view of `picture`, whatever its shape, normalised: `[1, 3, 224, 224]`.
pub fn view(picture: &Image<Srgb>) -> Tensor {
    let size = (picture.height(), picture.width());
    let add = |sum: f32, value: f32, weight: f64| sum + value * weight as f32;
    normalise(resized(picture.values(), size, add, |sum| sum))
}

/// As [`view`], of the picture in 8 bits and with 8 bits between the steps: what Pillow gives.
pub fn published_view(picture: &Image<Srgb>) -> Tensor {
    let values: Vec<f32> = picture.values().iter().map(|v| (255.0 * v).round()).collect();
    let size = (picture.height(), picture.width());
    let mut view = resized(
        &values,
        size,
        |sum: i64, value, weight| {
            let weight = (weight * f64::from(1 << BITS) + 0.5).floor() as i64;
            sum + value as i64 * weight
        },
        |sum| ((sum + (1 << (BITS - 1))) >> BITS).clamp(0, 255) as f32,
    );
    view.iter_mut().for_each(|v| *v /= 255.0);
    normalise(view)
}

fn normalise(mut view: Vec<f32>) -> Tensor {
    for (c, plane) in view.chunks_exact_mut(VIEW_SIDE * VIEW_SIDE).enumerate() {
        plane.iter_mut().for_each(|v| *v = (*v - MEAN[c]) / DEVIATION[c]);
    }
    Tensor::new([1, 3, VIEW_SIDE, VIEW_SIDE], view)
}

/// Three planes at the view's size: along rows first, then along columns.
fn resized<S: Copy + Default>(
    values: &[f32],
    (height, width): (usize, usize),
    add: impl Fn(S, f32, f64) -> S,
    finish: impl Fn(S) -> f32,
) -> Vec<f32> {
    let (across, down) = (taps(width), taps(height));
    let mut narrow = Vec::with_capacity(3 * height * VIEW_SIDE);
    for row in values.chunks_exact(width) {
        for Taps { first, weights } in &across {
            let pixels = row[*first..].iter().zip(weights);
            narrow.push(finish(pixels.fold(S::default(), |sum, (v, w)| add(sum, *v, *w))));
        }
    }
    let mut view = Vec::with_capacity(3 * VIEW_SIDE * VIEW_SIDE);
    for plane in narrow.chunks_exact(height * VIEW_SIDE) {
        for Taps { first, weights } in &down {
            for x in 0..VIEW_SIDE {
                let pixels = weights.iter().enumerate();
                let sum = pixels.fold(S::default(), |sum, (i, w)| {
                    add(sum, plane[(first + i) * VIEW_SIDE + x], *w)
                });
                view.push(finish(sum));
            }
        }
    }
    view
}

/// Pixels that one pixel of the view is made of.
struct Taps {
    first: usize,
    weights: Vec<f64>,
}

/// The taps of an axis of `length` pixels.
fn taps(length: usize) -> Vec<Taps> {
    let scale = length as f64 / VIEW_SIDE as f64;
    let reach = scale.max(1.0);
    let one = |i: usize| {
        let centre = (i as f64 + 0.5) * scale;
        let first = (centre - reach + 0.5).max(0.0) as usize;
        let end = ((centre + reach + 0.5) as usize).min(length);
        let weight = |x: usize| (1.0 - ((x as f64 - centre + 0.5) / reach).abs()).max(0.0);
        let weights: Vec<f64> = (first..end).map(weight).collect();
        let sum: f64 = weights.iter().sum();
        Taps { first, weights: weights.into_iter().map(|w| w / sum).collect() }
    };
    (0..VIEW_SIDE).map(one).collect()
}
