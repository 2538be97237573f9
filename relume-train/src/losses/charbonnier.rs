//! Charbonnier distance: an absolute difference that is smooth at 0.

use burn::tensor::Tensor;

use super::parameters::{build, list, parameters};
use super::{Given, Loss, LossCard};
use crate::Result;

/// The usual softening.
pub(super) const EPSILON: f64 = 1e-3;

pub(super) const CARD: LossCard = LossCard {
    name: "charbonnier",
    help: "mean of √(difference² + epsilon²)",
    source: "Charbonnier et al. 1994; MIRNet trains with epsilon = 1e-8",
    parameters: list::<Charbonnier>,
    build: build::<Charbonnier>,
};

parameters! {
    /// Charbonnier distance.
    compares Charbonnier {
        /// Softens the absolute value around 0.
        epsilon: f64 = EPSILON => 1e-12..=1.0,
    }
}

impl Loss for Charbonnier {
    fn value(&self, given: &Given<'_>) -> Result<Tensor<1>> {
        Ok(mean(given.difference(&self.output, &self.target)?, self.epsilon))
    }

    fn outputs(&self) -> Vec<&str> {
        vec![&self.output]
    }
}

/// Mean of `√(x² + ε²)`.
pub(super) fn mean(difference: Tensor<4>, epsilon: f64) -> Tensor<1> {
    // With r = √(x² + ε²): the mean of x · x/r + ε²/r where only the first x is differentiated, since
    // autodiff's own gradient of a root is a power, which takes longer than the rest of the loss.
    let fixed = difference.clone().detach();
    let root = (fixed.clone() * fixed.clone() + epsilon * epsilon).sqrt();
    (difference * (fixed / root.clone())).mean() + (root.recip() * (epsilon * epsilon)).mean()
}
