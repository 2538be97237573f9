//! How pictures become inputs and targets of a network. A new task is a file here and one line in
//! [`TASKS`].

pub mod alen;
pub mod cues;
mod lantern;
mod overexposed;
mod paired;
mod selection;
mod shrinks;
mod zero_reference;

use std::collections::BTreeMap;

use rand::{Rng, RngExt as _};
use rand_chacha::ChaCha8Rng;
use relume_media::degrade::{Degradation, Degraded};
use relume_media::{DegradeOptions, Image, Light, Rect, Size, Srgb};
use relume_nn::layer::Layer;
use relume_nn::{Feeds, Graph, Tensor};

use crate::batch::Batch;
use crate::datasets::Item;
use crate::recipe::{LossRecipe, Stage};
use crate::{Error, Result};

/// Every task; the first of which a network is typical is its own.
pub const TASKS: &[&TaskCard] = &[
    &alen::BOTH,
    &alen::CLASSIFIER,
    &alen::GLOBAL,
    &alen::LOCAL,
    &lantern::CARD,
    &overexposed::CARD,
    &selection::CARD,
    &cues::CARD,
    &shrinks::CARD,
    &zero_reference::CARD,
    &paired::CARD,
];

/// The static description of a task.
#[derive(Debug)]
pub struct TaskCard {
    /// Name in recipes.
    pub name: &'static str,
    /// One line: what the network is fed and what it should answer.
    pub help: &'static str,
    /// Whether it can drive a network.
    pub fits: fn(&Graph) -> bool,
    /// Whether a network is typically taught this way.
    pub typical: fn(&Graph) -> bool,
    /// Sets it up.
    pub build: fn(&Graph, &Stage) -> Result<Box<dyn Task>>,
    /// The terms of the loss where the recipe names none.
    pub losses: &'static [(&'static str, f32, &'static str)],
}

/// What runs the network on the host's tensors: feeds and wanted outputs.
pub type Run<'a> = &'a dyn Fn(&Feeds, &[&str]) -> Result<BTreeMap<String, Tensor>>;

/// Turns pictures into inputs and targets, and outputs back into pictures.
pub trait Task: Send + Sync {
    /// Whether it looks at whole pictures and not at square views of them.
    fn wants_whole(&self) -> bool {
        false
    }

    /// Cuts `crops` examples of `side` × `side` pixels, `[1, c, h, w]` each, out of a view.
    ///
    /// # Errors
    /// When a view cannot be cut or damaged, or is of no use for this task.
    fn examples(
        &self,
        view: Item,
        rng: &mut ChaCha8Rng,
        crops: usize,
        side: usize,
    ) -> Result<Vec<Batch>>;

    /// The output that is the picture.
    fn output(&self) -> &str;

    /// Runs the network on a whole picture; returns named stages of which the last is the result.
    ///
    /// # Errors
    /// When the network does not run.
    fn restore(
        &self,
        network: Run<'_>,
        picture: &Image<Srgb>,
    ) -> Result<Vec<(&'static str, Image<Srgb>)>>;
}

/// Finds the task of a stage.
///
/// # Errors
/// [`Error::Setup`] when it is unknown or does not fit the network.
pub fn find(graph: &Graph, stage: &Stage) -> Result<&'static TaskCard> {
    let names = || TASKS.iter().map(|card| card.name).collect::<Vec<_>>().join(", ");
    let card = match &stage.task {
        Some(name) => TASKS.iter().find(|card| card.name == name).ok_or_else(|| {
            let near = crate::nearest(name, TASKS.iter().map(|card| card.name));
            let near = near.map_or(String::new(), |near| format!("; did you mean {near}?"));
            Error::Setup(format!("no task is called {name}; there is {}{near}", names()))
        })?,
        None => TASKS.iter().find(|card| (card.typical)(graph)).ok_or_else(|| {
            Error::Setup(format!("no task fits {}; there is {}", graph.name(), names()))
        })?,
    };
    if !(card.fits)(graph) {
        let message = format!("the task {} does not fit {}", card.name, graph.name());
        return Err(Error::Setup(message));
    }
    Ok(card)
}

