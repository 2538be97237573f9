//! Networks that learn from dark pictures alone: the losses judge the answer by itself.

use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;
use relume::exposure::{NEUTRAL_BRIGHTNESS, Thumbnail};
use relume_media::resize::{Filter, resize};
use relume_media::{Image, Linear, Rect, Size, Srgb};
use relume_nn::{Feeds, Tensor};

use super::paired::{Ports, no_ports};
use super::{Run, Task, TaskCard, damage, random_square, tensor};
use crate::batch::Batch;
use crate::datasets::Item;
use crate::recipe::Stage;
use crate::{Error, Result};

/// Fed a crop of any picture; there is no target.
pub(super) const CARD: TaskCard = TaskCard {
    name: "zero-reference",
    help: "a crop of any picture -> a better one; no target, the losses judge the answer by itself",
    fits: |graph| Ports::of(graph).is_some(),
    typical: |graph| Ports::of(graph).is_some() && graph.outputs().contains_key("curves"),
    build: |graph, stage| {
        let ports = Ports::of(graph).ok_or_else(|| no_ports(graph))?;
        Ok(Box::new(ZeroReference { ports, stage: stage.clone() }))
    },
    losses: &[
        ("color_constancy", 5.0, ""),
        ("spatial_consistency", 1.0, ""),
        ("exposure", 10.0, ""),
        ("illumination_smoothness", 200.0, ""),
    ],
};

struct ZeroReference {
    ports: Ports,
    stage: Stage,
}

/// A view as the network sees it, and as it should look where that is known and asked for.
struct View {
    seen: Image<Srgb>,
    clean: Option<Image<Srgb>>,
}

impl Task for ZeroReference {
    fn examples(
        &self,
        view: Item,
        rng: &mut ChaCha8Rng,
        crops: usize,
        side: usize,
    ) -> Result<Vec<Batch>> {
        let cued = self.stage.losses.iter().any(|loss| loss.kind == "cue");
        let view = self.view(view, rng, cued)?;
        let crop = |_| {
            let square = random_square(view.seen.size(), side, rng);
            let feeds = [(self.ports.input.clone(), tensor(&view.seen.crop(square)?))].into();
            let targets = if cued { view.cues(square)?.into() } else { Feeds::new() };
            Ok(Batch { feeds, targets })
        };
        (0..crops).map(crop).collect()
    }

    fn output(&self) -> &str {
        &self.ports.output
    }

    fn restore(
        &self,
        network: Run<'_>,
        picture: &Image<Srgb>,
    ) -> Result<Vec<(&'static str, Image<Srgb>)>> {
        Ok(vec![("restored", self.ports.run(network, picture)?)])
    }
}

impl ZeroReference {
    /// The view, with the clean picture only where it is `cued`.
    fn view(&self, item: Item, rng: &mut ChaCha8Rng, cued: bool) -> Result<View> {
        Ok(match item {
            Item::Alone(seen) => View { seen, clean: None },
            Item::Pair { input, target } => View { seen: input, clean: Some(target) },
            Item::Series { mut exposures, .. } => {
                let seen = exposures.swap_remove(rng.random_range(0..exposures.len()));
                View { seen, clean: None }
            }
            item => {
                let useless = || Error::Setup("zero-reference needs pictures".into());
                let damaged = damage(item, rng, &self.stage.degradation)?.ok_or_else(useless)?;
                let clean = cued.then(|| damaged.scene.map(|v| v.min(1.0)).to_srgb());
                View { seen: damaged.image, clean }
            }
        })
    }
}

impl View {
    /// Cues for the crop `square`: what it shows, as a clean picture of the same place, and where
    /// that is, as the surroundings. Without a clean picture, this one averaged and lit.
    fn cues(&self, square: Rect) -> Result<[(String, Tensor); 2]> {
        let side = square.size;
        let whole = self.clean.clone().unwrap_or_else(|| lit(&self.seen));
        let mut content = whole.crop(square)?.to_linear();
        if self.clean.is_none() {
            let small = Size::new(side.width.div_ceil(4), side.height.div_ceil(4));
            content = resize(&resize(&content, small, Filter::Area), side, Filter::Bilinear);
        }
        let inside = |x: usize, y: usize| {
            (square.x..square.x + side.width).contains(&x)
                && (square.y..square.y + side.height).contains(&y)
        };
        let around = Image::<Srgb>::from_fn(whole.size(), |x, y| match inside(x, y) {
            true => [0.5; 3],
            false => whole.get(x, y),
        });
        let context = resize(&around.to_linear(), side, Filter::Area);
        let encoded = |image: Image<Linear>| tensor(&image.map(|v| v.clamp(0.0, 1.0)).to_srgb());
        Ok([("content".to_owned(), encoded(content)), ("context".to_owned(), encoded(context))])
    }
}

/// A picture with the light it lacks to be neither dark nor bright.
fn lit(picture: &Image<Srgb>) -> Image<Srgb> {
    let exposure = Thumbnail::of(picture).expose_for(NEUTRAL_BRIGHTNESS);
    picture.clone().map(|v| exposure.relight(v.clamp(0.0, 1.0)))
}
