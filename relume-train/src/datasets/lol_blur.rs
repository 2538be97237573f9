//! LOL-Blur: dark and shaken, with and without noise, and the sharp bright truth.

use std::path::{Path, PathBuf};

use super::paired::Paired;
use super::{DatasetCard, OpenOptions, choose};
use crate::Result;

const TARGET: &str = "high_sharp_scaled";
/// Folders of inputs. They show the same scenes and are never mixed.
const INPUTS: [&str; 2] = ["low_blur", "low_blur_noise"];
/// Folders of parts, if there are any.
const PARTS: [&str; 3] = ["", "train", "test"];

/// LOL-Blur as published.
pub(super) const CARD: DatasetCard = DatasetCard {
    name: "lol_blur",
    help: "dark shaken frames and their truth; parts `low_blur` (the default) and \
           `low_blur_noise`, within `train/` and `test/` if there are such folders",
    layout: "{low_blur,low_blur_noise,high_sharp_scaled}/0012/0001.png\n(or in train/ and test/)",
    source: "Zhou et al. 2022 (LEDNet)",
    recognise: |path| !parts(path).is_empty(),
    open: |path, options| Ok(Box::new(open(path, options)?)),
};

/// The parts that are there: name, inputs, targets.
fn parts(path: &Path) -> Vec<(String, PathBuf, PathBuf)> {
    let all = PARTS.iter().flat_map(|part| INPUTS.map(|input| (part, input)));
    let named = all.map(|(part, input)| {
        let name = if part.is_empty() { input.to_owned() } else { format!("{part}/{input}") };
        let folder = path.join(part);
        (name, folder.join(input), folder.join(TARGET))
    });
    named.filter(|(_, input, target)| input.is_dir() && target.is_dir()).collect()
}

fn open(path: &Path, options: &OpenOptions) -> Result<Paired> {
    let parts = parts(path);
    let names: Vec<&str> = parts.iter().map(|(name, ..)| name.as_str()).collect();
    let (_, input, target) = &parts[choose(path, &names, options)?];
    Paired::of(&[(input.clone(), target.clone())], options)
}
