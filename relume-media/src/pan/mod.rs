//! Pans: clips of a virtual camera that turns in a scene, with everything known that a real clip hides:
//! the light above the clip level, the exposure, and where every pixel is seen in every other frame.
//!
//! ```text
//! path (yaw, pitch, shake, zoom) ─► light of every frame ─► auto-exposure ─► noise, clipping, 8 bit
//! ```
//!
//! The camera only turns, so two frames differ by a rotation and their motion is exact; things that move
//! in front have their own. The same seed and scene give the same clip.

mod formation;
mod metering;
mod path;
mod procedural;
mod scene;
mod strata;

use serde::{Deserialize, Serialize};

use formation::Formation;
use metering::Metering;
use path::Path;
pub use scene::Scene;
use scene::{Rotation, Thing};
pub use strata::Recoverability;

use crate::degrade::random::{Dice, Step};
use crate::{Image, Linear, Plane, Result, Size, Srgb};

/// What pans are like.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PanOptions {
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// Frames.
    pub frames: usize,
    /// Horizontal field of view in degrees, from and to.
    pub field_deg: [f32; 2],
    /// Fastest turn in degrees a second, at 30 frames a second.
    pub fastest_deg: f32,
    /// Share of clips that end where they began.
    pub return_share: f32,
    /// Share of clips in which things move in front.
    pub thing_share: f32,
    /// Share of clips whose light jumps by 2 to 4 stops.
    pub jump_share: f32,
    /// Frames until the exposure answers, 1 to 3; random if left out.
    pub delay: Option<usize>,
    /// Whether the exposure is locked; one in ten if left out.
    pub locked: Option<bool>,
    /// Whether there is sensor noise.
    pub noise: bool,
    /// Share of cameras whose curve is not sRGB.
    pub curve_share: f32,
    /// Share of clips compressed as JPEG.
    pub jpeg_share: f32,
    /// Stops on top of what the camera finds right.
    pub push: f32,
}

impl Default for PanOptions {
    fn default() -> Self {
        Self {
            width: 640,
            height: 384,
            frames: 60,
            field_deg: [35.0, 75.0],
            fastest_deg: 60.0,
            return_share: 0.5,
            thing_share: 0.3,
            jump_share: 0.05,
            delay: None,
            locked: None,
            noise: true,
            curve_share: 0.7,
            jpeg_share: 0.5,
            push: 0.0,
        }
    }
}

/// One clip.
#[derive(Debug, Clone)]
pub struct Pan<'a> {
    scene: &'a Scene,
    size: Size,
    frames: usize,
    path: Path,
    things: Vec<Thing>,
    /// Stops of light on top of the scene's, for each frame.
    jump: Vec<f32>,
    exposures: Vec<f32>,
    formation: Formation,
}

/// One frame: what the camera wrote, and the light it stood for.
#[derive(Debug, Clone)]
pub struct PanFrame {
    /// 8-bit display light.
    pub picture: Image<Srgb>,
    /// Linear light in the frame's exposure; the clip level is 1.
    pub truth: Image<Linear>,
}

/// Where every pixel of a frame is in another one.
#[derive(Debug, Clone)]
pub struct PanMotion {
    /// Pixels to the right.
    pub right: Plane,
    /// Pixels down.
    pub down: Plane,
    /// 1 where it is seen there, 0 where it is hidden or outside.
    pub visible: Plane,
}

/// Columns of the small frames that are metered.
const METERED: usize = 32;
/// Largest blur in pixels for each moment that is averaged.
const BLUR_STEP: f32 = 1.5;

impl<'a> Pan<'a> {
    /// The clip of `seed`, whatever it shows.
    pub fn new(seed: u64, scene: &'a Scene, options: &PanOptions) -> Self {
        let size = Size::new(options.width.max(8), options.height.max(8));
        let frames = options.frames.max(1);
        let mut dice = Dice::new(seed, Step::Things, 0);
        let some = dice.chance(options.thing_share);
        let count = if some { 1 + (3.0 * dice.unit()) as usize } else { 0 };
        let mut pan = Self {
            scene,
            size,
            frames,
            path: Path::draw(seed, options),
            things: Vec::new(),
            jump: vec![0.0; frames],
            exposures: Vec::new(),
            formation: Formation::draw(seed, options),
        };
        pan.things = (0..count).map(|_| pan.thing(&mut dice)).collect();
        if dice.chance(options.jump_share) {
            let stops = dice.between([2.0, 4.0]) * if dice.chance(0.5) { 1.0 } else { -1.0 };
            let from = (dice.between([0.2, 0.8]) * frames as f32) as usize;
            pan.jump[from..].iter_mut().for_each(|jump| *jump = stops);
        }
        let rows = (METERED * size.height / size.width).max(4);
        let luminance: Vec<Vec<f32>> =
            (0..frames).map(|t| pan.small(t, Size::new(METERED, rows))).collect();
        let metering = Metering::draw(seed, options.delay, options.locked);
        pan.exposures = metering.follow(&luminance, METERED);
        pan.exposures.iter_mut().for_each(|exposure| *exposure += options.push);
        pan
    }

