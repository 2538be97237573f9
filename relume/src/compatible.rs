//! What the event-photo enhancer's own program does around MIRNet: the short side becomes 400
//! pixels, right and bottom edges are cut to multiples of 8, the answer is rounded half up.
//!
//! For comparison only: ours restores at any size. Pictures are 8-bit sRGB.

use relume_media::{Image, Rect, Result, Size, Srgb};

use crate::pillow;

/// Pixels of the short side.
pub const SHORT_SIDE: usize = 400;
/// Sides are cut to multiples of this.
const MULTIPLE: usize = 8;

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
    let eight = Image::from_rgb8(from, &picture.to_rgb8())?;
    if from == to {
        return Ok(eight);
    }
    let levels: Vec<f32> = eight.values().iter().map(|v| (255.0 * v).round()).collect();
    let mut small = pillow::resize_levels(&levels, from, to);
    small.iter_mut().for_each(|level| *level /= 255.0);
    Image::from_planar(to, small)
}

/// A network's answer as an 8-bit level: scaled, rounded half up, clamped.
pub fn quantise(value: f32) -> u8 {
    (value * 255.0 + 0.5).clamp(0.0, 255.0) as u8
}
