//! Pairs as the authors of the event-photo enhancer made theirs: every value darkened by one
//! factor, Gaussian noise twice, then shrunk and cut.

use rand::{Rng, RngExt as _};
use rand_distr::{Distribution as _, Normal};
use relume_media::{Image, Rect, Size, Srgb};

use crate::tasks::Damaged;
use crate::{Error, Result};

const SHORT_SIDE: usize = 400;
const LONG_SIDE: usize = 704;
/// Share of the light that is left.
const LIGHT: std::ops::Range<f32> = 0.1..0.2;
/// Noise relative to the spread of the darkened picture, and in levels of 255.
const SPREAD_SHARE: std::ops::Range<f32> = 0.01..0.05;
const SPREAD_LEVELS: std::ops::Range<f32> = 1.0..3.0;

/// A pair of 704×400 or 400×704 pixels.
///
/// # Errors
/// [`Error::Setup`] when the picture is too small or too square for that.
pub(super) fn pair(picture: &Image<Srgb>, rng: &mut impl Rng) -> Result<Damaged> {
    let dark = darken(picture, rng)?;
    Ok(Damaged { input: cut(&shrink(&dark))?, target: cut(&shrink(picture))? })
}

fn darken(picture: &Image<Srgb>, rng: &mut impl Rng) -> Result<Image<Srgb>> {
    let light = rng.random_range(LIGHT);
    let dark: Vec<f32> =
        picture.to_rgb8().iter().map(|&v| (f32::from(v) * light).floor()).collect();
    let count = dark.len().max(1) as f64;
    let mean = dark.iter().map(|&v| f64::from(v)).sum::<f64>() / count;
    let variance = dark.iter().map(|&v| (f64::from(v) - mean).powi(2)).sum::<f64>() / count;
    let share = rng.random_range(SPREAD_SHARE);
    let spreads = [share * variance.sqrt() as f32, rng.random_range(SPREAD_LEVELS)];
    let normal = |spread| Normal::new(0.0, spread).map_err(|e| Error::Setup(e.to_string()));
    let noise = [normal(spreads[0])?, normal(spreads[1])?];
    let mut bytes = Vec::with_capacity(dark.len());
    for value in dark {
        let noisy = value + noise[0].sample(rng) + noise[1].sample(rng);
        bytes.push(noisy.clamp(0.0, 255.0) as u8);
    }
    Ok(Image::from_rgb8(picture.size(), &bytes)?)
}

/// Bilinear without antialiasing, to 400 pixels on the short side, as OpenCV's default does it.
fn shrink(picture: &Image<Srgb>) -> Image<Srgb> {
    let Size { width, height } = picture.size();
    let scale = SHORT_SIDE as f64 / width.min(height).max(1) as f64;
    let side = |length: usize| ((length as f64 * scale).round() as usize).max(1);
    let size = Size::new(side(width), side(height));
    let taps = |i: usize, from: usize, to: usize| {
        let place = ((i as f64 + 0.5) * from as f64 / to as f64 - 0.5).max(0.0);
        let first = (place as usize).min(from - 1);
        (first, (first + 1).min(from - 1), (place - first as f64) as f32)
    };
    Image::from_fn(size, |x, y| {
        let (left, right, across) = taps(x, width, size.width);
        let (top, bottom, down) = taps(y, height, size.height);
        let corners = [(left, top), (right, top), (left, bottom), (right, bottom)];
        let [a, b, c, d] = corners.map(|(x, y)| picture.get(x, y));
        std::array::from_fn(|i| {
            let row = |a: f32, b: f32| a + (b - a) * across;
            row(a[i], b[i]) + (row(c[i], d[i]) - row(a[i], b[i])) * down
        })
    })
}

fn cut(picture: &Image<Srgb>) -> Result<Image<Srgb>> {
    let Size { width, height } = picture.size();
    let size = match width > height {
        true => Size::new(LONG_SIDE, SHORT_SIDE),
        false => Size::new(SHORT_SIDE, LONG_SIDE),
    };
    if width < size.width || height < size.height {
        let message =
            format!("at 400 pixels on the short side it is {width}×{height}, less than {size}");
        return Err(Error::Setup(message));
    }
    let rect = Rect { x: (width - size.width) / 2, y: (height - size.height) / 2, size };
    Ok(picture.crop(rect)?)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;
    use rand::SeedableRng as _;
    use rand_chacha::ChaCha8Rng;

    #[test]
    fn the_input_is_dark_noisy_and_of_the_wanted_size() {
        let picture = Image::from_fn(Size::new(900, 480), |x, _| [0.5 + x as f32 / 2000.0; 3]);
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let Damaged { input, target } = pair(&picture, &mut rng).unwrap();
        assert_eq!((input.size(), target.size()), (Size::new(704, 400), Size::new(704, 400)));
        let mean =
            |image: &Image<Srgb>| image.values().iter().sum::<f32>() / image.values().len() as f32;
        let share = mean(&input) / mean(&target);
        assert!((0.08..0.2).contains(&share), "{share}");
        let tall = pair(&picture.transpose(), &mut rng).unwrap();
        assert_eq!(tall.input.size(), Size::new(400, 704));
        let square = Image::from_fn(Size::new(500, 500), |_, _| [0.5; 3]);
        assert!(pair(&square, &mut rng).is_err());
    }

    #[test]
    fn shrinking_keeps_flat_and_straight_areas() {
        let picture = Image::from_fn(Size::new(1600, 800), |x, _| [x as f32 / 1600.0; 3]);
        let small = shrink(&picture);
        assert_eq!(small.size(), Size::new(800, 400));
        let expected = (2.0 * 300.0 + 0.5) / 1600.0;
        assert!((small.get(300, 200)[0] - expected).abs() < 1e-6);
    }
}
