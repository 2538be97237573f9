//! Clips of a virtual camera with auto-exposure: frames as a camera writes them, and the light that they
//! stood for.

use std::path::Path;

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use relume_media::atomic::{Overwrite, write_atomically};
use relume_media::pan::{Pan, PanOptions, Recoverability, Scene};
use relume_media::photo::SaveOptions;
use relume_media::{Photo, PhotoFormat, Progress};
use serde_json::json;

use super::{Made, RECORD};
use crate::datasets::{Dataset, Item};
use crate::{Error, Result};

/// Radians that a picture spans that is no panorama.
const SPAN: f32 = 1.4;

/// Writes so many clips of every scene of `set`: `frames/CLIP/000001.png`, linear light in each frame's
/// exposure as `truth/CLIP/000001.hdr`, and `clips/CLIP.json` with exposures and what is recoverable.
///
/// # Errors
/// When a scene cannot be read, a file cannot be written, or the caller cancels.
pub(super) fn make(
    set: &dyn Dataset,
    out: &Path,
    (options, clips, seed): (&PanOptions, usize, u64),
    progress: &Progress<'_>,
) -> Result<Made> {
    let mut made = Made::default();
    let all = (set.len() * clips).max(1);
    for index in 0..set.len() {
        let scene = match set.read(index) {
            Ok(Item::Scene(light)) => Scene::new(light, SPAN),
            Ok(Item::Sharp(picture)) => Scene::new(picture.to_linear(), SPAN),
            Ok(_) => {
                let message = "clips are made of scenes and clean pictures".to_owned();
                made.skipped.push((set.name(index), message));
                continue;
            }
            Err(error) => {
                made.skipped.push((set.name(index), error.to_string()));
                continue;
            }
        };
        for clip in 0..clips {
            progress.report((index * clips + clip) as f32 / all as f32)?;
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            rng.set_stream((index * clips + clip) as u64 + 1);
            let pan = Pan::sample(rng.random(), &scene, options);
            let name = format!("{:04}", index * clips + clip);
            write(&pan, out, &name, &set.name(index))?;
            made.pairs += 1;
        }
    }
    if made.pairs == 0 {
        let cause = made.skipped.first().map_or("the set is empty", |(_, cause)| cause);
        let message = format!("no clip could be made: {cause}");
        return Err(Error::Dataset { path: out.to_owned(), message });
    }
    let record = json!({
        "relume": env!("CARGO_PKG_VERSION"), "how": "autoexposure", "seed": seed,
        "clips": made.pairs, "options": options, "skipped": made.skipped,
    });
    let text = serde_json::to_string_pretty(&record).unwrap_or_default();
    write_atomically(&out.join(RECORD), text.as_bytes(), Overwrite::Never)?;
    Ok(made)
}

fn write(pan: &Pan<'_>, out: &Path, name: &str, scene: &str) -> Result<()> {
    let folders = ["frames", "truth", "clips"].map(|kind| match kind {
        "clips" => out.join(kind),
        _ => out.join(kind).join(name),
    });
    for folder in &folders {
        std::fs::create_dir_all(folder).map_err(Error::folder(folder))?;
    }
    let [frames, truths, clips] = &folders;
    (0..pan.len()).into_par_iter().try_for_each(|t| -> Result<()> {
        let frame = pan.frame(t)?;
        let options = SaveOptions::default();
        let picture = Photo::from_image(frame.picture).encode(PhotoFormat::Png, &options)?.0;
        let path = frames.join(format!("{:06}.png", t + 1));
        write_atomically(&path, &picture, Overwrite::Never)?;
        let truth = Photo::from_linear(&frame.truth).encode(PhotoFormat::RadianceHdr, &options)?.0;
        let path = truths.join(format!("{:06}.hdr", t + 1));
        write_atomically(&path, &truth, Overwrite::Never)?;
        Ok(())
    })?;
    let share = pan.recoverable();
    let stratum = match Recoverability::of(share) {
        Recoverability::High => "high",
        Recoverability::Middle => "middle",
        Recoverability::Low => "low",
    };
    let exposures: Vec<f32> = (0..pan.len()).map(|t| pan.exposure(t)).collect();
    let clipped: Vec<f32> = (0..pan.len()).map(|t| pan.clipped(t)).collect();
    let record = json!({
        "scene": scene, "exposure_ev": exposures, "clipped": clipped, "recoverable": share,
        "stratum": stratum,
    });
    let text = serde_json::to_string_pretty(&record).unwrap_or_default();
    write_atomically(&clips.join(format!("{name}.json")), text.as_bytes(), Overwrite::Never)?;
    Ok(())
}
