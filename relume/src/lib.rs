//! The library of relume: networks, weights, restorer, diagnosis, metrics, workflows.

pub mod baselines;
pub mod bench;
pub mod compatible;
pub mod diagnose;
mod error;
pub mod exposure;
pub mod metrics;
pub mod models;
pub mod overexposed;
mod pillow;
pub mod restore;
pub mod video;
pub mod workflow;

pub use diagnose::{Diagnosis, Verdict, diagnose};
pub use error::{Error, ErrorKind, Result};
pub use restore::{Estimate, RestoreReport, Restored, Restorer};
pub use workflow::Workflow;
