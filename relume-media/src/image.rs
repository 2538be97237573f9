//! Pictures as numbers: planar `f32`, with the kind of light in the type.

use std::marker::PhantomData;

use crate::light::{Light, Linear, Srgb, decode_srgb, encode_srgb, luma};
use crate::{Error, ErrorKind, Result};

/// Width and height in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct Size {
    /// Pixels in a row.
    pub width: usize,
    /// Rows.
    pub height: usize,
}

impl Size {
    /// A size of `width` × `height` pixels.
    pub fn new(width: usize, height: usize) -> Self {
        Self { width, height }
    }

    /// Number of pixels.
    pub fn pixels(self) -> usize {
        self.width * self.height
    }

    /// Number of pixels in millions.
    pub fn megapixels(self) -> f64 {
        self.pixels() as f64 / 1e6
    }
}

impl std::fmt::Display for Size {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}×{}", self.width, self.height)
    }
}

/// A rectangle of pixels: left, top, and its size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rect {
    /// First column.
    pub x: usize,
    /// First row.
    pub y: usize,
    /// Columns and rows.
    pub size: Size,
}

/// One channel: `height` rows of `width` values.
#[derive(Debug, Clone, PartialEq)]
pub struct Plane {
    /// Columns and rows.
    pub size: Size,
    /// Row-major values, `size.pixels()` of them.
    pub values: Vec<f32>,
}

impl Plane {
    /// A plane filled with `value`.
    pub fn filled(size: Size, value: f32) -> Self {
        Self { size, values: vec![value; size.pixels()] }
    }

    /// One row.
    pub fn row(&self, y: usize) -> &[f32] {
        &self.values[y * self.size.width..(y + 1) * self.size.width]
    }
}

/// An RGB picture, planar `f32` `[3, h, w]`, in the light that `L` names.
#[derive(Debug, Clone, PartialEq)]
pub struct Image<L> {
    size: Size,
    values: Vec<f32>,
    light: PhantomData<L>,
}

impl<L: Light> Image<L> {
    /// A black picture.
    pub fn black(size: Size) -> Self {
        Self { size, values: vec![0.0; 3 * size.pixels()], light: PhantomData }
    }

    /// A picture from its planar values `[3, h, w]`.
    ///
    /// # Errors
    /// [`ErrorKind::Parameter`] when the number of values is not `3 · h · w`.
    pub fn from_planar(size: Size, values: Vec<f32>) -> Result<Self> {
        if values.len() != 3 * size.pixels() {
            return Err(Error::new(
                ErrorKind::Parameter,
                format!("{size} RGB needs {} values, got {}", 3 * size.pixels(), values.len()),
            ));
        }
        Ok(Self { size, values, light: PhantomData })
    }

    /// A picture whose pixel at (x, y) is `color(x, y)`.
    pub fn from_fn(size: Size, mut color: impl FnMut(usize, usize) -> [f32; 3]) -> Self {
        let mut image = Self::black(size);
        for y in 0..size.height {
            for x in 0..size.width {
                image.set(x, y, color(x, y));
            }
        }
        image
    }

    /// Width and height.
    pub fn size(&self) -> Size {
        self.size
    }

    /// Columns.
    pub fn width(&self) -> usize {
        self.size.width
    }

    /// Rows.
    pub fn height(&self) -> usize {
        self.size.height
    }

    /// All values, planar `[3, h, w]`.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// All values, planar `[3, h, w]`, to change.
    pub fn values_mut(&mut self) -> &mut [f32] {
        &mut self.values
    }

    /// Gives up the picture for its planar values.
    pub fn into_values(self) -> Vec<f32> {
        self.values
    }

    /// Channel 0 (red), 1 (green) or 2 (blue).
    pub fn channel(&self, channel: usize) -> &[f32] {
        let n = self.size.pixels();
        &self.values[channel * n..(channel + 1) * n]
    }

    /// Channel 0 (red), 1 (green) or 2 (blue), to change.
    pub fn channel_mut(&mut self, channel: usize) -> &mut [f32] {
        let n = self.size.pixels();
        &mut self.values[channel * n..(channel + 1) * n]
    }

    /// Red, green and blue at (x, y).
    pub fn get(&self, x: usize, y: usize) -> [f32; 3] {
        let (n, i) = (self.size.pixels(), y * self.size.width + x);
        [self.values[i], self.values[n + i], self.values[2 * n + i]]
    }

    /// Sets red, green and blue at (x, y).
    pub fn set(&mut self, x: usize, y: usize, color: [f32; 3]) {
        let (n, i) = (self.size.pixels(), y * self.size.width + x);
        for (channel, value) in color.into_iter().enumerate() {
            self.values[channel * n + i] = value;
        }
    }

