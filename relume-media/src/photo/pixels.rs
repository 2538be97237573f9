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
    let (values, alpha) = match &decoded {
        DynamicImage::ImageRgb16(buffer) => split(buffer, size, channels, encoding, u16::to_unit),
        DynamicImage::ImageRgba16(buffer) => split(buffer, size, channels, encoding, u16::to_unit),
        DynamicImage::ImageLuma16(buffer) => split(buffer, size, channels, encoding, u16::to_unit),
        DynamicImage::ImageLumaA16(buffer) => split(buffer, size, channels, encoding, u16::to_unit),
        DynamicImage::ImageRgb32F(buffer) => split(buffer, size, channels, encoding, finite),
        DynamicImage::ImageRgba32F(buffer) => split(buffer, size, channels, encoding, finite),
        other => split(other.as_bytes(), size, channels, encoding, u8::to_unit),
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
    let big = layout.big_endian;
    match layout.depth {
        BitDepth::Eight => woven(image, alpha, layout, u8::of_unit),
        BitDepth::Sixteen => woven(image, alpha, layout, |value| {
            let level = u16::of_unit(value);
            if big { level.to_be_bytes() } else { level.to_le_bytes() }
        })
        .into_flattened(),
        BitDepth::Float => {
            woven(
                image,
                alpha,
                layout,
                |value| {
                    if big { value.to_be_bytes() } else { value.to_le_bytes() }
                },
            )
            .into_flattened()
        }
    }
}

fn woven<T: Copy + Default + Send>(
    image: &Image<Srgb>,
    alpha: Option<&Plane>,
    layout: &Layout<'_>,
    sample: impl Fn(f32) -> T + Sync,
) -> Vec<T> {
    let channels = if layout.grey { 1 } else { 3 } + usize::from(alpha.is_some());
    let mut samples = vec![T::default(); image.size().pixels() * channels];
    weave(image, alpha, (layout.encoding, layout.grey), sample, &mut samples);
    samples
}

/// Interleaves into `samples`, which has room for as many as there are.
pub(super) fn weave<T: Copy + Send>(
    image: &Image<Srgb>,
    alpha: Option<&Plane>,
    (encoding, grey): (&Encoding, bool),
    sample: impl Fn(f32) -> T + Sync,
    samples: &mut [T],
) {
    let width = image.width();
    let channels = if grey { 1 } else { 3 } + usize::from(alpha.is_some());
    if samples.is_empty() {
        return;
    }
    samples.par_chunks_exact_mut(width * channels).enumerate().for_each(|(y, out)| {
        let row = |channel| image.channel(channel)[y * width..(y + 1) * width].to_vec();
        let (mut r, mut g, mut b) = (row(0), row(1), row(2));
        encoding.leave_working([&mut r, &mut g, &mut b]);
        for (x, pixel) in out.chunks_exact_mut(channels).enumerate() {
            if grey {
                pixel[0] = sample(crate::light::luma([r[x], g[x], b[x]]));
            } else {
                pixel[..3].copy_from_slice(&[sample(r[x]), sample(g[x]), sample(b[x])]);
            }
            if let (Some(alpha), Some(last)) = (alpha, pixel.last_mut()) {
                *last = sample(alpha.values[y * width + x]);
            }
        }
    });
}

/// A number that programs hold a sample of a picture in.
pub trait Sample: Copy + Send + Sync + 'static {
    /// What it is called.
    const DEPTH: BitDepth;
    /// From 0 to 1.
    fn to_unit(self) -> f32;
    /// The nearest to a number, which is clamped to 0..=1.
    fn of_unit(value: f32) -> Self;
}

impl Sample for u8 {
    const DEPTH: BitDepth = BitDepth::Eight;
    fn to_unit(self) -> f32 {
        f32::from(self) / 255.0
    }
    fn of_unit(value: f32) -> Self {
        (value.clamp(0.0, 1.0) * 255.0).round() as Self
    }
}

impl Sample for u16 {
    const DEPTH: BitDepth = BitDepth::Sixteen;
    fn to_unit(self) -> f32 {
        f32::from(self) / 65535.0
    }
    fn of_unit(value: f32) -> Self {
        (value.clamp(0.0, 1.0) * 65535.0).round() as Self
    }
}

impl Sample for f32 {
    const DEPTH: BitDepth = BitDepth::Float;
    fn to_unit(self) -> f32 {
        self
    }
    fn of_unit(value: f32) -> Self {
        value.clamp(0.0, 1.0)
    }
}

/// Takes samples of a program apart: `channels` of them a pixel.
pub(super) fn unweave<T: Sample>(
    samples: &[T],
    size: Size,
    channels: usize,
    encoding: &Encoding,
) -> Result<Planes> {
    let (values, alpha) = split(samples, size, channels, encoding, T::to_unit);
    Ok(Planes {
        image: Image::from_planar(size, values)?,
        alpha: alpha.map(|values| Plane { size, values }),
        depth: T::DEPTH,
        grey: channels < 3,
    })
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
