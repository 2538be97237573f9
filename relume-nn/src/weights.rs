//! Parameters by checkpoint key: load, save, start from a seed, and check against a graph.

use std::collections::BTreeMap;

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use crate::checkpoint::{self, Checkpoint};
use crate::layer::{Initial, Layer, Parameter};
use crate::{Error, Graph, ImportReport, Result};

/// One parameter: shape and row-major values.
#[derive(Debug, Clone, PartialEq)]
pub struct Array {
    /// As PyTorch lays it out.
    pub shape: Vec<usize>,
    /// Row-major values.
    pub values: Vec<f32>,
}

/// Parameters by checkpoint key, with the card's text that travels in the file.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Weights {
    arrays: BTreeMap<String, Array>,
    /// Model card and provenance: free text by key.
    pub metadata: BTreeMap<String, String>,
}

/// How numbers are stored in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precision {
    /// 32-bit floats.
    F32,
    /// 16-bit floats: half the size, 11 bits of mantissa.
    F16,
}

impl Weights {
    /// Starting weights for training, the same for the same `seed`.
    pub fn initial(graph: &Graph, seed: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut weights = Self::default();
        for node in graph.nodes() {
            for Parameter { suffix, shape, .. } in node.layer.parameters(graph.channels_in(node)) {
                let key = format!("{}.{suffix}", node.key);
                if weights.get(&key).is_none() {
                    let count = shape.iter().product();
                    let values = initial(&mut rng, &node.layer, suffix, count);
                    weights.insert(key, Array { shape, values });
                }
            }
        }
        weights
    }

    /// Reads a weights file of any kind: see [`Checkpoint::read`].
    ///
    /// # Errors
    /// [`Error::Checkpoint`] when the bytes are damaged or of another kind.
    pub fn read(bytes: &[u8]) -> Result<Self> {
        Ok(Checkpoint::read(bytes)?.weights)
    }

    /// Reads a safetensors file.
    ///
    /// # Errors
    /// [`Error::Checkpoint`] when the bytes are damaged or hold anything but fractions.
    pub fn from_safetensors(bytes: &[u8]) -> Result<Self> {
        let found = checkpoint::safetensors::read(bytes)?;
        match found.skipped.first() {
            Some((key, what)) => Err(Error::Checkpoint(format!("{key} holds {what}"))),
            None => Ok(found.weights),
        }
    }

    /// The bytes of a safetensors file with the metadata; equal weights make equal bytes.
    ///
    /// # Errors
    /// [`Error::Checkpoint`] when the format cannot hold it.
    pub fn to_safetensors(&self, precision: Precision) -> Result<Vec<u8>> {
        checkpoint::safetensors::write(self, precision)
    }

    /// The parameter under `key`.
    pub fn get(&self, key: &str) -> Option<&Array> {
        self.arrays.get(key)
    }

    /// Puts a parameter under `key`.
    pub fn insert(&mut self, key: impl Into<String>, array: Array) {
        self.arrays.insert(key.into(), array);
    }

    /// Those parameters alone whose key `kept` says yes to.
    #[must_use]
    pub fn retaining(mut self, kept: impl Fn(&str) -> bool) -> Self {
        self.arrays.retain(|key, _| kept(key));
        self
    }

    /// All parameters in the order of their keys.
    pub fn iter(&self) -> impl Iterator<Item = (&String, &Array)> {
        self.arrays.iter()
    }

    /// All parameters, to change.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (&String, &mut Array)> {
        self.arrays.iter_mut()
    }

    /// Compares the keys and shapes with what `graph` needs.
    pub fn report(&self, graph: &Graph) -> ImportReport {
        ImportReport::new(self, graph)
    }

    /// Refuses weights that do not fit `graph` exactly.
    ///
    /// # Errors
    /// [`Error::Weights`] with the whole report.
    pub fn check(&self, graph: &Graph) -> Result<()> {
        let report = self.report(graph);
        if report.is_exact() {
            return Ok(());
        }
        Err(Error::Weights { graph: graph.name().into(), report: Box::new(report) })
    }
}

/// What the parameter `suffix` of a layer starts from.
fn initial(rng: &mut ChaCha8Rng, layer: &Layer, suffix: &str, count: usize) -> Vec<f32> {
    match (layer, suffix) {
        (Layer::Conv(conv), _) => {
            let fan_in = (conv.c_in / conv.groups * conv.kernel * conv.kernel) as f32;
            match conv.initial {
                Initial::Even => {
                    let most = 1.0 / fan_in.sqrt();
                    (0..count).map(|_| rng.random_range(-most..=most)).collect()
                }
                Initial::Normal { gain } if suffix == "weight" => {
                    normal(rng, count, gain / fan_in.sqrt())
                }
                Initial::Constant(value) if suffix == "weight" => vec![value; count],
                _ => vec![0.0; count],
            }
        }
        // As CLIP starts them (Radford et al. 2021).
        (Layer::Embed { .. } | Layer::Learned { .. }, _) => normal(rng, count, 0.02),
        (Layer::Tokens { .. }, _) => normal(rng, count, 0.01),
        (Layer::Prelu { .. }, _) => vec![0.25; count],
        (Layer::WindowAttention(windows), _) => {
            normal(rng, count, if windows.own_tables { 0.02 } else { 1.0 })
        }
        (Layer::Match { .. }, "burnt" | "cycle") => vec![1.0; count],
        (Layer::Match { .. }, _) | (Layer::Propagate, _) => vec![2.0; count],
        (Layer::LayerNorm { .. }, "weight")
        | (Layer::BatchNorm { .. }, "weight" | "running_var") => vec![1.0; count],
        _ => vec![0.0; count],
    }
}

fn normal(rng: &mut ChaCha8Rng, count: usize, deviation: f32) -> Vec<f32> {
    // Box and Muller (1958).
    let mut draw = || {
        let u: f32 = 1.0 - rng.random::<f32>();
        let v: f32 = rng.random();
        deviation * (-2.0 * u.ln()).sqrt() * (std::f32::consts::TAU * v).cos()
    };
    (0..count).map(|_| draw()).collect()
}
