//! Two folders of pictures with the same names: damaged and as they should be.

use std::collections::BTreeMap;
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
    open: |path, options| {
        let (input, target) = folders(path).ok_or_else(|| Error::Dataset {
            path: path.to_owned(),
            message: "has no two folders such as low and high".into(),
        })?;
        Ok(Box::new(Paired::of(&[(input, target)], options)?))
    },
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
    /// Pairs out of folders with files of the same names, input folder first.
    pub(super) fn of(folders: &[(PathBuf, PathBuf)], options: &OpenOptions) -> Result<Self> {
        Self::matching(folders, options, |stem| stem.to_owned())
    }

    /// The same where files belong together whose names are the same after `rename`.
    pub(super) fn matching(
        folders: &[(PathBuf, PathBuf)],
        options: &OpenOptions,
        rename: impl Fn(&str) -> String,
    ) -> Result<Self> {
        let (mut pairs, mut leftovers) = (Vec::new(), Vec::new());
        for (input, target) in folders {
            let named = |folder| -> Result<BTreeMap<String, PathBuf>> {
                let files = by_stem(folder, options)?.into_iter();
                Ok(files.map(|(stem, path)| (rename(&stem), path)).collect())
            };
            let (inputs, mut targets) = (named(input)?, named(target)?);
            // Several folders: the scene tells apart what has the same name in each.
            let scene = input.parent().and_then(Path::file_name).filter(|_| folders.len() > 1);
            for (stem, input) in inputs {
                let Some(target) = targets.remove(&stem) else {
                    leftovers.push((input, "has no target of its name".into()));
                    continue;
                };
                let name = match scene {
                    Some(scene) => format!("{}/{stem}", scene.to_string_lossy()),
                    None => stem,
                };
                pairs.push((name, input, target));
            }
            let why = "has no input of its name";
            leftovers.extend(targets.into_values().map(|path| (path, why.into())));
        }
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
