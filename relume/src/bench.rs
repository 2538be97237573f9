//! How fast a network runs here: pixels and multiply-adds a second, memory, the time of each layer.

use std::time::Instant;

use relume_media::Size;
use relume_nn::cpu::{Cut, Method, Network, Picture, StepTime};
use relume_nn::{Extent, Facts, Feeds, Layer, Tensor, Weights};
use serde::Serialize;

use crate::Result;
use crate::models::ModelCard;

/// A network and a picture to time it on.
#[derive(Debug)]
pub struct Bench {
    card: &'static ModelCard,
    network: Network,
    feeds: Feeds,
    input: String,
    size: Size,
    values: Vec<f32>,
}

/// What timing said.
#[derive(Debug, Clone, Serialize)]
pub struct Timing {
    /// The network.
    pub model: &'static str,
    /// Width of the picture in pixels.
    pub width: usize,
    /// Height of the picture in pixels.
    pub height: usize,
    /// Wall time of each run in seconds, after one that does not count.
    pub seconds: Vec<f64>,
    /// The median of them.
    pub median: f64,
    /// Megapixels a second.
    pub megapixels_per_second: f64,
    /// Billions of multiply-adds a second, counted product by product.
    pub gmac_per_second: f64,
    /// Bytes of feature maps planned before the run.
    pub planned_bytes: usize,
}

/// One layer's share of a run.
#[derive(Debug, Clone, Serialize)]
pub struct LayerTiming {
    /// Name of the layer.
    pub name: String,
    /// Kind of the layer.
    pub kind: &'static str,
    /// How a convolution was computed.
    pub method: Option<&'static str>,
    /// Channels of the input.
    pub c_in: usize,
    /// Channels of the output.
    pub c_out: usize,
    /// Wall time in seconds.
    pub seconds: f64,
    /// Billions of multiply-adds a second, counted product by product; 0 for other layers.
    pub gmac_per_second: f64,
}

impl Bench {
    /// Prepares `card` for pictures of `size`; without weights of our own, random ones serve: they
    /// take as long.
    ///
    /// # Errors
    /// When the network does not build.
    pub fn new(card: &'static ModelCard, size: Size) -> Result<Self> {
        let graph = (card.graph)()?;
        let weights = match card.weights {
            Some(_) => card.load_weights()?,
            None => Weights::initial(&graph, 1),
        };
        let mut feeds = Feeds::new();
        let mut input = String::new();
        for node in graph.nodes().iter().filter(|node| node.layer == Layer::Input) {
            match node.extent {
                Extent::Fixed { height, width } => {
                    let shape = [1, node.channels, height, width];
                    let half = Tensor::from_fn(shape, |_, c, _, _| 2.0 / (1.0 + c as f32));
                    feeds.insert(node.name.clone(), half);
                }
                Extent::Picture { .. } => input.clone_from(&node.name),
            }
        }
        let grain = |i: usize| (i.wrapping_mul(7919) % 1009) as f32 / 2018.0;
        let values = (0..3 * size.pixels()).map(grain).collect();
        Ok(Self { card, network: Network::new(graph, weights)?, feeds, input, size, values })
    }

    fn picture(&self) -> Picture<'_> {
        let Size { width, height } = self.size;
        Picture { name: &self.input, height, width, values: &self.values }
    }

    /// Bytes of the picture and of the result.
    pub fn picture_bytes(&self) -> usize {
        2 * 4 * self.values.len()
    }

    /// Runs once; the result, planar, and the seconds it took.
    ///
    /// # Errors
    /// When the network does not run.
    pub fn once(&self) -> Result<(Vec<f32>, f64)> {
        let clock = Instant::now();
        let (output, cut) = (self.card.output, Cut::Fitting);
        let made =
            self.network.run_picture(self.picture(), &self.feeds, output, cut, &|_| Ok(()))?;
        Ok((made, clock.elapsed().as_secs_f64()))
    }

    /// Times `runs` runs after one that does not count.
    ///
    /// # Errors
    /// When the network does not run.
    pub fn run(&self, runs: usize) -> Result<Timing> {
        let mut seconds = Vec::new();
        for run in 0..=runs {
            let (_, taken) = self.once()?;
            if run > 0 {
                seconds.push(taken);
            }
        }
        let mut sorted = seconds.clone();
        sorted.sort_by(f64::total_cmp);
        let median = sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN);
        let facts = Facts::of(self.network.graph(), self.card.output)?;
        let megapixels = self.size.megapixels();
        let Size { width, height } = self.size;
        Ok(Timing {
            model: self.card.name,
            width,
            height,
            seconds,
            median,
            megapixels_per_second: megapixels / median,
            gmac_per_second: facts.gmac_per_megapixel * megapixels / median,
            planned_bytes: self.network.memory((height, width), self.card.output)?,
        })
    }

    /// Where the time of one run goes.
    ///
    /// # Errors
    /// When the network does not run.
    pub fn layers(&self) -> Result<Vec<LayerTiming>> {
        let steps = self.network.time_steps(self.picture(), &self.feeds, self.card.output)?;
        Ok(steps.into_iter().map(layer).collect())
    }
}

fn layer(step: StepTime) -> LayerTiming {
    LayerTiming {
        name: step.name,
        kind: step.kind,
        method: step.method.map(|method| match method {
            Method::Direct => "direct",
            Method::Winograd => "winograd",
        }),
        c_in: step.channels.0,
        c_out: step.channels.1,
        gmac_per_second: step.macs as f64 / step.seconds / 1e9,
        seconds: step.seconds,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::{MODELS, lantern};
    use relume_nn::Extent;

    #[test]
    fn every_network_can_be_timed() {
        let makes_a_picture = |card: &ModelCard| {
            let graph = (card.graph)().unwrap();
            let output = graph.find_outputs(&[card.output]).unwrap()[0];
            graph.node(output).extent == Extent::PICTURE
        };
        let small = |card: &&&ModelCard| card.name != "mirnet" && makes_a_picture(card);
        for card in MODELS.iter().filter(small) {
            let timing = Bench::new(card, Size::new(48, 32)).unwrap().run(1).unwrap();
            assert_eq!(timing.seconds.len(), 1);
            assert!(timing.gmac_per_second > 0.0 && timing.planned_bytes > 0, "{timing:?}");
        }
    }

    #[test]
    fn layers_add_up_to_the_network() {
        let size = Size::new(64, 64);
        let layers = Bench::new(&lantern::S, size).unwrap().layers().unwrap();
        let macs: f64 = layers.iter().map(|l| l.gmac_per_second * l.seconds).sum();
        let facts = lantern::S.facts().unwrap();
        let wanted = facts.gmac_per_megapixel * size.megapixels();
        assert!((macs / wanted - 1.0).abs() < 1e-3, "{macs} {wanted}");
    }
}
