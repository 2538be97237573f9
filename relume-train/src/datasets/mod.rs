//! What a run learns from. A new kind of dataset is a file here and one line in [`DATASETS`].

mod clean;
mod exposures;
mod files;
mod frames;
mod gopro;
mod lens;
mod listed;
mod lol;
mod lol_blur;
mod paired;
mod rewards;
mod scenes;
mod shards;
mod unpaired;
mod views;

use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use files::free_files;
use relume::overexposed::Table;
use relume_media::{Image, Linear, Srgb};
pub use views::{Augment, Views};

use crate::{Error, Result};

/// Every kind, the more particular layouts first: the first that recognises a path opens it.
pub const DATASETS: &[&DatasetCard] = &[
    &lol::CARD,
    &lol_blur::CARD,
    &gopro::CARD,
    &paired::CARD,
    &exposures::CARD,
    &shards::CARD,
    &scenes::CARD,
    &frames::CARD,
    &rewards::CARD,
    &clean::CARD,
    &unpaired::CARD,
];

/// One thing to learn from or to be scored on.
#[derive(Debug, Clone)]
pub enum Item {
    /// A sharp, well exposed picture.
    Sharp(Image<Srgb>),
    /// Scene-linear light, highlights above 1.
    Scene(Image<Linear>),
    /// A damaged picture and what it should be, of one size.
    Pair {
        /// The damaged one.
        input: Image<Srgb>,
        /// What it should be.
        target: Image<Srgb>,
    },
    /// A picture without a counterpart.
    Alone(Image<Srgb>),
    /// One scene at several exposures, all of one size.
    Series {
        /// From dark to bright.
        exposures: Vec<Image<Srgb>>,
        /// Which of them is well exposed, if that is known.
        target: Option<usize>,
    },
    /// What every earlier frame of a clip is worth as the reference of every later one.
    Table(Arc<Table>),
}

/// A collection of items that are read one at a time.
pub trait Dataset: Send + Sync {
    /// Number of items.
    fn len(&self) -> usize;

    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Name of an item, for tables and messages.
    fn name(&self, index: usize) -> String;

    /// The files an item is read from.
    fn files(&self, index: usize) -> Vec<PathBuf>;

    /// Reads an item.
    ///
    /// # Errors
    /// When a file is missing or damaged, or pictures that belong together differ in size.
    fn read(&self, index: usize) -> Result<Item>;

    /// Files that belong to no item, with the reason.
    fn leftovers(&self) -> Vec<(PathBuf, String)> {
        Vec::new()
    }
}

/// The static description of a kind of dataset.
#[derive(Debug)]
pub struct DatasetCard {
    /// Name in recipes and on the command line.
    pub name: &'static str,
    /// One line: what it holds.
    pub help: &'static str,
    /// Its folders and files, drawn as a tree.
    pub layout: &'static str,
    /// Where the layout comes from.
    pub source: &'static str,
    /// Whether a path looks like this kind.
    pub recognise: fn(&Path) -> bool,
    /// Lists its items.
    pub open: fn(&Path, &OpenOptions) -> Result<Box<dyn Dataset>>,
}

/// Which part of a dataset to open.
#[derive(Debug, Clone, Default)]
pub struct OpenOptions {
    /// The part, such as `train` or `test`, where the layout has parts.
    pub split: Option<String>,
    /// A tab-separated list with columns `path` and `tier`: only files of tier `free` are used.
    pub manifest: Option<PathBuf>,
    /// File names (`*` for anything) that are left out.
    pub except: Vec<String>,
}

/// Opens the dataset at `path`, of the named kind or of the one its layout shows.
///
/// # Errors
/// [`Error::Dataset`] when the kind is unknown, nothing is recognised, or nothing is found.
pub fn open(path: &Path, kind: Option<&str>, options: &OpenOptions) -> Result<Box<dyn Dataset>> {
    let set = (kind_of(path, kind)?.open)(path, options)?;
    if set.is_empty() {
        let message = match options.manifest {
            Some(_) => "no file that may be used; check the manifest's tier column",
            None => "no picture that can be used; `relume dataset check` says what is there",
        };
        return Err(Error::Dataset { path: path.to_owned(), message: message.into() });
    }
    Ok(set)
}

/// Which of the parts `names` of a dataset is asked for; the first if none is.
///
/// # Errors
/// [`Error::Dataset`] listing the parts there are.
fn choose(path: &Path, names: &[&str], options: &OpenOptions) -> Result<usize> {
    let wrong = |message: String| Error::Dataset { path: path.to_owned(), message };
    let asked = match (&options.split, names) {
        (_, []) => return Err(wrong("has none of the folders of this kind".into())),
        (None, _) => return Ok(0),
        (Some(asked), _) => asked,
    };
    names
        .iter()
        .position(|name| name == asked)
        .ok_or_else(|| wrong(format!("has no part {asked}; there is {}", names.join(", "))))
}

/// The card of the named kind, or of the one that `path` looks like.
///
/// # Errors
/// [`Error::Dataset`] when it is unknown, or the layout is like no kind's.
pub fn kind_of(path: &Path, kind: Option<&str>) -> Result<&'static DatasetCard> {
    let wrong = |message: String| Error::Dataset { path: path.to_owned(), message };
    let names = || DATASETS.iter().map(|card| card.name);
    if !path.exists() {
        return Err(wrong("does not exist; check the path".into()));
    }
    let Some(kind) = kind else {
        return DATASETS.iter().copied().find(|card| (card.recognise)(path)).ok_or_else(|| {
            let kinds = names().collect::<Vec<_>>().join(", ");
            wrong(format!("looks like no kind of dataset; name one: {kinds}"))
        });
    };
    DATASETS.iter().copied().find(|card| card.name == kind).ok_or_else(|| {
        let near = crate::nearest(kind, names());
        let near = near.map_or(String::new(), |near| format!("; did you mean {near}?"));
        let kinds = names().collect::<Vec<_>>().join(", ");
        wrong(format!("no kind of dataset is called {kind}; there is {kinds}{near}"))
    })
}
