//! Bad photos made from good ones, in the order in which a camera makes them: light, shake,
//! exposure, sensor, development, file. Seeded: the same seed gives the same picture everywhere.

mod blur;
mod chroma;
mod demosaic;
mod develop;
mod exposure;
mod highlights;
pub(crate) mod jpeg;
mod options;
pub(crate) mod random;
mod sensor;
mod shake;
mod uneven;

pub use develop::Development;
pub use options::DegradeOptions;
pub use sensor::Noise;
pub use shake::{Psf, Shake};
pub use uneven::UnevenLight;

use random::{Dice, Step};
use serde::{Deserialize, Serialize};

use crate::{Image, Linear, Result, Size, Srgb};

/// Everything that is done to one picture: drawn once, applied to pixels, written as JSON.
///
/// Exposure, shake and noise belong together as in a camera: less light makes the shutter longer
/// (more shake) and the sensitivity higher (more noise), and what these cannot make up for is
/// missing in the picture.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Degradation {
    /// Seed of all random numbers, also of the noise of every pixel.
    pub seed: u64,
    /// The picture is left as it is; all that follows describes a camera that was not used.
    pub untouched: bool,
    /// Scene light in EV at ISO 100.
    pub light_ev: f32,
    /// Under-exposure in stops: linear light is divided by 2^ev.
    pub ev: f32,
    /// Least mean that `ev` may leave of a scene, in linear light; 0: no limit. After applying,
    /// the record holds the `ev` and `light_ev` that came of it.
    pub darkest_mean: f32,
    /// Exposure time in seconds.
    pub shutter_s: f32,
    /// Sensitivity.
    pub iso: f32,
    /// How many times brighter than white clipped lamps are made before the exposure.
    pub highlight_gain: f32,
    /// Motion of the camera.
    pub shake: Shake,
    /// Noise of the sensor.
    pub noise: Noise,
    /// Processing in the camera.
    pub development: Development,
    /// JPEG quality, 1 to 100; `None`: no JPEG.
    pub jpeg_quality: Option<u8>,
    /// Whether the JPEG holds colour at half the resolution.
    pub jpeg_halves_chroma: bool,
}

/// Strengths of a degradation that is chosen, not drawn: see [`Degradation::fixed`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FixedDegradation {
    /// Under-exposure in stops.
    pub ev: f32,
    /// Extent of the shake in pixels of this picture.
    pub shake_px: f32,
    /// Sensitivity, which makes the noise; `None`: no noise.
    pub iso: Option<f32>,
    /// How many times brighter than white clipped lamps are made.
    pub highlight_gain: f32,
    /// JPEG quality, 1 to 100; `None`: no JPEG.
    pub jpeg_quality: Option<u8>,
}

impl Default for FixedDegradation {
    fn default() -> Self {
        Self { ev: 0.0, shake_px: 0.0, iso: None, highlight_gain: 1.0, jpeg_quality: None }
    }
}

/// A bad photo and the truth behind it.
#[derive(Debug, Clone)]
pub struct Degraded {
    /// What the camera wrote.
    pub image: Image<Srgb>,
    /// The scene as a perfect camera would see it: sharp, fully exposed, not clipped.
    pub scene: Image<Linear>,
    /// What was done.
    pub record: Degradation,
}

impl Degradation {
    /// Draws a degradation for a picture of `size`; every draw follows from `seed`.
    pub fn sample(seed: u64, size: Size, options: &DegradeOptions) -> Self {
        let exposure = exposure::draw(&mut Dice::new(seed, Step::Camera, 0), options);
        let mut choice = Dice::new(seed, Step::Choice, 0);
        if choice.chance(options.untouched_share) {
            let nothing = Self::fixed(seed, size, &FixedDegradation::default());
            return Self { untouched: true, ..nothing };
        }
        let highlight_gain = choice.log_between(options.highlight_gain);
        let lossless = choice.chance(options.lossless_share);
        let quality = choice.between(options.jpeg_quality.map(f32::from)).round() as u8;
        let jpeg_halves_chroma = choice.chance(0.7);
        let noise = draw_noise(&mut Dice::new(seed, Step::Noise, 0), options, exposure.iso);
        let mut develop = Dice::new(seed, Step::Develop, 0);
        Self {
            seed,
            untouched: false,
            light_ev: exposure.light_ev,
            ev: exposure.cut_ev,
            darkest_mean: options.darkest_mean,
            shutter_s: exposure.shutter_s,
            iso: exposure.iso,
            highlight_gain,
            shake: draw_shake(seed, size, options, exposure.shutter_s),
            noise,
            development: Development::draw(&mut develop, options.denoise_share, noise.read),
            jpeg_quality: (!lossless).then_some(quality),
            jpeg_halves_chroma,
        }
    }

