//! Folders of sharp, well exposed photographs, which the trainer damages.

use super::files::{PHOTOS, has_any, photo};
use super::listed::Listed;
use super::{DatasetCard, Item};

/// Photographs in any folders.
pub(super) const CARD: DatasetCard = DatasetCard {
    name: "clean",
    help: "sharp, well exposed photographs; training damages them with the simulated camera",
    layout: "ANY/\n  ANY.jpg\n  ANY/ANY.png",
    source: "relume",
    recognise: |path| path.is_dir() && has_any(path, PHOTOS),
    open: |path, options| {
        let read = |path: &_| photo(path).map(Item::Sharp);
        Ok(Box::new(Listed::open(path, PHOTOS, options, read)?))
    },
};
