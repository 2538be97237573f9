//! Scenes photographed at several exposures from a tripod.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::files::{PHOTOS, below, by_stem, photo};
use super::{Dataset, DatasetCard, Item, OpenOptions};
use crate::{Error, Result};

/// Endings of names, from dark to bright; the middle one is well exposed.
const EXPOSURES: [&str; 3] = ["_under", "_mid", "_over"];
const TARGET: usize = 1;

/// Files whose names end in the exposure.
pub(super) const CARD: DatasetCard = DatasetCard {
    name: "exposures",
    help: "scenes at three exposures, the middle one good; a dark or bright one is the input",
    layout: "ANY_under.jpg    ANY_mid.jpg    ANY_over.jpg",
    source: "the exposure-correction sets of Cai et al. 2018 and Afifi et al. 2021, by name",
    recognise: |path| {
        let files = below(path, PHOTOS, &OpenOptions::default()).unwrap_or_default();
        let ends = |path: &PathBuf| {
            let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            EXPOSURES.iter().any(|ending| stem.ends_with(ending))
        };
        !files.is_empty() && files.iter().all(ends)
    },
    open: |path, options| Ok(Box::new(Exposures::open(path, options)?)),
};

struct Exposures {
    scenes: Vec<(String, [PathBuf; 3])>,
    leftovers: Vec<(PathBuf, String)>,
}

impl Exposures {
    fn open(path: &Path, options: &OpenOptions) -> Result<Self> {
        let mut found: BTreeMap<String, [Option<PathBuf>; 3]> = BTreeMap::new();
        let mut leftovers = Vec::new();
        for (stem, file) in by_stem(path, options)? {
            let ending = EXPOSURES.iter().position(|ending| stem.ends_with(ending));
            let Some(which) = ending else {
                leftovers.push((file, "its name says no exposure: _under, _mid, _over".into()));
                continue;
            };
            let scene = stem[..stem.len() - EXPOSURES[which].len()].to_owned();
            found.entry(scene).or_default()[which] = Some(file);
        }
        let mut scenes = Vec::new();
        for (scene, files) in found {
            match files {
                [Some(a), Some(b), Some(c)] => scenes.push((scene, [a, b, c])),
                some => leftovers.extend(
                    some.into_iter().flatten().map(|f| (f, "another exposure is missing".into())),
                ),
            }
        }
        Ok(Self { scenes, leftovers })
    }
}

impl Dataset for Exposures {
    fn len(&self) -> usize {
        self.scenes.len()
    }

    fn name(&self, index: usize) -> String {
        self.scenes[index].0.clone()
    }

    fn files(&self, index: usize) -> Vec<PathBuf> {
        self.scenes[index].1.to_vec()
    }

    fn read(&self, index: usize) -> Result<Item> {
        let files = &self.scenes[index].1;
        let exposures = files.iter().map(|file| photo(file)).collect::<Result<Vec<_>>>()?;
        if let Some(place) = exposures.iter().position(|e| e.size() != exposures[0].size()) {
            let (a, b) = (exposures[place].size(), exposures[0].size());
            let message = format!("is {a}, another exposure {b}; one size is needed");
            return Err(Error::Dataset { path: files[place].clone(), message });
        }
        Ok(Item::Series { exposures, target: Some(TARGET) })
    }

    fn leftovers(&self) -> Vec<(PathBuf, String)> {
        self.leftovers.clone()
    }
}
