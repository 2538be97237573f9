//! A training run as one TOML file; unknown keys are refused, defaults are written here.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use relume_media::degrade::DegradeOptions;
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// The whole schema of a run.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// Name of the network, as in `relume models list`.
    pub model: String,
    /// Seed of everything random: starting weights, pictures, crops, damage.
    pub seed: u64,
    /// Number of optimiser steps.
    pub steps: usize,
    /// What is shown to the network.
    pub data: DataRecipe,
    /// How it learns.
    #[serde(default)]
    pub optimizer: OptimizerRecipe,
    /// What it is punished for.
    #[serde(default)]
    pub losses: LossRecipe,
    /// The simulated camera.
    #[serde(default)]
    pub degradation: DegradeOptions,
    /// When to write what.
    #[serde(default)]
    pub reports: ReportRecipe,
    /// What the model file says of itself: title, description, license, data.
    #[serde(default)]
    pub card: BTreeMap<String, String>,
    /// The file as it was written; it travels in the model.
    #[serde(skip)]
    pub text: String,
}

/// What is shown to the network.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataRecipe {
    /// Folders of sharp pictures; paths are relative to the recipe.
    pub photos: Vec<PathBuf>,
    /// Folders of scene-linear pictures (Radiance, OpenEXR); panoramas are seen through a lens.
    #[serde(default)]
    pub hdr: Vec<PathBuf>,
    /// A tab-separated list with columns `path` and `tier`: only `tier = free` is used.
    #[serde(default)]
    pub manifest: Option<PathBuf>,
    /// Share of samples taken from `hdr`.
    #[serde(default = "default_hdr_share")]
    pub hdr_share: f32,
    /// Side in pixels of the square view that is damaged as one picture.
    #[serde(default = "default_view")]
    pub view: usize,
    /// Side in pixels of the crop that the network learns from.
    #[serde(default = "default_crop")]
    pub crop: usize,
    /// Crops taken from each view.
    #[serde(default = "default_crops_per_view")]
    pub crops_per_view: usize,
    /// Views in a batch.
    #[serde(default = "default_views")]
    pub views: usize,
}

fn default_hdr_share() -> f32 {
    0.15
}

fn default_view() -> usize {
    256
}

fn default_crop() -> usize {
    128
}

fn default_crops_per_view() -> usize {
    2
}

fn default_views() -> usize {
    4
}

/// AdamW (Loshchilov and Hutter 2019) with a cosine schedule and averaged weights.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OptimizerRecipe {
    /// Learning rate after the warm-up.
    pub rate: f32,
    /// Learning rate at the end.
    pub final_rate: f32,
    /// Steps of linear warm-up.
    pub warmup: usize,
    /// Decoupled weight decay.
    pub decay: f32,
    /// Largest norm of all gradients together.
    pub clip: f32,
    /// Decay of the moving average of the weights, which is what is saved as the model.
    pub average: f32,
}

impl Default for OptimizerRecipe {
    fn default() -> Self {
        Self { rate: 1e-3, final_rate: 1e-5, warmup: 200, decay: 1e-4, clip: 1.0, average: 0.999 }
    }
}

/// Weights of the loss terms.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LossRecipe {
    /// Charbonnier in display light.
    pub charbonnier: f32,
    /// Charbonnier of horizontal and vertical differences.
    pub gradient: f32,
    /// Charbonnier at 1/8 scale.
    pub coarse: f32,
    /// Error of the estimated brightness.
    pub brightness: f32,
}

impl Default for LossRecipe {
    fn default() -> Self {
        Self { charbonnier: 1.0, gradient: 0.5, coarse: 0.5, brightness: 0.2 }
    }
}

/// When to write what, in steps.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ReportRecipe {
    /// Journal lines.
    pub journal: usize,
    /// Checkpoints.
    pub checkpoint: usize,
    /// Validation scores and the picture grid.
    pub validation: usize,
    /// Pictures held out for validation.
    pub validation_pictures: usize,
}

impl Default for ReportRecipe {
    fn default() -> Self {
        Self { journal: 20, checkpoint: 200, validation: 500, validation_pictures: 12 }
    }
}

impl Recipe {
    /// Reads a recipe and makes its paths absolute.
    ///
    /// # Errors
    /// [`Error::Recipe`] for unknown keys and values out of range, with the line.
    pub fn load(path: &Path) -> Result<Self> {
        let wrong = |message: String| Error::Recipe { path: path.to_owned(), message };
        let text = std::fs::read_to_string(path).map_err(|e| wrong(e.to_string()))?;
        let mut recipe: Self = toml::from_str(&text).map_err(|e| wrong(e.to_string()))?;
        recipe.text = text;
        let folder = path.parent().unwrap_or(Path::new("."));
        let data = &mut recipe.data;
        for entry in data.photos.iter_mut().chain(&mut data.hdr).chain(&mut data.manifest) {
            *entry = folder.join(&*entry);
        }
        recipe.check().map_err(wrong)?;
        Ok(recipe)
    }

    fn check(&self) -> std::result::Result<(), String> {
        self.degradation.check().map_err(|e| format!("degradation: {e}"))?;
        let data = &self.data;
        if data.crop > data.view || !data.crop.is_multiple_of(16) {
            return Err(format!(
                "data.crop is {}; it must be a multiple of 16 and at most data.view ({})",
                data.crop, data.view
            ));
        }
        let reports = &self.reports;
        let counts = [self.steps, data.views, data.crops_per_view, reports.journal];
        if counts.contains(&0) || reports.checkpoint == 0 || reports.validation == 0 {
            return Err("steps, views, crops_per_view and report intervals start at 1".into());
        }
        if !(0.0..=1.0).contains(&data.hdr_share) {
            return Err(format!("data.hdr_share is {}; it goes from 0 to 1", data.hdr_share));
        }
        Ok(())
    }
}
