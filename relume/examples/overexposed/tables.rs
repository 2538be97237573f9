//! Reward tables of pans: those to train a selector with, and those to test it on.

use std::path::Path;

use rayon::prelude::*;
use relume::overexposed::{OxNet, Table};
use relume_media::pan::Pan;

use crate::Failure;
use crate::pans::{camera, clips};

/// Frames between two that are in the table: 16 of 48.
const STEP: usize = 3;

pub(crate) fn run(net: &OxNet, data: &Path, out: &Path) -> Result<(), Failure> {
    for (part, each, held_out) in [("test", 2, true), ("train", 2, false)] {
        let folder = out.join(part);
        std::fs::create_dir_all(&folder)?;
        let clips = clips(data, each, held_out)?;
        clips.par_iter().enumerate().try_for_each(|(number, clip)| -> Result<(), String> {
            let path = folder.join(format!("{number:03}.safetensors"));
            if path.exists() {
                return Ok(());
            }
            let camera = camera();
            let pan = Pan::sample(clip.seed, &clip.scene, &camera);
            let table = Table::of(net, &pan, STEP).map_err(|e| e.to_string())?;
            let bytes = table.to_bytes().map_err(|e| e.to_string())?;
            std::fs::write(&path, bytes).map_err(|e| e.to_string())?;
            println!("{} {}: oracle {:.4}", path.display(), clip.name, table.oracle().reward);
            Ok(())
        })?;
    }
    Ok(())
}
