//! How the virtual camera is turned: pans that stop and return, a shaking hand, a slow zoom.

use std::f32::consts::TAU;

use super::PanOptions;
use super::scene::Rotation;
use crate::degrade::random::{Dice, Step};

/// Where the camera looks at one moment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pose {
    pub(super) rotation: Rotation,
    /// Tangent of half the horizontal field of view.
    pub(super) half: f32,
}

impl Pose {
    /// The direction in the world of a point of the picture, in pixels from its upper left corner.
    pub(super) fn direction(&self, [x, y]: [f32; 2], [width, height]: [f32; 2]) -> [f32; 3] {
        let scale = 2.0 * self.half / width;
        self.rotation.apply([(x - 0.5 * width) * scale, (y - 0.5 * height) * scale, 1.0])
    }

    /// Where a direction is seen; none behind the camera.
    pub(super) fn project(
        &self,
        direction: [f32; 3],
        [width, height]: [f32; 2],
    ) -> Option<[f32; 2]> {
        let [x, y, z] = self.rotation.inverse().apply(direction);
        let scale = 0.5 * width / self.half;
        (z > 1e-4).then(|| [x / z * scale + 0.5 * width, y / z * scale + 0.5 * height])
    }
}

/// Yaw, pitch, roll and zoom of every frame.
#[derive(Debug, Clone)]
pub(super) struct Path {
    poses: Vec<[f32; 4]>,
}

/// Frames a second.
const RATE: f32 = 30.0;

impl Path {
    pub(super) fn draw(seed: u64, options: &PanOptions) -> Self {
        let mut dice = Dice::new(seed, Step::Path, 0);
        let field = dice.between(options.field_deg).to_radians();
        let half = (0.5 * field).tan();
        let fastest = options.fastest_deg.to_radians() / RATE;
        let count = options.frames.max(1);
        let (start, level) = (dice.between([0.0, TAU]), dice.between([-0.3, 0.3]));
        let mut yaw = wander(&mut dice, count, fastest);
        let mut pitch = wander(&mut dice, count, 0.3 * fastest);
        if dice.chance(options.return_share) {
            come_back(&mut yaw);
            come_back(&mut pitch);
        }
        let strength = dice.log_between([0.02, 0.3]).to_radians();
        let shake = [0, 1, 2].map(|_| tremble(&mut dice, count, strength));
        let (zoom, phase) = (dice.between([0.0, 0.1]), dice.between([0.0, TAU]));
        let pose = |i: usize| {
            let pitch = level + pitch[i];
            let turned = 0.55 * (pitch / 0.55).tanh();
            let turn = zoom * (phase + TAU * i as f32 / count as f32).sin();
            [start + yaw[i] + shake[0][i], turned + shake[1][i], shake[2][i], half * (1.0 + turn)]
        };
        Self { poses: (0..count).map(pose).collect() }
    }

    /// The pose at `time`, in frames; between frames in a straight line.
    pub(super) fn pose(&self, time: f32) -> Pose {
        let last = self.poses.len() - 1;
        let time = time.clamp(0.0, last as f32);
        let (first, share) = (time as usize, time.fract());
        let (a, b) = (self.poses[first], self.poses[(first + 1).min(last)]);
        let [yaw, pitch, roll, half] = [0, 1, 2, 3].map(|i| a[i] + (b[i] - a[i]) * share);
        Pose { rotation: Rotation::of(yaw, pitch, roll), half }
    }
}

/// A velocity that forgets itself (Ornstein and Uhlenbeck 1930), with stops, summed up.
fn wander(dice: &mut Dice, count: usize, fastest: f32) -> Vec<f32> {
    let memory = dice.between([10.0, 40.0]);
    let usual = fastest * dice.between([0.15, 0.6]);
    let mut speed = usual * dice.normal();
    let (mut place, mut stopped) = (0.0, 0_usize);
    let mut places = Vec::with_capacity(count);
    for _ in 0..count {
        places.push(place);
        speed += -speed / memory + usual * (2.0 / memory).sqrt() * dice.normal();
        speed = speed.clamp(-fastest, fastest);
        if stopped == 0 && dice.chance(0.015) {
            stopped = dice.between([5.0, 20.0]) as usize;
        }
        stopped = stopped.saturating_sub(1);
        place += if stopped > 0 { 0.0 } else { speed };
    }
    places
}

/// Bends a way so that it ends where it began.
fn come_back(places: &mut [f32]) {
    let (Some(&end), last) = (places.last(), places.len().max(2) - 1) else { return };
    for (i, place) in places.iter_mut().enumerate() {
        *place -= end * i as f32 / last as f32;
    }
}

/// Noise whose power falls with its frequency: octaves that forget ever more slowly.
fn tremble(dice: &mut Dice, count: usize, strength: f32) -> Vec<f32> {
    let mut octaves = [0.0_f32; 4];
    let step = |_| {
        for (i, octave) in octaves.iter_mut().enumerate() {
            let memory = (1 << i) as f32 * 2.0;
            let kept = (-1.0 / memory).exp();
            *octave = kept * *octave + (1.0 - kept * kept).sqrt() * dice.normal();
        }
        0.5 * strength * octaves.iter().sum::<f32>()
    };
    (0..count).map(step).collect()
}