    /// A degradation of chosen strength by a neutral camera; `seed` decides the path of the shake
    /// and the noise of the pixels.
    pub fn fixed(seed: u64, size: Size, strength: &FixedDegradation) -> Self {
        let shutter_s = 1.0 / 15.0;
        let mut dice = Dice::new(seed, Step::Shake, 0);
        let noise = strength.iso.map_or_else(Noise::none, |iso| {
            let shot = iso / 100.0 / 16_000.0;
            Noise { shot, read: 2.0 * shot, row: 0.1 * shot, bits: 12 }
        });
        Self {
            seed,
            untouched: false,
            light_ev: 0.0,
            ev: strength.ev,
            darkest_mean: 0.0,
            shutter_s,
            iso: strength.iso.unwrap_or(100.0),
            highlight_gain: strength.highlight_gain,
            shake: Shake::draw(&mut dice, size, strength.shake_px, shutter_s),
            noise,
            development: Development::neutral(),
            jpeg_quality: strength.jpeg_quality,
            jpeg_halves_chroma: true,
        }
    }

    /// Degrades a photo. Clipped highlights first get their energy back, by guess.
    ///
    /// # Errors
    /// When the picture is larger than JPEG can hold, or JPEG fails.
    pub fn apply(&self, sharp: &Image<Srgb>) -> Result<Degraded> {
        if self.untouched {
            let (image, scene) = (sharp.clone(), sharp.to_linear());
            return Ok(Degraded { image, scene, record: self.clone() });
        }
        self.photograph(highlights::restore(&sharp.to_linear(), self.highlight_gain))
    }

    /// Degrades scene-linear light, in which values above 1 are real: nothing is guessed.
    ///
    /// # Errors
    /// When the picture is larger than JPEG can hold, or JPEG fails.
    pub fn apply_linear(&self, scene: &Image<Linear>) -> Result<Degraded> {
        if self.untouched {
            let image = Image::from_rgb8(scene.size(), &scene.to_srgb().to_rgb8())?;
            return Ok(Degraded { image, scene: scene.clone(), record: self.clone() });
        }
        self.photograph(scene.clone())
    }

    fn photograph(&self, scene: Image<Linear>) -> Result<Degraded> {
        let mut record = self.clone();
        record.ev = exposure::metered(&scene, self.ev, self.darkest_mean);
        record.light_ev += self.ev - record.ev;
        let light = exposure::expose(blur::blur(&scene, &self.shake), record.ev);
        let camera = &self.development;
        let mosaic = sensor::read_out(
            &light,
            camera.white_balance,
            &self.noise,
            camera.black_error,
            self.seed,
        );
        let picture = camera.develop(demosaic::demosaic(&mosaic));
        let image = jpeg::write_and_read(picture, self.jpeg_quality, self.jpeg_halves_chroma)?;
        Ok(Degraded { image, scene, record })
    }
}

/// Noise of a random sensor at `iso`. Amplifying for a higher ISO leaves fewer electrons at
/// saturation, so that both shot variance and read noise grow with it.
fn draw_noise(dice: &mut Dice, options: &DegradeOptions, iso: f32) -> Noise {
    let shot = iso / 100.0 / dice.log_between(options.full_well_e);
    let read = shot * dice.log_between(options.read_e);
    let row = read * dice.between([0.0, 0.15]);
    let bits = [10, 12, 12, 14][(dice.unit() * 3.999) as usize];
    Noise { shot, read, row, bits }
}

/// Shake of a random hand: its speed times the exposure time, redrawn until within the range.
fn draw_shake(seed: u64, size: Size, options: &DegradeOptions, shutter_s: f32) -> Shake {
    let mut dice = Dice::new(seed, Step::Shake, 0);
    let [least, most] = options.shake_px;
    let mut length = 0.0;
    for _ in 0..16 {
        length = shutter_s * dice.log_between(options.hand_speed_px_s);
        if (least..=most).contains(&length) {
            break;
        }
    }
    let long = size.width.max(size.height) as f32;
    let scale = options.shake_long_side.map_or(1.0, |nominal| long / nominal);
    Shake::draw(&mut dice, size, length.clamp(least, most) * scale, shutter_s)
}
