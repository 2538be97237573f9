//! A fixed network that sees what a picture shows and how good it looks: CLIP or the cue encoder.

use std::path::Path;
use std::sync::OnceLock;

use burn::tensor::Tensor;
use relume::models::clip::{
    END, IMAGE, IMAGE_FEATURES, PROMPT_FEATURES, QUALITY_FEATURES, TEXT_FEATURES, WORDS,
    resize_taps,
};
use relume_nn::burn::{Parameters as Uploaded, Tensors, run};
use relume_nn::{Extent, Graph, Weights};

use super::linear::{Matrix, both};
use crate::{Error, Result};

/// A network with the input `image` whose weights stay as they are.
pub struct Encoder {
    graph: Graph,
    weights: Weights,
    /// Side of the pictures it sees, where it does not see any size.
    side: Option<usize>,
    uploaded: OnceLock<Uploaded>,
}

impl Encoder {
    /// A network with its weights.
    ///
    /// # Errors
    /// A message when the weights do not fit or there is no input `image`.
    pub fn new(graph: Graph, weights: Weights) -> std::result::Result<Self, String> {
        weights.check(&graph).map_err(|e| e.to_string())?;
        let input = graph.nodes().iter().find(|node| node.name == IMAGE);
        let input = input.ok_or_else(|| format!("{} has no input {IMAGE}", graph.name()))?;
        let side = match input.extent {
            Extent::Fixed { height, .. } => Some(height),
            Extent::Picture { .. } => None,
        };
        Ok(Self { graph, weights, side, uploaded: OnceLock::new() })
    }

    /// The network called `name` with the weights of a file, or those the program carries.
    pub(super) fn named(name: &str, file: &str) -> std::result::Result<Self, String> {
        let card = relume::models::find(name).map_err(|e| e.to_string())?;
        let graph = (card.graph)().map_err(|e| e.to_string())?;
        let weights = if file.is_empty() {
            card.load_weights().map_err(|e| format!("{e}; name a file by `weights`"))?
        } else {
            let bytes = std::fs::read(Path::new(file)).map_err(|e| format!("{file}: {e}"))?;
            Weights::read(&bytes).map_err(|e| format!("{file}: {e}"))?
        };
        Self::new(graph, weights)
    }

    /// What pictures `[n, 3, h, w]` in display light show: `[n, d, 1, 1]`.
    pub(super) fn shown(&self, pictures: Tensor<4>) -> Result<Tensor<4>> {
        self.see(pictures, IMAGE_FEATURES)
    }

    /// How good pictures look, and the looks they are compared with: `[n, d, 1, 1]`, `[k, d, 1, 1]`.
    pub(super) fn looks(&self, pictures: Tensor<4>) -> Result<(Tensor<4>, Tensor<4>)> {
        let device = pictures.device();
        let prompts = self.run(Tensors::new(), PROMPT_FEATURES, &device)?;
        Ok((self.see(pictures, QUALITY_FEATURES)?, prompts.detach()))
    }

    /// What texts say, from numbers of words `[n, 1, 1, context]`.
    pub(super) fn said(&self, words: Tensor<4>) -> Result<Tensor<4>> {
        let (device, context) = (words.device(), words.dims()[3]);
        let largest = words.clone().max_dim(3).expand(words.dims());
        let end = words.clone().equal(largest).float() * context as f64;
        let feeds = Tensors::from([(WORDS.to_owned(), words), (END.to_owned(), end)]);
        self.run(feeds, TEXT_FEATURES, &device)
    }

    fn see(&self, pictures: Tensor<4>, output: &str) -> Result<Tensor<4>> {
        let device = pictures.device();
        let pictures = match self.side {
            Some(side) => resize(pictures, side),
            None => pictures,
        };
        self.run(Tensors::from([(IMAGE.to_owned(), pictures)]), output, &device)
    }

    fn run(
        &self,
        feeds: Tensors,
        output: &str,
        device: &burn::tensor::Device,
    ) -> Result<Tensor<4>> {
        let uploaded = self.uploaded.get_or_init(|| Uploaded::new(&self.weights, device, false));
        let found = run(&self.graph, uploaded, &feeds, &[output])?.remove(output);
        found.ok_or_else(|| Error::Setup(format!("{} gives no {output}", self.graph.name())))
    }
}

/// Pictures at `side` squared: bilinear between sample centres, nothing averaged.
fn resize(x: Tensor<4>, side: usize) -> Tensor<4> {
    both(x, |length| {
        let taps: Vec<_> = (0..side).map(|i| resize_taps(i, length, side)).collect();
        Matrix::from_fn(side, length, |row, column| {
            let own = |(from, share): &(usize, f32)| {
                if *from == column { f64::from(*share) } else { 0.0 }
            };
            taps[row].iter().map(own).sum()
        })
    })
}
