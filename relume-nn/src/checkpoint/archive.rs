//! The zip archive that `torch.save` writes since PyTorch 1.6: one entry is the pickle, one each
//! storage, none of them compressed.

use std::collections::BTreeMap;
use std::io::{self, Cursor};

use zip::ZipArchive;

use super::{Checkpoint, Format, pickle, torch};

/// Reads the whole file.
///
/// # Errors
/// A sentence that says what is damaged or refused.
pub(super) fn read(bytes: &[u8]) -> Result<Checkpoint, String> {
    let entries = entries(bytes)?;
    let Some(root) = entries.keys().find_map(|name| name.strip_suffix("data.pkl")) else {
        return Err(stranger(&entries).into());
    };
    if entries.contains_key(&format!("{root}constants.pkl")) {
        let why = "this is a TorchScript archive, which holds code: save the state_dict alone";
        return Err(why.into());
    }
    if entries.get(&format!("{root}byteorder")).is_some_and(|order| order.trim_ascii() == b"big") {
        return Err("the numbers are big-endian: save it again on a usual machine".into());
    }
    let pickle = pickle::read(entries[&format!("{root}data.pkl")], torch::allowed)?;
    let folder = format!("{root}data/");
    let storages = entries
        .iter()
        .filter_map(|(name, data)| Some((name.strip_prefix(&folder)?.to_owned(), *data)))
        .collect();
    torch::checkpoint(&pickle, &storages, bytes.len(), Format::TorchZip)
}

/// All entries by name, their checksums verified.
fn entries(bytes: &[u8]) -> Result<BTreeMap<String, &[u8]>, String> {
    let broken = |e: &dyn std::fmt::Display| format!("the zip archive is damaged: {e}");
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(|e| broken(&e))?;
    let mut entries = BTreeMap::new();
    // Entries that share their bytes would make a small file slow: together they must fit in it.
    let mut left = bytes.len() as u64;
    for index in 0..archive.len() {
        let mut file = archive.by_index(index).map_err(|e| broken(&e))?;
        let name = file.name().map_err(|e| broken(&e))?.into_owned();
        let size = file.size();
        if file.compressed_size() != size {
            return Err(format!("{name} is compressed, which PyTorch never does"));
        }
        left = left.checked_sub(size).ok_or_else(|| broken(&"it holds more than its size"))?;
        io::copy(&mut file, &mut io::sink()).map_err(|e| format!("{name} is damaged: {e}"))?;
        let data = file.data_start().and_then(|start| {
            let start = usize::try_from(start).ok()?;
            bytes.get(start..start.checked_add(usize::try_from(size).ok()?)?)
        });
        let data = data.ok_or_else(|| broken(&format!("{name} lies outside of the file")))?;
        if entries.insert(name.clone(), data).is_some() {
            return Err(broken(&format!("two entries are called {name}")));
        }
    }
    Ok(entries)
}

fn stranger(entries: &BTreeMap<String, &[u8]>) -> &'static str {
    let has = |end: &str| entries.keys().any(|name| name.ends_with(end));
    if has(".npy") {
        "this is a NumPy archive (.npz); wanted is a safetensors file or what torch.save wrote"
    } else {
        "this zip archive has no data.pkl: torch.save did not write it"
    }
}
