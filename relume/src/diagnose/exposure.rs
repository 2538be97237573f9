//! Brightness and clipping, in stops from middle grey.

use relume_media::light::decode_srgb;
use relume_media::{Image, Srgb};

use super::percentile;

/// Linear luminance of middle grey.
const MIDDLE_GREY: f32 = 0.18;
/// Darkest luminance told apart, 12 stops below middle grey.
const FLOOR: f32 = MIDDLE_GREY / 4096.0;
/// Display value from which a channel counts as clipped.
const HIGH: f32 = 252.5 / 255.0;
/// Display value up to which a pixel counts as lost in black.
const LOW: f32 = 1.5 / 255.0;
/// Pixels looked at are thinned out to about this many.
const SAMPLES: usize = 1 << 20;

/// Brightness of a picture. "EV" are stops of linear luminance relative to middle grey (0.18).
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Exposure {
    /// Mean of the logarithm of luminance, in EV: the picture's key.
    pub key_ev: f32,
    /// Mean display value, 0 to 1.
    pub mean: f32,
    /// Median luminance in EV.
    pub median_ev: f32,
    /// 1, 5, 25, 75, 95 and 99 % percentiles of luminance in EV.
    pub percentiles_ev: [f32; 6],
    /// Share of pixels with all channels at the top.
    pub clipped_high: f32,
    /// Share of pixels with at least one channel at the top.
    pub clipped_channel: f32,
    /// Share of pixels with all channels at the bottom.
    pub clipped_low: f32,
}

/// The shares of [`Exposure::percentiles_ev`].
pub(super) const PERCENTILES: [f64; 6] = [0.01, 0.05, 0.25, 0.75, 0.95, 0.99];

/// A picture whose key and median are both below these is dark.
const DARK_KEY_EV: f32 = -2.7;
const DARK_MEDIAN_EV: f32 = -2.4;

/// Luminance of a pixel of display values, in EV from middle grey.
pub(super) fn luminance_ev(rgb: [f32; 3]) -> f32 {
    let luminance = relume_media::light::luma(rgb.map(decode_srgb)).max(FLOOR);
    (luminance / MIDDLE_GREY).log2()
}

/// So is one whose key is below the first and in which nothing is brighter than the second.
const DIM_EV: [f32; 2] = [-1.2, -0.3];

impl Exposure {
    /// Whether light lacks beyond doubt.
    pub fn is_dark(&self) -> bool {
        let [.., brightest] = self.percentiles_ev;
        let dim = self.key_ev < DIM_EV[0] && brightest < DIM_EV[1];
        dim || (self.key_ev < DARK_KEY_EV && self.median_ev < DARK_MEDIAN_EV)
    }

    /// Measures a picture.
    pub(super) fn measure(image: &Image<Srgb>) -> Self {
        let pixels = image.size().pixels();
        // An odd step does not fall in with the usual even widths.
        let step = (pixels / SAMPLES) | 1;
        let (r, g, b) = (image.channel(0), image.channel(1), image.channel(2));
        let mut stops = Vec::with_capacity(pixels / step + 1);
        let (mut sum, mut high, mut channel, mut low) = (0.0_f64, 0, 0, 0);
        for i in (0..pixels).step_by(step) {
            let rgb = [r[i], g[i], b[i]];
            let (least, most) = (rgb[0].min(rgb[1]).min(rgb[2]), rgb[0].max(rgb[1]).max(rgb[2]));
            sum += rgb.iter().map(|&v| f64::from(v.clamp(0.0, 1.0))).sum::<f64>() / 3.0;
            high += usize::from(least >= HIGH);
            channel += usize::from(most >= HIGH);
            low += usize::from(most <= LOW);
            stops.push(luminance_ev(rgb));
        }
        let count = stops.len().max(1);
        let share = |n: usize| n as f32 / count as f32;
        Self {
            key_ev: (stops.iter().map(|&v| f64::from(v)).sum::<f64>() / count as f64) as f32,
            mean: (sum / count as f64) as f32,
            median_ev: percentile(&mut stops, 0.5),
            percentiles_ev: PERCENTILES.map(|share| percentile(&mut stops, share)),
            clipped_high: share(high),
            clipped_channel: share(channel),
            clipped_low: share(low),
        }
    }
}
