//! GoPro: frames of a fast camera, and the means of several of them, which look shaken.

use std::path::{Path, PathBuf};

use super::files::children;
use super::paired::Paired;
use super::{DatasetCard, OpenOptions, choose};
use crate::Result;

/// Name of a part, its folder, the folder of the inputs.
const PARTS: &[(&str, &str, &str)] = &[
    ("train", "train", "blur"),
    ("test", "test", "blur"),
    ("train-gamma", "train", "blur_gamma"),
    ("test-gamma", "test", "blur_gamma"),
];

/// GoPro as published.
pub(super) const CARD: DatasetCard = DatasetCard {
    name: "gopro",
    help: "shaken and sharp frames by scene, in parts `train` (the default) and `test`; papers use \
           these, `train-gamma` and `test-gamma` are blurred in linear light",
    layout: "train/GOPR0372_07_00/{blur,blur_gamma,sharp}/000047.png    test/…",
    source: "Nah et al. 2017",
    recognise: |path| parts(path).is_ok_and(|parts| !parts.is_empty()),
    open: |path, options| Ok(Box::new(open(path, options)?)),
};

type Part = (&'static str, Vec<(PathBuf, PathBuf)>);

/// The parts that are there, with the folders of each scene.
fn parts(path: &Path) -> Result<Vec<Part>> {
    let mut found = Vec::new();
    for (name, folder, input) in PARTS {
        let folder = path.join(folder);
        if !folder.is_dir() {
            continue;
        }
        let scenes = children(&folder)?.into_iter();
        let pairs = scenes.map(|scene| (scene.join(input), scene.join("sharp")));
        let pairs: Vec<_> = pairs.filter(|(a, b)| a.is_dir() && b.is_dir()).collect();
        if !pairs.is_empty() {
            found.push((*name, pairs));
        }
    }
    Ok(found)
}

fn open(path: &Path, options: &OpenOptions) -> Result<Paired> {
    let parts = parts(path)?;
    let names: Vec<&str> = parts.iter().map(|(name, _)| *name).collect();
    Paired::of(&parts[choose(path, &names, options)?].1, options)
}
