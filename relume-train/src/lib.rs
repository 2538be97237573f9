//! Training: datasets, losses, recipes, the loop, evaluation.
//!
//! Datasets, recipes and evaluation are always here; the loop and its losses need the feature
//! `burn`.

pub mod batch;
pub mod checkpoint;
pub mod datasets;
mod error;
pub mod journal;
#[cfg(feature = "burn")]
pub mod losses;
pub mod optimizer;
pub mod recipe;
#[cfg(feature = "burn")]
pub mod trainer;
#[cfg(feature = "burn")]
pub mod validation;

pub use error::{Error, Result};
pub use recipe::Recipe;
#[cfg(feature = "burn")]
pub use trainer::{RunOptions, run};
