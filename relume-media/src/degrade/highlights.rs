//! Light above white: an 8-bit file says 255 for a white wall and for a lamp alike. Before blur
//! the lamps get their energy back, so that their trails stay bright (as in the synthesis of
//! Rim et al. 2022, *Realistic Blur Synthesis*).

use crate::light::{decode_srgb, encode_srgb};
use crate::resize::{Filter, resize_plane};
use crate::{Image, Linear, Plane, Size};

/// Display value from which a pixel counts as partly clipped.
const KNEE: f32 = 0.94;
/// Display value from which a pixel counts as part of a bright surface.
const BRIGHT: f32 = 0.82;

/// `image` with clipped and nearly clipped pixels made up to `gain` times brighter.
///
/// Hue is kept. Large white areas (sky, paper) are seldom light sources and get little.
pub(super) fn restore(image: &Image<Linear>, gain: f32) -> Image<Linear> {
    let mut lit = image.clone();
    if gain <= 1.0 || image.size().pixels() == 0 {
        return lit;
    }
    let mask = soften(&above(image, KNEE));
    if mask.values.iter().all(|&m| m == 0.0) {
        return lit;
    }
    let crowd = neighbourhood(&above(image, BRIGHT));
    let gain = 1.0 + (gain - 1.0) * night(image);
    for channel in 0..3 {
        let pixels = lit.channel_mut(channel).iter_mut();
        for (value, (&mask, &crowd)) in pixels.zip(mask.values.iter().zip(&crowd.values)) {
            let lamp = (1.0 - 2.5 * crowd).clamp(0.06, 1.0);
            *value *= 1.0 + (gain - 1.0) * mask * lamp;
        }
    }
    lit
}

/// How much a lamp can outshine this picture, 1 at night and less the brighter the picture is:
/// exposed for daylight, hardly anything is ten times brighter than white.
fn night(image: &Image<Linear>) -> f32 {
    let sum: f64 = image.channel(1).iter().map(|&v| f64::from(v)).sum();
    let mean = sum as f32 / image.size().pixels() as f32;
    (0.12 / mean.max(1e-6)).clamp(0.1, 1.0)
}

/// 0 where the brightest channel is below `knee` (display value), rising smoothly to 1 at white.
fn above(image: &Image<Linear>, knee: f32) -> Plane {
    let dark = decode_srgb(knee);
    let (r, g, b) = (image.channel(0), image.channel(1), image.channel(2));
    let values = (0..image.size().pixels())
        .map(|i| {
            let brightest = r[i].max(g[i]).max(b[i]);
            if brightest <= dark {
                return 0.0;
            }
            let t = ((encode_srgb(brightest) - knee) / (1.0 - knee)).clamp(0.0, 1.0);
            t * t * (3.0 - 2.0 * t)
        })
        .collect();
    Plane { size: image.size(), values }
}

/// 3 × 3 binomial mean, never above the mask itself, so that light stays inside the lamp.
fn soften(mask: &Plane) -> Plane {
    let Size { width, height } = mask.size;
    let mut soft = mask.clone();
    for y in 0..height {
        let rows = [y.saturating_sub(1), y, (y + 1).min(height - 1)].map(|y| mask.row(y));
        for x in 0..width {
            if rows[1][x] == 0.0 {
                continue;
            }
            let columns = [x.saturating_sub(1), x, (x + 1).min(width - 1)];
            let column = |c: usize| rows[0][c] + 2.0 * rows[1][c] + rows[2][c];
            let mean = (column(columns[0]) + 2.0 * column(columns[1]) + column(columns[2])) / 16.0;
            soft.values[y * width + x] = mean.min(rows[1][x]);
        }
    }
    soft
}

/// Share of `mask` in a window of about an eighth of the picture.
fn neighbourhood(mask: &Plane) -> Plane {
    let long = mask.size.width.max(mask.size.height);
    let cells = |side: usize| (side * 8).div_ceil(long).max(1);
    let coarse = Size::new(cells(mask.size.width), cells(mask.size.height));
    resize_plane(&resize_plane(mask, coarse, Filter::Area), mask.size, Filter::Bilinear)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lamps_gain_a_white_wall_little_and_grey_nothing() {
        let lamp = Image::from_fn(Size::new(128, 128), |x, y| {
            if (60..66).contains(&x) && (60..66).contains(&y) { [1.0, 0.9, 0.7] } else { [0.1; 3] }
        });
        let lit = restore(&lamp, 10.0);
        assert_eq!(lit.get(5, 5), [0.1; 3]);
        let core = lit.get(62, 62);
        assert!(core[0] > 8.0 && core[0] <= 10.0, "{core:?}");
        assert!((core[1] / core[0] - 0.9).abs() < 1e-4, "hue");
        let wall = restore(&Image::from_fn(Size::new(64, 64), |_, _| [1.0; 3]), 10.0);
        assert!(wall.get(30, 30)[1] < 2.0);
    }
}
