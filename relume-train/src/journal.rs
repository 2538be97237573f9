//! What a run did, one JSON object a line; the file only grows.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use crate::{Error, Result};

/// Appends to `metrics.jsonl` of a run folder.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: File,
}

impl Journal {
    /// Opens or starts the journal of `folder`.
    ///
    /// # Errors
    /// [`Error::RunFolder`] when it cannot be written.
    pub fn open(folder: &Path) -> Result<Self> {
        let path = folder.join("metrics.jsonl");
        let file = OpenOptions::new().create(true).append(true).open(&path);
        Ok(Self { file: file.map_err(Error::folder(&path))?, path })
    }

    /// Adds one line.
    ///
    /// # Errors
    /// [`Error::RunFolder`] when it cannot be written.
    pub fn write(&mut self, entry: &serde_json::Value) -> Result<()> {
        writeln!(self.file, "{entry}").map_err(Error::folder(&self.path))
    }
}
