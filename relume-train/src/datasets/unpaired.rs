//! Folders of pictures without a counterpart: for networks that learn without targets, and for
//! scores that need none.

use super::files::{PHOTOS, photo};
use super::listed::Listed;
use super::{DatasetCard, Item};

/// Pictures as they are; never recognised, because clean photographs look the same.
pub(super) const CARD: DatasetCard = DatasetCard {
    name: "unpaired",
    help: "pictures without a counterpart, taken as they are; to be named, never recognised",
    layout: "ANY/\n  ANY.jpg\n  ANY/ANY.png",
    source: "relume",
    recognise: |_| false,
    open: |path, options| {
        let read = |path: &_| photo(path).map(Item::Alone);
        Ok(Box::new(Listed::open(path, PHOTOS, options, read)?))
    },
};
