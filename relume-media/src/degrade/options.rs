//! What kind of bad photos to make.

use serde::{Deserialize, Serialize};

use crate::{Error, ErrorKind, Result};

/// The ranges that [`Degradation::sample`](super::Degradation::sample) draws from.
///
/// Ranges are `[least, most]`. The defaults describe a phone held by hand at night.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DegradeOptions {
    /// Under-exposure in stops. Camera and light are drawn again until they fall in here.
    pub exposure_cut_ev: [f32; 2],
    /// Least mean of the exposed picture in linear light: the camera meters, so a scene that is
    /// dark in the sharp picture already is cut by fewer stops. 0: no limit.
    pub darkest_mean: f32,
    /// Scene light in EV at ISO 100, about 95 % of draws inside (bell-shaped).
    pub light_ev: [f32; 2],
    /// Share of pictures taken in better light and dark only because metering was fooled, by a
    /// lamp or a bright sky: short shutter, low sensitivity, clean shadows.
    pub misjudged_share: f32,
    /// Shortest and longest exposure time in seconds that anybody chooses.
    pub shutter_s: [f32; 2],
    /// Lowest and highest sensitivity; each camera has its own limit in the upper half.
    pub iso: [f32; 2],
    /// Extent of the shake in pixels.
    pub shake_px: [f32; 2],
    /// Long side in pixels of the pictures for which `shake_px` and `hand_speed_px_s` hold; for
    /// other sizes both grow with the long side. `None`: pixels are pixels at any size, which is
    /// right for training crops.
    pub shake_long_side: Option<f32>,
    /// Speed of the hand in pixels per second.
    pub hand_speed_px_s: [f32; 2],
    /// Electrons that fill one pixel at ISO 100.
    pub full_well_e: [f32; 2],
    /// Read noise, standard deviation in electrons.
    pub read_e: [f32; 2],
    /// How many times brighter than white a clipped lamp really was.
    pub highlight_gain: [f32; 2],
    /// Share of cameras that smooth noise themselves.
    pub denoise_share: f32,
    /// JPEG quality, 1 to 100.
    pub jpeg_quality: [u8; 2],
    /// Share of pictures that never were a JPEG.
    pub lossless_share: f32,
    /// Share of pictures that nothing is done to.
    pub untouched_share: f32,
}

impl Default for DegradeOptions {
    fn default() -> Self {
        Self {
            exposure_cut_ev: [0.0, 5.0],
            darkest_mean: 0.004,
            light_ev: [-5.4, -0.6],
            misjudged_share: 0.12,
            shutter_s: [1.0 / 2000.0, 0.35],
            iso: [100.0, 6400.0],
            shake_px: [0.0, 22.0],
            shake_long_side: Some(512.0),
            hand_speed_px_s: [12.0, 220.0],
            full_well_e: [15_000.0, 60_000.0],
            read_e: [1.0, 3.0],
            highlight_gain: [2.0, 20.0],
            denoise_share: 0.4,
            jpeg_quality: [60, 97],
            lossless_share: 0.1,
            untouched_share: 0.12,
        }
    }
}

impl DegradeOptions {
    /// The same options for crops of larger pictures: shake in pixels, whatever the crop's size.
    #[must_use]
    pub fn for_crops(mut self) -> Self {
        self.shake_long_side = None;
        self
    }

    /// Checks every range and share.
    ///
    /// # Errors
    /// [`ErrorKind::Parameter`] naming the first value that makes no sense.
    pub fn check(&self) -> Result<()> {
        let ranges = [
            ("exposure_cut_ev", self.exposure_cut_ev, 0.0, 16.0),
            ("light_ev", self.light_ev, -20.0, 20.0),
            ("shutter_s", self.shutter_s, 1e-6, 60.0),
            ("iso", self.iso, 1.0, 1e6),
            ("shake_px", self.shake_px, 0.0, 1000.0),
            ("hand_speed_px_s", self.hand_speed_px_s, 1e-3, 1e6),
            ("full_well_e", self.full_well_e, 10.0, 1e7),
            ("read_e", self.read_e, 1e-3, 1000.0),
            ("highlight_gain", self.highlight_gain, 1.0, 1000.0),
            ("jpeg_quality", self.jpeg_quality.map(f32::from), 1.0, 100.0),
        ];
        for (name, [least, most], lowest, highest) in ranges {
            if !(lowest <= least && least <= most && most <= highest) {
                return Err(Error::new(
                    ErrorKind::Parameter,
                    format!(
                        "degrade option {name} = [{least}, {most}]: give two rising values \
                         within {lowest} to {highest}"
                    ),
                ));
            }
        }
        let shares = [
            ("misjudged_share", self.misjudged_share),
            ("darkest_mean", self.darkest_mean),
            ("denoise_share", self.denoise_share),
            ("lossless_share", self.lossless_share),
            ("untouched_share", self.untouched_share),
        ];
        for (name, share) in shares {
            if !(0.0..=1.0).contains(&share) {
                return Err(Error::new(
                    ErrorKind::Parameter,
                    format!("degrade option {name} = {share}: give a value from 0 to 1"),
                ));
            }
        }
        if self.shake_long_side.is_some_and(|side| side.is_nan() || side < 1.0) {
            return Err(Error::new(
                ErrorKind::Parameter,
                "degrade option shake_long_side: give a length in pixels of at least 1",
            ));
        }
        Ok(())
    }
}