    /// Something that crosses the view in the middle of the clip.
    fn thing(&self, dice: &mut Dice) -> Thing {
        let time = dice.unit() * self.frames as f32;
        let (yaw, pitch) = scene::angles(self.path.pose(time).rotation.apply([0.0, 0.0, 1.0]));
        let speed = [0.012, 0.004, 0.01].map(|most| most * dice.normal());
        let place = [yaw + 0.2 * dice.normal(), pitch + 0.15 * dice.normal(), 0.3 * dice.normal()];
        Thing {
            place: [0, 1, 2].map(|i| place[i] - time * speed[i]),
            speed,
            radii: [dice.between([0.04, 0.16]), dice.between([0.06, 0.2])],
            boxy: dice.between([2.0, 6.0]),
            texture: Rotation::of(
                dice.between([0.0, std::f32::consts::TAU]),
                dice.between([-0.3, 0.3]),
                0.0,
            ),
            gain: dice.log_between([0.3, 2.0]),
        }
    }

    /// Number of frames.
    pub fn len(&self) -> usize {
        self.frames
    }

    /// Whether there are none, which never happens.
    pub fn is_empty(&self) -> bool {
        self.frames == 0
    }

    /// Width and height.
    pub fn size(&self) -> Size {
        self.size
    }

    /// Exposure of frame `t` in stops; only differences matter.
    pub fn exposure(&self, t: usize) -> f32 {
        self.exposures[t]
    }

    /// The thing in front in a direction at `time`, and the direction in its coordinates.
    fn front(&self, direction: [f32; 3], time: f32) -> Option<(usize, [f32; 3])> {
        self.things.iter().enumerate().find_map(|(i, thing)| {
            let own = thing.rotation(time).inverse().apply(direction);
            thing.covers(own).then_some((i, own))
        })
    }

    fn light(&self, direction: [f32; 3], time: f32) -> [f32; 3] {
        match self.front(direction, time) {
            None => self.scene.look(direction),
            Some((i, own)) => {
                let thing = &self.things[i];
                self.scene.look(thing.texture.apply(own)).map(|v| v * thing.gain)
            }
        }
    }

    /// Luminance of frame `t`, without blur, row by row.
    fn small(&self, t: usize, size: Size) -> Vec<f32> {
        let pose = self.path.pose(t as f32);
        let sides = [size.width as f32, size.height as f32];
        let bright = self.jump[t].exp2();
        (0..size.pixels())
            .map(|i| {
                let at = [(i % size.width) as f32 + 0.5, (i / size.width) as f32 + 0.5];
                bright * crate::light::luma(self.light(pose.direction(at, sides), t as f32))
            })
            .collect()
    }

    /// Linear light of frame `t` in its own exposure, blurred by the camera's motion.
    pub fn truth(&self, t: usize) -> Image<Linear> {
        let sides = [self.size.width as f32, self.size.height as f32];
        let time = t as f32;
        // Half of the time between two frames the shutter is open.
        let middle = self.path.pose(time).rotation.apply([0.0, 0.0, 1.0]);
        let moved = self.path.pose(time + 0.5).project(middle, sides);
        let moved = moved.map_or(0.0, |[x, y]| (x - 0.5 * sides[0]).hypot(y - 0.5 * sides[1]));
        let moments = ((moved / BLUR_STEP).ceil() as usize).clamp(4, 8);
        let poses: Vec<_> = (0..moments)
            .map(|i| {
                let later = 0.5 * ((i as f32 + 0.5) / moments as f32 - 0.5);
                // Each moment looks at another quarter of the pixel.
                let corner = [[0.25, 0.25], [0.75, 0.75], [0.75, 0.25], [0.25, 0.75]][i % 4];
                (self.path.pose(time + later), time + later, corner)
            })
            .collect();
        let gain = (self.exposures[t] + self.jump[t]).exp2() / moments as f32;
        Image::from_fn(self.size, |x, y| {
            let add = |sum: [f32; 3], (pose, time, corner): &(path::Pose, f32, [f32; 2])| {
                let at = [x as f32 + corner[0], y as f32 + corner[1]];
                let light = self.light(pose.direction(at, sides), *time);
                [0, 1, 2].map(|c| sum[c] + light[c])
            };
            poses.iter().fold([0.0; 3], add).map(|v| v * gain)
        })
    }

