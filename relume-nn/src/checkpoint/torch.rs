//! What PyTorch's pickles mean: which functions they may name, where the network lies in them, and
//! which tensors it has.

use std::collections::BTreeMap;

use super::pickle::{Object, Pickle, Value};
use super::tensors::{Kind, Slice, Storage};
use super::{Checkpoint, Format};
use crate::weights::{Array, Weights};

/// Dictionaries a network may be kept in; the first found is taken, so averaged weights win.
const WRAPPERS: &[&str] = &[
    "params_ema",
    "params",
    "state_dict",
    "model_state_dict",
    "net_state_dict",
    "model_state",
    "model",
    "net",
    "network",
    "generator",
];

/// What wrappers of modules put before every key.
const PREFIXES: &[&str] = &["module.", "_orig_mod."];

/// Functions that make a tensor from a storage: place, size and stride follow.
const REBUILD: &[&str] = &[
    "torch._utils _rebuild_tensor",
    "torch._utils _rebuild_tensor_v2",
    "torch._utils _rebuild_tensor_v3",
];

/// Functions whose first argument is the tensor itself.
const PARAMETER: &[&str] =
    &["torch._utils _rebuild_parameter", "torch._utils _rebuild_parameter_with_state"];

/// Dictionaries with more manners.
const DICTIONARIES: &[&str] =
    &["collections OrderedDict", "collections defaultdict", "collections Counter"];

/// What training leaves beside the network: noted, never looked into.
const BESIDE: &[&str] = &[
    "torch Size",
    "torch device",
    "argparse Namespace",
    "numpy dtype",
    "numpy ndarray",
    "numpy.core.multiarray scalar",
    "numpy.core.multiarray _reconstruct",
    "numpy._core.multiarray scalar",
    "numpy._core.multiarray _reconstruct",
    "_codecs encode",
    "builtins set",
    "__builtin__ set",
];

/// Axes that a tensor may have. One tuple can be the shape of thousands of tensors: were it long,
/// a small file would take gigabytes.
const MOST_AXES: usize = 16;

/// Whether a pickle may name this global.
pub(super) fn allowed(global: &str) -> bool {
    [REBUILD, PARAMETER, DICTIONARIES, BESIDE].iter().any(|list| list.contains(&global))
        || Kind::of(global).is_some()
}

/// Every storage the pickle refers to.
pub(super) fn storages(pickle: &Pickle) -> impl Iterator<Item = Result<Storage<'_>, String>> {
    pickle.objects().filter_map(move |object| match object {
        Object::Persistent(id) => Some(storage(pickle, id)),
        _ => None,
    })
}

/// The network in `pickle`, its numbers taken from `storages`; `size` is the file's in bytes.
///
/// # Errors
/// A sentence that names the key concerned.
pub(super) fn checkpoint(
    pickle: &Pickle,
    storages: &BTreeMap<String, &[u8]>,
    size: usize,
    format: Format,
) -> Result<Checkpoint, String> {
    let (items, inside) = network(pickle)?;
    let mut arrays = Vec::new();
    let mut skipped = Vec::new();
    // Many tensors on one storage would make much of little: no file of a network holds more
    // numbers than bytes.
    let mut left = size;
    for (key, value) in items {
        let Value::Text(key) = key else { continue };
        let Some(slice) = slice(pickle, value).map_err(|e| format!("{key}: {e}"))? else {
            skipped.push((key.to_string(), "no tensor".to_owned()));
            continue;
        };
        if slice.kind.is_whole() {
            skipped.push((key.to_string(), "whole numbers".to_owned()));
            continue;
        }
        let data = storages.get(slice.storage.key);
        let data = data.ok_or_else(|| format!("{key}: storage {} lacks", slice.storage.key))?;
        let values = slice.values(data, left).map_err(|e| format!("{key}: {e}"))?;
        left -= values.len();
        arrays.push((key.to_string(), Array { shape: slice.shape, values }));
    }
    if arrays.is_empty() {
        return Err("it holds no tensor of fractions".into());
    }
    let prefix = common_prefix(&arrays);
    let mut weights = Weights::default();
    for (key, array) in arrays {
        weights.insert(&key[prefix.len()..], array);
    }
    Ok(Checkpoint { weights, format, inside, prefix, skipped })
}

type Items<'a> = Vec<(&'a Value, &'a Value)>;

/// The dictionary of tensors, and the keys that led to it.
fn network(pickle: &Pickle) -> Result<(Items<'_>, Vec<String>), String> {
    let mut inside = Vec::new();
    let mut items = items(pickle, &pickle.root).ok_or("it holds no dictionary of tensors")?;
    while inside.len() < 4 {
        let named = |name: &&'static str| {
            let is = |key: &Value| matches!(key, Value::Text(text) if **text == **name);
            let (_, value) = items.iter().find(|(key, _)| is(key))?;
            Some((*name, self::items(pickle, value)?))
        };
        let Some((name, inner)) = WRAPPERS.iter().find_map(named) else { break };
        inside.push(name.to_owned());
        items = inner;
    }
    let is_tensor = |value: &Value| matches!(slice(pickle, value), Ok(Some(_)) | Err(_));
    if items.iter().any(|(_, value)| is_tensor(value)) {
        return Ok((items, inside));
    }
    let names = items.iter().filter_map(|(key, _)| match key {
        Value::Text(text) => Some(&**text),
        _ => None,
    });
    let names: Vec<&str> = names.take(12).collect();
    Err(format!(
        "no tensors under its keys ({}); a network is looked for under {}",
        names.join(", "),
        WRAPPERS.join(", ")
    ))
}

