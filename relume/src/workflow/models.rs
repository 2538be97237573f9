//! The networks that a workflow runs, each loaded once.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::file::unknown;
use crate::models::MODELS;
use crate::{Restorer, Result};

/// Finds a network by name or file. The program looks into its cache of imported weights, the
/// library by itself only into what it carries.
pub type ModelSource<'a> = dyn Fn(&str) -> Result<Restorer> + 'a;

/// The networks of the library and weights files: what there is without a cache.
///
/// # Errors
/// [`crate::Error::Model`] for unknown names and missing weights.
pub fn own_models(name: &str) -> Result<Restorer> {
    if crate::models::means_a_file(name) {
        Restorer::from_file(Path::new(name))
    } else {
        Restorer::load(name)
    }
}

/// The networks that were loaded so far.
pub(super) struct Models<'a> {
    source: &'a ModelSource<'a>,
    loaded: BTreeMap<String, Arc<Restorer>>,
}

impl<'a> Models<'a> {
    pub(super) fn new(source: &'a ModelSource<'a>) -> Self {
        Self { source, loaded: BTreeMap::new() }
    }

    /// Loads a network, unless it is there already.
    pub(super) fn load(&mut self, name: &str) -> std::result::Result<(), String> {
        let known = MODELS.iter().map(|card| card.name);
        if !crate::models::means_a_file(name) && !known.clone().any(|known| known == name) {
            return Err(unknown("model", name, known));
        }
        if !self.loaded.contains_key(name) {
            let restorer = (self.source)(name).map_err(|error| error.to_string())?;
            self.loaded.insert(name.to_owned(), Arc::new(restorer));
        }
        Ok(())
    }

    pub(super) fn into_loaded(self) -> BTreeMap<String, Arc<Restorer>> {
        self.loaded
    }
}
