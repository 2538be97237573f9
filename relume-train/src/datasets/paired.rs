//! Two folders of pictures with the same names: damaged and as they should be.

use std::path::{Path, PathBuf};

use super::files::{by_stem, children, photo};
use super::{Dataset, DatasetCard, Item, OpenOptions};
use crate::{Error, Result};

/// Names of the two folders, input first.
const FOLDERS: &[(&str, &str)] = &[
    ("low", "high"),
    ("Low", "Normal"),
    ("blur", "sharp"),
    ("input", "target"),
    ("input", "gt"),
    ("imgs", "targets"),
    ("lq", "gt"),
    ("dataroot_lq", "dataroot_gt"),
];

/// Two folders side by side, such as `low/` and `high/`.
pub(super) const CARD: DatasetCard = DatasetCard {
    name: "paired",
    help: "damaged pictures and what they should be, in two folders, matched by name",
    layout: "low/NAME.png    high/NAME.png\n(or blur/sharp, input/target, input/gt, lq/gt, …)",
    source: "the layout of most published pairs",
    recognise: |path| folders(path).is_some(),
    open: |path, options| Ok(Box::new(Paired::open(path, options)?)),
};

/// The two folders in `path`, input first.
fn folders(path: &Path) -> Option<(PathBuf, PathBuf)> {
    let inside = children(path).ok()?;
    let find = |name: &str| {
        inside.iter().find(|p| p.is_dir() && p.file_name().is_some_and(|n| n == name)).cloned()
    };
    FOLDERS.iter().find_map(|(input, target)| Some((find(input)?, find(target)?)))
}

/// Pairs of files.
pub(super) struct Paired {
    pairs: Vec<(String, PathBuf, PathBuf)>,
    leftovers: Vec<(PathBuf, String)>,
}

impl Paired {
    fn open(path: &Path, options: &OpenOptions) -> Result<Self> {
        let (input, target) = folders(path).ok_or_else(|| Error::Dataset {
            path: path.to_owned(),
            message: "has no two folders such as low and high".into(),
        })?;
        let inputs = by_stem(&input, options)?;
        let mut targets = by_stem(&target, options)?;
        let (mut pairs, mut leftovers) = (Vec::new(), Vec::new());
        for (stem, input) in inputs {
            match targets.remove(&stem) {
                Some(target) => pairs.push((stem, input, target)),
                None => leftovers.push((input, "has no target of its name".into())),
            }
        }
        let lonely = targets.into_values().map(|path| (path, "has no input of its name".into()));
        leftovers.extend(lonely);
        Ok(Self { pairs, leftovers })
    }
}

impl Dataset for Paired {
    fn len(&self) -> usize {
        self.pairs.len()
    }

    fn name(&self, index: usize) -> String {
        self.pairs[index].0.clone()
    }

    fn files(&self, index: usize) -> Vec<PathBuf> {
        let (_, input, target) = &self.pairs[index];
        vec![input.clone(), target.clone()]
    }

    fn read(&self, index: usize) -> Result<Item> {
        let (_, input_path, target_path) = &self.pairs[index];
        let (input, target) = (photo(input_path)?, photo(target_path)?);
        if input.size() != target.size() {
            let (a, b) = (input.size(), target.size());
            let message = format!(
                "is {}×{}, its target {}×{}; pairs have one size",
                a.width, a.height, b.width, b.height
            );
            return Err(Error::Dataset { path: input_path.clone(), message });
        }
        Ok(Item::Pair { input, target })
    }

    fn leftovers(&self) -> Vec<(PathBuf, String)> {
        self.leftovers.clone()
    }
}
