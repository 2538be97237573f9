//! Distance of linear light in a range-compressed domain, where stops count alike.

use burn::tensor::Tensor;

use super::given::weighted_mean;
use super::parameters::{build, list, parameters};
use super::{Given, Loss, LossCard};
use crate::Result;

pub(super) const CARD: LossCard = LossCard {
    name: "log_light",
    help: "mean absolute difference of linear light under log2(1 + 255 x) / log2(1 + 255 top), \
           weighted by mask + floor",
    source: "relume, after Eilertsen et al. 2017 (HDRCNN) and Santos et al. 2020",
    parameters: list::<LogLight>,
    build: build::<LogLight>,
};

parameters! {
    /// Compares linear light, 1 at the clip level. A target of a multiple of the output's size is
    /// averaged down first.
    compares LogLight {
        /// Target or feed that says where it matters, from 0 to 1; everywhere by default.
        mask: String = String::new(),
        /// Weight where the mask is 0.
        floor: f64 = 0.05 => 0.0..=1.0,
        /// The light that is mapped to 1; more than that in the target counts as that.
        top: f64 = 64.0 => 1.0..=65536.0,
    }
}

impl Loss for LogLight {
    fn value(&self, given: &Given<'_>) -> Result<Tensor<1>> {
        let (x, truth, _) = given.reduced_pair(&self.output, &self.target)?;
        let weights = given.mask(&self.mask, &x)? + self.floor;
        let truth = truth.clamp_max(self.top);
        let distance = (compress(x, self.top) - compress(truth, self.top)).abs();
        Ok(weighted_mean(distance, weights))
    }

    fn outputs(&self) -> Vec<&str> {
        vec![&self.output]
    }
}

/// `log2(1 + 255 x) / log2(1 + 255 top)`; nothing is darker than 0.
pub(super) fn compress(x: Tensor<4>, top: f64) -> Tensor<4> {
    (x.clamp_min(0.0) * 255.0).log1p() / (255.0 * top).ln_1p()
}
