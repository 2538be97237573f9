//! Curve maps should change slowly over the picture.

use burn::tensor::Tensor;

use super::given::at_least;
use super::linear::steps;
use super::parameters::{build, list, parameters};
use super::{Given, Loss, LossCard};
use crate::Result;

pub(super) const CARD: LossCard = LossCard {
    name: "illumination_smoothness",
    help: "twice the mean squared vertical plus horizontal steps of curve maps, summed over the maps",
    source: "Guo et al. 2020 (Zero-DCE)",
    parameters: list::<IlluminationSmoothness>,
    build: build::<IlluminationSmoothness>,
};

parameters! {
    /// Curve maps should change slowly over the picture.
    IlluminationSmoothness {
        /// Output with the curve maps.
        output: String = "curves".into(),
    }
}

impl Loss for IlluminationSmoothness {
    fn value(&self, given: &Given<'_>) -> Result<Tensor<1>> {
        let maps = given.output(&self.output)?;
        at_least(&maps, 2, CARD.name)?;
        let count = maps.dims()[1] as f64;
        let squares = |axis| steps(maps.clone(), axis).square().mean();
        Ok((squares(2) + squares(3)) * (2.0 * count))
    }

    fn outputs(&self) -> Vec<&str> {
        vec![&self.output]
    }
}
