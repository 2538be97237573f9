//! Videos as folders of numbered frames.

use std::path::{Path, PathBuf};

use super::files::{PHOTOS, children, has_extension, photo};
use super::listed::Listed;
use super::{DatasetCard, Item};

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
        let read = |path: &_| photo(path).map(Item::Sharp);
        Ok(Box::new(Listed::open(path, PHOTOS, options, read)?))
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
