//! The one place where the program meets the restorer.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::path::Path;

use relume::models::alen::{self, Route};
use relume::models::{find, lantern, means_a_file};
use relume::{Estimate, Restored, Restorer};
use relume_media::{Photo, Progress, Size};
use relume_nn::Weights;

use crate::exit::{Code, Failure};
use crate::model_cache::Cache;

/// What the user may choose.
#[derive(Debug, Clone)]
pub(crate) struct Settings<'a> {
    /// Name of a model, or path of a weights file.
    pub(crate) model: &'a str,
    /// 0 (the input) to 1 (the model's full effect); none: what suits the model and the picture.
    pub(crate) strength: Option<f32>,
    /// How much bright parts are kept from being brightened, 0 to 1; none: as usual.
    pub(crate) protection: Option<f32>,
    /// Light from a copy so many times smaller; none: from the picture itself.
    pub(crate) preview: Option<NonZeroUsize>,
    /// Mean display luminance to aim at; none: the model decides.
    pub(crate) brightness: Option<f32>,
    /// Restore also what is fine already.
    pub(crate) always: bool,
    /// Work as the authors of MIRNet's event-photo program did.
    pub(crate) compatible: bool,
    /// Which way a picture is lit; none: the model decides.
    pub(crate) route: Option<Route>,
    /// Threads to use; none: all.
    pub(crate) threads: Option<NonZeroUsize>,
}

/// A model ready to work.
pub(crate) struct Engine {
    restorer: Restorer,
    /// Estimates made so far: each costs a short run.
    known: HashMap<Size, Estimate>,
}

impl Engine {
    /// Loads the model and sets the number of threads of the whole process.
    pub(crate) fn load(settings: &Settings) -> Result<Self, Failure> {
        set_threads(settings.threads)?;
        let restorer = find_model(settings.model)?;
        let restorer = match settings.strength {
            Some(strength) => restorer.strength(strength)?,
            None => restorer,
        };
        let restorer = restorer.protection(settings.protection)?.preview(settings.preview)?;
        let restorer = restorer.brightness(settings.brightness)?.always(settings.always);
        let restorer = restorer.compatible(settings.compatible)?.route(settings.route)?;
        Ok(Self { restorer, known: HashMap::new() })
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

/// Sets the number of threads of the whole process.
pub(crate) fn set_threads(threads: Option<NonZeroUsize>) -> Result<(), Failure> {
    let Some(threads) = threads else { return Ok(()) };
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads.get())
        .build_global()
        .map_err(|error| Failure::new(Code::Machine, format!("--threads: {error}")))
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
