//! Results of nodes kept from run to run: change one setting, and only what follows runs again.

use std::collections::HashMap;

use relume_media::{Image, Srgb};
use sha2::{Digest, Sha256};

use super::value::Value;

/// What a result depends on: kind, settings, networks and everything wired, as SHA-256.
pub(super) type Key = [u8; 32];

/// Results of nodes, up to a number of bytes; those not used for longest go first.
#[derive(Debug, Default)]
pub struct Cache {
    most_bytes: usize,
    bytes: usize,
    clock: u64,
    results: HashMap<Key, Kept>,
}

#[derive(Debug)]
struct Kept {
    values: Vec<Value>,
    bytes: usize,
    used: u64,
}

impl Cache {
    /// Keeps nothing, which also saves working out what results depend on.
    pub fn off() -> Self {
        Self::default()
    }

    /// Keeps results that together hold up to so many bytes.
    pub fn of_bytes(most_bytes: usize) -> Self {
        Self { most_bytes, ..Self::default() }
    }

    /// Bytes held now.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn is_on(&self) -> bool {
        self.most_bytes > 0
    }

    pub(super) fn get(&mut self, key: &Key) -> Option<Vec<Value>> {
        self.clock += 1;
        let kept = self.results.get_mut(key)?;
        kept.used = self.clock;
        Some(kept.values.clone())
    }

    pub(super) fn keep(&mut self, key: Key, values: &[Value]) {
        let bytes = values.iter().map(Value::bytes).sum();
        if bytes > self.most_bytes || self.results.contains_key(&key) {
            return;
        }
        while self.bytes + bytes > self.most_bytes {
            let oldest = self.results.iter().min_by_key(|(_, kept)| kept.used);
            let Some((&oldest, _)) = oldest else { break };
            self.bytes -= self.results.remove(&oldest).map_or(0, |kept| kept.bytes);
        }
        self.clock += 1;
        self.bytes += bytes;
        self.results.insert(key, Kept { values: values.to_vec(), bytes, used: self.clock });
    }
}

/// What stands for a picture that comes from outside.
pub(super) fn picture_key(image: &Image<Srgb>) -> Key {
    let mut hash = Sha256::new();
    hash.update((image.width() as u64).to_le_bytes());
    let mut bytes = Vec::with_capacity(4 * 4096);
    for values in image.values().chunks(4096) {
        bytes.clear();
        values.iter().for_each(|value| bytes.extend_from_slice(&value.to_le_bytes()));
        hash.update(&bytes);
    }
    hash.finalize().into()
}

/// SHA-256 of parts of which none can be taken for another.
pub(super) fn key_of(parts: &[&[u8]]) -> Key {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use relume_media::Size;

    #[test]
    fn what_was_not_used_for_longest_makes_room() {
        let picture = || [Value::image(Image::black(Size::new(10, 10)))];
        let mut cache = Cache::of_bytes(2 * 1200);
        let keys = [b"a", b"b", b"c"].map(|name| key_of(&[name]));
        cache.keep(keys[0], &picture());
        cache.keep(keys[1], &picture());
        assert!(cache.get(&keys[0]).is_some());
        cache.keep(keys[2], &picture());
        assert!(cache.get(&keys[1]).is_none() && cache.get(&keys[0]).is_some());
        assert_eq!(cache.bytes(), 2400);
    }
}
