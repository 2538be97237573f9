//! What `torch.save` wrote before PyTorch 1.6: the pickles of a magic number, of the protocol, of
//! the machine, of the object and of the storage keys; then each storage: its length, its numbers.

use std::collections::{BTreeMap, HashMap};

use super::pickle::{self, Object, Pickle, Value};
use super::{Checkpoint, Format, torch};

const MAGIC: i128 = 0x1950_a86a_20f9_469c_fc6c;
const PROTOCOL: i128 = 1001;

/// Whether the bytes begin with the magic number.
pub(super) fn recognises(bytes: &[u8]) -> bool {
    let first = pickle::read(&bytes[..bytes.len().min(32)], |_| false);
    matches!(first.map(|pickle| pickle.root), Ok(Value::Int(MAGIC)))
}

/// Reads the whole file.
///
/// # Errors
/// A sentence that says what is damaged or refused.
pub(super) fn read(bytes: &[u8]) -> Result<Checkpoint, String> {
    let mut rest = bytes;
    let mut next = || -> Result<Pickle, String> {
        let pickle = pickle::read(rest, torch::allowed)?;
        rest = &rest[pickle.length..];
        Ok(pickle)
    };
    next()?;
    let protocol = next()?.root;
    if !matches!(protocol, Value::Int(PROTOCOL)) {
        return Err(format!("the file has protocol {protocol:?}; known is {PROTOCOL}"));
    }
    if is_big_endian(&next()?) {
        return Err("the numbers are big-endian: save it again on a usual machine".into());
    }
    let object = next()?;
    let keys = next()?;
    let storages = storages(&object, &keys, rest)?;
    torch::checkpoint(&object, &storages, bytes.len(), Format::TorchLegacy)
}

fn is_big_endian(machine: &Pickle) -> bool {
    let Some(Object::Dict(items)) = machine.object(&machine.root) else { return false };
    items.iter().any(|(key, value)| {
        matches!((key, value), (Value::Text(key), Value::Bool(false)) if &**key == "little_endian")
    })
}

/// The bytes of each storage: they follow in the order of the keys.
fn storages<'a>(
    object: &Pickle,
    keys: &Pickle,
    mut rest: &'a [u8],
) -> Result<BTreeMap<String, &'a [u8]>, String> {
    let widths: HashMap<String, usize> = torch::storages(object)
        .map(|storage| storage.map(|s| (s.key.to_owned(), s.kind.bytes())))
        .collect::<Result<_, _>>()?;
    let mut found = BTreeMap::new();
    for key in keys.sequence(&keys.root).ok_or("the storage keys are no list")? {
        let Value::Text(key) = key else { return Err("a storage key is no text".into()) };
        let short = || format!("the file ends within storage {key}");
        let width = widths.get(&**key).ok_or_else(|| format!("storage {key} has no type"))?;
        let (count, after) = rest.split_first_chunk::<8>().ok_or_else(short)?;
        let length = usize::try_from(i64::from_le_bytes(*count))
            .ok()
            .and_then(|count| count.checked_mul(*width))
            .filter(|&length| length <= after.len())
            .ok_or_else(short)?;
        let (data, after) = after.split_at(length);
        rest = after;
        if found.insert(key.to_string(), data).is_some() {
            return Err(format!("storage {key} comes twice"));
        }
    }
    Ok(found)
}
