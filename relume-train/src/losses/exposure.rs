//! Every part of a picture should be about as bright.

use burn::tensor::Tensor;

use super::given::at_least;
use super::linear::pool;
use super::parameters::{build, list, parameters};
use super::{Given, Loss, LossCard};
use crate::Result;

pub(super) const CARD: LossCard = LossCard {
    name: "exposure",
    help: "mean squared distance of cell means of grey from a level",
    source: "Mertens et al. 2007; Guo et al. 2020 (Zero-DCE)",
    parameters: list::<Exposure>,
    build: build::<Exposure>,
};

parameters! {
    /// Every part of a picture should be about as bright.
    Exposure {
        /// Output that is judged; the picture by default.
        output: String = String::new(),
        /// The wanted mean of R, G and B in display light.
        level: f64 = 0.6 => 0.0..=1.0,
        /// Side of a cell in pixels; what fills none is left out.
        cell: usize = 16 => 1..=256,
    }
}

impl Loss for Exposure {
    fn value(&self, given: &Given<'_>) -> Result<Tensor<1>> {
        let x = given.output(&self.output)?;
        at_least(&x, self.cell, CARD.name)?;
        Ok((pool(x.mean_dim(1), self.cell) - self.level).square().mean())
    }

    fn outputs(&self) -> Vec<&str> {
        vec![&self.output]
    }
}
