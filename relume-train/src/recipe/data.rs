//! What a run is shown.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// What is shown to the network.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataRecipe {
    /// Where pictures come from; paths are relative to the recipe.
    pub sources: Vec<SourceRecipe>,
    /// A tab-separated list with columns `path` and `tier`: only `tier = free` is used.
    #[serde(default)]
    pub manifest: Option<PathBuf>,
    /// Side in pixels of the square view that is drawn, and damaged, as one picture.
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
    /// Pictures of the first source kept away from training and used for validation.
    #[serde(default = "default_held_out")]
    pub held_out: usize,
    /// Memory for decoded pictures, in MiB.
    #[serde(default = "default_cache")]
    pub cache_mib: usize,
    /// Batches made ahead while the network learns.
    #[serde(default = "default_ahead")]
    pub ahead: usize,
    /// Random changes that leave a picture true.
    #[serde(default)]
    pub augment: AugmentRecipe,
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

fn default_held_out() -> usize {
    12
}

fn default_cache() -> usize {
    2048
}

fn default_ahead() -> usize {
    2
}

/// One dataset to learn from.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceRecipe {
    /// Its folder or file.
    pub path: PathBuf,
    /// Its kind, as in `relume dataset list`; recognised by its layout if left out.
    #[serde(default)]
    pub kind: Option<String>,
    /// The part to use, where it has parts.
    #[serde(default)]
    pub split: Option<String>,
    /// File names (`*` for anything) that are left out.
    #[serde(default)]
    pub except: Vec<String>,
    /// How often it is drawn, relative to the other sources; proportional to its pictures if left
    /// out everywhere.
    #[serde(default)]
    pub share: Option<f32>,
}

/// Random changes that leave a picture true.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AugmentRecipe {
    /// Smallest scale at which a view is cut, 1 for none.
    pub scale: f32,
    /// Share of views that are mirrored.
    pub mirror: f32,
    /// Share of views that are turned on their side.
    pub turn: f32,
}

impl Default for AugmentRecipe {
    fn default() -> Self {
        Self { scale: 0.5, mirror: 0.5, turn: 0.25 }
    }
}

/// A named set for validation.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetRecipe {
    /// What the journal and report call it.
    pub name: String,
    /// Its folder or file.
    pub path: PathBuf,
    /// Its kind; recognised by its layout if left out.
    #[serde(default)]
    pub kind: Option<String>,
    /// The part to use, where it has parts.
    #[serde(default)]
    pub split: Option<String>,
    /// Pictures used, spread evenly over the set.
    #[serde(default = "default_held_out")]
    pub pictures: usize,
    /// Largest side in pixels: the middle of larger pictures is used.
    #[serde(default = "default_side")]
    pub side: usize,
}

fn default_side() -> usize {
    512
}
