//! Hue, saturation and value: the float conversions that networks compute with, and the
//! double-precision ones of OpenCV-like programs, which differ at the edges of hues.

/// RGB to hue (0 to 1), saturation and value, in `f32`: the first of equal maxima decides the hue,
/// greys have hue 0.
pub fn from_rgb([r, g, b]: [f32; 3]) -> [f32; 3] {
    let (most, least) = (r.max(g).max(b), r.min(g).min(b));
    let span = most - least;
    let sextants = if span == 0.0 {
        0.0
    } else if r == most {
        ((g - b) / span).rem_euclid(6.0)
    } else if g == most {
        (b - r) / span + 2.0
    } else {
        (r - g) / span + 4.0
    };
    let saturation = if most == 0.0 { 0.0 } else { span / most };
    [sextants / 6.0, saturation, most]
}

/// Hue (0 to 1), saturation and value to RGB, in `f32`; a value above 1 gives colours above 1.
pub fn to_rgb([hue, saturation, value]: [f32; 3]) -> [f32; 3] {
    let sextants = 6.0 * hue;
    let chroma = value * saturation;
    let between = chroma * (1.0 - (sextants.rem_euclid(2.0) - 1.0).abs());
    let least = value - chroma;
    let [r, g, b] = sextant(sextants as u8 % 6, chroma, between);
    [r + least, g + least, b + least]
}

/// RGB to hue in degrees (0 to 360), saturation and value, in `f64`; the last of equal maxima
/// decides the hue.
pub fn from_rgb_degrees([r, g, b]: [f64; 3]) -> [f64; 3] {
    let (most, least) = (r.max(g).max(b), r.min(g).min(b));
    let span = most - least;
    let sextants = if span == 0.0 {
        0.0
    } else if b == most {
        (r - g) / span + 4.0
    } else if g == most {
        (b - r) / span + 2.0
    } else {
        ((g - b) / span).rem_euclid(6.0)
    };
    let saturation = if most > 0.0 { span / most } else { 0.0 };
    [60.0 * sextants, saturation, most]
}

/// Hue in degrees, saturation and value to RGB, in `f64`; a hue outside 0 to 360 gives grey.
pub fn to_rgb_degrees([hue, saturation, value]: [f64; 3]) -> [f64; 3] {
    let sextants = hue / 60.0;
    let chroma = value * saturation;
    let between = chroma * (1.0 - (sextants.rem_euclid(2.0) - 1.0).abs());
    let least = value - chroma;
    if !(0.0..=6.0).contains(&sextants) {
        return [least; 3];
    }
    // Upper bounds belong to the sextant below.
    let which = (sextants.ceil() as u8).saturating_sub(1);
    sextant(which, chroma, between).map(|v| v + least)
}

/// The three colours of a sextant above the least of them.
fn sextant<T: Default + Copy>(which: u8, chroma: T, between: T) -> [T; 3] {
    let none = T::default();
    match which {
        0 => [chroma, between, none],
        1 => [between, chroma, none],
        2 => [none, chroma, between],
        3 => [none, between, chroma],
        4 => [between, none, chroma],
        _ => [chroma, none, between],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        for i in 0..4096_u32 {
            let rgb = [i % 16, i / 16 % 16, i / 256].map(|v| v as f32 / 15.0);
            let back = to_rgb(from_rgb(rgb));
            assert!(rgb.iter().zip(back).all(|(a, b)| (a - b).abs() < 1e-6), "{rgb:?} {back:?}");
            let rgb = rgb.map(f64::from);
            let back = to_rgb_degrees(from_rgb_degrees(rgb));
            assert!(rgb.iter().zip(back).all(|(a, b)| (a - b).abs() < 1e-12), "{rgb:?} {back:?}");
        }
    }
}
