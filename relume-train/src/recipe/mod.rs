//! A training run as one TOML file. Unknown keys are refused with the nearest known one; every key
//! and default is explained in `explained.toml`, which `relume train --explain` prints.

mod data;
mod learning;
mod pan;
mod read;

use std::collections::BTreeMap;
use std::path::PathBuf;

pub use data::{AugmentRecipe, DataRecipe, SetRecipe, SourceRecipe};
pub use learning::{
    LossRecipe, MixupRecipe, OptimizerKind, OptimizerRecipe, ScheduleKind, ScheduleRecipe,
};
pub use pan::PanRecipe;
use relume_media::degrade::DegradeOptions;
use serde::{Deserialize, Serialize};

/// A run: one stage after the other, each going on with the weights of the one before.
#[derive(Debug, Clone)]
pub struct Recipe {
    /// The stages, at least one.
    pub stages: Vec<Stage>,
    /// The file as it was written; it travels in the model.
    pub text: String,
}

/// The whole schema of one stage; a recipe without `[[stages]]` is a single one.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stage {
    /// Name of the network, as in `relume models list`.
    pub model: String,
    /// Seed of everything random: starting weights, pictures, crops, damage.
    pub seed: u64,
    /// Number of optimiser steps.
    pub steps: usize,
    /// What the journal calls this stage.
    #[serde(default = "one_stage")]
    pub name: String,
    /// How pictures become inputs and targets, as in `TASKS`; the model's own by default.
    #[serde(default)]
    pub task: Option<String>,
    /// Weights to start from instead of random ones: a file, or the name of a model whose weights
    /// the program carries.
    #[serde(default)]
    pub from: Option<PathBuf>,
    /// What is shown to the network.
    pub data: DataRecipe,
    /// Sets on which the averaged weights are scored, beside the held-out pictures.
    #[serde(default)]
    pub validation: Vec<SetRecipe>,
    /// How it learns.
    #[serde(default)]
    pub optimizer: OptimizerRecipe,
    /// How fast it learns, when.
    #[serde(default)]
    pub schedule: ScheduleRecipe,
    /// What it is punished for; the task's own terms by default.
    #[serde(default)]
    pub losses: Vec<LossRecipe>,
    /// Blends of two samples.
    #[serde(default)]
    pub mixup: Option<MixupRecipe>,
    /// Patterns of layer names (`*` for anything) whose parameters stay as they are.
    #[serde(default)]
    pub freeze: Vec<String>,
    /// The simulated camera.
    #[serde(default)]
    pub degradation: DegradeOptions,
    /// Pans, for networks that learn from video of a virtual camera.
    #[serde(default)]
    pub pan: PanRecipe,
    /// When to write what, and when to stop early.
    #[serde(default)]
    pub reports: ReportRecipe,
    /// What the model file says of itself: title, description, license, data.
    #[serde(default)]
    pub card: BTreeMap<String, String>,
}

fn one_stage() -> String {
    "train".into()
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
    /// The score that chooses `best.safetensors`: `SET.METRIC`, higher is better; the PSNR of the
    /// first set by default.
    pub watch: Option<String>,
    /// Validations without a better score after which the run ends; 0 never.
    pub patience: usize,
}

impl Default for ReportRecipe {
    fn default() -> Self {
        Self { journal: 20, checkpoint: 200, validation: 500, watch: None, patience: 0 }
    }
}

impl Recipe {
    /// Steps of all stages together.
    pub fn steps(&self) -> usize {
        self.stages.iter().map(|stage| stage.steps).sum()
    }

    /// The first stage: what holds for the whole run (model, seed, card) is read from it.
    pub fn first(&self) -> &Stage {
        &self.stages[0]
    }

    /// The stage at `step` of the run and the step within it; the last one beyond the end.
    pub fn stage(&self, step: usize) -> (&Stage, usize) {
        let mut start = 0;
        for stage in &self.stages {
            if step < start + stage.steps {
                return (stage, step - start);
            }
            start += stage.steps;
        }
        let last = &self.stages[self.stages.len() - 1];
        (last, last.steps)
    }
}
