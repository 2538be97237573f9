//! Training: datasets, losses, recipes, the loop, evaluation.
//!
//! Datasets, recipes and evaluation are always here; the loop and its losses need the feature
//! `burn`.

pub mod batch;
pub mod checkpoint;
pub mod datasets;
#[cfg(feature = "burn")]
pub mod device;
mod error;
pub mod evaluation;
#[cfg(feature = "tensorboard")]
mod events;
mod grid;
pub mod journal;
#[cfg(feature = "burn")]
pub mod learn;
#[cfg(feature = "burn")]
pub mod losses;
pub mod making;
mod names;
pub mod optimizer;
pub mod recipe;
pub mod report;
pub mod sources;
pub mod tasks;
#[cfg(feature = "burn")]
pub mod terms;
#[cfg(feature = "burn")]
pub mod trainer;
#[cfg(feature = "burn")]
pub mod tune;
#[cfg(feature = "burn")]
pub mod validation;

pub use error::{Error, Result};
pub use names::nearest;
pub use recipe::Recipe;
#[cfg(feature = "burn")]
pub use trainer::{RunOptions, run};
