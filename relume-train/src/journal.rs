//! What a run did, one JSON object a line.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::{Error, Result, checkpoint};

/// `metrics.jsonl` of a run folder.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: File,
    #[cfg(feature = "tensorboard")]
    events: crate::events::Events,
}

impl Journal {
    /// Opens or starts the journal of `folder` for a run that goes on after `step`: what an
    /// interrupted run wrote about later steps is dropped.
    ///
    /// # Errors
    /// [`Error::RunFolder`] when it cannot be read or written.
    pub fn open(folder: &Path, step: usize) -> Result<Self> {
        let path = path(folder);
        let kept: String = read(folder)?
            .into_iter()
            .filter(|entry| entry["step"].as_u64().is_none_or(|at| at <= step as u64))
            .map(|entry| format!("{entry}\n"))
            .collect();
        checkpoint::write(&path, kept.as_bytes())?;
        let file = OpenOptions::new().append(true).open(&path);
        Ok(Self {
            file: file.map_err(Error::folder(&path))?,
            path,
            #[cfg(feature = "tensorboard")]
            events: crate::events::Events::open(folder, step)?,
        })
    }

    /// Adds one line.
    ///
    /// # Errors
    /// [`Error::RunFolder`] when it cannot be written.
    pub fn write(&mut self, entry: &Value) -> Result<()> {
        #[cfg(feature = "tensorboard")]
        self.events.tell(entry)?;
        writeln!(self.file, "{entry}").map_err(Error::folder(&self.path))
    }
}

/// The whole entries of the journal of `folder`, oldest first; none if there is no journal.
///
/// # Errors
/// [`Error::RunFolder`] when it cannot be read.
pub fn read(folder: &Path) -> Result<Vec<Value>> {
    let path = path(folder);
    let text = match std::fs::read_to_string(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        read => read.map_err(Error::folder(&path))?,
    };
    // A run that was killed may leave half a line.
    Ok(text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect())
}

fn path(folder: &Path) -> PathBuf {
    folder.join("metrics.jsonl")
}
