//! What is wrong with a picture, in figures and words: what `relume inspect` shows and what a
//! workflow routes on.
//!
//! Neighbours: `exposure` reads brightness and clipping, `light` where it is, `noise` the grain,
//! `sharpness` the edges, `blur` what took them; `verdict` turns figures into a decision with its
//! reasons, by one table. `panels` shows them as pictures.

pub mod blur;
mod exposure;
mod light;
mod noise;
mod panels;
mod sharpness;
mod spectrum;
mod verdict;

pub use blur::{Blur, BlurKind, Cues, Shake};
pub use exposure::Exposure;
pub use light::{Light, ZONES};
pub use noise::{Noise, NoiseKind};
pub use panels::{Panel, panels, sheet};
pub use sharpness::Sharpness;
pub use verdict::Verdict;

use relume_media::{Image, Plane, Size, Srgb};

/// Pictures longer than this are judged as if shrunk to it: blur below that shows only enlarged.
const VIEWED_SIDE: usize = 1600;

/// Everything measured on one picture, and what follows from it.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Diagnosis {
    /// Width and height in pixels.
    pub size: Size,
    /// Brightness and clipping.
    pub exposure: Exposure,
    /// Grain.
    pub noise: Noise,
    /// Edge widths.
    pub sharpness: Sharpness,
    /// Shake and defocus.
    pub blur: Blur,
    /// Where the light is.
    pub light: Light,
    /// What should be done.
    pub verdict: Verdict,
    /// How strongly, 0 to 1.
    pub strength: f32,
    /// Why, one sentence each.
    pub reasons: Vec<String>,
}

/// Measures a picture and decides what it needs. Deterministic; never fails, also on one pixel.
pub fn diagnose(image: &Image<Srgb>) -> Diagnosis {
    let luma = luma(image);
    let exposure = Exposure::measure(image);
    let noise = Noise::measure(image, &luma);
    let sharpness = Sharpness::measure(&luma, &noise);
    let blur = Blur::measure(&luma, &noise, &sharpness);
    let light = Light::measure(image);
    let (verdict, strength, reasons) = verdict::decide(&exposure, &noise, &sharpness, &blur);
    let size = image.size();
    Diagnosis { size, exposure, noise, sharpness, blur, light, verdict, strength, reasons }
}

/// Rec. 709 luma of display values.
fn luma(image: &Image<Srgb>) -> Plane {
    let (r, g, b) = (image.channel(0), image.channel(1), image.channel(2));
    let values = (0..image.size().pixels())
        .map(|i| relume_media::light::luma([r[i], g[i], b[i]]).clamp(0.0, 1.0))
        .collect();
    Plane { size: image.size(), values }
}

/// The value below which `share` (0 to 1) of the values lie; 0 when there are none.
fn percentile(values: &mut [f32], share: f64) -> f32 {
    if values.is_empty() {
        return 0.0;
    }
    let at = ((values.len() - 1) as f64 * share).round() as usize;
    *values.select_nth_unstable_by(at, f32::total_cmp).1
}

#[cfg(test)]
mod tests;
