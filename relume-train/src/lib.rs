//! Training: datasets, losses, recipes, the loop, evaluation.

pub mod batch;
pub mod checkpoint;
pub mod datasets;
mod error;
pub mod journal;
pub mod losses;
pub mod optimizer;
pub mod recipe;
pub mod trainer;
pub mod validation;

pub use error::{Error, Result};
pub use recipe::Recipe;
pub use trainer::{RunOptions, run};
