//! Charbonnier distance of block means: tone and colour.

use burn::tensor::Tensor;

use super::charbonnier::{self, EPSILON};
use super::given::at_least;
use super::linear::pool;
use super::parameters::{build, list, parameters};
use super::{Given, Loss, LossCard};
use crate::Result;

pub(super) const CARD: LossCard = LossCard {
    name: "coarse",
    help: "Charbonnier distance of the means of blocks",
    source: "DarkIR compares at 1/8 scale (Feijoo et al. 2025)",
    parameters: list::<Coarse>,
    build: build::<Coarse>,
};

parameters! {
    /// Charbonnier distance of block means: tone and colour.
    compares Coarse {
        /// Side of a block in pixels; what fills none is left out.
        scale: usize = 8 => 1..=256,
        /// Softens the absolute value around 0.
        epsilon: f64 = EPSILON => 1e-12..=1.0,
    }
}

impl Loss for Coarse {
    fn value(&self, given: &Given<'_>) -> Result<Tensor<1>> {
        let difference = given.difference(&self.output, &self.target)?;
        at_least(&difference, self.scale, CARD.name)?;
        Ok(charbonnier::mean(pool(difference, self.scale), self.epsilon))
    }

    fn outputs(&self) -> Vec<&str> {
        vec![&self.output]
    }
}
