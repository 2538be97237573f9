//! From a thumbnail to an exposure: how much light a picture lacks to reach a wanted brightness.

use rayon::prelude::*;
use relume_media::light::decode_srgb;
use relume_media::{Image, Linear, Size, Srgb};
use relume_nn::relight::{Exposure, encode};

use crate::models::lantern::THUMBNAIL_SIDE;

/// Brightness to which a thumbnail is lit before the survey looks at it: mean display luma.
pub const NEUTRAL_BRIGHTNESS: f32 = 0.42;

/// Largest gain, in stops; beyond it there is only noise.
pub const MAX_STOPS: f32 = 7.0;

/// Share of the thumbnail that may be shown as pure white by the gain.
const BURNT_SHARE: f32 = 0.005;

/// The whole picture in [`THUMBNAIL_SIDE`] squared pixels of linear light.
#[derive(Debug, Clone)]
pub struct Thumbnail {
    image: Image<Linear>,
    /// Every fourth pixel of every fourth row, for quick measurements.
    samples: Vec<[f32; 3]>,
    /// The brightest channel of all but the brightest [`BURNT_SHARE`] of the pixels.
    bright_end: f32,
}

impl Thumbnail {
    /// Shrinks `picture`, whatever its shape, by area in linear light.
    pub fn of(picture: &Image<Srgb>) -> Self {
        let side = Size::new(THUMBNAIL_SIDE, THUMBNAIL_SIDE);
        let image = shrink(picture, side);
        let grid = |i: usize| (2..THUMBNAIL_SIDE).step_by(4).map(move |x| (x, i));
        let samples: Vec<_> = (2..THUMBNAIL_SIDE)
            .step_by(4)
            .flat_map(grid)
            .map(|(x, y)| image.get(x, y).map(|v| v.max(0.0)))
            .collect();
        let mut brightest: Vec<f32> = (0..side.pixels())
            .map(|i| (0..3).fold(0.0, |m, c| image.channel(c)[i].max(m)))
            .collect();
        brightest.sort_by(f32::total_cmp);
        let index = ((1.0 - BURNT_SHARE) * (brightest.len() - 1) as f32) as usize;
        Self { bright_end: brightest[index], image, samples }
    }

    /// Mean display luma after `exposure`.
    pub fn brightness(&self, exposure: Exposure) -> f32 {
        let luma =
            |pixel: &[f32; 3]| relume_media::light::luma(pixel.map(|v| encode(exposure.tone(v))));
        self.samples.iter().map(luma).sum::<f32>() / self.samples.len() as f32
    }

    /// The exposure with this `gain`, its white point set so that bright areas keep their drawing.
    pub fn exposure(&self, gain: f32) -> Exposure {
        Exposure { gain, white: (gain * self.bright_end).max(1.0) }
    }

    /// The exposure that gives the picture a mean display luma of `brightness`, by bisection.
    pub fn expose_for(&self, brightness: f32) -> Exposure {
        let (mut low, mut high) = (-MAX_STOPS, MAX_STOPS);
        for _ in 0..18 {
            let middle = 0.5 * (low + high);
            if self.brightness(self.exposure(middle.exp2())) < brightness {
                low = middle;
            } else {
                high = middle;
            }
        }
        self.exposure((0.5 * (low + high)).exp2())
    }

    /// What the survey looks at: the thumbnail at neutral brightness in display light
    /// `[3, side, side]`, and the light it took, `log₂ gain / 4`.
    pub fn neutral(&self) -> (Vec<f32>, f32) {
        let exposure = self.expose_for(NEUTRAL_BRIGHTNESS);
        let values = self.image.values().iter().map(|&v| encode(exposure.tone(v.max(0.0))));
        (values.collect(), exposure.gain.log2() / 4.0)
    }
}

/// Mean linear light of the pixels under each pixel of `to`, without a linear copy of the picture.
fn shrink(picture: &Image<Srgb>, to: Size) -> Image<Linear> {
    let range = |i: usize, from: usize, to: usize| {
        let start = i * from / to;
        start..((i + 1) * from / to).max(start + 1)
    };
    let mut small = Image::black(to);
    let width = picture.width();
    small.values_mut().par_chunks_mut(to.width).enumerate().for_each(|(line, out)| {
        let plane = picture.channel(line / to.height);
        let rows = range(line % to.height, picture.height(), to.height);
        for (column, value) in out.iter_mut().enumerate() {
            let columns = range(column, width, to.width);
            let count = (rows.len() * columns.len()) as f32;
            let row = |y| &plane[y * width + columns.start..y * width + columns.end];
            let light = |y| row(y).iter().map(|&v| decode_srgb(v)).sum::<f32>();
            *value = rows.clone().map(light).sum::<f32>() / count;
        }
    });
    small
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_crates_agree_on_the_transfer_curve() {
        for i in 0..=1500 {
            let v = i as f32 / 1000.0;
            assert_eq!(decode_srgb(v), relume_nn::relight::decode(v));
            assert_eq!(relume_media::light::encode_srgb(v), encode(v));
        }
    }

    #[test]
    fn an_under_exposed_picture_gets_back_the_light_it_lacks() {
        let size = Size::new(256, 192);
        let scene = Image::<Linear>::from_fn(size, |x, y| {
            let v = 0.02 + 0.6 * (x as f32 / 255.0) * (0.5 + 0.5 * (y as f32 / 191.0));
            [v, 0.9 * v, 0.8 * v]
        });
        let wanted = Thumbnail::of(&scene.to_srgb()).brightness(Exposure::NEUTRAL);
        let dark = Thumbnail::of(&scene.map(|v| v / 8.0).to_srgb());
        let exposure = dark.expose_for(wanted);
        assert!((exposure.gain.log2() - 3.0).abs() < 0.02, "{exposure:?}");
        let (neutral, light) = dark.neutral();
        assert_eq!(neutral.len(), 3 * THUMBNAIL_SIDE * THUMBNAIL_SIDE);
        assert!(light > 0.0);
    }

    #[test]
    fn a_picture_of_one_pixel_has_a_thumbnail() {
        let dot = Image::<Srgb>::from_fn(Size::new(1, 1), |_, _| [0.5, 0.25, 0.75]);
        assert!((Thumbnail::of(&dot).image.get(127, 0)[0] - decode_srgb(0.5)).abs() < 1e-6);
    }
}
