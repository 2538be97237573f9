//! Camera shake: one path of the camera during the exposure, and what it does to a point.

use serde::{Deserialize, Serialize};

use super::random::Dice;
use crate::Size;

/// Fine steps of the random walk.
const FINE: usize = 256;
/// Most steps that a blur is averaged over.
const MOST_STEPS: usize = 384;

/// The motion of the picture on the sensor during one exposure.
///
/// A scene point `p` is seen at `centre + R(roll)·(p − centre) + (x, y)`. The means of `x`, `y`
/// and `roll` over time are 0, so that the sharp picture is aligned with the shaken one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Shake {
    /// `[x px, y px, roll rad]` at equal time steps; x to the right, y down, roll from x to y.
    pub trajectory: Vec<[f32; 3]>,
    /// The point that roll turns about, in pixels from the centre of the first pixel.
    pub centre: [f32; 2],
    /// Extent: the largest distance between two places of the shift (x, y), in pixels.
    pub length_px: f32,
    /// Main direction of the shift in degrees, −90 to 90, from x to y.
    pub angle_deg: f32,
    /// What a point of light in the middle of the picture becomes.
    pub psf: Psf,
}

/// A point spread function on a square grid of pixels whose middle cell is the point itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Psf {
    /// Cells along one side, odd.
    pub side: usize,
    /// Row-major shares of the light, `side · side` of them, sum 1.
    pub values: Vec<f32>,
}

impl Shake {
    /// No motion.
    pub fn still(size: Size) -> Self {
        Self::along(vec![[0.0; 3]], middle(size), size)
    }

    /// Motion along a given path; the path is shifted so that its means are 0.
    pub fn along(mut trajectory: Vec<[f32; 3]>, centre: [f32; 2], size: Size) -> Self {
        if trajectory.is_empty() {
            trajectory.push([0.0; 3]);
        }
        remove_mean(&mut trajectory);
        let psf = Psf { side: 1, values: vec![1.0] };
        let mut shake = Self {
            length_px: extent(&trajectory),
            angle_deg: direction(&trajectory),
            trajectory,
            centre,
            psf,
        };
        shake.psf = shake.psf_at(middle(size));
        shake
    }

    /// A random path of the given extent, for an exposure of `shutter_s` seconds.
    pub(super) fn draw(dice: &mut Dice, size: Size, length_px: f32, shutter_s: f32) -> Self {
        let walk = walk(dice, shutter_s);
        let turn = wander(dice, shutter_s);
        let long = size.width.max(size.height).max(256) as f32;
        // Roll moves the far corner by up to about as much as the shift moves everything.
        let roll_rad = 0.9 * dice.unit() * dice.unit().sqrt() * length_px / (0.6 * long);
        let centre = [size.width, size.height].map(|side| side as f32 * dice.between([-0.2, 1.2]));
        if length_px < 0.05 {
            return Self::still(size);
        }
        let scale = length_px / extent(&walk).max(1e-6);
        let fine: Vec<[f32; 3]> = walk
            .iter()
            .zip(&turn)
            .map(|(p, roll)| [p[0] * scale, p[1] * scale, roll * roll_rad])
            .collect();
        let reach = 0.6 * long;
        let path: f32 = fine
            .windows(2)
            .map(|p| {
                let shift = (p[1][0] - p[0][0]).hypot(p[1][1] - p[0][1]);
                shift + reach * 0.5 * (p[1][2] - p[0][2]).abs()
            })
            .sum();
        let steps = (path.ceil() as usize + 3).min(MOST_STEPS);
        Self::along(at_equal_times(&fine, steps), centre, size)
    }

    /// Whether nothing moves.
    pub fn is_still(&self) -> bool {
        self.trajectory.iter().all(|p| p.iter().all(|&v| v == 0.0))
    }

    /// Where a scene point at `point` is seen at one step of the trajectory, relative to itself.
    pub fn displacement(&self, step: [f32; 3], point: [f32; 2]) -> [f32; 2] {
        let (sin, cos) = step[2].sin_cos();
        let [x, y] = [point[0] - self.centre[0], point[1] - self.centre[1]];
        [cos * x - sin * y + step[0] - x, sin * x + cos * y + step[1] - y]
    }

    /// What a point of light at `point` (pixels) becomes.
    pub fn psf_at(&self, point: [f32; 2]) -> Psf {
        let seen: Vec<[f32; 2]> =
            self.trajectory.iter().map(|&step| self.displacement(step, point)).collect();
        let far = seen.iter().flatten().fold(0.0f32, |far, v| far.max(v.abs()));
        let radius = if far == 0.0 { 0 } else { far.ceil() as usize + 1 };
        let side = 2 * radius + 1;
        let mut values = vec![0.0; side * side];
        let share = 1.0 / seen.len() as f32;
        for [x, y] in seen {
            let (left, top) = (x.floor(), y.floor());
            let (fx, fy) = (x - left, y - top);
            let column = (left as isize + radius as isize) as usize;
            let row = (top as isize + radius as isize) as usize;
            for (dy, wy) in [(0, 1.0 - fy), (1, fy)] {
                for (dx, wx) in [(0, 1.0 - fx), (1, fx)] {
                    if wx * wy > 0.0 {
                        values[(row + dy) * side + column + dx] += share * wx * wy;
                    }
                }
            }
        }
        Psf { side, values }
    }
}

