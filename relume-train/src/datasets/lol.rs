//! LOL v1 and v2: real and synthetic low-light pairs, in the layouts people have them.

use std::path::{Path, PathBuf};

use super::paired::Paired;
use super::{DatasetCard, OpenOptions, choose};
use crate::Result;

/// Part, its folder, and the folders of inputs and targets in it.
const LAYOUTS: &[(&str, &str, &str, &str)] = &[
    ("train", "our485", "low", "high"),
    ("test", "eval15", "low", "high"),
    ("train", "Train", "input", "target"),
    ("test", "Test", "input", "target"),
    ("train", "Train", "Low", "Normal"),
    ("test", "Test", "Low", "Normal"),
];

/// LOL as published and as Retinexformer has it.
pub(super) const CARD: DatasetCard = DatasetCard {
    name: "lol",
    help: "LOL v1, or one half of LOL v2, in parts `train` (the default) and `test`",
    layout: "our485/{low,high}/1.png    eval15/{low,high}/1.png\n\
             (or Train/{input,target}, Test/{input,target}; LOL v2: Train/{Low,Normal}, …)",
    source: "Wei et al. 2018; Yang et al. 2021; the layout of Cai et al. 2023 (Retinexformer)",
    recognise: |path| !parts(path).is_empty(),
    open: |path, options| Ok(Box::new(open(path, options)?)),
};

/// The parts that are there: name, inputs, targets.
fn parts(path: &Path) -> Vec<(&'static str, PathBuf, PathBuf)> {
    let found = LAYOUTS.iter().map(|(part, folder, input, target)| {
        (*part, path.join(folder).join(input), path.join(folder).join(target))
    });
    found.filter(|(_, input, target)| input.is_dir() && target.is_dir()).collect()
}

fn open(path: &Path, options: &OpenOptions) -> Result<Paired> {
    let parts = parts(path);
    let names: Vec<&str> = parts.iter().map(|(name, ..)| *name).collect();
    let (_, input, target) = &parts[choose(path, &names, options)?];
    // LOL v2 names its files low00001.png and normal00001.png.
    let number = |stem: &str| stem.trim_start_matches(|c: char| c.is_ascii_alphabetic()).to_owned();
    let rename = |stem: &str| match number(stem) {
        number if number.is_empty() => stem.to_owned(),
        number => number,
    };
    Paired::matching(&[(input.clone(), target.clone())], options, rename)
}
