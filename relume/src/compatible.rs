//! What the event-photo enhancer's own program does around MIRNet: the short side becomes 400
//! pixels, right and bottom edges are cut to multiples of 8, the answer is rounded half up.
//!
//! For comparison only: ours restores at any size. Pictures are 8-bit sRGB.

use relume_media::{Image, Rect, Result, Size, Srgb};

/// Pixels of the short side.
pub const SHORT_SIDE: usize = 400;
/// Sides are cut to multiples of this.
const MULTIPLE: usize = 8;
/// Bits after the point of the resize's fixed-point weights.
const FRACTION: u32 = 32 - 8 - 2;

/// What the network was given there: shrunk or enlarged, then cut.
///
/// # Errors
/// When nothing is left to cut.
pub fn prepare(picture: &Image<Srgb>, short_side: usize) -> Result<Image<Srgb>> {
    let whole = resize(picture, short_side)?;
    let cut = |side: usize| side / MULTIPLE * MULTIPLE;
    whole.crop(Rect { x: 0, y: 0, size: Size::new(cut(whole.width()), cut(whole.height())) })
}

/// The size with the short side `short_side` and the long side rounded down.
pub fn size(of: Size, short_side: usize) -> Size {
    let (short, long) = (of.width.min(of.height).max(1), of.width.max(of.height));
    let long = short_side * long / short;
    if of.width <= of.height { Size::new(short_side, long) } else { Size::new(long, short_side) }
}

/// The triangle filter on 8-bit values, rows first, each pass rounded to 8 bits (as Pillow does it).
///
/// # Errors
/// Never for a picture with pixels.
pub fn resize(picture: &Image<Srgb>, short_side: usize) -> Result<Image<Srgb>> {
    let (from, to) = (picture.size(), size(picture.size(), short_side));
    if from == to {
        return Image::from_rgb8(from, &picture.to_rgb8());
    }
    let bytes = picture.to_rgb8();
    let across = taps(from.width, to.width);
    let mut narrow = vec![0; 3 * to.width * from.height];
    for (y, row) in bytes.chunks_exact(3 * from.width).enumerate() {
        for (x, (first, weights)) in across.iter().enumerate() {
            for c in 0..3 {
                let values = weights.iter().enumerate().map(|(i, w)| (row[3 * (first + i) + c], w));
                narrow[3 * (y * to.width + x) + c] = weigh(values);
            }
        }
    }
    let stride = 3 * to.width;
    let mut small = vec![0; stride * to.height];
    for (y, (first, weights)) in taps(from.height, to.height).iter().enumerate() {
        for i in 0..stride {
            let column = weights.iter().enumerate();
            small[y * stride + i] =
                weigh(column.map(|(row, w)| (narrow[(first + row) * stride + i], w)));
        }
    }
    Image::from_rgb8(to, &small)
}

/// First source pixel and fixed-point weights of every target pixel.
fn taps(from: usize, to: usize) -> Vec<(usize, Vec<i32>)> {
    let scale = from as f64 / to as f64;
    let reach = scale.max(1.0);
    let of = |target: usize| {
        let center = (target as f64 + 0.5) * scale;
        let first = ((center - reach + 0.5).max(0.0)) as usize;
        let last = ((center + reach + 0.5) as usize).min(from);
        let weight = |i: usize| (1.0 - ((i as f64 - center + 0.5) / reach).abs()).max(0.0);
        let weights: Vec<f64> = (first..last).map(weight).collect();
        let sum: f64 = weights.iter().sum();
        let fixed = |w: f64| (w / sum * f64::from(1 << FRACTION) + 0.5) as i32;
        (first, weights.into_iter().map(fixed).collect())
    };
    (0..to).map(of).collect()
}

fn weigh<'a>(values: impl Iterator<Item = (u8, &'a i32)>) -> u8 {
    let sum: i32 = values.map(|(value, weight)| i32::from(value) * weight).sum();
    ((sum + (1 << (FRACTION - 1))) >> FRACTION).clamp(0, 255) as u8
}

/// A network's answer as an 8-bit level: scaled, rounded half up, clamped.
pub fn quantise(value: f32) -> u8 {
    (value * 255.0 + 0.5).clamp(0.0, 255.0) as u8
}
