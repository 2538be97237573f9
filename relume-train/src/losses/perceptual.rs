//! Distance of what a fixed network sees in two pictures.

use std::path::Path;
use std::sync::OnceLock;

use burn::tensor::{Tensor, TensorData};
use relume_nn::burn::{Parameters as Uploaded, Tensors, run};
use relume_nn::layer::Layer;
use relume_nn::{Graph, Weights};
use serde::{Deserialize, Serialize};

use super::parameters::{list, parameters, read};
use super::{Given, Loss, LossCard};
use crate::Result;

pub(super) const CARD: LossCard = LossCard {
    name: "perceptual",
    help: "distance of the features that a fixed network has at some of its layers",
    source: "Johnson et al. 2016; Gram matrices: Gatys et al. 2016",
    parameters: list::<Settings>,
    build: |table| {
        let Settings { network, weights, .. } = read(table)?;
        if network.is_empty() || weights.is_empty() {
            return Err("needs `network`, as in `relume models list`, and its `weights`".into());
        }
        let card = relume::models::find(&network).map_err(|e| e.to_string())?;
        let graph = (card.graph)().map_err(|e| e.to_string())?;
        let bytes = std::fs::read(Path::new(&weights)).map_err(|e| format!("{weights}: {e}"))?;
        let found = Weights::from_safetensors(&bytes).map_err(|e| format!("{weights}: {e}"))?;
        Ok(Box::new(Perceptual::new(&graph, found, table)?))
    },
};

parameters! {
    /// Which features of which network, and how they are compared.
    compares Settings {
        /// The network, as in `relume models list`; it has one input.
        network: String = String::new(),
        /// Its weights: a safetensors file.
        weights: String = String::new(),
        /// Names of the layers whose results are compared; all count alike.
        layers: Vec<String> = Vec::new(),
        /// How features are compared: "l1" or "l2".
        distance: Distance = Distance::L1,
        /// Weight of the same distance between Gram matrices: textures, wherever they are.
        gram: f64 = 0.0 => 0.0..=1e6,
        /// What is taken from R, G and B first; one value for all, or none.
        mean: Vec<f32> = Vec::new(),
        /// What R, G and B are divided by after that; one value for all, or none.
        deviation: Vec<f32> = Vec::new(),
        /// Tone mapping log(1 + mu x) / log(1 + mu) of linear light before that; 0 for none.
        mu: f64 = 0.0 => 0.0..=1e6,
    }
}

/// How features are compared.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Distance {
    /// Mean absolute difference.
    #[default]
    L1,
    /// Mean squared difference.
    L2,
}

/// A fixed network with the layers whose features are compared.
pub struct Perceptual {
    settings: Settings,
    graph: Graph,
    input: String,
    weights: Weights,
    uploaded: OnceLock<Uploaded>,
}

impl Perceptual {
    /// Compares features of `graph`, which has one input, with `weights`; `table` holds the other
    /// parameters of the loss.
    ///
    /// # Errors
    /// A message for parameters, weights or layers that do not fit.
    pub fn new(
        graph: &Graph,
        weights: Weights,
        table: &toml::Table,
    ) -> std::result::Result<Self, String> {
        let settings: Settings = read(table)?;
        weights.check(graph).map_err(|e| e.to_string())?;
        let inputs: Vec<_> = graph.nodes().iter().filter(|n| n.layer == Layer::Input).collect();
        let [input] = inputs[..] else {
            return Err(format!("{} has {} inputs, not one", graph.name(), inputs.len()));
        };
        if settings.layers.is_empty() {
            return Err("needs the names of `layers`".into());
        }
        if settings.deviation.contains(&0.0) {
            return Err("deviation is 0; it divides".into());
        }
        let fits = |values: &[f32]| [0, 1, input.channels].contains(&values.len());
        if !fits(&settings.mean) || !fits(&settings.deviation) {
            let channels = input.channels;
            return Err(format!("mean and deviation have no value, one, or {channels}"));
        }
        let layers: Vec<&str> = settings.layers.iter().map(String::as_str).collect();
        let graph = graph.clone().reading(&layers).map_err(|e| e.to_string())?;
        let input = input.name.clone();
        Ok(Self { settings, graph, input, weights, uploaded: OnceLock::new() })
    }

    /// The features of pictures `[n, c, h, w]` by layer.
    fn features(&self, x: Tensor<4>) -> Result<Tensors> {
        let Settings { layers, mean, deviation, mu, .. } = &self.settings;
        let device = x.device();
        let constant = |values: &[f32]| {
            let data = TensorData::new(values.to_vec(), [1, values.len(), 1, 1]);
            Tensor::<4>::from_data(data, &device)
        };
        let x = if *mu > 0.0 { (x.clamp_min(0.0) * *mu).log1p() / mu.ln_1p() } else { x };
        let x = if mean.is_empty() { x } else { x - constant(mean) };
        let x = if deviation.is_empty() { x } else { x / constant(deviation) };
        let uploaded = self.uploaded.get_or_init(|| Uploaded::new(&self.weights, &device, false));
        let wanted: Vec<&str> = layers.iter().map(String::as_str).collect();
        Ok(run(&self.graph, uploaded, &Tensors::from([(self.input.clone(), x)]), &wanted)?)
    }

    fn distance<const D: usize>(&self, a: Tensor<D>, b: Tensor<D>) -> Tensor<1> {
        match self.settings.distance {
            Distance::L1 => (a - b).abs().mean(),
            Distance::L2 => (a - b).square().mean(),
        }
    }
}

impl Loss for Perceptual {
    fn value(&self, given: &Given<'_>) -> Result<Tensor<1>> {
        let (x, truth) = given.pair(&self.settings.output, &self.settings.target)?;
        let mut sum = Tensor::zeros([1], &x.device());
        let wanted = self.features(truth)?;
        for (features, wanted) in self.features(x)?.into_values().zip(wanted.into_values()) {
            if self.settings.gram > 0.0 {
                let textures = self.distance(gram(features.clone()), gram(wanted.clone()));
                sum = sum + textures * self.settings.gram;
            }
            sum = sum + self.distance(features, wanted);
        }
        Ok(sum / self.settings.layers.len() as f64)
    }

    fn outputs(&self) -> Vec<&str> {
        vec![&self.settings.output]
    }
}

/// Products of channels `[n, c, c]`, averaged over the picture and divided by `c`.
fn gram(features: Tensor<4>) -> Tensor<3> {
    let [n, c, h, w] = features.dims();
    let flat = features.reshape([n, c, h * w]);
    flat.clone().matmul(flat.swap_dims(1, 2)) / (c * h * w) as f64
}