    /// Every value replaced by `f(value)`; the light stays what it was.
    #[must_use]
    pub fn map(mut self, f: impl Fn(f32) -> f32) -> Self {
        self.values.iter_mut().for_each(|v| *v = f(*v));
        self
    }

    /// The part inside `rect`.
    ///
    /// # Errors
    /// [`ErrorKind::Parameter`] when `rect` reaches outside the picture.
    pub fn crop(&self, rect: Rect) -> Result<Self> {
        let (right, bottom) = (rect.x + rect.size.width, rect.y + rect.size.height);
        if right > self.width() || bottom > self.height() {
            return Err(Error::new(
                ErrorKind::Parameter,
                format!("crop to ({right}, {bottom}) reaches outside {}", self.size),
            ));
        }
        let mut values = Vec::with_capacity(3 * rect.size.pixels());
        for channel in 0..3 {
            for row in self.channel(channel).chunks_exact(self.width()).take(bottom).skip(rect.y) {
                values.extend_from_slice(&row[rect.x..right]);
            }
        }
        Self::from_planar(rect.size, values)
    }

    /// Mirrored left to right.
    #[must_use]
    pub fn flip_horizontal(mut self) -> Self {
        let width = self.width();
        self.values.chunks_exact_mut(width).for_each(<[f32]>::reverse);
        self
    }

    /// Rows become columns.
    #[must_use]
    pub fn transpose(&self) -> Self {
        Self::from_fn(Size::new(self.height(), self.width()), |x, y| self.get(y, x))
    }

    fn relabel<M>(self) -> Image<M> {
        Image { size: self.size, values: self.values, light: PhantomData }
    }
}

impl Image<Srgb> {
    /// The same picture in linear light.
    pub fn to_linear(&self) -> Image<Linear> {
        self.clone().map(decode_srgb).relabel()
    }

    /// A picture from interleaved 8-bit RGB.
    ///
    /// # Errors
    /// [`ErrorKind::Parameter`] when the number of bytes is not `3 · h · w`.
    pub fn from_rgb8(size: Size, bytes: &[u8]) -> Result<Self> {
        let n = size.pixels();
        if bytes.len() != 3 * n {
            return Err(Error::new(
                ErrorKind::Parameter,
                format!("{size} RGB needs {} bytes, got {}", 3 * n, bytes.len()),
            ));
        }
        let mut image = Self::black(size);
        for (i, rgb) in bytes.chunks_exact(3).enumerate() {
            for (channel, &byte) in rgb.iter().enumerate() {
                image.values[channel * n + i] = f32::from(byte) / 255.0;
            }
        }
        Ok(image)
    }

    /// Interleaved 8-bit RGB, rounded to nearest, clamped to 0..=255.
    pub fn to_rgb8(&self) -> Vec<u8> {
        let n = self.size.pixels();
        let mut bytes = vec![0; 3 * n];
        for (i, rgb) in bytes.chunks_exact_mut(3).enumerate() {
            for (channel, byte) in rgb.iter_mut().enumerate() {
                *byte = (self.values[channel * n + i].clamp(0.0, 1.0) * 255.0).round() as u8;
            }
        }
        bytes
    }
}

impl Image<Linear> {
    /// The same picture encoded for display; nothing is clipped above 1.
    pub fn to_srgb(&self) -> Image<Srgb> {
        self.clone().map(encode_srgb).relabel()
    }

    /// Rec. 709 luminance, one value a pixel.
    pub fn luminance(&self) -> Plane {
        let (r, g, b) = (self.channel(0), self.channel(1), self.channel(2));
        let values = (0..self.size.pixels()).map(|i| luma([r[i], g[i], b[i]])).collect();
        Plane { size: self.size, values }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_survive_a_round_trip_in_both_lights() {
        let size = Size::new(16, 16);
        let bytes: Vec<u8> = (0..768).map(|i| (i % 256) as u8).collect();
        let image = Image::from_rgb8(size, &bytes).unwrap();
        assert_eq!(image.to_rgb8(), bytes);
        assert_eq!(image.to_linear().to_srgb().to_rgb8(), bytes);
    }

    #[test]
    fn crop_takes_the_named_pixels_and_refuses_more() {
        let image = Image::<Linear>::from_fn(Size::new(5, 4), |x, y| [x as f32, y as f32, 0.5]);
        let part = image.crop(Rect { x: 2, y: 1, size: Size::new(3, 2) }).unwrap();
        assert_eq!(part.get(0, 0), [2.0, 1.0, 0.5]);
        assert_eq!(part.get(2, 1), [4.0, 2.0, 0.5]);
        let outside = image.crop(Rect { x: 3, y: 0, size: Size::new(3, 1) });
        assert_eq!(outside.unwrap_err().kind(), ErrorKind::Parameter);
    }
}
