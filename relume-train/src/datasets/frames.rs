//! Videos as folders of numbered frames.

use std::path::{Path, PathBuf};

use super::files::{PHOTOS, below, children, has_extension, label, photo};
use super::{Dataset, DatasetCard, Item};
use crate::Result;

/// One folder a clip, frames in the order of their numbers.
pub(super) const CARD: DatasetCard = DatasetCard {
    name: "frames",
    help: "videos as folders of numbered frames, each frame taken as a sharp picture",
    layout: "CLIP/000001.png\nCLIP/000002.png",
    source: "what `ffmpeg -i clip.mp4 CLIP/%06d.png` writes",
    recognise: |path| {
        let clips = children(path).unwrap_or_default();
        !clips.is_empty() && clips.iter().all(|clip| is_clip(clip))
    },
    open: |path, options| {
        let files = below(path, PHOTOS, options)?;
        Ok(Box::new(Frames { folder: path.to_owned(), files }))
    },
};

/// Whether a folder holds two numbered frames or more, and nothing else.
fn is_clip(folder: &Path) -> bool {
    let Ok(files) = children(folder) else { return false };
    let numbered = |path: &PathBuf| {
        let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        has_extension(path, PHOTOS) && stem.bytes().all(|b| b.is_ascii_digit())
    };
    folder.is_dir() && files.len() > 1 && files.iter().all(numbered)
}

struct Frames {
    folder: PathBuf,
    files: Vec<PathBuf>,
}

impl Dataset for Frames {
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
