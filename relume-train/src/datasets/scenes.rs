//! Scene-linear pictures: the one way to lights with their true energy, and streaks of it.

use std::path::Path;

use relume_media::{Limits, Photo};

use super::files::{PHOTOS, SCENES, has_any};
use super::listed::Listed;
use super::{DatasetCard, Item};
use crate::Result;

/// Radiance and OpenEXR files in any folders.
pub(super) const CARD: DatasetCard = DatasetCard {
    name: "hdr",
    help: "scene-linear pictures (Radiance, OpenEXR); twice as wide as high is a panorama, seen \
           through a lens",
    layout: "ANY/\n  ANY.hdr\n  ANY.exr",
    source: "relume",
    recognise: |path| path.is_dir() && has_any(path, SCENES) && !has_any(path, PHOTOS),
    open: |path, options| Ok(Box::new(Listed::open(path, SCENES, options, read)?)),
};

/// Light as it is stored, without what no light can be.
fn read(path: &Path) -> Result<Item> {
    let light = Photo::load(path, &Limits::default())?.to_linear();
    Ok(Item::Scene(light.map(|v| if v.is_finite() { v.max(0.0) } else { 0.0 })))
}
