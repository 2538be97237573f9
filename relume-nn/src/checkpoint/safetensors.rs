//! safetensors: what we write, and what others publish.

use std::collections::{BTreeMap, HashMap};

use half::f16;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};

use super::tensors::Kind;
use super::{Checkpoint, Format};
use crate::weights::{Array, Precision, Weights};
use crate::{Error, Result};

/// Reads the tensors of fractions and the metadata.
///
/// # Errors
/// [`Error::Checkpoint`] when the bytes are damaged.
pub(crate) fn read(bytes: &[u8]) -> Result<Checkpoint> {
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(broken)?;
    let tensors = SafeTensors::deserialize(bytes).map_err(broken)?;
    let mut weights = Weights::default();
    let mut skipped = Vec::new();
    if let Some(metadata) = header.metadata() {
        weights.metadata = metadata.clone().into_iter().collect();
    }
    for (key, view) in tensors.tensors() {
        match kind(view.dtype()) {
            Some(kind) => {
                let values = kind.values(view.data());
                let array = Array { shape: view.shape().to_vec(), values };
                weights.insert(key, array);
            }
            None => skipped.push((key, format!("{:?}", view.dtype()))),
        }
    }
    skipped.sort();
    let format = Format::Safetensors;
    Ok(Checkpoint { weights, format, inside: Vec::new(), prefix: String::new(), skipped })
}

fn kind(dtype: Dtype) -> Option<Kind> {
    Some(match dtype {
        Dtype::F64 => Kind::F64,
        Dtype::F32 => Kind::F32,
        Dtype::F16 => Kind::F16,
        Dtype::BF16 => Kind::Bf16,
        _ => return None,
    })
}

/// The bytes of a file with the metadata.
///
/// # Errors
/// [`Error::Checkpoint`] when the format cannot hold it.
pub(crate) fn write(weights: &Weights, precision: Precision) -> Result<Vec<u8>> {
    let (dtype, bytes): (_, fn(f32) -> Vec<u8>) = match precision {
        Precision::F32 => (Dtype::F32, |v| v.to_le_bytes().to_vec()),
        Precision::F16 => (Dtype::F16, |v| f16::from_f32(v).to_le_bytes().to_vec()),
    };
    let stored: Vec<(&String, &Array, Vec<u8>)> = weights
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
    let metadata: HashMap<String, String> = weights.metadata.clone().into_iter().collect();
    in_order(&safetensors::serialize(views, Some(metadata)).map_err(broken)?)
}

/// The same file with its header in the order of the keys: equal weights make equal bytes.
fn in_order(file: &[u8]) -> Result<Vec<u8>> {
    type Header = BTreeMap<String, serde_json::Value>;
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

fn broken(cause: impl std::fmt::Display) -> Error {
    Error::Checkpoint(cause.to_string())
}
