//! Reading what lies beside the repository.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use relume_nn::{Array, Graph, Tensor, Weights};

/// A folder beside the repository; nothing, and a line that says so, where there is none.
pub(crate) fn beside(what: &str) -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared").join(what);
    if !folder.is_dir() {
        println!("skipped: {what} does not lie beside the repository");
    }
    folder.is_dir().then_some(folder)
}

/// Weights of any format.
pub(crate) fn checkpoint(path: &Path) -> Weights {
    Weights::read(&std::fs::read(path).unwrap()).unwrap()
}

/// The array `key` of a file, `[n, c, h, w]`.
pub(crate) fn tensor(arrays: &Weights, key: &str) -> Tensor {
    let array = arrays.get(key).unwrap_or_else(|| panic!("no {key}"));
    Tensor::new(array.shape.clone().try_into().unwrap(), array.values.clone())
}

/// A NumPy file of little-endian `f32`, `[n, c, h, w]`, row-major.
pub(crate) fn array(path: &Path) -> Tensor {
    let bytes = std::fs::read(path).unwrap();
    assert_eq!(&bytes[..8], b"\x93NUMPY\x01\x00", "{}", path.display());
    let header = usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    let text = std::str::from_utf8(&bytes[10..10 + header]).unwrap();
    assert!(text.contains("'<f4'") && text.contains("'fortran_order': False"), "{text}");
    let sides = text.split_once('(').unwrap().1.split_once(')').unwrap().0;
    let sides: Vec<usize> = sides.split(',').map(|side| side.trim().parse().unwrap()).collect();
    let values = bytes[10 + header..].chunks_exact(4);
    let values = values.map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
    Tensor::new(sides.try_into().unwrap(), values)
}

/// The raw bytes of the array `key` of a safetensors file, and its shape.
pub(crate) fn stored_bytes(path: &Path, key: &str) -> (Vec<usize>, Vec<u8>) {
    let bytes = std::fs::read(path).unwrap();
    let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let header: serde_json::Value = serde_json::from_slice(&bytes[8..8 + length]).unwrap();
    let numbers = |value: &serde_json::Value| -> Vec<usize> {
        value.as_array().unwrap().iter().map(|n| n.as_u64().unwrap() as usize).collect()
    };
    let (shape, ends) = (numbers(&header[key]["shape"]), numbers(&header[key]["data_offsets"]));
    (shape, bytes[8 + length + ends[0]..8 + length + ends[1]].to_vec())
}

/// The weights of the published numbers, made by the rule that stands beside them.
pub(crate) fn recipe(graph: &Graph, seed: u64, gain: f64) -> Weights {
    let mut weights = Weights::default();
    for (key, parameter) in graph.parameters() {
        let shape = parameter.shape;
        let fan_in: usize = shape[1..].iter().product();
        let make: Box<dyn Fn(f32) -> f32> = match (shape.len(), key.ends_with(".bias")) {
            _ if key.ends_with("pos_embedding") => Box::new(|s| 0.5 * s),
            (_, true) => Box::new(|s| 0.2 * s),
            // The one slope of an activation; the factors of a normalisation.
            (1, false) if shape == [1] => Box::new(|s| 0.25 + 0.2 * s),
            (1, false) => Box::new(|s| 1.0 + 0.3 * s),
            _ => {
                let scale = (gain / (fan_in as f64).sqrt()) as f32;
                Box::new(move |s| scale * s)
            }
        };
        let count = shape.iter().product();
        let values = draws(&key, seed, count).map(make).collect();
        weights.insert(key, Array { shape, values });
    }
    weights
}

/// `count` numbers from −1 to 1 that belong to a name (FNV-1a, then SplitMix64).
fn draws(key: &str, seed: u64, count: usize) -> impl Iterator<Item = f32> {
    let name = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    let start = key.bytes().fold(0xcbf2_9ce4_8422_2325, name) ^ seed;
    (1..=count as u64).map(move |i| {
        let mut z = start.wrapping_add(i.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        let t = ((z ^ (z >> 31)) >> 40) as i64;
        (t - (1 << 23)) as f32 / (1 << 23) as f32
    })
}

/// Shapes and values of every array of a safetensors file, whatever its numbers.
pub(crate) fn numbers(path: &Path) -> BTreeMap<String, (Vec<usize>, Vec<f64>)> {
    let bytes = std::fs::read(path).unwrap();
    let (length, rest) = bytes.split_first_chunk::<8>().unwrap();
    let (header, data) = rest.split_at(u64::from_le_bytes(*length) as usize);
    let header: serde_json::Map<String, serde_json::Value> =
        serde_json::from_slice(header).unwrap();
    let entries = header.iter().filter(|(key, _)| *key != "__metadata__");
    let one = |(key, about): (&String, &serde_json::Value)| {
        let place = |i: usize| about["data_offsets"][i].as_u64().unwrap() as usize;
        let data = &data[place(0)..place(1)];
        let values = match about["dtype"].as_str().unwrap() {
            "U8" => data.iter().map(|byte| f64::from(*byte)).collect(),
            "F32" => data.as_chunks().0.iter().map(|b| f64::from(f32::from_le_bytes(*b))).collect(),
            "F64" => data.as_chunks().0.iter().map(|b| f64::from_le_bytes(*b)).collect(),
            "I64" => data.as_chunks().0.iter().map(|b| i64::from_le_bytes(*b) as f64).collect(),
            other => panic!("{key} holds {other}"),
        };
        let shape = about["shape"].as_array().unwrap().iter();
        (key.clone(), (shape.map(|n| n.as_u64().unwrap() as usize).collect(), values))
    };
    entries.map(one).collect()
}
