//! Weights as bytes: from the program, a file or the cache.

use std::fs;
use std::path::Path;

use relume::models::{LARGEST_WEIGHTS as LARGEST, ModelCard};
use relume_nn::checkpoint::{Checkpoint, Format};

use crate::exit::{Code, Failure};
use crate::model_cache::Cache;

/// Metadata key under which a weights file names its model.
pub(super) const ARCHITECTURE: &str = "modelspec.architecture";

/// Weights that are known to be for a card, and their bytes.
pub(super) struct Stored {
    pub(super) bytes: Vec<u8>,
    pub(super) checkpoint: Checkpoint,
}

impl Stored {
    /// Weights for `card` from `file`, else those in the program, else imported ones.
    pub(super) fn find(card: &ModelCard, file: Option<&Path>) -> Result<Self, Failure> {
        let imported = Cache::from_environment().map(|cache| cache.imported(card.name));
        let imported = imported.ok().filter(|path| path.is_file());
        let (name, bytes) = match (file, card.weights, imported) {
            (Some(file), ..) => (file.display().to_string(), read(file)?),
            (None, Some(bytes), _) => (card.name.to_owned(), bytes.to_vec()),
            (None, None, Some(file)) => (file.display().to_string(), read(&file)?),
            (None, None, None) => return Err(none(card)),
        };
        let checkpoint = Checkpoint::read(&bytes)
            .map_err(|cause| Failure::new(Code::Input, format!("{name}: {cause}")))?;
        match checkpoint.weights.metadata.get(ARCHITECTURE) {
            Some(other) if other != card.name => {
                let message = format!("{name}: these are weights of {other}, not of {}", card.name);
                Err(Failure::new(Code::Model, message))
            }
            _ => Ok(Self { bytes, checkpoint }),
        }
    }

    /// Whether the bytes are a file of ours as it stands.
    pub(super) fn is_ours(&self) -> bool {
        let named = self.checkpoint.weights.metadata.contains_key(ARCHITECTURE);
        self.checkpoint.format == Format::Safetensors && named
    }
}

fn none(card: &ModelCard) -> Failure {
    let message = format!(
        "there are no weights for {0}; give --weights FILE, or relume models import FILE --as {0}",
        card.name
    );
    Failure::new(Code::Model, message)
}

/// The bytes of a weights file.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let wrong = |what: String| Failure::new(Code::Input, format!("{}: {what}", path.display()));
    let found = fs::metadata(path).map_err(|cause| wrong(cause.to_string()))?;
    if !found.is_file() {
        return Err(wrong("is no file; name a weights file".into()));
    }
    if found.len() > LARGEST {
        return Err(wrong(format!("is larger than {} GB, the limit", LARGEST >> 30)));
    }
    fs::read(path).map_err(|cause| wrong(cause.to_string()))
}

/// Whether a path ends in `.extension`, in whatever case.
pub(super) fn has_extension(path: &Path, extension: &str) -> bool {
    path.extension().is_some_and(|found| found.eq_ignore_ascii_case(extension))
}
