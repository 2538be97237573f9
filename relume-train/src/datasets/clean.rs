//! Folders of sharp, well exposed photographs, which the trainer damages.

use std::path::{Path, PathBuf};

use super::files::{PHOTOS, below, has_any, label, photo};
use super::{Dataset, DatasetCard, Item, OpenOptions};
use crate::Result;

/// Photographs in any folders.
pub(super) const CARD: DatasetCard = DatasetCard {
    name: "clean",
    help: "sharp, well exposed photographs; training damages them with the simulated camera",
    layout: "ANY/\n  ANY.jpg\n  ANY/ANY.png",
    source: "relume",
    recognise: |path| path.is_dir() && has_any(path, PHOTOS),
    open: |path, options| Ok(Box::new(Clean::open(path, options)?)),
};

struct Clean {
    folder: PathBuf,
    files: Vec<PathBuf>,
}

impl Clean {
    fn open(folder: &Path, options: &OpenOptions) -> Result<Self> {
        Ok(Self { folder: folder.to_owned(), files: below(folder, PHOTOS, options)? })
    }
}

impl Dataset for Clean {
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
        photo(&self.files[index]).map(Item::Sharp)
    }
}
