//! Where the light is: a map of zones, and whether it is the same all over.

use relume_media::{Image, Srgb};

use super::exposure::luminance_ev;

/// Zones across and down.
pub const ZONES: [usize; 2] = [8, 6];
/// Pixels looked at in a zone, along each side at most.
const SAMPLES: usize = 64;
/// Difference between bright and dark zones, in stops, at which the light is as likely uneven as
/// not, and over which that changes.
const UNEVEN_EV: [f32; 2] = [3.2, 0.5];

/// Light over the picture.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Light {
    /// Mean log luminance of 8 × 6 zones, row by row, in EV from middle grey.
    pub zones_ev: Vec<f32>,
    /// Stops between the brighter and the darker zones (85 and 15 %).
    pub contrast_ev: f32,
    /// How likely the light is uneven, as with a window behind somebody: 0 to 1.
    pub uneven: f32,
}

impl Light {
    /// Measures a picture.
    pub fn measure(image: &Image<Srgb>) -> Self {
        let [across, down] = ZONES;
        let zones_ev: Vec<f32> =
            (0..across * down).map(|i| zone(image, i % across, i / across)).collect();
        let mut sorted = zones_ev.clone();
        sorted.sort_by(f32::total_cmp);
        let at = |share: f32| sorted[(share * (sorted.len() - 1) as f32).round() as usize];
        let contrast_ev = at(0.85) - at(0.15);
        let [middle, width] = UNEVEN_EV;
        let uneven = 1.0 / (1.0 + (-(contrast_ev - middle) / width).exp());
        Self { zones_ev, contrast_ev, uneven }
    }
}

fn zone(image: &Image<Srgb>, column: usize, row: usize) -> f32 {
    let range = |i: usize, length: usize, count: usize| {
        let (start, end) = (i * length / count, (i + 1) * length / count);
        let step = ((end - start) / SAMPLES).max(1);
        (start.min(length.saturating_sub(1))..end.max(start + 1).min(length)).step_by(step)
    };
    let (mut sum, mut count) = (0.0_f64, 0_usize);
    for y in range(row, image.height(), ZONES[1]) {
        for x in range(column, image.width(), ZONES[0]) {
            sum += f64::from(luminance_ev(image.get(x, y)));
            count += 1;
        }
    }
    (sum / count.max(1) as f64) as f32
}
