//! The library of relume: networks, weights, restorer, diagnosis, metrics.

pub mod baselines;
pub mod metrics;
