//! Distance of motion fields.

use burn::tensor::Tensor;

use super::given::{has_channels, weighted_mean};
use super::parameters::{build, list, parameters};
use super::{Given, Loss, LossCard};
use crate::Result;

pub(super) const CARD: LossCard = LossCard {
    name: "flow",
    help: "mean absolute error of horizontal plus that of vertical motion where it is visible, in \
           pixels of the output",
    source: "Dosovitskiy et al. 2015 (FlowNet), with absolute errors",
    parameters: list::<Flow>,
    build: build::<Flow>,
};

parameters! {
    /// Motion `[n, 2, h, w]` in pixels; a target of a multiple of the output's size is averaged
    /// down and counted in the output's pixels.
    Flow {
        /// Output with the motion.
        output: String = "flow".into(),
        /// Target with the true motion; the one of the output's name by default.
        target: String = String::new(),
        /// Target or feed `[n, 1, h, w]` that is 1 where the motion is visible; everywhere by
        /// default.
        mask: String = String::new(),
    }
}

impl Loss for Flow {
    fn value(&self, given: &Given<'_>) -> Result<Tensor<1>> {
        let errors = errors(given, &self.output, &self.target)?;
        let visible = given.mask(&self.mask, &errors)?;
        Ok(weighted_mean(errors, visible))
    }

    fn outputs(&self) -> Vec<&str> {
        vec![&self.output]
    }
}

/// Horizontal plus vertical error `[n, 1, h, w]` in pixels of the output.
pub(super) fn errors(given: &Given<'_>, output: &str, target: &str) -> Result<Tensor<4>> {
    let (x, truth, scale) = given.reduced_pair(output, target)?;
    has_channels(&x, 2, CARD.name)?;
    Ok((x - truth / scale as f64).abs().sum_dim(1))
}
