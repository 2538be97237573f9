//! Scenes that no training saw, and pans in them.

use std::path::Path;

use relume_media::pan::{PanOptions, Scene};
use relume_media::{Limits, Photo};

use crate::Failure;

/// Panoramas that the recipe leaves out.
const HELD_OUT: [&str; 3] = ["venice_sunset_1k.hdr", "lab_512.hdr", "st_fagans_interior_1k.hdr"];
/// Panoramas that the recipe shows.
const SHOWN: [&str; 5] = [
    "adams_place_bridge_1k.hdr",
    "dikhololo_night_1k.hdr",
    "esplanade_512.hdr",
    "hall_512.hdr",
    "sunrise_512.hdr",
];
/// Radians that a picture spans that is no panorama.
const SPAN: f32 = 1.4;

/// A pan to be: its name, scene and seed.
pub(crate) struct Clip {
    pub(crate) name: String,
    pub(crate) scene: Scene,
    pub(crate) seed: u64,
}

/// Of every panorama so many pans, and as many in procedural rooms as in all panoramas together;
/// `held_out` or those of training.
pub(crate) fn clips(data: &Path, each: u64, held_out: bool) -> Result<Vec<Clip>, Failure> {
    let names: &[&str] = if held_out { &HELD_OUT } else { &SHOWN };
    let first = if held_out { 1000 } else { 50_000 };
    let mut clips = Vec::new();
    for name in names {
        let path = data.join("hdr").join(name);
        let scene = Scene::new(Photo::load(&path, &Limits::default())?.to_linear(), SPAN);
        for i in 0..each {
            let (name, scene) = (name.to_string(), scene.clone());
            clips.push(Clip { name, scene, seed: first + 17 * i });
        }
    }
    for i in 0..each * names.len() as u64 {
        // Rooms of training are drawn from all 64-bit numbers; these are below 10,000 or far above.
        let number = if held_out { i } else { 1_000_000 + i };
        let name = format!("room {number}");
        clips.push(Clip { name, scene: Scene::procedural(number), seed: first + i });
    }
    Ok(clips)
}

/// A camera that turns fast enough to meet windows in 48 frames, with the curve of sRGB.
pub(crate) fn camera() -> PanOptions {
    PanOptions {
        width: 256,
        height: 128,
        frames: 48,
        field_deg: [40.0, 70.0],
        fastest_deg: 120.0,
        curve_share: 0.0,
        ..PanOptions::default()
    }
}

/// The same with changes: `curves=SHARE` of cameras whose curve is another, `delay=FRAMES` until the
/// exposure answers, or `delay=locked`.
pub(crate) fn camera_of(changes: &[&str]) -> Result<PanOptions, Failure> {
    let mut camera = camera();
    for change in changes {
        match change.split_once('=') {
            Some(("curves", share)) => camera.curve_share = share.parse()?,
            Some(("delay", "locked")) => camera.locked = Some(true),
            Some(("delay", frames)) => {
                (camera.locked, camera.delay) = (Some(false), Some(frames.parse()?));
            }
            _ => return Err(format!("{change}: give curves=SHARE or delay=FRAMES").into()),
        }
    }
    Ok(camera)
}