    /// Frame `t`.
    ///
    /// # Errors
    /// When the frame is larger than JPEG can hold.
    pub fn frame(&self, t: usize) -> Result<PanFrame> {
        let truth = self.truth(t);
        Ok(PanFrame { picture: self.formation.write(&truth, t)?, truth })
    }

    /// Where the pixels of frame `from` are in frame `to`.
    pub fn motion(&self, from: usize, to: usize) -> PanMotion {
        let mut motion = PanMotion {
            right: Plane::filled(self.size, 0.0),
            down: Plane::filled(self.size, 0.0),
            visible: Plane::filled(self.size, 0.0),
        };
        let Size { width, height } = self.size;
        for i in 0..width * height {
            let at = [(i % width) as f32 + 0.5, (i / width) as f32 + 0.5];
            if let Some((there, visible)) = self.find(at, [width as f32, height as f32], (from, to))
            {
                motion.right.values[i] = there[0] - at[0];
                motion.down.values[i] = there[1] - at[1];
                motion.visible.values[i] = f32::from(u8::from(visible));
            }
        }
        motion
    }

    /// Where a point of frame `from`, in pixels of a picture with these sides, lies in frame `to`, and
    /// whether it is seen there; nothing if it is behind the camera.
    fn find(
        &self,
        at: [f32; 2],
        sides: [f32; 2],
        (from, to): (usize, usize),
    ) -> Option<([f32; 2], bool)> {
        let direction = self.path.pose(from as f32).direction(at, sides);
        let front = self.front(direction, from as f32);
        let later = match front {
            None => direction,
            Some((i, own)) => self.things[i].rotation(to as f32).apply(own),
        };
        let there = self.path.pose(to as f32).project(later, sides)?;
        let inside = (0..2).all(|axis| (0.49..=sides[axis] - 0.49).contains(&there[axis]));
        let hidden = self.front(later, to as f32).map(|(i, _)| i) != front.map(|(i, _)| i);
        Some((there, inside && !hidden))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn small() -> PanOptions {
        PanOptions { width: 64, height: 40, frames: 12, curve_share: 0.0, ..PanOptions::default() }
    }

    #[test]
    fn a_seed_is_a_clip() {
        let scene = Scene::procedural(4);
        let (a, b) = (Pan::new(7, &scene, &small()), Pan::new(7, &scene, &small()));
        assert_eq!(a.frame(5).unwrap().picture, b.frame(5).unwrap().picture);
        assert_ne!(
            a.frame(5).unwrap().picture,
            Pan::new(8, &scene, &small()).frame(5).unwrap().picture
        );
    }

    #[test]
    fn motion_leads_to_the_same_light() {
        let scene = Scene::procedural(2);
        let options = PanOptions { thing_share: 1.0, jump_share: 0.0, fastest_deg: 6.0, ..small() };
        let (mut good, mut all) = (0, 0);
        for seed in 0..6 {
            let pan = Pan::new(seed, &scene, &options);
            let (from, to) = (8, 3);
            let (here, there) = (pan.truth(from), pan.truth(to));
            let motion = pan.motion(from, to);
            let scale = (pan.exposure(from) - pan.exposure(to)).exp2();
            for i in 0..64 * 40 {
                if motion.visible.values[i] < 0.5 {
                    continue;
                }
                let x = (i % 64) as f32 + motion.right.values[i];
                let y = (i / 64) as f32 + motion.down.values[i];
                let found = there.get(x.round() as usize, y.round() as usize)[1] * scale;
                let wanted = here.get(i % 64, i / 64)[1];
                good += usize::from((found / wanted).log2().abs() < 0.5);
                all += 1;
            }
        }
        assert!(all > 3000 && good * 10 > 8 * all, "{good} of {all}");
    }

    #[test]
    fn nothing_moves_to_itself() {
        let scene = Scene::procedural(2);
        let pan = Pan::new(3, &scene, &small());
        let motion = pan.motion(4, 4);
        assert!(motion.right.values.iter().chain(&motion.down.values).all(|v| v.abs() < 1e-2));
        assert!(motion.visible.values.iter().all(|v| *v > 0.5));
    }

    #[test]
    fn half_of_the_clips_come_back() {
        let scene = Scene::procedural(1);
        let options = PanOptions { return_share: 1.0, thing_share: 0.0, ..small() };
        let motion = Pan::new(11, &scene, &options).motion(0, 11);
        // What is left is the shake of the hand.
        assert!(motion.right.values[64 * 20 + 32].abs() < 4.0);
    }
}
