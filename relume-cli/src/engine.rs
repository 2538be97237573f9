//! The one place where the program meets the restorer.

use std::collections::{HashMap, VecDeque};
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use relume::models::alen;
use relume::models::{find, lantern, means_a_file};
use relume::{Estimate, Restored, Restorer};
use relume_media::{Photo, Progress, Size};
use relume_nn::Weights;

use crate::exit::{Code, Failure};
use crate::model_cache::Cache;
use crate::recipe::Recipe;

/// A model ready to work.
pub(crate) struct Engine {
    restorer: Restorer,
    /// Estimates made so far: each costs a short run.
    known: HashMap<Size, Estimate>,
}

impl Engine {
    /// Loads the model.
    pub(crate) fn load(recipe: &Recipe) -> Result<Self, Failure> {
        Ok(Self { restorer: as_wished(find_model(&recipe.model)?, recipe)?, known: HashMap::new() })
    }

    /// The same with a model that may have been loaded before.
    pub(crate) fn shared(recipe: &Recipe) -> Result<Self, Failure> {
        Ok(Self { restorer: restorer(recipe)?, known: HashMap::new() })
    }

    /// What a picture of `size` will cost.
    pub(crate) fn estimate(&mut self, size: Size) -> Result<Estimate, Failure> {
        if let Some(&estimate) = self.known.get(&size) {
            return Ok(estimate);
        }
        let estimate = self.restorer.estimate(size)?;
        self.known.insert(size, estimate);
        Ok(estimate)
    }

    /// The restorer itself, for videos.
    pub(crate) fn restorer(&self) -> &Restorer {
        &self.restorer
    }

    /// Restores a picture.
    pub(crate) fn restore(&self, photo: Photo, progress: &Progress) -> Result<Restored, Failure> {
        Ok(self.restorer.photo_with(photo, progress)?)
    }
}

/// Models that were loaded last, for callers that do one picture after the other.
static LOADED: Mutex<VecDeque<(Loaded, Restorer)>> = Mutex::new(VecDeque::new());
/// So many are kept.
const KEPT: usize = 4;

/// What tells a loaded model from others: its name; of a file, also its time and its length.
type Loaded = (String, Option<(std::time::SystemTime, u64)>);

/// A restorer that does what the recipe says; its model is loaded once for many calls.
///
/// # Errors
/// When there is no such model, or it does not know what is wished.
pub fn restorer(recipe: &Recipe) -> Result<Restorer, Failure> {
    let file = means_a_file(&recipe.model).then(|| std::fs::metadata(&recipe.model).ok());
    let stamp = file.flatten().and_then(|file| Some((file.modified().ok()?, file.len())));
    let key = (recipe.model.clone(), stamp);
    let loaded = || LOADED.lock().unwrap_or_else(PoisonError::into_inner);
    let known = loaded().iter().find(|(known, _)| *known == key).map(|(_, found)| found.clone());
    let restorer = match known {
        Some(restorer) => restorer,
        // The lock is not held meanwhile: a computing thread that waits does other work, which may
        // want it. Two that come at once both load.
        None => {
            let restorer = find_model(&recipe.model)?;
            let mut loaded = loaded();
            loaded.truncate(KEPT - 1);
            loaded.push_front((key, restorer.clone()));
            restorer
        }
    };
    as_wished(restorer, recipe)
}

/// The restorer with the user's wishes.
fn as_wished(restorer: Restorer, recipe: &Recipe) -> Result<Restorer, Failure> {
    let restorer = match recipe.strength {
        Some(strength) => restorer.strength(strength)?,
        None => restorer,
    };
    let restorer = restorer.protection(recipe.protect_highlights)?.preview(recipe.preview)?;
    let restorer = restorer.brightness(recipe.brightness)?.always(recipe.always);
    Ok(restorer.compatible(recipe.compatible)?.route(recipe.route)?)
}

