//! Tables of what frames are worth as references, for selectors.

use std::path::Path;
use std::sync::Arc;

use relume::overexposed::Table;

use super::files::has_any;
use super::listed::Listed;
use super::{DatasetCard, Item};
use crate::{Error, Result};

const TABLES: &[&str] = &["safetensors"];

/// One table a clip.
pub(super) const CARD: DatasetCard = DatasetCard {
    name: "rewards",
    help: "tables of what every earlier frame of a clip is worth as the reference of every later one",
    layout: "ANY/\n  000.safetensors\n  001.safetensors",
    source: "relume; the example `overexposed` of its library writes them",
    recognise: |path| path.is_dir() && has_any(path, TABLES),
    open: |path, options| Ok(Box::new(Listed::open(path, TABLES, options, read)?)),
};

fn read(path: &Path) -> Result<Item> {
    let wrong = |message: String| Error::Dataset { path: path.to_owned(), message };
    let bytes = std::fs::read(path).map_err(|cause| wrong(cause.to_string()))?;
    let table = Table::from_bytes(&bytes).map_err(|cause| wrong(cause.to_string()))?;
    Ok(Item::Table(Arc::new(table)))
}
