//! Scene-linear pictures: the one way to lights with their true energy, and streaks of it.

use std::path::{Path, PathBuf};

use relume_media::{Limits, Photo};

use super::files::{PHOTOS, SCENES, below, has_any, label};
use super::{Dataset, DatasetCard, Item, OpenOptions};
use crate::Result;

/// Radiance and OpenEXR files in any folders.
pub(super) const CARD: DatasetCard = DatasetCard {
    name: "hdr",
    help: "scene-linear pictures (Radiance, OpenEXR); twice as wide as high is a panorama, seen \
           through a lens",
    layout: "ANY/\n  ANY.hdr\n  ANY.exr",
    source: "relume",
    recognise: |path| path.is_dir() && has_any(path, SCENES) && !has_any(path, PHOTOS),
    open: |path, options| Ok(Box::new(Scenes::open(path, options)?)),
};

struct Scenes {
    folder: PathBuf,
    files: Vec<PathBuf>,
}

impl Scenes {
    fn open(folder: &Path, options: &OpenOptions) -> Result<Self> {
        Ok(Self { folder: folder.to_owned(), files: below(folder, SCENES, options)? })
    }
}

impl Dataset for Scenes {
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
        let photo = Photo::load(&self.files[index], &Limits::default())?;
        let light = photo.to_linear();
        Ok(Item::Scene(light.map(|v| if v.is_finite() { v.max(0.0) } else { 0.0 })))
    }
}
