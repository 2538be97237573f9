//! Saving and resuming: everything that a run needs to go on bit for bit, written aside, then
//! renamed.

use std::path::{Path, PathBuf};

use relume_nn::Weights;
use relume_nn::weights::Precision;

use crate::optimizer::Optimizer;
use crate::{Error, Result};

const PARTS: [&str; 4] = ["weights", "average", "first", "second"];

/// The checkpoint of a run folder.
pub fn path(folder: &Path) -> PathBuf {
    folder.join("checkpoint.safetensors")
}

/// Writes the whole state of the optimiser.
///
/// # Errors
/// [`Error::RunFolder`] when it cannot be written; the former checkpoint stays.
pub fn save(folder: &Path, state: &Optimizer) -> Result<()> {
    let mut all = Weights::default();
    let parts = [&state.weights, &state.average, &state.first, &state.second];
    for (name, part) in PARTS.iter().zip(parts) {
        for (key, array) in part.iter() {
            all.insert(format!("{name}/{key}"), array.clone());
        }
    }
    all.metadata.insert("step".into(), state.step.to_string());
    write(&path(folder), &all.to_safetensors(Precision::F32)?)
}

/// Reads the state back.
///
/// # Errors
/// [`Error::RunFolder`] when there is none or it is damaged.
pub fn load(folder: &Path) -> Result<Optimizer> {
    let path = path(folder);
    let wrong = |message: String| Error::RunFolder { path: path.clone(), message };
    let bytes = std::fs::read(&path).map_err(Error::folder(&path))?;
    let all = Weights::from_safetensors(&bytes).map_err(|e| wrong(e.to_string()))?;
    let step = all.metadata.get("step").and_then(|step| step.parse().ok());
    let step = step.ok_or_else(|| wrong("does not say at which step it was made".into()))?;
    let [mut weights, mut average, mut first, mut second] =
        std::array::from_fn(|_| Weights::default());
    for (key, array) in all.iter() {
        match key.split_once('/') {
            Some(("weights", key)) => weights.insert(key, array.clone()),
            Some(("average", key)) => average.insert(key, array.clone()),
            Some(("first", key)) => first.insert(key, array.clone()),
            Some(("second", key)) => second.insert(key, array.clone()),
            _ => return Err(wrong(format!("unknown entry {key}"))),
        }
    }
    Ok(Optimizer { weights, average, first, second, step })
}

/// Writes a file aside, then renames it.
///
/// # Errors
/// [`Error::RunFolder`] when it cannot be written.
pub fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let aside = path.with_extension("partial");
    std::fs::write(&aside, bytes).map_err(Error::folder(&aside))?;
    std::fs::rename(&aside, path).map_err(Error::folder(path))
}
