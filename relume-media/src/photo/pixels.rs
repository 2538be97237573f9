//! Between the interleaved samples of files and the planes of an [`Image`].

use image::DynamicImage;
use rayon::prelude::*;

use super::format::BitDepth;
use crate::icc::Encoding;
use crate::{Image, Plane, Result, Size, Srgb};

/// Pixels of a file, taken apart.
pub(super) struct Planes {
    pub(super) image: Image<Srgb>,
    pub(super) alpha: Option<Plane>,
    pub(super) depth: BitDepth,
    pub(super) grey: bool,
}

/// The depth of a decoder's samples.
pub(super) fn depth_of(color: image::ColorType) -> BitDepth {
    use image::ColorType::{L16, La16, Rgb16, Rgb32F, Rgba16, Rgba32F};
    match color {
        L16 | La16 | Rgb16 | Rgba16 => BitDepth::Sixteen,
        Rgb32F | Rgba32F => BitDepth::Float,
        _ => BitDepth::Eight,
    }
}

/// Takes decoded samples apart and converts them to the working space.
pub(super) fn planes(decoded: DynamicImage, encoding: &Encoding) -> Result<Planes> {
    let color = decoded.color();
    let size = Size::new(decoded.width() as usize, decoded.height() as usize);
    let channels = usize::from(color.channel_count());
    let eight = |v: u8| f32::from(v) / 255.0;
    let sixteen = |v: u16| f32::from(v) / 65535.0;
    let (values, alpha) = match &decoded {
        DynamicImage::ImageRgb16(buffer) => split(buffer, size, channels, encoding, sixteen),
        DynamicImage::ImageRgba16(buffer) => split(buffer, size, channels, encoding, sixteen),
        DynamicImage::ImageLuma16(buffer) => split(buffer, size, channels, encoding, sixteen),
        DynamicImage::ImageLumaA16(buffer) => split(buffer, size, channels, encoding, sixteen),
        DynamicImage::ImageRgb32F(buffer) => split(buffer, size, channels, encoding, finite),
        DynamicImage::ImageRgba32F(buffer) => split(buffer, size, channels, encoding, finite),
        other => split(other.as_bytes(), size, channels, encoding, eight),
    };
    Ok(Planes {
        image: Image::from_planar(size, values)?,
        alpha: alpha.map(|values| Plane { size, values }),
        depth: depth_of(color),
        grey: !color.has_color(),
    })
}

/// Renderers write infinities and NaN; one of them would spread over a whole tile.
fn finite(value: f32) -> f32 {
    const MOST: f32 = 65504.0;
    if value.is_nan() { 0.0 } else { value.clamp(-MOST, MOST) }
}

fn split<T: Copy + Sync>(
    samples: &[T],
    size: Size,
    channels: usize,
    encoding: &Encoding,
    unit: impl Fn(T) -> f32 + Sync,
) -> (Vec<f32>, Option<Vec<f32>>) {
    let (n, width) = (size.pixels(), size.width.max(1));
    let mut values = vec![0.0; 3 * n];
    let (red, rest) = values.split_at_mut(n);
    let (green, blue) = rest.split_at_mut(n);
    let color = if channels < 3 { 1 } else { 3 };
    red.par_chunks_mut(width)
        .zip(green.par_chunks_mut(width))
        .zip(blue.par_chunks_mut(width))
        .zip(samples.par_chunks(width * channels))
        .for_each(|(((r, g), b), row)| {
            for (x, pixel) in row.chunks_exact(channels).enumerate() {
                r[x] = unit(pixel[0]);
                g[x] = if color == 3 { unit(pixel[1]) } else { r[x] };
                b[x] = if color == 3 { unit(pixel[2]) } else { r[x] };
            }
            encoding.enter_working([r, g, b]);
        });
    // Floating point files may hold any number there.
    let opacity = |pixel: &[T]| unit(pixel[color]).clamp(0.0, 1.0);
    let alpha = (channels > color).then(|| samples.chunks_exact(channels).map(opacity).collect());
    (values, alpha)
}

/// What to make of the planes for a file.
pub(super) struct Layout<'a> {
    pub(super) encoding: &'a Encoding,
    pub(super) depth: BitDepth,
    pub(super) grey: bool,
    pub(super) big_endian: bool,
}

