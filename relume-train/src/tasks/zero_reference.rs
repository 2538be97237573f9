//! Networks that learn from dark pictures alone: the losses judge the answer by itself.

use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;
use relume_media::{Image, Srgb};

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

impl Task for ZeroReference {
    fn examples(
        &self,
        view: Item,
        rng: &mut ChaCha8Rng,
        crops: usize,
        side: usize,
    ) -> Result<Vec<Batch>> {
        let picture = match view {
            Item::Alone(picture) | Item::Pair { input: picture, .. } => picture,
            Item::Series { mut exposures, .. } => {
                exposures.swap_remove(rng.random_range(0..exposures.len()))
            }
            view => {
                let useless = || Error::Setup("zero-reference needs pictures".into());
                damage(view, rng, &self.stage.degradation)?.ok_or_else(useless)?.image
            }
        };
        let crop = |_| {
            let crop = picture.crop(random_square(picture.size(), side, rng))?;
            let feeds = [(self.ports.input.clone(), tensor(&crop))].into();
            Ok(Batch { feeds, ..Batch::default() })
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
