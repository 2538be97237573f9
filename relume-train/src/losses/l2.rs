//! Mean squared difference.

use burn::tensor::Tensor;

use super::parameters::{build, list, parameters};
use super::{Given, Loss, LossCard};
use crate::Result;

pub(super) const CARD: LossCard = LossCard {
    name: "l2",
    help: "mean of difference²",
    source: "Wang and Bovik 2009",
    parameters: list::<L2>,
    build: build::<L2>,
};

parameters! {
    /// Mean squared difference.
    compares L2 {}
}

impl Loss for L2 {
    fn value(&self, given: &Given<'_>) -> Result<Tensor<1>> {
        Ok(given.difference(&self.output, &self.target)?.square().mean())
    }

    fn outputs(&self) -> Vec<&str> {
        vec![&self.output]
    }
}
