//! Parameters by checkpoint key: load, save, start from a seed, and check against a graph.

use std::collections::{BTreeMap, HashMap};

use half::f16;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};

use crate::layer::{Initial, Layer};
use crate::{Error, Graph, Result};

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

/// How a checkpoint fits a graph.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ImportReport {
    /// Keys that were found with the right shape.
    pub applied: usize,
    /// Keys the graph needs and the file lacks, with the nearest name the file has.
    pub missing: Vec<(String, Option<String>)>,
    /// Keys the file has and the graph does not know.
    pub unused: Vec<String>,
    /// Keys whose shape differs: key, expected, found.
    pub misshapen: Vec<(String, Vec<usize>, Vec<usize>)>,
}

impl ImportReport {
    /// Whether every key was found and none is left over.
    pub fn is_exact(&self) -> bool {
        self.missing.is_empty() && self.unused.is_empty() && self.misshapen.is_empty()
    }
}

impl std::fmt::Display for ImportReport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} applied", self.applied)?;
        for (key, near) in &self.missing {
            write!(f, "; missing {key}")?;
            if let Some(near) = near {
                write!(f, " (did you mean {near}?)")?;
            }
        }
        for (key, expected, found) in &self.misshapen {
            write!(f, "; {key} is {found:?}, expected {expected:?}")?;
        }
        for key in &self.unused {
            write!(f, "; unused {key}")?;
        }
        Ok(())
    }
}

impl Weights {
    /// Starting weights for training, the same for the same `seed`.
    pub fn initial(graph: &Graph, seed: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut weights = Self::default();
        for node in graph.nodes() {
            for parameter in node.layer.parameters(graph.channels_in(node)) {
                let count = parameter.shape.iter().product();
                let values = match (&node.layer, parameter.suffix) {
                    (Layer::Conv(conv), "weight") => {
                        let fan_in = (conv.c_in / conv.groups * conv.kernel * conv.kernel) as f32;
                        match conv.initial {
                            Initial::Zero => vec![0.0; count],
                            Initial::Normal { gain } => {
                                normal(&mut rng, count, gain / fan_in.sqrt())
                            }
                        }
                    }
                    (Layer::Prelu, _) => vec![0.25; count],
                    (Layer::LayerNorm { .. }, "weight") => vec![1.0; count],
                    _ => vec![0.0; count],
                };
                let key = format!("{}.{}", node.name, parameter.suffix);
                weights.insert(key, Array { shape: parameter.shape, values });
            }
        }
        weights
    }

    /// Reads a safetensors file of `F32`, `F16` or `BF16` tensors.
    ///
    /// # Errors
    /// [`Error::Checkpoint`] when the bytes are damaged or hold another kind of number.
    pub fn from_safetensors(bytes: &[u8]) -> Result<Self> {
        let broken = |e: &dyn std::fmt::Display| Error::Checkpoint(e.to_string());
        let (_, header) = SafeTensors::read_metadata(bytes).map_err(|e| broken(&e))?;
        let tensors = SafeTensors::deserialize(bytes).map_err(|e| broken(&e))?;
        let mut weights = Self::default();
        if let Some(metadata) = header.metadata() {
            weights.metadata = metadata.clone().into_iter().collect();
        }
        for (key, view) in tensors.tensors() {
            let values = numbers(&view)
                .ok_or_else(|| Error::Checkpoint(format!("{key} holds {:?}", view.dtype())))?;
            weights.insert(key, Array { shape: view.shape().to_vec(), values });
        }
        Ok(weights)
    }

