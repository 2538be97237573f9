//! Reading what lies beside the repository.

use std::path::{Path, PathBuf};

use relume_nn::{Tensor, Weights};

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