/// Interleaved samples for a file: converted from the working space, rounded to nearest.
pub(super) fn interleave(
    image: &Image<Srgb>,
    alpha: Option<&Plane>,
    layout: &Layout<'_>,
) -> Vec<u8> {
    let width = image.width();
    let channels = if layout.grey { 1 } else { 3 } + usize::from(alpha.is_some());
    let sample = match layout.depth {
        BitDepth::Eight => 1,
        BitDepth::Sixteen => 2,
        BitDepth::Float => 4,
    };
    let mut bytes = vec![0; image.size().pixels() * channels * sample];
    if bytes.is_empty() {
        return bytes;
    }
    bytes.par_chunks_exact_mut(width * channels * sample).enumerate().for_each(|(y, out)| {
        let row = |channel| image.channel(channel)[y * width..(y + 1) * width].to_vec();
        let (mut r, mut g, mut b) = (row(0), row(1), row(2));
        layout.encoding.leave_working([&mut r, &mut g, &mut b]);
        for (x, pixel) in out.chunks_exact_mut(channels * sample).enumerate() {
            let mut slots = pixel.chunks_exact_mut(sample);
            let mut put = |value| {
                if let Some(slot) = slots.next() {
                    put_sample(slot, value, layout);
                }
            };
            if layout.grey {
                put(crate::light::luma([r[x], g[x], b[x]]));
            } else {
                [r[x], g[x], b[x]].into_iter().for_each(&mut put);
            }
            if let Some(alpha) = alpha {
                put(alpha.values[y * width + x]);
            }
        }
    });
    bytes
}

fn put_sample(slot: &mut [u8], value: f32, layout: &Layout<'_>) {
    match layout.depth {
        BitDepth::Eight => slot[0] = (value.clamp(0.0, 1.0) * 255.0).round() as u8,
        BitDepth::Sixteen => {
            let level = (value.clamp(0.0, 1.0) * 65535.0).round() as u16;
            let bytes = if layout.big_endian { level.to_be_bytes() } else { level.to_le_bytes() };
            slot.copy_from_slice(&bytes);
        }
        BitDepth::Float => {
            let bytes = if layout.big_endian { value.to_be_bytes() } else { value.to_le_bytes() };
            slot.copy_from_slice(&bytes);
        }
    }
}

/// A plane brought to another size, bilinear.
pub(super) fn scale_plane(plane: Plane, size: Size) -> Plane {
    if plane.size == size {
        return plane;
    }
    let position = |i: usize, from: usize, to: usize| {
        let at = ((i as f32 + 0.5) * from as f32 / to as f32 - 0.5).clamp(0.0, (from - 1) as f32);
        let low = at as usize;
        (low, (low + 1).min(from - 1), at - low as f32)
    };
    let mut values = Vec::with_capacity(size.pixels());
    for y in 0..size.height {
        let (top, bottom, down) = position(y, plane.size.height, size.height);
        let (top, bottom) = (plane.row(top), plane.row(bottom));
        for x in 0..size.width {
            let (left, right, across) = position(x, plane.size.width, size.width);
            let mix = |row: &[f32]| row[left] + across * (row[right] - row[left]);
            values.push(mix(top) + down * (mix(bottom) - mix(top)));
        }
    }
    Plane { size, values }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plane_scales_without_shift() {
        let plane = Plane { size: Size::new(2, 1), values: vec![0.0, 1.0] };
        let wide = scale_plane(plane.clone(), Size::new(4, 2));
        assert_eq!(wide.values, [0.0, 0.25, 0.75, 1.0, 0.0, 0.25, 0.75, 1.0]);
        assert_eq!(scale_plane(wide, Size::new(2, 1)).values, [0.125, 0.875]);
        assert_eq!(scale_plane(plane.clone(), plane.size), plane);
    }

    #[test]
    fn eight_bit_samples_are_rounded_to_nearest() {
        let image = Image::<Srgb>::from_fn(Size::new(1, 1), |_, _| [0.4 / 255.0, 0.6 / 255.0, 2.0]);
        let layout = Layout {
            encoding: &Encoding::Srgb,
            depth: BitDepth::Eight,
            grey: false,
            big_endian: false,
        };
        assert_eq!(interleave(&image, None, &layout), [0, 1, 255]);
    }
}
