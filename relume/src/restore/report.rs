//! What a restoration did.

use relume_media::Photo;

use crate::Verdict;
use crate::models::alen::Routing;

/// A restored photo and what was done to it.
#[derive(Debug)]
pub struct Restored {
    /// The photo, with everything but the pixels as it came.
    pub photo: Photo,
    /// What was done.
    pub report: RestoreReport,
}

/// What was done to a picture.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct RestoreReport {
    /// What the diagnosis said; a picture that is fine, and lacks no light, is left alone.
    pub verdict: Verdict,
    /// Whether the pixels were left as they came.
    pub left_alone: bool,
    /// Mean display luma of the input, 0 to 1.
    pub brightness_before: f32,
    /// Mean display luma that was aimed at; what came out, where the network takes no wishes.
    pub brightness_wanted: f32,
    /// Light that lacks to get there, in stops; below 0 there is too much. 0 where the network
    /// takes no wishes.
    pub lack_ev: f32,
    /// Light added, in stops.
    pub gain_ev: f32,
    /// Strength that was applied.
    pub strength: f32,
    /// Which way the picture was lit, where the network knows more than one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub routing: Option<Routing>,
}
