//! Which weights a restorer runs, and what its classifier says.

use relume_media::{Image, Srgb};
use relume_nn::Weights;
use sha2::{Digest, Sha256};

use super::Restorer;
use crate::models::alen::Routing;
use crate::{Error, Result};

/// SHA-256 of all names, shapes and values, in hexadecimal digits.
pub(super) fn fingerprint(weights: &Weights) -> String {
    let mut hash = Sha256::new();
    for (key, array) in weights.iter() {
        hash.update(key.as_bytes());
        hash.update([0]);
        array.shape.iter().for_each(|&side| hash.update((side as u64).to_le_bytes()));
        // One call for many numbers: this runs before every picture of a fresh process.
        let bytes: Vec<u8> = array.values.iter().flat_map(|value| value.to_le_bytes()).collect();
        hash.update(bytes);
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Restorer {
    /// SHA-256 of the weights (names, shapes, values), in hexadecimal digits.
    pub fn weights_sha256(&self) -> &str {
        &self.fingerprint
    }

    /// What the classifier says of the light: dark all over, or in places.
    ///
    /// # Errors
    /// [`Error::Parameter`] when the network has no classifier.
    pub fn classify(&self, image: &Image<Srgb>) -> Result<Routing> {
        if !self.has_routes() {
            let name = self.card.name;
            let message = format!("{name} has no classifier; alen and alen-small do");
            return Err(Error::Parameter(message));
        }
        Routing::of(&self.network, image, self.route.unwrap_or_default())
    }
}
