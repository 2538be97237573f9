//! One picture a file: what several kinds of datasets come down to.

use std::path::{Path, PathBuf};

use super::files::{below, label};
use super::{Dataset, Item, OpenOptions};
use crate::Result;

/// Files of a folder, each read on its own.
pub(super) struct Listed {
    folder: PathBuf,
    files: Vec<PathBuf>,
    read: fn(&Path) -> Result<Item>,
}

impl Listed {
    /// All files below `folder` with one of the `extensions`, as `read` reads them.
    pub(super) fn open(
        folder: &Path,
        extensions: &[&str],
        options: &OpenOptions,
        read: fn(&Path) -> Result<Item>,
    ) -> Result<Self> {
        let files = below(folder, extensions, options)?;
        Ok(Self { folder: folder.to_owned(), files, read })
    }
}

impl Dataset for Listed {
    fn len(&self) -> usize {
        self.files.len()
    }

    fn name(&self, index: usize) -> String {
        label(&self.files[index], &self.folder)
    }

    fn files(&self, index: usize) -> Vec<PathBuf> {
        vec![self.files[index].clone()]
    }

    fn read(&self, index: usize) -> Result<Item> {
        (self.read)(&self.files[index])
    }
}
