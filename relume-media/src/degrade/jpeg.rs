//! The last step in the camera: 8 bit, and mostly a JPEG.

use std::io::Cursor;

use image::codecs::jpeg::{JpegDecoder, JpegEncoder};
use image::{ExtendedColorType, ImageDecoder};

use super::chroma::LumaChroma;
use crate::resize::{Filter, resize_plane};
use crate::{Error, ErrorKind, Image, Result, Size, Srgb};

/// `picture` rounded to 8 bit and, with a `quality`, written as JPEG and read again.
///
/// `halve_chroma` stores colour at half the resolution, as nearly all cameras do.
pub(crate) fn write_and_read(
    mut picture: Image<Srgb>,
    quality: Option<u8>,
    halve_chroma: bool,
) -> Result<Image<Srgb>> {
    let size = picture.size();
    let Some(quality) = quality.filter(|_| size.pixels() > 0) else {
        return Image::from_rgb8(size, &picture.to_rgb8());
    };
    if halve_chroma {
        halve(&mut picture);
    }
    let side = |n: usize| {
        u16::try_from(n).map_err(|_| {
            Error::new(
                ErrorKind::Parameter,
                format!("{size} is more than JPEG can hold: degrade it without JPEG"),
            )
        })
    };
    let (width, height) = (side(size.width)?, side(size.height)?);
    let mut file = Vec::with_capacity(size.pixels() / 2);
    JpegEncoder::new_with_quality(&mut file, quality.clamp(1, 100))
        .encode(&picture.to_rgb8(), width.into(), height.into(), ExtendedColorType::Rgb8)
        .map_err(|e| Error::new(ErrorKind::Encode, format!("JPEG in memory: {e}")))?;
    let mut bytes = vec![0; 3 * size.pixels()];
    JpegDecoder::new(Cursor::new(&file))
        .and_then(|decoder| decoder.read_image(&mut bytes))
        .map_err(|e| Error::new(ErrorKind::Decode, format!("JPEG in memory: {e}")))?;
    Image::from_rgb8(size, &bytes)
}

/// Colour differences reduced to half the resolution and interpolated again.
fn halve(picture: &mut Image<Srgb>) {
    let size = picture.size();
    let half = Size::new(size.width.div_ceil(2), size.height.div_ceil(2));
    let mut parts = LumaChroma::of(picture);
    for plane in [&mut parts.blue, &mut parts.red] {
        *plane = resize_plane(&resize_plane(plane, half, Filter::Area), size, Filter::Bilinear);
    }
    parts.store(picture);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_size_comes_back_and_lower_quality_is_farther_off() {
        for size in [Size::new(1, 1), Size::new(2, 1), Size::new(17, 9), Size::new(64, 33)] {
            let picture = Image::from_fn(size, |x, y| {
                [0.5 + 0.3 * (x as f32 * 0.9).sin(), 0.4, 0.5 + 0.3 * (y as f32 * 0.7).cos()]
            });
            let off = |quality, halve| {
                let read = write_and_read(picture.clone(), Some(quality), halve).unwrap();
                assert_eq!(read.size(), size);
                let pairs = read.values().iter().zip(picture.values());
                pairs.map(|(a, b)| (a - b).powi(2)).sum::<f32>() / size.pixels() as f32
            };
            assert!(off(95, false) < 1e-3);
            assert!(off(95, false) <= off(20, true) + 1e-5, "{size}");
        }
    }
}
