//! Rooms and places drawn from a seed: walls, windows with a bright outside, lamps.

use std::f32::consts::{FRAC_PI_2, PI, TAU};

use super::scene::Scene;
use crate::degrade::random::{Dice, Step};
use crate::{Image, Size};

/// Pixels of a drawn panorama.
const SIZE: Size = Size { width: 768, height: 384 };

/// A window: middle and half sides in radians, panes, and how bright it is outside, in stops.
struct Window {
    middle: [f32; 2],
    half: [f32; 2],
    panes: f32,
    stops: f32,
    seed: u32,
}

/// A lamp: direction, radius in radians, light.
struct Lamp {
    middle: [f32; 2],
    radius: f32,
    light: [f32; 3],
}

impl Scene {
    /// A room drawn from `seed`, 768 × 384 pixels all round.
    pub fn procedural(seed: u64) -> Self {
        let mut dice = Dice::new(seed, Step::Scene, 0);
        let key = (seed as u32).wrapping_mul(0x9E37_79B9) ^ (seed >> 32) as u32;
        let mut color = |low: f32, high: f32| [0, 1, 2].map(|_| dice.between([low, high]));
        let (wall, floor, ceiling) = (color(0.1, 0.6), color(0.03, 0.3), color(0.3, 0.8));
        let windows: Vec<Window> = (0..3 + (5.0 * dice.unit()) as usize)
            .map(|i| Window {
                middle: [dice.between([-PI, PI]), dice.between([-0.1, 0.35])],
                half: [dice.between([0.1, 0.4]), dice.between([0.12, 0.35])],
                panes: dice.between([0.1, 0.3]),
                stops: dice.between([2.0, 5.5]),
                seed: key.wrapping_add(31 * (i as u32 + 1)),
            })
            .collect();
        let lamps: Vec<Lamp> = (0..(6.0 * dice.unit()) as usize)
            .map(|_| {
                let power = dice.log_between([8.0, 120.0]);
                let light = [1.0, dice.between([0.6, 1.0]), dice.between([0.3, 1.0])];
                Lamp {
                    middle: [dice.between([-PI, PI]), dice.between([-0.1, 0.8])],
                    radius: dice.log_between([0.01, 0.06]),
                    light: light.map(|v| v * power),
                }
            })
            .collect();
        let light = Image::from_fn(SIZE, |x, y| {
            let longitude = ((x as f32 + 0.5) / SIZE.width as f32 - 0.5) * TAU;
            let latitude = FRAC_PI_2 - (y as f32 + 0.5) / SIZE.height as f32 * PI;
            let here = [longitude, latitude];
            let mut light = walls(here, key, [wall, floor, ceiling]);
            for window in &windows {
                window.shine(here, &mut light);
            }
            for lamp in &lamps {
                let far = apart(here, lamp.middle) / lamp.radius;
                let glow = if far < 1.0 { 1.0 } else { 0.02 * (-0.3 * (far - 1.0)).exp() };
                light = [0, 1, 2].map(|c| light[c] + glow * lamp.light[c]);
            }
            light
        });
        Self::new(light, TAU)
    }
}

/// Radians between two directions near each other.
fn apart(a: [f32; 2], b: [f32; 2]) -> f32 {
    let turn = (a[0] - b[0] + PI).rem_euclid(TAU) - PI;
    (turn * a[1].cos()).hypot(a[1] - b[1])
}

/// Plaster, boards and shelves.
fn walls(
    [longitude, latitude]: [f32; 2],
    key: u32,
    [wall, floor, ceiling]: [[f32; 3]; 3],
) -> [f32; 3] {
    let point =
        [longitude.sin() * latitude.cos(), latitude.sin(), longitude.cos() * latitude.cos()];
    let rough = noise(point.map(|v| 6.0 * v), key) + 0.6 * noise(point.map(|v| 25.0 * v), key ^ 5);
    let base = match latitude {
        l if l < -0.45 => floor,
        l if l > 0.7 => ceiling,
        _ => wall,
    };
    let boards = ((longitude * 9.0).sin() * (latitude * 14.0).sin()).signum();
    let marks = if latitude < 0.2 { 1.0 + 0.3 * boards } else { 1.0 };
    base.map(|v| v * marks * (0.25 + 0.9 * rough).max(0.02))
}

impl Window {
    fn shine(&self, [longitude, latitude]: [f32; 2], light: &mut [f32; 3]) {
        let turn = (longitude - self.middle[0] + PI).rem_euclid(TAU) - PI;
        let (x, y) = (turn / self.half[0], (latitude - self.middle[1]) / self.half[1]);
        if x.abs() > 1.0 || y.abs() > 1.0 {
            return;
        }
        let bar = |v: f32| ((v + 1.0) / (2.0 * self.panes)).fract() < 0.09;
        if x.abs() > 0.95 || y.abs() > 0.95 || bar(x) || bar(y) {
            *light = [0.25; 3];
            return;
        }
        let fine = noise([9.0 * turn, 9.0 * latitude, 0.5], self.seed);
        let finer = noise([40.0 * turn, 40.0 * latitude, 0.5], self.seed ^ 9);
        let ridge = 0.1 + 0.5 * noise([5.0 * turn, 0.3, 0.1], self.seed ^ 3) - 0.25;
        let outside = if y < 2.0 * ridge {
            [0.35, 0.45, 0.25].map(|v| v * (0.2 + fine) * (0.4 + finer))
        } else {
            let cloud = (1.6 * fine - 0.4).clamp(0.0, 1.0);
            [0.7 + cloud, 0.85 + cloud, 1.2 + cloud].map(|v| v * (0.9 + 0.2 * finer))
        };
        *light = outside.map(|v| v * self.stops.exp2() * 0.4);
    }
}

/// Smooth noise from 0 to 1 with two octaves.
fn noise(point: [f32; 3], key: u32) -> f32 {
    let octave = |scale: f32, key: u32| {
        let p = point.map(|v| v * scale);
        let cell = p.map(f32::floor);
        let share = [0, 1, 2].map(|i| {
            let t = p[i] - cell[i];
            t * t * (3.0 - 2.0 * t)
        });
        (0..8_u32).fold(0.0, |sum, corner| {
            let bit = |i: usize| (corner >> i & 1) as f32;
            let weight: f32 =
                (0..3).map(|i| if bit(i) > 0.5 { share[i] } else { 1.0 - share[i] }).product();
            let at = [0, 1, 2].map(|i| (cell[i] + bit(i)) as i32 as u32);
            sum + weight * hash(at, key)
        })
    };
    (0.67 * octave(1.0, key) + 0.33 * octave(2.3, key ^ 77)).clamp(0.0, 1.0)
}

fn hash([x, y, z]: [u32; 3], key: u32) -> f32 {
    let mut h = key
        ^ x.wrapping_mul(0x8DA6_B343)
        ^ y.wrapping_mul(0xD816_3841)
        ^ z.wrapping_mul(0xCB1A_B31F);
    h = (h ^ (h >> 15)).wrapping_mul(0x2C1B_3C6D);
    h = (h ^ (h >> 12)).wrapping_mul(0x297A_2D39);
    (h ^ (h >> 15)) as f32 / u32::MAX as f32
}
