//! Uneven light: full in one part of the scene, little in another, smooth between.

use super::random::{Dice, Step};
use crate::{Image, Linear, Size};

/// Light that a scene lacks in places.
#[derive(Debug, Clone, PartialEq)]
pub struct UnevenLight {
    field: Field,
    /// Stops that lack where it is darkest.
    pub deepest_ev: f32,
}

/// Where light lacks, as shares 0 to 1 of the deepest lack over a picture 1 wide and 1 high.
#[derive(Debug, Clone, PartialEq)]
enum Field {
    /// Dark on one side of a line.
    Ramp { across: [f32; 2], middle: f32, width: f32 },
    /// Bright within a pool of light, or dark within a shadow.
    Pool { centre: [f32; 2], radius: f32, width: f32, shadow: bool },
    /// Dark where the scene itself is dark, as against a bright window or sky.
    Backlight { middle: f32, width: f32 },
}

/// Least and largest mean share of the lack over the picture.
const COVERED: [f32; 2] = [0.25, 0.8];
/// Cells of the picture's own brightness, each way.
const CELLS: usize = 6;

impl UnevenLight {
    /// Draws a field that darkens a part of `scene`, but not all of it, by `deepest_ev` stops at
    /// most; every draw follows from `seed`.
    pub fn sample(seed: u64, scene: &Image<Linear>, deepest_ev: [f32; 2]) -> Self {
        let mut dice = Dice::new(seed, Step::Uneven, 0);
        let deepest_ev = dice.between(deepest_ev);
        let mut light = Self { field: Field::draw(&mut dice), deepest_ev };
        for _ in 0..16 {
            let shares = light.shares(scene);
            let mean = shares.iter().sum::<f32>() / shares.len().max(1) as f32;
            if (COVERED[0]..=COVERED[1]).contains(&mean) {
                break;
            }
            light.field = Field::draw(&mut dice);
        }
        light
    }

    /// The scene in this light: every pixel divided by 2 to the stops that lack there.
    #[must_use]
    pub fn apply(&self, scene: &Image<Linear>) -> Image<Linear> {
        let mut lit = scene.clone();
        let factors: Vec<f32> =
            self.shares(scene).iter().map(|share| (-share * self.deepest_ev).exp2()).collect();
        for c in 0..3 {
            lit.channel_mut(c).iter_mut().zip(&factors).for_each(|(v, factor)| *v *= factor);
        }
        lit
    }

    /// The share of the deepest lack at each pixel.
    fn shares(&self, scene: &Image<Linear>) -> Vec<f32> {
        let Size { width, height } = scene.size();
        let grid = Grid::of(scene);
        let one = |i: usize| {
            let x = ((i % width) as f32 + 0.5) / width as f32;
            let y = ((i / width) as f32 + 0.5) / height as f32;
            self.field.share(x, y, &grid)
        };
        (0..width * height).map(one).collect()
    }
}

impl Field {
    fn draw(dice: &mut Dice) -> Self {
        let width = dice.between([0.15, 0.7]);
        match (dice.unit() * 3.0) as usize {
            0 => {
                let (sin, cos) = (std::f32::consts::TAU * dice.unit()).sin_cos();
                Self::Ramp { across: [cos, sin], middle: dice.between([-0.25, 0.25]), width }
            }
            1 => Self::Pool {
                centre: [dice.between([0.1, 0.9]), dice.between([0.1, 0.9])],
                radius: dice.between([0.2, 0.6]),
                width,
                shadow: dice.chance(0.4),
            },
            _ => Self::Backlight { middle: dice.between([0.3, 0.6]), width },
        }
    }

    fn share(&self, x: f32, y: f32, grid: &Grid) -> f32 {
        match *self {
            Self::Ramp { across: [a, b], middle, width } => {
                rise((a * (x - 0.5) + b * (y - 0.5) - middle) / width)
            }
            Self::Pool { centre, radius, width, shadow } => {
                let outside = rise((f32::hypot(x - centre[0], y - centre[1]) - radius) / width);
                if shadow { 1.0 - outside } else { outside }
            }
            Self::Backlight { middle, width } => rise((middle - grid.at(x, y)) / width),
        }
    }
}

/// From 0 at −½ to 1 at ½, smoothly.
fn rise(x: f32) -> f32 {
    let t = (x + 0.5).clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}

/// The brightness of a scene in few cells, 0 the darkest, 1 the brightest.
struct Grid([f32; CELLS * CELLS]);

impl Grid {
    fn of(scene: &Image<Linear>) -> Self {
        let Size { width, height } = scene.size();
        let (mut sums, mut counts) = ([0.0_f32; CELLS * CELLS], [0.0_f32; CELLS * CELLS]);
        for (i, green) in scene.channel(1).iter().enumerate() {
            let cell = i / width * CELLS / height * CELLS + i % width * CELLS / width;
            sums[cell] += green.clamp(0.0, 1.0).sqrt();
            counts[cell] += 1.0;
        }
        let mut means = sums;
        means.iter_mut().zip(counts).for_each(|(mean, count)| *mean /= count.max(1.0));
        let least = means.iter().copied().fold(f32::INFINITY, f32::min);
        let most = means.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        means.iter_mut().for_each(|mean| *mean = (*mean - least) / (most - least).max(1e-6));
        Self(means)
    }

    /// Between the cells' centres, bilinear.
    fn at(&self, x: f32, y: f32) -> f32 {
        let place = |v: f32| (v * CELLS as f32 - 0.5).clamp(0.0, (CELLS - 1) as f32);
        let (x, y) = (place(x), place(y));
        let (left, top) = (x as usize, y as usize);
        let (right, bottom) = ((left + 1).min(CELLS - 1), (top + 1).min(CELLS - 1));
        let cell = |row: usize, column: usize| self.0[row * CELLS + column];
        let (across, down) = (x - left as f32, y - top as f32);
        let row = |row| cell(row, left) * (1.0 - across) + cell(row, right) * across;
        row(top) * (1.0 - down) + row(bottom) * down
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_stays_bright_and_a_part_gets_dark() {
        let scene =
            Image::<Linear>::from_fn(Size::new(60, 40), |x, y| [0.2 + (x + y) as f32 / 200.0; 3]);
        for seed in 0..60 {
            let light = UnevenLight::sample(seed, &scene, [2.0, 4.0]);
            assert_eq!(light, UnevenLight::sample(seed, &scene, [2.0, 4.0]));
            let lit = light.apply(&scene);
            let stops: Vec<f32> =
                lit.channel(0).iter().zip(scene.channel(0)).map(|(a, b)| (b / a).log2()).collect();
            let share = |kept: &dyn Fn(f32) -> bool| {
                stops.iter().filter(|stops| kept(**stops)).count() as f32 / stops.len() as f32
            };
            let deep = light.deepest_ev;
            assert!(stops.iter().all(|s| (-1e-3..=deep + 1e-3).contains(s)), "{light:?}");
            assert!(share(&|s| s < 0.5 * deep) > 0.1, "{light:?} is dark all over");
            assert!(share(&|s| s > 0.5 * deep) > 0.1, "{light:?} is dark nowhere");
        }
    }
}
