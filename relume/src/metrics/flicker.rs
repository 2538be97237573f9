//! Flicker: how much the brightness of things changes from frame to frame.

use relume_media::{Image, Linear, Plane, Result, Srgb};

use super::same_size;
use crate::video::motion::{Motion, Pyramid};

/// Differences of display luma in the guide up to which a pixel was found again.
const FOUND: f32 = 0.04;
/// Linear light that is added before the logarithm, so that black counts for little.
const FLOOR: f32 = 0.01;

/// Mean absolute change of luminance in stops from frame to frame, along the motion and only where
/// things are found again (warping error as of Lai et al. 2018, in stops of light).
#[derive(Debug, Default)]
pub struct Flicker {
    last: Option<(Pyramid, Plane)>,
    sum: f64,
    count: usize,
}

impl Flicker {
    /// Takes the next frame. Motion is read from `guide`, which is the truth if there is one: then
    /// flickering does not hide itself.
    ///
    /// # Errors
    /// [`relume_media::ErrorKind::Parameter`] when sizes differ or change, or there are no pixels.
    pub fn push(&mut self, picture: &Image<Srgb>, guide: &Image<Srgb>) -> Result<()> {
        same_size(picture, guide)?;
        let pyramid = Pyramid::of(guide);
        let light: Image<Linear> = picture.to_linear();
        let stops = |v: &f32| (v.max(0.0) + FLOOR).log2();
        let luminance = light.luminance();
        let stops = Plane { values: luminance.values.iter().map(stops).collect(), ..luminance };
        if let Some((before, stops_before)) = self.last.take() {
            if before.luma().size != pyramid.luma().size {
                return same_size(picture, &Image::black(before.luma().size));
            }
            let motion = Motion::between(&before, &pyramid);
            let warped = motion.warp(&pyramid.luma().values);
            let found: Vec<bool> = (warped.iter().zip(&before.luma().values))
                .map(|(a, b)| (a - b).abs() < FOUND)
                .collect();
            let after = motion.warp(&stops.values);
            let changes = after.iter().zip(&stops_before.values).zip(&found);
            for ((after, before), _) in changes.filter(|(_, found)| **found) {
                self.sum += f64::from((after - before).abs());
                self.count += 1;
            }
        }
        self.last = Some((pyramid, stops));
        Ok(())
    }

    /// A new scene begins: the next frame is compared with nothing.
    pub fn cut(&mut self) {
        self.last = None;
    }

    /// Stops a frame; none with fewer than two frames, or where nothing was found again.
    pub fn value(&self) -> Option<f64> {
        (self.count > 0).then(|| self.sum / self.count as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use relume_media::Size;

    fn frame(shift: f32, light: f32) -> Image<Srgb> {
        Image::<Linear>::from_fn(Size::new(96, 64), |x, y| {
            let (u, v) = (x as f32 + shift, y as f32);
            let scene = 0.2 + 0.1 * (u / 6.0).sin() + 0.08 * (v / 5.0).cos();
            [scene * light; 3]
        })
        .to_srgb()
    }

    fn flicker(lights: &[f32]) -> f64 {
        let mut flicker = Flicker::default();
        for (i, light) in lights.iter().enumerate() {
            let shift = 1.5 * i as f32;
            flicker.push(&frame(shift, *light), &frame(shift, 1.0)).unwrap();
        }
        flicker.value().unwrap()
    }

    #[test]
    fn motion_alone_is_no_flicker_and_pumping_is_its_stops() {
        let still = flicker(&[1.0; 5]);
        // Interpolating between pixels costs a little.
        assert!(still < 0.04, "{still}");
        // A quarter stop up and down; the floor takes a little of it.
        let pumping = flicker(&[1.0, 1.19, 1.0, 1.19, 1.0]);
        assert!((0.2..0.27).contains(&pumping), "{pumping}");
    }

    #[test]
    fn one_frame_and_a_cut_have_no_flicker() {
        let mut flicker = Flicker::default();
        flicker.push(&frame(0.0, 1.0), &frame(0.0, 1.0)).unwrap();
        flicker.cut();
        flicker.push(&frame(0.0, 3.0), &frame(0.0, 3.0)).unwrap();
        assert_eq!(flicker.value(), None);
    }
}
