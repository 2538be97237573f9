//! The library of relume: networks, weights, restorer, diagnosis, metrics.

pub mod baselines;
pub mod diagnose;
pub mod metrics;