    /// The bytes of a safetensors file with the metadata.
    ///
    /// # Errors
    /// [`Error::Checkpoint`] when the format cannot hold it.
    pub fn to_safetensors(&self, precision: Precision) -> Result<Vec<u8>> {
        let (dtype, bytes): (_, fn(f32) -> Vec<u8>) = match precision {
            Precision::F32 => (Dtype::F32, |v| v.to_le_bytes().to_vec()),
            Precision::F16 => (Dtype::F16, |v| f16::from_f32(v).to_le_bytes().to_vec()),
        };
        let stored: Vec<(&String, &Array, Vec<u8>)> = self
            .arrays
            .iter()
            .map(|(key, array)| (key, array, array.values.iter().flat_map(|&v| bytes(v)).collect()))
            .collect();
        let view = |(key, array, data): &'_ (&String, &Array, Vec<u8>)| {
            TensorView::new(dtype, array.shape.clone(), data)
                .map(|_| ())
                .map_err(|e| Error::Checkpoint(format!("{key}: {e}")))
        };
        stored.iter().try_for_each(view)?;
        let views = stored.iter().filter_map(|(key, array, data)| {
            TensorView::new(dtype, array.shape.clone(), data).ok().map(|v| (key.as_str(), v))
        });
        let metadata: HashMap<String, String> = self.metadata.clone().into_iter().collect();
        let file = safetensors::serialize(views, Some(metadata));
        in_order(&file.map_err(|e| Error::Checkpoint(e.to_string()))?)
    }

    /// The parameter under `key`.
    pub fn get(&self, key: &str) -> Option<&Array> {
        self.arrays.get(key)
    }

    /// Puts a parameter under `key`.
    pub fn insert(&mut self, key: impl Into<String>, array: Array) {
        self.arrays.insert(key.into(), array);
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
        let mut report = ImportReport::default();
        let wanted: BTreeMap<String, Vec<usize>> = graph.parameters().into_iter().collect();
        for (key, shape) in &wanted {
            match self.arrays.get(key) {
                Some(array) if &array.shape == shape => report.applied += 1,
                Some(array) => {
                    report.misshapen.push((key.clone(), shape.clone(), array.shape.clone()));
                }
                None => report.missing.push((key.clone(), nearest(key, self.arrays.keys()))),
            }
        }
        report.unused =
            self.arrays.keys().filter(|key| !wanted.contains_key(*key)).cloned().collect();
        report
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

/// The same file with its header in the order of the keys: equal weights make equal bytes.
fn in_order(file: &[u8]) -> Result<Vec<u8>> {
    type Header = BTreeMap<String, serde_json::Value>;
    let broken = |e: serde_json::Error| Error::Checkpoint(e.to_string());
    let (length, rest) =
        file.split_first_chunk::<8>().ok_or_else(|| Error::Checkpoint("has no header".into()))?;
    let (header, data) = rest.split_at(u64::from_le_bytes(*length) as usize);
    let mut header: Header = serde_json::from_slice(header).map_err(broken)?;
    if let Some(metadata) = header.get_mut("__metadata__") {
        let sorted: Header = serde_json::from_value(metadata.take()).map_err(broken)?;
        *metadata = serde_json::to_value(sorted).map_err(broken)?;
    }
    let mut text = serde_json::to_vec(&header).map_err(broken)?;
    text.resize(text.len().next_multiple_of(8), b' ');
    let length = (text.len() as u64).to_le_bytes();
    Ok([&length[..], &text, data].concat())
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

fn numbers(view: &TensorView<'_>) -> Option<Vec<f32>> {
    let bytes = view.data();
    let pairs = || bytes.as_chunks::<2>().0.iter();
    match view.dtype() {
        Dtype::F32 => {
            Some(bytes.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect())
        }
        Dtype::F16 => Some(pairs().map(|b| f16::from_le_bytes(*b).to_f32()).collect()),
        Dtype::BF16 => Some(pairs().map(|b| half::bf16::from_le_bytes(*b).to_f32()).collect()),
        _ => None,
    }
}

/// The known key that shares the longest run of parts with `key` and ends alike.
fn nearest<'a>(key: &str, known: impl Iterator<Item = &'a String>) -> Option<String> {
    let parts: Vec<&str> = key.split('.').collect();
    let score = |other: &String| {
        let others: Vec<&str> = other.split('.').collect();
        parts.iter().rev().zip(others.iter().rev()).take_while(|(a, b)| a == b).count()
            + parts.iter().filter(|part| others.contains(part)).count()
    };
    known
        .map(|other| (score(other), other))
        .max_by_key(|(score, _)| *score)
        .filter(|(score, _)| *score >= 2)
        .map(|(_, other)| other.clone())
}
