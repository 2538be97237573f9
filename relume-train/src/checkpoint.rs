//! Saving and resuming: everything that a run needs to go on bit for bit, written aside, then
//! renamed.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use relume_nn::Weights;
use relume_nn::weights::Precision;
use serde::{Deserialize, Serialize};

use crate::optimizer::Optimizer;
use crate::{Error, Result};

const PARTS: [&str; 4] = ["weights", "average", "first", "second"];

/// Where a run stands.
#[derive(Debug, Clone, PartialEq)]
pub struct State {
    /// Weights, moments, step.
    pub optimizer: Optimizer,
    /// The best validation so far.
    pub best: Best,
}

/// The best validation so far.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Best {
    /// Its score, higher is better.
    pub score: Option<f64>,
    /// Its step.
    pub step: usize,
    /// Validations since then.
    pub since: usize,
}

/// The checkpoint of a run folder.
pub fn path(folder: &Path) -> PathBuf {
    folder.join("checkpoint.safetensors")
}

/// Writes the whole state of a run.
///
/// # Errors
/// [`Error::RunFolder`] when it cannot be written; the former checkpoint stays.
pub fn save(folder: &Path, state: &State) -> Result<()> {
    let optimizer = &state.optimizer;
    let mut all = Weights::default();
    let parts = [&optimizer.weights, &optimizer.average, &optimizer.first, &optimizer.second];
    for (name, part) in PARTS.iter().zip(parts) {
        for (key, array) in part.iter() {
            all.insert(format!("{name}/{key}"), array.clone());
        }
    }
    all.metadata.insert("step".into(), optimizer.step.to_string());
    let best = serde_json::to_string(&state.best).unwrap_or_default();
    all.metadata.insert("best".into(), best);
    write(&path(folder), &all.to_safetensors(Precision::F32)?)
}

/// Reads the state back.
///
/// # Errors
/// [`Error::RunFolder`] when there is none or it is damaged.
pub fn load(folder: &Path) -> Result<State> {
    let path = path(folder);
    let wrong = |message: String| Error::RunFolder { path: path.clone(), message };
    let bytes = std::fs::read(&path).map_err(Error::folder(&path))?;
    let all = Weights::from_safetensors(&bytes).map_err(|e| wrong(e.to_string()))?;
    let step = all.metadata.get("step").and_then(|step| step.parse().ok());
    let step = step.ok_or_else(|| wrong("does not say at which step it was made".into()))?;
    let best = all.metadata.get("best").and_then(|best| serde_json::from_str(best).ok());
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
    let optimizer = Optimizer { weights, average, first, second, step };
    Ok(State { optimizer, best: best.unwrap_or_default() })
}

/// Writes a file aside, makes sure that it is on the disk, then renames it.
///
/// # Errors
/// [`Error::RunFolder`] when it cannot be written.
pub fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let aside = path.with_extension("partial");
    let written = File::create(&aside).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    written.map_err(Error::folder(&aside))?;
    std::fs::rename(&aside, path).map_err(Error::folder(path))
}
