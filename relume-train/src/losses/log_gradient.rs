//! Distance of steps between neighbours in range-compressed linear light.

use burn::tensor::Tensor;

use super::given::{at_least, weighted_mean};
use super::linear::steps;
use super::log_light::compress;
use super::parameters::{build, list, parameters};
use super::{Given, Loss, LossCard};
use crate::Result;

pub(super) const CARD: LossCard = LossCard {
    name: "log_gradient",
    help: "mean absolute difference of horizontal plus that of vertical steps of linear light under \
           log2(1 + 255 x) / log2(1 + 255 top), inside a mask",
    source: "relume",
    parameters: list::<LogGradient>,
    build: build::<LogGradient>,
};

parameters! {
    /// Compares linear light, 1 at the clip level; a step counts with the product of the mask at
    /// its ends.
    compares LogGradient {
        /// Target or feed that says where it matters, from 0 to 1; everywhere by default.
        mask: String = String::new(),
        /// The light that is mapped to 1; more than that in the target counts as that.
        top: f64 = 64.0 => 1.0..=65536.0,
    }
}

impl Loss for LogGradient {
    fn value(&self, given: &Given<'_>) -> Result<Tensor<1>> {
        let (x, truth) = given.pair(&self.output, &self.target)?;
        at_least(&x, 2, CARD.name)?;
        let mask = given.mask(&self.mask, &x)?;
        let difference = compress(x, self.top) - compress(truth.clamp_max(self.top), self.top);
        let along = |axis: usize| {
            let length = mask.dims()[axis] - 1;
            let ends = mask.clone().narrow(axis, 0, length) * mask.clone().narrow(axis, 1, length);
            weighted_mean(steps(difference.clone(), axis).abs(), ends)
        };
        Ok(along(2) + along(3))
    }

    fn outputs(&self) -> Vec<&str> {
        vec![&self.output]
    }
}
