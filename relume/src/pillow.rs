//! Pillow's bilinear filter, which widens when shrinking: on numbers, or bit for bit on bytes.
//! Published programs shrink pictures with it.

use relume_media::Size;

/// Bits behind the point of the weights on bytes.
const BITS: u32 = 22;

/// Planes of `from` at the size `to`: along rows first, then along columns.
pub(crate) fn resize(planes: &[f32], from: Size, to: Size) -> Vec<f32> {
    let add = |sum: f32, value: f32, weight: f64| sum + value * weight as f32;
    passes(planes, from, to, add, |sum| sum)
}

/// As [`resize`], of levels 0 to 255, rounded to such after each pass.
pub(crate) fn resize_levels(planes: &[f32], from: Size, to: Size) -> Vec<f32> {
    let add = |sum: i64, level: f32, weight: f64| {
        let weight = (weight * f64::from(1 << BITS) + 0.5).floor() as i64;
        sum + level as i64 * weight
    };
    let finish = |sum: i64| ((sum + (1 << (BITS - 1))) >> BITS).clamp(0, 255) as f32;
    passes(planes, from, to, add, finish)
}

fn passes<S: Copy + Default>(
    planes: &[f32],
    from: Size,
    to: Size,
    add: impl Fn(S, f32, f64) -> S,
    finish: impl Fn(S) -> f32,
) -> Vec<f32> {
    let (across, down) = (taps(from.width, to.width), taps(from.height, to.height));
    let rows = planes.len() / from.width;
    let mut narrow = Vec::with_capacity(rows * to.width);
    for row in planes.chunks_exact(from.width) {
        for Taps { first, weights } in &across {
            let pixels = row[*first..].iter().zip(weights);
            narrow.push(finish(pixels.fold(S::default(), |sum, (v, w)| add(sum, *v, *w))));
        }
    }
    let mut small = Vec::with_capacity(rows / from.height * to.pixels());
    for plane in narrow.chunks_exact(from.height * to.width) {
        for Taps { first, weights } in &down {
            for x in 0..to.width {
                let pixels = weights.iter().enumerate();
                let sum = pixels.fold(S::default(), |sum, (i, w)| {
                    add(sum, plane[(first + i) * to.width + x], *w)
                });
                small.push(finish(sum));
            }
        }
    }
    small
}

/// Pixels that one pixel of the result is made of.
struct Taps {
    first: usize,
    weights: Vec<f64>,
}

/// The taps of an axis.
fn taps(from: usize, to: usize) -> Vec<Taps> {
    let scale = from as f64 / to as f64;
    let reach = scale.max(1.0);
    let one = |i: usize| {
        let centre = (i as f64 + 0.5) * scale;
        let first = (centre - reach + 0.5).max(0.0) as usize;
        let end = ((centre + reach + 0.5) as usize).min(from);
        let weight = |x: usize| (1.0 - ((x as f64 - centre + 0.5) / reach).abs()).max(0.0);
        let weights: Vec<f64> = (first..end).map(weight).collect();
        let sum: f64 = weights.iter().sum();
        Taps { first, weights: weights.into_iter().map(|w| w / sum).collect() }
    };
    (0..to).map(one).collect()
}
