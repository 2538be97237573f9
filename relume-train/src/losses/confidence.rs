//! A network that estimates motion should know where it is right.

use burn::tensor::Tensor;

use super::parameters::{build, list, parameters};
use super::{Given, Loss, LossCard, flow};
use crate::{Error, Result};

pub(super) const CARD: LossCard = LossCard {
    name: "confidence",
    help: "binary cross entropy of a confidence against: the motion is visible and right",
    source: "relume",
    parameters: list::<Confidence>,
    build: build::<Confidence>,
};

parameters! {
    /// Confidence `[n, 1, h, w]` from 0 to 1 against the error of the motion of the same size.
    Confidence {
        /// Output with the confidence.
        output: String = "confidence".into(),
        /// Output with the motion.
        flow: String = "flow".into(),
        /// Target with the true motion; the one of the motion's name by default.
        target: String = String::new(),
        /// Target or feed `[n, 1, h, w]` that is 1 where the motion is visible; everywhere by
        /// default.
        mask: String = String::new(),
        /// Error in pixels of the output below which the motion is right.
        tolerance: f64 = 1.0 => 0.0..=1000.0,
    }
}

impl Loss for Confidence {
    fn value(&self, given: &Given<'_>) -> Result<Tensor<1>> {
        let confidence = given.output(&self.output)?;
        let errors = flow::errors(given, &self.flow, &self.target)?.detach();
        if errors.dims() != confidence.dims() {
            let (a, b) = (confidence.dims(), errors.dims());
            return Err(Error::Setup(format!("the confidence is {a:?}, the motion's error {b:?}")));
        }
        let visible = given.mask(&self.mask, &errors)?.greater_elem(0.5);
        let right = errors.lower_elem(self.tolerance).bool_and(visible).float();
        Ok(binary_cross_entropy(confidence, right).mean())
    }

    fn outputs(&self) -> Vec<&str> {
        vec![&self.output, &self.flow]
    }
}

/// `-log` of the probability given to the truth, which is 0 or 1; nothing is surer than 1e-6.
pub(super) fn binary_cross_entropy(probability: Tensor<4>, truth: Tensor<4>) -> Tensor<4> {
    let probability = probability.clamp(1e-6, 1.0 - 1e-6);
    let yes = truth.clone() * probability.clone().log();
    let no = (truth.neg() + 1.0) * (probability.neg() + 1.0).log();
    (yes + no).neg()
}
