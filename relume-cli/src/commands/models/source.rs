//! What can be asked for: a model of ours, a file on Hugging Face, or an address.

use std::path::PathBuf;

use relume::models::{MODELS, ModelCard, find};

use crate::exit::{Code, Failure};
use crate::model_cache::{Cache, HubFile};

/// Something that weights can be had from.
#[derive(Debug, Clone)]
pub(super) enum Source {
    /// A model of ours, by name.
    Model(&'static ModelCard),
    /// `hf:ORG/NAME/FILE`.
    Hub(HubFile),
    /// `https://…`.
    Address(String),
}

impl Source {
    /// Understands a name, `hf:ORG/NAME/FILE` or an address.
    pub(super) fn parse(text: &str) -> Result<Self, Failure> {
        if let Some(file) = text.strip_prefix("hf:") {
            return HubFile::parse(file).map(Self::Hub);
        }
        if text.starts_with("https://") || text.starts_with("http://") {
            return Ok(Self::Address(text.to_owned()));
        }
        find(text).map(Self::Model).map_err(|_| {
            let known: Vec<_> = MODELS.iter().map(|card| card.name).collect();
            let known = known.join(", ");
            let message = format!(
                "{text} is neither a model ({known}) nor hf:ORG/NAME/FILE nor an https address"
            );
            Failure::new(Code::Model, message)
        })
    }

    /// The file in the cache, if it is there.
    pub(super) fn cached(&self, cache: &Cache) -> Option<PathBuf> {
        match self {
            Self::Model(card) => Some(cache.imported(card.name)).filter(|path| path.is_file()),
            Self::Hub(file) => file.cached(&cache.hub),
            Self::Address(url) => Some(cache.pulled(url)).filter(|path| path.is_file()),
        }
    }
}
