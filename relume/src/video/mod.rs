//! Restoring videos: frames decided on together, restored one by one, kept steady in time.
//!
//! ```text
//! survey: every frame is glanced at (cuts), some are planned (light)  → Survey
//! lights: the plans smoothed over time, scene by scene                → a Plan for every frame
//! pipeline: reading, conversion | denoise | network | writing         → pieces
//! job: pieces that survive a kill, joined at the end                  → one file
//! ```

mod denoise;
mod job;
mod lights;
pub mod motion;
mod pipeline;
mod scenes;
mod survey;

pub use denoise::Denoiser;
pub use job::{Job, Stage, VideoOptions};
pub use lights::{Causal, Light, steady};
pub use pipeline::{Beside, Run, restore_frames, stream};
pub use scenes::{GLANCE, Scenes, cuts};
pub use survey::Survey;
