//! Reward tables of pans: those to train a selector with, and those to test it on.

use std::path::Path;

use relume::overexposed::{OxNet, Table};
use relume_media::pan::Pan;

use crate::Failure;
use crate::pans::{camera, clips};

/// Frames between two that are in the table: 24 of 48.
const STEP: usize = 2;

pub(crate) fn run(net: &OxNet, data: &Path, out: &Path) -> Result<(), Failure> {
    for (part, each, held_out) in [("test", 4, true), ("train", 6, false)] {
        let folder = out.join(part);
        std::fs::create_dir_all(&folder)?;
        for (number, clip) in clips(data, each, held_out)?.iter().enumerate() {
            let path = folder.join(format!("{number:03}.safetensors"));
            if path.exists() {
                continue;
            }
            let options = camera(0.0);
            let pan = Pan::sample(clip.seed, &clip.scene, &options);
            let table = Table::of(net, &pan, STEP)?;
            std::fs::write(&path, table.to_bytes()?)?;
            println!("{} {}: oracle {:.4}", path.display(), clip.name, table.oracle().reward);
        }
    }
    Ok(())
}
