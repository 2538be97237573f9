//! Pans that networks for over-exposed video learn from.

use relume_media::pan::PanOptions;
use serde::{Deserialize, Serialize};

/// What is drawn of a pan.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PanRecipe {
    /// Share of pans in procedural scenes instead of those of the sources.
    pub procedural: f32,
    /// Most frames that a reference lies back.
    pub longest_lag: usize,
    /// Share of samples without a reference.
    pub without: f32,
    /// Share of samples whose reference is of another pan.
    pub stranger: f32,
    /// Share of samples whose reference is the best of four.
    pub chosen: f32,
    /// Share of samples with a reference that are told the motion, nearly right.
    pub guided: f32,
    /// Whether samples come in pairs of consecutive frames with one reference.
    pub consecutive: bool,
    /// Stops by which photographs are exposed more than scenes, at most.
    pub push: f32,
    /// The virtual camera.
    pub camera: PanOptions,
}

impl Default for PanRecipe {
    fn default() -> Self {
        Self {
            procedural: 0.25,
            longest_lag: 90,
            without: 0.2,
            stranger: 0.1,
            chosen: 0.5,
            guided: 0.5,
            consecutive: false,
            push: 2.0,
            camera: PanOptions::default(),
        }
    }
}
