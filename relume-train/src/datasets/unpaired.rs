//! Folders of pictures without a counterpart: for networks that learn without targets, and for
//! scores that need none.

use std::path::{Path, PathBuf};

use super::files::{PHOTOS, below, label, photo};
use super::{Dataset, DatasetCard, Item, OpenOptions};
use crate::Result;

/// Pictures as they are; never recognised, because clean photographs look the same.
pub(super) const CARD: DatasetCard = DatasetCard {
    name: "unpaired",
    help: "pictures without a counterpart, taken as they are; to be named, never recognised",
    layout: "ANY/\n  ANY.jpg\n  ANY/ANY.png",
    source: "relume",
    recognise: |_| false,
    open: |path, options| Ok(Box::new(Unpaired::open(path, options)?)),
};

struct Unpaired {
    folder: PathBuf,
    files: Vec<PathBuf>,
}

impl Unpaired {
    fn open(folder: &Path, options: &OpenOptions) -> Result<Self> {
        Ok(Self { folder: folder.to_owned(), files: below(folder, PHOTOS, options)? })
    }
}

impl Dataset for Unpaired {
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
        photo(&self.files[index]).map(Item::Alone)
    }
}
