//! Any network from one picture to one picture, taught by pairs.

use rand_chacha::ChaCha8Rng;
use relume::models::MODELS;
use relume_media::{Image, Srgb};
use relume_nn::{Feeds, Graph};

use super::{Run, Task, TaskCard, inputs, mirrored, pair, random_square, tensor, unmirrored};
use crate::batch::Batch;
use crate::datasets::Item;
use crate::recipe::Stage;
use crate::{Error, Result};

/// Fed a damaged crop; answers the crop as it should be.
pub(super) const CARD: TaskCard = TaskCard {
    name: "paired",
    help: "a dark, noisy or shaken crop -> the same crop as it should be; pairs as they are, clean \
           pictures damaged by the simulated camera",
    fits: |graph| Ports::of(graph).is_some(),
    typical: |graph| Ports::of(graph).is_some(),
    build: |graph, stage| {
        let ports = Ports::of(graph).ok_or_else(|| no_ports(graph))?;
        Ok(Box::new(Paired { ports, stage: stage.clone() }))
    },
    losses: &[("charbonnier", 1.0, "")],
};

/// Where a picture goes in and out.
pub(super) struct Ports {
    pub(super) input: String,
    pub(super) output: String,
    multiple: usize,
}

impl Ports {
    /// The ports of a network with one input and a picture as its last output.
    pub(super) fn of(graph: &Graph) -> Option<Self> {
        let [input] = inputs(graph)[..] else { return None };
        let card = MODELS.iter().find(|card| card.name == graph.name());
        let output = match card {
            Some(card) => card.output,
            None => graph.outputs().keys().next()?.as_str(),
        };
        graph.outputs().get(output)?;
        Some(Self {
            input: input.to_owned(),
            output: output.to_owned(),
            multiple: graph.multiple(),
        })
    }

    /// Runs the network on a whole picture, mirrored up to the size the network needs.
    pub(super) fn run(&self, network: Run<'_>, picture: &Image<Srgb>) -> Result<Image<Srgb>> {
        let padded = tensor(&mirrored(picture, self.multiple));
        let mut answer = network(&Feeds::from([(self.input.clone(), padded)]), &[&self.output])?;
        let missing = || relume_nn::Error::Run(format!("the network gave no {}", self.output));
        let answer = answer.remove(&self.output).ok_or_else(missing)?;
        Ok(unmirrored(answer, picture.size())?.map(|v: f32| v.clamp(0.0, 1.0)))
    }
}

/// The error of a network that is not from picture to picture.
pub(super) fn no_ports(graph: &Graph) -> Error {
    Error::Setup(format!("{} does not make one picture out of one picture", graph.name()))
}

struct Paired {
    ports: Ports,
    stage: Stage,
}

impl Task for Paired {
    fn examples(
        &self,
        view: Item,
        rng: &mut ChaCha8Rng,
        crops: usize,
        side: usize,
    ) -> Result<Vec<Batch>> {
        let pair = pair(view, rng, &self.stage.degradation)?.ok_or_else(|| {
            Error::Setup("the task paired needs pairs, clean pictures or scenes".into())
        })?;
        let crop = |_| {
            let square = random_square(pair.input.size(), side, rng);
            let input = tensor(&pair.input.crop(square)?);
            let target = tensor(&pair.target.crop(square)?);
            Ok(Batch {
                feeds: [(self.ports.input.clone(), input)].into(),
                targets: [(self.ports.output.clone(), target)].into(),
            })
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
