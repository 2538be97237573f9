//! Resizing, on linear light only: averaging display-encoded values darkens fine detail.

use fast_image_resize::images::{TypedImage, TypedImageRef};
use fast_image_resize::pixels::F32;
use fast_image_resize::{FilterType, ResizeAlg, ResizeOptions, Resizer};

use crate::{Image, Linear, Plane, Size};

/// How source pixels are weighed into a target pixel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Filter {
    /// Mean over the area of the target pixel; right for thumbnails. Enlarging repeats pixels.
    Area,
    /// Triangle filter, widened when shrinking so that nothing aliases.
    Bilinear,
    /// Windowed sinc of three lobes: sharpest, may overshoot at hard edges (also below 0).
    Lanczos3,
}

impl From<Filter> for ResizeAlg {
    fn from(filter: Filter) -> Self {
        Self::Convolution(match filter {
            Filter::Area => FilterType::Box,
            Filter::Bilinear => FilterType::Bilinear,
            Filter::Lanczos3 => FilterType::Lanczos3,
        })
    }
}

/// `image` at another size. Values above 1 are light like any other and are kept.
///
/// A picture without pixels becomes black.
///
/// # Panics
/// When a side exceeds `u32::MAX` pixels.
pub fn resize(image: &Image<Linear>, size: Size, filter: Filter) -> Image<Linear> {
    let mut target = Image::black(size);
    for channel in 0..3 {
        scale(image.channel(channel), image.size(), target.channel_mut(channel), size, filter);
    }
    target
}

/// `plane` at another size; the rules of [`resize`] apply.
///
/// # Panics
/// When a side exceeds `u32::MAX` pixels.
pub fn resize_plane(plane: &Plane, size: Size, filter: Filter) -> Plane {
    let mut target = Plane::filled(size, 0.0);
    scale(&plane.values, plane.size, &mut target.values, size, filter);
    target
}

fn scale(from: &[f32], from_size: Size, to: &mut [f32], to_size: Size, filter: Filter) {
    if from_size == to_size {
        to.copy_from_slice(from);
        return;
    }
    if from.is_empty() || to.is_empty() {
        return;
    }
    let side = |n: usize| u32::try_from(n).expect("a picture's side fits 32 bits");
    let pixels: Vec<F32> = from.iter().map(|&v| F32::new(v)).collect();
    let source = TypedImageRef::new(side(from_size.width), side(from_size.height), &pixels)
        .expect("a plane holds width × height values");
    let mut target = TypedImage::<F32>::new(side(to_size.width), side(to_size.height));
    Resizer::new()
        .resize_typed(&source, &mut target, &ResizeOptions::new().resize_alg(filter.into()))
        .expect("without cropping there is nothing to refuse");
    for (value, pixel) in to.iter_mut().zip(target.pixels()) {
        *value = pixel.0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_filter_keeps_a_constant_and_light_above_one() {
        let image = Image::<Linear>::from_fn(Size::new(37, 21), |_, _| [7.5, 0.25, 1.0]);
        for filter in [Filter::Area, Filter::Bilinear, Filter::Lanczos3] {
            for size in [Size::new(1, 1), Size::new(11, 50), Size::new(64, 3)] {
                let small = resize(&image, size, filter);
                assert_eq!(small.size(), size);
                for (value, wanted) in small.get(0, 0).into_iter().zip([7.5, 0.25, 1.0]) {
                    assert!((value - wanted).abs() < 1e-4, "{filter:?} {size}: {value}");
                }
            }
        }
    }

    #[test]
    fn area_halving_is_the_mean_of_four() {
        let plane = Plane { size: Size::new(4, 2), values: (0..8).map(|v| v as f32).collect() };
        let half = resize_plane(&plane, Size::new(2, 1), Filter::Area);
        assert_eq!(half.values, vec![2.5, 4.5]);
    }

    #[test]
    fn a_picture_without_pixels_does_not_panic() {
        let empty = Image::<Linear>::black(Size::new(0, 5));
        assert_eq!(resize(&empty, Size::new(2, 2), Filter::Area).get(1, 1), [0.0; 3]);
    }
}