/// Makes this thread one of those that compute, of which there are `threads`, or one for each core.
/// A network starts parallel work some ten thousand times, and from outside each time would wake a
/// thread and wait. Not for a thread that waits for others: it would be missing.
pub(crate) fn work_here(threads: Option<NonZeroUsize>) -> Result<(), Failure> {
    start(pool(threads).use_current_thread())
}

/// Sets the number of threads that compute, one for each core if none; this one waits for them.
///
/// # Errors
/// When work has begun with another number.
pub fn set_threads(threads: Option<NonZeroUsize>) -> Result<(), Failure> {
    match start(pool(threads)) {
        // A caller that does one thing after the other says it each time.
        Err(_) if threads.is_some_and(|threads| threads.get() == rayon::current_num_threads()) => {
            Ok(())
        }
        outcome => outcome,
    }
}

fn pool(threads: Option<NonZeroUsize>) -> rayon::ThreadPoolBuilder {
    rayon::ThreadPoolBuilder::new().num_threads(threads.map_or(0, NonZeroUsize::get))
}

fn start(pool: rayon::ThreadPoolBuilder) -> Result<(), Failure> {
    let wrong = |error| Failure::new(Code::Machine, format!("--threads: {error}"));
    pool.build_global().map_err(wrong)
}

/// A model as workflows ask for it.
pub(crate) fn model(name: &str) -> relume::Result<Restorer> {
    find_model(name).map_err(|failure| relume::Error::Model(failure.message))
}

/// A model from a file; or by name, with the weights in the program, or imported ones where it
/// has none.
fn find_model(name: &str) -> Result<Restorer, Failure> {
    if means_a_file(name) {
        return Ok(Restorer::from_file(Path::new(name))?);
    }
    if find(name)?.weights.is_none() {
        let imported = Cache::from_environment()?.imported(name);
        if imported.is_file() {
            return Ok(Restorer::from_file(&imported)?);
        }
        if name == alen::PUBLISHED.name {
            return alen_of_parts();
        }
    }
    Ok(Restorer::load(name)?)
}

/// Name and weights of a network that is no restorer; lantern, everyone's default, stands for `usual`.
pub(crate) fn weights_of(model: &str, usual: &str) -> Result<(&'static str, Weights), Failure> {
    let imported = |name: &str| -> Result<_, Failure> {
        Ok(Some(Cache::from_environment()?.imported(name)).filter(|path| path.is_file()))
    };
    let name = if model == lantern::S.name { usual } else { model };
    let file = match means_a_file(name) {
        true => Some(Path::new(name).to_owned()),
        false if find(name)?.weights.is_none() => imported(name)?,
        false => None,
    };
    let Some(file) = file else {
        let card = find(name)?;
        return Ok((card.name, card.load_weights()?));
    };
    let wrong = |cause: String| Failure::new(Code::Model, format!("{}: {cause}", file.display()));
    let bytes = std::fs::read(&file).map_err(|cause| wrong(cause.to_string()))?;
    let weights = Weights::read(&bytes).map_err(|cause| wrong(cause.to_string()))?;
    let named = weights.metadata.get("modelspec.architecture").cloned();
    Ok((find(named.as_deref().unwrap_or(usual))?.name, weights))
}

/// ALEN out of the imported weights of its four parts.
fn alen_of_parts() -> Result<Restorer, Failure> {
    let cache = Cache::from_environment()?;
    let mut parts = Vec::new();
    for (_, card) in alen::PARTS {
        let path = cache.imported(card.name);
        let bytes = std::fs::read(&path).map_err(|_| {
            let name = card.name;
            let message = format!(
                "alen needs the weights of four parts, and {name} lacks them: relume models \
                 import FILE --as {name}"
            );
            Failure::new(Code::Model, message)
        })?;
        parts.push(relume_nn::Weights::read(&bytes).map_err(relume::Error::from)?);
    }
    let [classifier, local, global, color] = &parts[..] else {
        return Err(Failure::new(Code::Model, "alen has four parts".to_owned()));
    };
    let weights = alen::join([classifier, local, global, color])?;
    Ok(Restorer::new(&alen::PUBLISHED, weights)?)
}
