//! What the virtual camera looks at: panoramas, pictures that repeat in a mirror, and things that
//! move in front.

use std::f32::consts::{FRAC_PI_2, PI, TAU};

use crate::{Image, Linear};

/// A rotation, camera or thing to world: x to the right, y down, z ahead.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Rotation(pub(super) [[f32; 3]; 3]);

impl Rotation {
    /// Turned right by `yaw`, up by `pitch`, and about its own axis by `roll`, in radians.
    pub(super) fn of(yaw: f32, pitch: f32, roll: f32) -> Self {
        let ((sy, cy), (sp, cp), (sr, cr)) = (yaw.sin_cos(), pitch.sin_cos(), roll.sin_cos());
        let turn = [[cy, 0.0, sy], [0.0, 1.0, 0.0], [-sy, 0.0, cy]];
        let lift = [[1.0, 0.0, 0.0], [0.0, cp, -sp], [0.0, sp, cp]];
        let spin = [[cr, -sr, 0.0], [sr, cr, 0.0], [0.0, 0.0, 1.0]];
        Self(product(product(turn, lift), spin))
    }

    pub(super) fn apply(&self, v: [f32; 3]) -> [f32; 3] {
        self.0.map(|row| row[0] * v[0] + row[1] * v[1] + row[2] * v[2])
    }

    pub(super) fn inverse(&self) -> Self {
        let m = &self.0;
        Self([0, 1, 2].map(|i| [0, 1, 2].map(|j| m[j][i])))
    }
}

fn product(a: [[f32; 3]; 3], b: [[f32; 3]; 3]) -> [[f32; 3]; 3] {
    a.map(|row| [0, 1, 2].map(|j| (0..3).map(|k| row[k] * b[k][j]).sum()))
}

/// Longitude to the right and latitude up, in radians.
pub(super) fn angles([x, y, z]: [f32; 3]) -> (f32, f32) {
    let length = (x * x + y * y + z * z).sqrt().max(1e-12);
    (x.atan2(z), (-y / length).clamp(-1.0, 1.0).asin())
}

/// Scene-linear light from all sides.
#[derive(Debug, Clone)]
pub struct Scene {
    light: Image<Linear>,
    /// Radians that the picture spans from left to right, where it is no full panorama.
    span: Option<f32>,
}

/// Log-mean luminance of a scene after [`Scene::new`].
const KEY: f32 = 0.18;

impl Scene {
    /// A picture twice as wide as high is a full panorama; any other spans `span` radians and goes on
    /// as its own mirror image. Light is scaled so that its log-mean luminance is 0.18.
    pub fn new(light: Image<Linear>, span: f32) -> Self {
        let luminance = light.luminance().values;
        let sum: f64 = luminance.iter().map(|v| f64::from(v.max(0.0) + 1e-5).ln()).sum();
        let scale = KEY / (sum / luminance.len().max(1) as f64).exp() as f32;
        let whole = light.width() == 2 * light.height();
        let light = light.map(|v| if v.is_finite() { (v * scale).clamp(0.0, 1e5) } else { 0.0 });
        Self { light, span: (!whole).then_some(span) }
    }

    /// Light from a direction, bilinear.
    pub(super) fn look(&self, direction: [f32; 3]) -> [f32; 3] {
        let (longitude, latitude) = angles(direction);
        let (width, height) = (self.light.width() as f32, self.light.height() as f32);
        let (column, row) = match self.span {
            None => {
                ((longitude / TAU).rem_euclid(1.0) * width, (FRAC_PI_2 - latitude) / PI * height)
            }
            Some(span) => {
                let by = width / span;
                (
                    mirror(0.5 * width + longitude * by, width),
                    mirror(0.5 * height - latitude * by, height),
                )
            }
        };
        let (column, row) = (column - 0.5, (row - 0.5).clamp(0.0, height - 1.0));
        let (left, top) = (column.floor(), row.floor());
        let (across, down) = (column - left, row - top);
        let place = |x: f32| match self.span {
            None => (x.rem_euclid(width) as usize).min(self.light.width() - 1),
            Some(_) => x.clamp(0.0, width - 1.0) as usize,
        };
        let rows = [top as usize, (top as usize + 1).min(self.light.height() - 1)];
        let columns = [place(left), place(left + 1.0)];
        let corners =
            [(0, 0), (1, 0), (0, 1), (1, 1)].map(|(x, y)| self.light.get(columns[x], rows[y]));
        [0, 1, 2].map(|c| {
            let row = |a: [f32; 3], b: [f32; 3]| a[c] * (1.0 - across) + b[c] * across;
            row(corners[0], corners[1]) * (1.0 - down) + row(corners[2], corners[3]) * down
        })
    }
}

/// `x` in an axis of `length` that runs forth and back for ever.
fn mirror(x: f32, length: f32) -> f32 {
    let x = x.rem_euclid(2.0 * length);
    if x < length { x } else { 2.0 * length - x }
}

/// Something flat that moves in front of the scene; it shows another part of the scene.
#[derive(Debug, Clone, Copy)]
pub(super) struct Thing {
    /// Yaw, pitch and roll at frame 0, in radians, and their change each frame.
    pub(super) place: [f32; 3],
    pub(super) speed: [f32; 3],
    /// Half width and half height in radians.
    pub(super) radii: [f32; 2],
    /// Exponent of its outline: 2 is an ellipse, more is boxy.
    pub(super) boxy: f32,
    /// Where its texture is taken from, and how bright it is.
    pub(super) texture: Rotation,
    pub(super) gain: f32,
}

impl Thing {
    /// Its rotation at `time`, in frames.
    pub(super) fn rotation(&self, time: f32) -> Rotation {
        let [yaw, pitch, roll] = [0, 1, 2].map(|i| self.place[i] + time * self.speed[i]);
        Rotation::of(yaw, pitch, roll)
    }

    /// Whether it covers a direction in its own coordinates.
    pub(super) fn covers(&self, own: [f32; 3]) -> bool {
        if own[2] <= 0.0 {
            return false;
        }
        let (longitude, latitude) = angles(own);
        let part = |angle: f32, radius: f32| (angle.abs() / radius).powf(self.boxy);
        part(longitude, self.radii[0]) + part(latitude, self.radii[1]) < 1.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Size;

    #[test]
    fn rotations_turn_right_and_up() {
        let ahead = [0.0, 0.0, 1.0];
        let (longitude, latitude) = angles(Rotation::of(0.3, 0.2, 0.1).apply(ahead));
        assert!((longitude - 0.3).abs() < 1e-6 && (latitude - 0.2).abs() < 1e-6);
        let turned = Rotation::of(1.0, -0.4, 0.7);
        let back = turned.inverse().apply(turned.apply([0.2, -0.5, 0.8]));
        assert!((back[0] - 0.2).abs() < 1e-6 && (back[1] + 0.5).abs() < 1e-6);
    }

    #[test]
    fn a_picture_goes_on_in_its_mirror() {
        let ramp = Image::from_fn(Size::new(64, 40), |x, _| [1.0 + x as f32; 3]);
        let scene = Scene::new(ramp, 1.0);
        let at = |angle: f32| scene.look([angle.sin(), 0.0, angle.cos()])[0];
        assert!((at(0.6) / at(0.4) - 1.0).abs() < 1e-4);
        assert!(at(0.2) > at(0.1));
    }
}