impl Psf {
    /// Centre of light relative to the middle cell, in pixels.
    pub fn centroid(&self) -> [f32; 2] {
        let middle = (self.side / 2) as f32;
        let mut sum = [0.0; 2];
        for (i, value) in self.values.iter().enumerate() {
            sum[0] += value * ((i % self.side) as f32 - middle);
            sum[1] += value * ((i / self.side) as f32 - middle);
        }
        sum
    }
}

fn middle(size: Size) -> [f32; 2] {
    [size.width, size.height].map(|side| (side.max(1) - 1) as f32 / 2.0)
}

/// Random walk with inertia, rare jerks and a pull back to the start (Boracchi and Foi 2012,
/// *Modeling the performance of image restoration from motion blur*), with the 8–12 Hz tremor of
/// a hand on top. A longer exposure turns more.
fn walk(dice: &mut Dice, shutter_s: f32) -> Vec<[f32; 3]> {
    let turning = dice.between([0.3, 2.2]) * (shutter_s / 0.1).sqrt().clamp(0.3, 2.5);
    let per_step = turning / (FINE as f32).sqrt();
    let pull = dice.unit() * 2.0 / FINE as f32;
    let jerk = (dice.between([1.0, 6.0]) * shutter_s).min(2.5) / FINE as f32;
    let mut heading = dice.between([0.0, std::f32::consts::TAU]);
    let (mut x, mut y, mut speed) = (0.0f32, 0.0f32, 1.0f32);
    let mut path = Vec::with_capacity(FINE);
    for _ in 0..FINE {
        path.push([x, y, 0.0]);
        heading += per_step * dice.normal();
        speed = (speed * (0.06 * dice.normal()).exp()).clamp(0.3, 3.0);
        if dice.chance(jerk) {
            heading += std::f32::consts::PI + dice.between([-1.0, 1.0]);
            speed = (speed * 2.0).min(3.0);
        }
        let (sin, cos) = heading.sin_cos();
        x += speed * cos - pull * x;
        y += speed * sin - pull * y;
    }
    let size = extent(&path);
    let (frequency, phase) = (dice.between([8.0, 12.0]), dice.between([0.0, 1.0]));
    let amplitude = size * dice.between([0.0, 0.12]);
    let (sin, cos) = dice.between([0.0, std::f32::consts::TAU]).sin_cos();
    for (i, point) in path.iter_mut().enumerate() {
        let time = shutter_s * i as f32 / FINE as f32;
        let tremor = amplitude * (std::f32::consts::TAU * (frequency * time + phase)).sin();
        point[0] += tremor * cos;
        point[1] += tremor * sin;
    }
    path
}

/// A smooth random motion of the roll angle with total range 1.
fn wander(dice: &mut Dice, shutter_s: f32) -> Vec<f32> {
    let turns = dice.between([0.5, 2.0]) * (shutter_s / 0.1).sqrt().clamp(0.4, 2.0);
    let (phase, drift) = (dice.between([0.0, 6.3]), dice.between([-2.0, 2.0]));
    let mut roll: Vec<f32> = (0..FINE)
        .map(|i| {
            let time = i as f32 / FINE as f32;
            drift * time + (std::f32::consts::PI * turns * time + phase).sin()
        })
        .collect();
    let (low, high) =
        roll.iter().fold((f32::MAX, f32::MIN), |(low, high), &v| (low.min(v), high.max(v)));
    let range = (high - low).max(1e-6);
    roll.iter_mut().for_each(|v| *v /= range);
    roll
}

/// Largest distance between two places.
fn extent(path: &[[f32; 3]]) -> f32 {
    let mut farthest = 0.0f32;
    for (i, a) in path.iter().enumerate() {
        for b in &path[i + 1..] {
            farthest = farthest.max((a[0] - b[0]).powi(2) + (a[1] - b[1]).powi(2));
        }
    }
    farthest.sqrt()
}

/// Main axis of a centred path in degrees.
fn direction(path: &[[f32; 3]]) -> f32 {
    let [mut xx, mut xy, mut yy] = [0.0f32; 3];
    for [x, y, _] in path {
        xx += x * x;
        xy += x * y;
        yy += y * y;
    }
    (0.5 * (2.0 * xy).atan2(xx - yy)).to_degrees()
}

fn remove_mean(path: &mut [[f32; 3]]) {
    for axis in 0..3 {
        let sum: f64 = path.iter().map(|p| f64::from(p[axis])).sum();
        let mean = (sum / path.len() as f64) as f32;
        path.iter_mut().for_each(|p| p[axis] -= mean);
    }
}

/// The path at the middles of `steps` equal intervals of time.
fn at_equal_times(fine: &[[f32; 3]], steps: usize) -> Vec<[f32; 3]> {
    (0..steps)
        .map(|step| {
            let time = (step as f32 + 0.5) / steps as f32 * (fine.len() - 1) as f32;
            let i = (time as usize).min(fine.len() - 2);
            let share = time - i as f32;
            std::array::from_fn(|axis| fine[i][axis] + share * (fine[i + 1][axis] - fine[i][axis]))
        })
        .collect()
}
