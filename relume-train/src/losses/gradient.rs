//! Charbonnier distance of steps between neighbours: edges and texture.

use burn::tensor::Tensor;

use super::charbonnier::{self, EPSILON};
use super::given::at_least;
use super::linear::steps;
use super::parameters::{build, list, parameters};
use super::{Given, Loss, LossCard};
use crate::Result;

pub(super) const CARD: LossCard = LossCard {
    name: "gradient",
    help: "Charbonnier distance of horizontal plus that of vertical steps",
    source: "relume",
    parameters: list::<Gradient>,
    build: build::<Gradient>,
};

parameters! {
    /// Charbonnier distance of steps between neighbours: edges and texture.
    compares Gradient {
        /// Softens the absolute value around 0.
        epsilon: f64 = EPSILON => 1e-12..=1.0,
    }
}

impl Loss for Gradient {
    fn value(&self, given: &Given<'_>) -> Result<Tensor<1>> {
        let difference = given.difference(&self.output, &self.target)?;
        at_least(&difference, 2, CARD.name)?;
        Ok(mean(difference, self.epsilon))
    }

    fn outputs(&self) -> Vec<&str> {
        vec![&self.output]
    }
}

/// Charbonnier distance of the steps down plus that of the steps across.
pub(super) fn mean(difference: Tensor<4>, epsilon: f64) -> Tensor<1> {
    let distance = |axis| charbonnier::mean(steps(difference.clone(), axis), epsilon);
    distance(2) + distance(3)
}
