//! ALEN: pictures that are dark all over, or in places, known by construction; the classifier tells
//! them apart, each route learns to light its own kind.

use rand::{Rng, RngExt as _};
use rand_chacha::ChaCha8Rng;
use relume::models::alen::slcformer::{LOGITS, VIEW};
use relume::models::alen::view::view;
use relume::models::alen::{self, ENHANCED, IMAGE, ROUTING, Route, Routing};
use relume_media::degrade::{Degradation, UnevenLight};
use relume_media::{DegradeOptions, Image, Linear, Srgb};
use relume_nn::{Graph, Tensor};

use super::{Run, Task, TaskCard, inputs, random_square, tensor};
use crate::batch::Batch;
use crate::datasets::Item;
use crate::recipe::Stage;
use crate::{Error, Result};

/// Stops by which a picture that is dark all over is cut.
const UNIFORM_EV: [f32; 2] = [1.5, 4.5];
/// Stops that lack in the darkest place of a picture that is dark in places.
const UNEVEN_EV: [f32; 2] = [2.5, 5.5];
/// Stops by which the whole of such a picture is cut.
const UNEVEN_CUT_EV: [f32; 2] = [0.0, 0.4];

/// Tells the kinds apart.
pub(super) const CLASSIFIER: TaskCard = TaskCard {
    name: "alen-classifier",
    help: "a view that is dark all over (class 0) or in places (class 1) -> the scores of both",
    fits: |graph| inputs(graph).contains(&VIEW),
    typical: |graph| inputs(graph) == [VIEW],
    build: |_, stage| Ok(Box::new(Classifier { stage: stage.clone() })),
    losses: &[("cross_entropy", 1.0, LOGITS)],
};

/// Lights pictures that are dark in places.
pub(super) const LOCAL: TaskCard = TaskCard {
    name: "alen-local",
    help: "a crop of a picture that is dark in places -> the crop in full light, by the local route",
    build: |_, stage| Ok(Box::new(Enhancer::new(stage, &[true], alen::LOCAL))),
    typical: |_| false,
    losses: &[("charbonnier", 1.0, alen::LOCAL), ("ssim", 0.2, alen::LOCAL)],
    ..BOTH
};

/// Lights pictures that are dark all over.
pub(super) const GLOBAL: TaskCard = TaskCard {
    name: "alen-global",
    help: "a crop of a picture that is dark all over -> the crop in full light, by the global route",
    build: |_, stage| Ok(Box::new(Enhancer::new(stage, &[false], alen::GLOBAL))),
    typical: |_| false,
    losses: &[("charbonnier", 1.0, alen::GLOBAL), ("ssim", 0.2, alen::GLOBAL)],
    ..BOTH
};

/// Both kinds through both routes, shares by the truth.
pub(super) const BOTH: TaskCard = TaskCard {
    name: "alen",
    help: "a crop of a picture that is dark all over or in places -> the crop in full light",
    fits,
    typical: fits,
    build: |_, stage| Ok(Box::new(Enhancer::new(stage, &[false, true], ENHANCED))),
    losses: &[("charbonnier", 1.0, ENHANCED), ("ssim", 0.2, ENHANCED)],
};

fn fits(graph: &Graph) -> bool {
    inputs(graph).contains(&ROUTING)
}

/// A picture of a known kind.
pub struct Made {
    /// What the camera wrote.
    pub input: Image<Srgb>,
    /// The scene in full light.
    pub target: Image<Srgb>,
    /// Whether it is dark in places, not all over.
    pub local: bool,
}

