//! Mean absolute difference.

use burn::tensor::Tensor;

use super::parameters::{build, list, parameters};
use super::{Given, Loss, LossCard};
use crate::Result;

pub(super) const CARD: LossCard = LossCard {
    name: "l1",
    help: "mean of |difference|",
    source: "Zhao et al. 2017",
    parameters: list::<L1>,
    build: build::<L1>,
};

parameters! {
    /// Mean absolute difference.
    compares L1 {}
}

impl Loss for L1 {
    fn value(&self, given: &Given<'_>) -> Result<Tensor<1>> {
        Ok(given.difference(&self.output, &self.target)?.abs().mean())
    }

    fn outputs(&self) -> Vec<&str> {
        vec![&self.output]
    }
}
