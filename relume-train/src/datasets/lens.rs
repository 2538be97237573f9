//! Views of scene-linear pictures. One that is twice as wide as high is a full panorama and is seen
//! through a lens; any other is cut.

use std::f32::consts::{FRAC_PI_2, PI, TAU};

use rand::{Rng, RngExt as _};
use relume_media::{Image, Linear, Rect, Size};

use crate::Result;

/// Log-mean luminance of a view after normalisation: a well exposed mid-tone.
const KEY: f32 = 0.14;

/// A random square view with its mid-tones at a photographer's exposure; lights exceed 1.
pub(super) fn random_view(
    scene: &Image<Linear>,
    rng: &mut impl Rng,
    side: usize,
) -> Result<Image<Linear>> {
    let size = scene.size();
    let view = if is_panorama(size) {
        let yaw = rng.random_range(0.0..TAU);
        let pitch = rng.random_range(-0.45..0.35);
        let field = rng.random_range(1.4..1.9_f32);
        look(scene, yaw, pitch, field, side)
    } else {
        let side = side.min(size.width).min(size.height);
        let x = rng.random_range(0..=size.width - side);
        let y = rng.random_range(0..=size.height - side);
        scene.crop(Rect { x, y, size: Size::new(side, side) })?
    };
    Ok(exposed(view, rng.random_range(-1.0..1.0_f32)))
}

/// The view straight ahead, or the middle.
pub(super) fn middle_view(scene: &Image<Linear>, side: usize) -> Result<Image<Linear>> {
    let size = scene.size();
    if is_panorama(size) {
        return Ok(exposed(look(scene, PI, 0.0, 1.6, side), 0.0));
    }
    let (width, height) = (side.min(size.width), side.min(size.height));
    let (x, y) = ((size.width - width) / 2, (size.height - height) / 2);
    Ok(exposed(scene.crop(Rect { x, y, size: Size::new(width, height) })?, 0.0))
}

fn is_panorama(size: Size) -> bool {
    size.width == 2 * size.height
}

/// Scales light so that the log-mean luminance is `stray` stops from the key.
fn exposed(view: Image<Linear>, stray: f32) -> Image<Linear> {
    let luminance = view.luminance().values;
    let logs = luminance.iter().map(|v| (v + 1e-4).ln()).sum::<f32>() / luminance.len() as f32;
    let scale = KEY * stray.exp2() / logs.exp();
    view.map(|v| v * scale)
}

/// What a lens with horizontal `field` of view (radians) sees of an equirectangular panorama.
fn look(panorama: &Image<Linear>, yaw: f32, pitch: f32, field: f32, side: usize) -> Image<Linear> {
    let half = (field / 2.0).tan();
    let (width, height) = (panorama.width(), panorama.height());
    Image::from_fn(Size::new(side, side), |x, y| {
        let right = ((x as f32 + 0.5) / side as f32 * 2.0 - 1.0) * half;
        let up = (1.0 - (y as f32 + 0.5) / side as f32 * 2.0) * half;
        let (ahead, up) = (pitch.cos() - up * pitch.sin(), pitch.sin() + up * pitch.cos());
        let longitude = yaw + right.atan2(ahead);
        let latitude = (up / (right * right + ahead * ahead + up * up).sqrt()).asin();
        let column = (longitude / TAU).rem_euclid(1.0) * width as f32 - 0.5;
        let row =
            ((FRAC_PI_2 - latitude) / PI * height as f32 - 0.5).clamp(0.0, height as f32 - 1.0);
        let (x0, y0) = (column.floor(), row.floor());
        let (fx, fy) = (column - x0, row - y0);
        let wrap = |x: f32| (x.rem_euclid(width as f32) as usize).min(width - 1);
        let below = (y0 as usize + 1).min(height - 1);
        let corners = [
            (wrap(x0), y0 as usize, (1.0 - fx) * (1.0 - fy)),
            (wrap(x0 + 1.0), y0 as usize, fx * (1.0 - fy)),
            (wrap(x0), below, (1.0 - fx) * fy),
            (wrap(x0 + 1.0), below, fx * fy),
        ];
        corners.iter().fold([0.0; 3], |sum, &(x, y, share)| {
            let color = panorama.get(x, y);
            std::array::from_fn(|c| sum[c] + share * color[c])
        })
    })
}
