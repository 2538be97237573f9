//! The cue encoder: the same view damaged in two ways shows the same, and looks different.

use rand::{Rng, RngExt as _};
use rand_chacha::ChaCha8Rng;
use relume::models::clip::{IMAGE, IMAGE_FEATURES, PROMPT_FEATURES, QUALITY_FEATURES};
use relume::models::cues::LOOKS;
use relume_media::degrade::{Degradation, FixedDegradation};
use relume_media::{Image, Srgb};
use relume_nn::relight::Exposure;
use relume_nn::{Extent, Graph, Tensor};

use super::{Run, Task, TaskCard, random_square, tensor};
use crate::batch::Batch;
use crate::datasets::Item;
use crate::{Error, Result};

/// Name of the target with the look of each picture.
const LOOK: &str = "look";

/// Fed pairs of pictures of one view; tells what they show and how they look.
pub(super) const CARD: TaskCard = TaskCard {
    name: "cues",
    help: "two pictures of one clean crop, damaged in different ways -> that they show the same, and \
           which is clean, noisy, dark or blurred",
    fits: |graph| sees_any_size(graph),
    typical: |graph| sees_any_size(graph),
    build: |_, _| Ok(Box::new(Cues)),
    losses: &[],
};

fn sees_any_size(graph: &Graph) -> bool {
    let gives = |name: &str| graph.outputs().contains_key(name);
    let sees = |node: &relume_nn::Node| node.name == IMAGE && node.extent == Extent::PICTURE;
    graph.nodes().iter().any(sees) && [IMAGE_FEATURES, PROMPT_FEATURES].into_iter().all(gives)
}

struct Cues;

impl Task for Cues {
    fn examples(
        &self,
        view: Item,
        rng: &mut ChaCha8Rng,
        crops: usize,
        side: usize,
    ) -> Result<Vec<Batch>> {
        let view = match view {
            Item::Sharp(view) | Item::Pair { target: view, .. } => view,
            Item::Scene(scene) => scene.map(|v| v.min(1.0)).to_srgb(),
            _ => return Err(Error::Setup("the task cues needs clean pictures or scenes".into())),
        };
        (0..crops).map(|_| pair(&view, rng, side)).collect()
    }

    fn output(&self) -> &str {
        QUALITY_FEATURES
    }

    /// An encoder makes no picture: the one it saw.
    fn restore(
        &self,
        _network: Run<'_>,
        picture: &Image<Srgb>,
    ) -> Result<Vec<(&'static str, Image<Srgb>)>> {
        Ok(vec![("seen", picture.clone())])
    }
}

/// Two pictures of one crop, `[2, 3, side, side]`, and how they look.
fn pair(view: &Image<Srgb>, rng: &mut ChaCha8Rng, side: usize) -> Result<Batch> {
    let crop = view.crop(random_square(view.size(), side, rng))?;
    let first = rng.random_range(0..LOOKS.len());
    let second = (first + rng.random_range(1..LOOKS.len())) % LOOKS.len();
    let images =
        [tensor(&damaged(&crop, LOOKS[first], rng)?), tensor(&damaged(&crop, LOOKS[second], rng)?)];
    Ok(told_apart(images, [first, second]))
}

/// Two pictures `[1, 3, h, w]` of one thing, and the number of the look of each.
pub(super) fn told_apart([first, second]: [Tensor; 2], looks: [usize; 2]) -> Batch {
    let [_, channels, height, width] = first.shape;
    let images = Tensor::new([2, channels, height, width], [first.values, second.values].concat());
    let looks = Tensor::new([2, 1, 1, 1], looks.map(|look| look as f32).to_vec());
    Batch { feeds: [(IMAGE.to_owned(), images)].into(), targets: [(LOOK.to_owned(), looks)].into() }
}

/// A clean crop made to look so: one of [`LOOKS`]. Brightness tells dark pictures alone: all others vary
/// in it alike.
///
/// # Errors
/// When the camera refuses the crop.
pub fn damaged(crop: &Image<Srgb>, look: &str, rng: &mut impl Rng) -> Result<Image<Srgb>> {
    let seed = rng.random();
    let mut between = |low: f32, high: f32| low + (high - low) * rng.random::<f32>();
    let (ev, level) = (between(1.5, 5.0), between(-0.7, 0.5));
    let sensitivity = |low: f32, high: f32, share: f32| low * (high / low).powf(share);
    let share = between(0.0, 1.0);
    let jpeg = Some(between(80.0, 98.0) as u8);
    let none = FixedDegradation { jpeg_quality: jpeg, ..FixedDegradation::default() };
    let harm = match look {
        "noisy" => FixedDegradation { ev, iso: Some(sensitivity(400.0, 6400.0, share)), ..none },
        "dark" => FixedDegradation { ev, iso: Some(sensitivity(100.0, 800.0, share)), ..none },
        "blurred" => FixedDegradation { shake_px: between(5.0, 14.0), ..none },
        _ => none,
    };
    let made = Degradation::fixed(seed, crop.size(), &harm).apply(crop)?.image;
    // What noise looks like once the light is given back.
    let stops = match look {
        "noisy" => ev + level,
        "dark" => 0.0,
        _ => level,
    };
    let exposure = Exposure { gain: stops.exp2(), white: stops.exp2().max(1.0) };
    Ok(made.map(|v| exposure.relight(v.clamp(0.0, 1.0))))
}
