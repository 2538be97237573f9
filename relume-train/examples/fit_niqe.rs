//! Fits NIQE's model of good photographs to those that a manifest lists as free, and writes the
//! file that the library carries.
//!
//! ```text
//! cargo run --release -p relume-train --example fit_niqe -- \
//!     ../shared/data/train/clean ../shared/data/MANIFEST.tsv relume/weights/niqe-pristine.safetensors
//! ```
#![allow(clippy::print_stdout, reason = "the program's output is one line")]

use std::collections::BTreeMap;
use std::error::Error;
use std::path::{Path, PathBuf};

use relume::metrics::Pristine;
use relume_media::atomic::{Overwrite, write_atomically};
use relume_media::{Limits, Photo};
use relume_nn::weights::Precision;
use relume_train::datasets::free_files;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [folder, manifest, output] = arguments.as_slice() else {
        return Err("usage: fit_niqe FOLDER MANIFEST OUTPUT".into());
    };
    let folder = folder.canonicalize()?;
    let mut files: Vec<PathBuf> = free_files(manifest)?.into_iter().collect();
    files.retain(|file| file.parent() == Some(&folder));
    files.sort();
    let read = |file: &PathBuf| Ok(Photo::load(file, &Limits::default())?.image);
    let photographs = files.iter().map(read).collect::<Result<Vec<_>, relume_media::Error>>()?;
    let model = Pristine::fit(photographs)?.with_provenance(provenance(files.len()));
    let bytes = model.to_weights().to_safetensors(Precision::F32)?;
    write_atomically(Path::new(output), &bytes, Overwrite::Always)?;
    println!("{}: fitted to {} photographs", output.display(), files.len());
    Ok(())
}

fn provenance(photographs: usize) -> BTreeMap<String, String> {
    let data = format!(
        "{photographs} sharp, well-exposed photographs of free licence (CC0, CC BY, CC BY-SA, \
         Unsplash, Pexels), longest side at most 704 pixels; of each the patches of more than 0.75 \
         of its greatest sharpness"
    );
    [
        ("modelspec.title", "NIQE's model of good photographs".to_owned()),
        ("modelspec.license", "MIT OR Apache-2.0".to_owned()),
        ("relume.data", data),
        ("relume.recipe", "relume-train/examples/fit_niqe.rs".to_owned()),
    ]
    .map(|(key, value)| (key.to_owned(), value))
    .into()
}