impl TaskCard {
    /// The terms of the loss where the recipe names none.
    pub fn default_losses(&self) -> Vec<LossRecipe> {
        let term = |&(kind, weight, output): &(&str, f32, &str)| {
            let mut parameters = toml::Table::new();
            if !output.is_empty() {
                parameters.insert("output".into(), output.into());
            }
            LossRecipe { kind: kind.into(), weight, parameters }
        };
        self.losses.iter().map(term).collect()
    }
}

/// A picture as its camera wrote it, and as it should be.
pub struct Damaged {
    /// What the camera wrote.
    pub input: Image<Srgb>,
    /// The same view, sharp and well exposed.
    pub target: Image<Srgb>,
}

/// A pair out of whatever a set holds: pairs as they are, clean pictures and scenes damaged by the
/// simulated camera, another exposure of a series against its best. None for lone pictures.
///
/// # Errors
/// When the damage cannot be computed.
pub fn pair(item: Item, rng: &mut impl Rng, harm: &DegradeOptions) -> Result<Option<Damaged>> {
    Ok(match item {
        Item::Pair { input, target } => Some(Damaged { input, target }),
        Item::Series { mut exposures, target: Some(best) } => {
            let target = exposures.remove(best);
            let input = exposures.swap_remove(rng.random_range(0..exposures.len()));
            Some(Damaged { input, target })
        }
        item => damage(item, rng, harm)?.map(|Degraded { image, scene, .. }| Damaged {
            input: image,
            target: scene.map(|v| v.min(1.0)).to_srgb(),
        }),
    })
}

/// What the simulated camera makes of a clean picture or a scene; nothing of anything else.
fn damage(item: Item, rng: &mut impl Rng, harm: &DegradeOptions) -> Result<Option<Degraded>> {
    let options = harm.clone().for_crops();
    let seed = rng.random();
    Ok(match item {
        Item::Sharp(view) => Some(Degradation::sample(seed, view.size(), &options).apply(&view)?),
        Item::Scene(view) => {
            let degradation = Degradation::sample(seed, view.size(), &options);
            Some(if degradation.untouched {
                degradation.apply(&view.map(|v| v.min(1.0)).to_srgb())?
            } else {
                degradation.apply_linear(&view)?
            })
        }
        _ => None,
    })
}

/// A random square of `side` pixels within `size`, smaller if the picture is.
fn random_square(size: Size, side: usize, rng: &mut impl Rng) -> Rect {
    let (width, height) = (side.min(size.width), side.min(size.height));
    let x = rng.random_range(0..=size.width - width);
    let y = rng.random_range(0..=size.height - height);
    Rect { x, y, size: Size::new(width, height) }
}

/// A picture whose sides are the next multiples of `multiple`, mirrored beyond the lower and right
/// edge as when restoring.
fn mirrored(picture: &Image<Srgb>, multiple: usize) -> Image<Srgb> {
    let Size { width, height } = picture.size();
    let turn = |i: usize, length: usize| {
        let period = (2 * (length - 1)).max(1);
        (i % period).min(period - i % period)
    };
    let padded = Size::new(width.next_multiple_of(multiple), height.next_multiple_of(multiple));
    Image::from_fn(padded, |x, y| picture.get(turn(x, width), turn(y, height)))
}

/// The part of an answer `[1, 3, h, w]` that a picture of `size` was before it was [`mirrored`].
fn unmirrored(answer: Tensor, size: Size) -> Result<Image<Srgb>> {
    let [_, _, height, width] = answer.shape;
    let whole = Image::from_planar(Size::new(width, height), answer.values)?;
    Ok(whole.crop(Rect { x: 0, y: 0, size })?)
}

/// A picture as a tensor `[1, 3, h, w]`.
fn tensor<L: Light>(image: &Image<L>) -> Tensor {
    Tensor::new([1, 3, image.height(), image.width()], image.values().to_vec())
}

/// Names of the inputs of `graph`.
fn inputs(graph: &Graph) -> Vec<&str> {
    let is_input = |node: &&relume_nn::graph::Node| matches!(node.layer, Layer::Input);
    graph.nodes().iter().filter(is_input).map(|node| node.name.as_str()).collect()
}