/// Makes a clean picture or a scene dark, all over or in places, with the noise and the colours of a
/// simulated camera held still.
///
/// # Errors
/// [`Error::Setup`] for anything but clean pictures and scenes.
pub fn darken(item: Item, local: bool, rng: &mut impl Rng, harm: &DegradeOptions) -> Result<Made> {
    let scene: Image<Linear> = match item {
        Item::Sharp(view) => view.to_linear(),
        Item::Scene(scene) => scene,
        _ => return Err(Error::Setup("alen learns from clean pictures and scenes".into())),
    };
    let seed = rng.random();
    let options = DegradeOptions {
        exposure_cut_ev: if local { UNEVEN_CUT_EV } else { UNIFORM_EV },
        darkest_mean: 0.0,
        shake_px: [0.0; 2],
        untouched_share: 0.0,
        ..harm.clone().for_crops()
    };
    let lit = match local {
        true => UnevenLight::sample(seed, &scene, UNEVEN_EV).apply(&scene),
        false => scene.clone(),
    };
    let degraded = Degradation::sample(seed, lit.size(), &options).apply_linear(&lit)?;
    let target = scene.map(|v| v.min(1.0)).to_srgb();
    Ok(Made { input: degraded.image, target, local })
}

struct Classifier {
    stage: Stage,
}

impl Task for Classifier {
    fn examples(
        &self,
        item: Item,
        rng: &mut ChaCha8Rng,
        crops: usize,
        _: usize,
    ) -> Result<Vec<Batch>> {
        let example = |_| {
            let local = rng.random_bool(0.5);
            let made = darken(item.clone(), local, rng, &self.stage.degradation)?;
            let class = Tensor::scalars(&[f32::from(u8::from(local))]);
            Ok(Batch {
                feeds: [(VIEW.to_owned(), view(&made.input))].into(),
                targets: [(LOGITS.to_owned(), class)].into(),
            })
        };
        (0..crops).map(example).collect()
    }

    fn output(&self) -> &str {
        LOGITS
    }

    /// A classifier makes no picture: it comes back as it is.
    fn restore(
        &self,
        _: Run<'_>,
        picture: &Image<Srgb>,
    ) -> Result<Vec<(&'static str, Image<Srgb>)>> {
        Ok(vec![("as it came", picture.clone())])
    }
}

struct Enhancer {
    stage: Stage,
    /// The kinds that are shown: in places or not.
    kinds: &'static [bool],
    output: &'static str,
}

impl Enhancer {
    fn new(stage: &Stage, kinds: &'static [bool], output: &'static str) -> Self {
        Self { stage: stage.clone(), kinds, output }
    }
}

impl Task for Enhancer {
    fn examples(
        &self,
        item: Item,
        rng: &mut ChaCha8Rng,
        crops: usize,
        side: usize,
    ) -> Result<Vec<Batch>> {
        let local = self.kinds[rng.random_range(0..self.kinds.len())];
        let made = darken(item, local, rng, &self.stage.degradation)?;
        let route = if local { Route::Local } else { Route::Global };
        let crop = |_| {
            let square = random_square(made.input.size(), side, rng);
            let mut feeds = Routing::new(route, 0.5).feeds();
            feeds.insert(IMAGE.to_owned(), tensor(&made.input.crop(square)?));
            let target = tensor(&made.target.crop(square)?);
            Ok(Batch { feeds, targets: [(self.output.to_owned(), target)].into() })
        };
        (0..crops).map(crop).collect()
    }

    fn output(&self) -> &str {
        self.output
    }

    fn restore(
        &self,
        network: Run<'_>,
        picture: &Image<Srgb>,
    ) -> Result<Vec<(&'static str, Image<Srgb>)>> {
        let missing = |name| relume_nn::Error::Run(format!("the network gave no {name}"));
        let route = match self.kinds {
            [true] => Route::Local,
            [false] => Route::Global,
            _ => Route::Auto,
        };
        let seen = [(VIEW.to_owned(), view(picture))].into();
        let mut said = network(&seen, &[LOGITS])?;
        let said = said.remove(LOGITS).ok_or_else(|| missing(LOGITS))?.values;
        let routing = Routing::from_scores(route, [said[0], said[1]]);
        let mut feeds = routing.feeds();
        feeds.insert(IMAGE.to_owned(), tensor(picture));
        let output = routing.output();
        let made = network(&feeds, &[output])?.remove(output).ok_or_else(|| missing(output))?;
        let made = Image::from_planar(picture.size(), made.values)?;
        Ok(vec![("lit", made.map(|v| v.clamp(0.0, 1.0)))])
    }
}