fn items<'a>(pickle: &'a Pickle, value: &'a Value) -> Option<Items<'a>> {
    match pickle.object(value)? {
        Object::Dict(items) => Some(items.iter().map(|(k, v)| (k, v)).collect()),
        Object::Call { name, arguments, items } if DICTIONARIES.contains(&&**name) => {
            // Python 2 gave the items as a list of pairs to the constructor.
            let given = pickle.sequence(arguments).and_then(<[Value]>::first);
            let pairs = given.and_then(|list| pickle.sequence(list)).unwrap_or_default();
            let pairs = pairs.iter().filter_map(|pair| match pickle.sequence(pair)? {
                [key, value] => Some((key, value)),
                _ => None,
            });
            Some(pairs.chain(items.iter().map(|(k, v)| (k, v))).collect())
        }
        _ => None,
    }
}

/// The tensor a value stands for; none when it is something else.
fn slice<'a>(pickle: &'a Pickle, value: &'a Value) -> Result<Option<Slice<'a>>, String> {
    let mut value = value;
    // A parameter holds a tensor, hardly ever a parameter.
    for _ in 0..4 {
        let Some(Object::Call { name, arguments, .. }) = pickle.object(value) else {
            return Ok(None);
        };
        let arguments = pickle.sequence(arguments).unwrap_or_default();
        if PARAMETER.contains(&&**name) {
            value = arguments.first().ok_or("a parameter without a tensor")?;
        } else if REBUILD.contains(&&**name) {
            return rebuild(pickle, arguments).map(Some);
        } else {
            return Ok(None);
        }
    }
    Err("parameters within parameters".into())
}

fn rebuild<'a>(pickle: &'a Pickle, arguments: &'a [Value]) -> Result<Slice<'a>, String> {
    let [storage_value, first, shape, strides, ..] = arguments else {
        return Err("a tensor with too few arguments".into());
    };
    let Some(Object::Persistent(id)) = pickle.object(storage_value) else {
        return Err("a tensor without a storage".into());
    };
    let storage = storage(pickle, id)?;
    // Version 3 names the kind of number beside the tensor, not by its storage.
    let kind = match arguments.get(6) {
        Some(Value::Global(name)) => Kind::of(name).ok_or("a tensor of unknown numbers")?,
        _ => storage.kind,
    };
    Ok(Slice {
        storage,
        kind,
        first: whole(first)?,
        shape: wholes(pickle, shape)?,
        strides: wholes(pickle, strides)?,
    })
}

/// A storage from its persistent identification: a tag, type, key, device, length.
fn storage<'a>(pickle: &'a Pickle, id: &'a Value) -> Result<Storage<'a>, String> {
    let parts = pickle.sequence(id).unwrap_or_default();
    let [Value::Text(tag), Value::Global(kind), Value::Text(key), _, length, view @ ..] = parts
    else {
        return Err("a storage without type, key and length".into());
    };
    if &**tag != "storage" || matches!(view, [part, ..] if !matches!(part, Value::None)) {
        return Err(format!("storage {key} is a view of another: save it with a newer PyTorch"));
    }
    let kind = Kind::of(kind).ok_or_else(|| format!("storage {key} is of {kind}"))?;
    Ok(Storage { key, kind, length: whole(length)? })
}

fn wholes(pickle: &Pickle, value: &Value) -> Result<Vec<usize>, String> {
    // A `torch.Size` is a call with the tuple as its argument.
    let value = match pickle.object(value) {
        Some(Object::Call { arguments, .. }) => {
            pickle.sequence(arguments).and_then(<[Value]>::first).unwrap_or(value)
        }
        _ => value,
    };
    let sides = pickle.sequence(value).ok_or("a shape is no tuple")?;
    if sides.len() > MOST_AXES {
        return Err(format!("a tensor of {} axes: nothing honest needs that", sides.len()));
    }
    sides.iter().map(whole).collect()
}

fn whole(value: &Value) -> Result<usize, String> {
    match value {
        Value::Int(n) => usize::try_from(*n).map_err(|_| format!("{n} is out of range")),
        _ => Err("a size is no number".into()),
    }
}

fn common_prefix(arrays: &[(String, Array)]) -> String {
    let mut prefix = String::new();
    let shared = |prefix: &str| arrays.iter().all(|(key, _)| key.starts_with(prefix));
    while let Some(longer) =
        PREFIXES.iter().map(|more| format!("{prefix}{more}")).find(|p| shared(p))
    {
        prefix = longer;
    }
    prefix
}
