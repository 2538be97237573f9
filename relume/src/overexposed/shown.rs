//! Light above the clip level on displays: with a shoulder for SDR, in wider primaries for HDR, and the
//! map of what was copied and what was invented.

use relume_media::{Image, Linear, Srgb};

use super::online::Recovered;

/// Light up to which nothing is changed.
const KNEE: f32 = 0.5;
/// Light that becomes display white: four stops above the clip level.
const WHITE: f32 = 16.0;

/// SDR: what is darker than half the clip level is as it was, lights are compressed together so that
/// four stops above the clip level are white. The curve is the same for every frame, and one for all
/// three colours, so that hues stay.
pub fn tone_mapped(light: &Image<Linear>) -> Image<Srgb> {
    Image::<Linear>::from_fn(light.size(), |x, y| {
        let color = light.get(x, y);
        let most = color.iter().copied().fold(0.0, f32::max);
        let by = if most > KNEE { shoulder(most) / most } else { 1.0 };
        color.map(|v| v * by)
    })
    .to_srgb()
}

/// From the knee logarithmically to 1, with the slope 1 at the knee.
fn shoulder(light: f32) -> f32 {
    // `KNEE + a ln(1 + (x − KNEE) / a)` reaches 1 at WHITE for this `a`.
    const A: f32 = 0.098_773;
    (KNEE + A * (1.0 + (light.min(WHITE) - KNEE) / A).ln()).min(1.0)
}

/// The same light in the primaries of ITU-R BT.2020 (ITU-R BT.2087).
pub fn in_wide_primaries(light: &Image<Linear>) -> Image<Linear> {
    const M: [[f32; 3]; 3] = [
        [0.627_404, 0.329_283, 0.043_313],
        [0.069_097, 0.919_540, 0.011_362],
        [0.016_391, 0.088_013, 0.895_595],
    ];
    Image::from_fn(light.size(), |x, y| {
        let color = light.get(x, y);
        M.map(|row| row.iter().zip(color).map(|(a, b)| a * b).sum())
    })
}

/// What was copied in green, what was invented in red, over a dim grey copy of the frame.
pub fn map(recovered: &Recovered) -> Image<Srgb> {
    let grey = recovered.light.luminance();
    Image::from_fn(recovered.light.size(), |x, y| {
        let i = y * recovered.light.width() + x;
        let base = 0.35 * relume_media::light::encode_srgb(grey.values[i].min(1.0));
        let (lost, copied) = (recovered.clipped.values[i], recovered.copied.values[i]);
        let mix = |color: f32| base + lost * (color - base);
        [mix(1.0 - copied), mix(0.15 + 0.7 * copied), mix(0.15)]
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use relume_media::Size;

    #[test]
    fn the_shoulder_rises_to_white() {
        let values: Vec<f32> = (0..400).map(|i| shoulder(KNEE + i as f32 * 0.05)).collect();
        assert!(values.windows(2).all(|pair| pair[1] >= pair[0]));
        assert!((shoulder(WHITE) - 1.0).abs() < 2e-3, "{}", shoulder(WHITE));
        assert!((shoulder(KNEE + 1e-3) - KNEE - 1e-3).abs() < 1e-4);
        assert!(shoulder(4.0) > shoulder(1.0) + 0.05);
    }

    #[test]
    fn white_stays_white_and_shadows_stay() {
        let grey = Image::<Linear>::from_fn(Size::new(2, 1), |x, _| [[0.3; 3], [1.0; 3]][x]);
        let wide = in_wide_primaries(&grey);
        assert!(wide.values().iter().zip(grey.values()).all(|(a, b)| (a - b).abs() < 2e-5));
        let shown = tone_mapped(&grey);
        assert_eq!(shown.get(0, 0), grey.to_srgb().get(0, 0));
    }
}
