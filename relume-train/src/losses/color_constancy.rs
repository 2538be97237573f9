//! Grey world: the channels of a picture should have one mean.

use burn::tensor::Tensor;

use super::given::has_channels;
use super::parameters::{build, list, parameters};
use super::{Given, Loss, LossCard};
use crate::Result;

pub(super) const CARD: LossCard = LossCard {
    name: "color_constancy",
    help: "root of the summed fourth powers of differences between channel means",
    source: "Guo et al. 2020 (Zero-DCE); the floor: Morawski et al. 2025",
    parameters: list::<ColorConstancy>,
    build: build::<ColorConstancy>,
};

parameters! {
    /// Grey world: the channels of a picture should have one mean.
    ColorConstancy {
        /// Output that is judged; the picture by default.
        output: String = String::new(),
        /// Smallest value under the root; at it the loss has no gradient.
        floor: f64 = 1e-6 => 0.0..=1.0,
    }
}

impl Loss for ColorConstancy {
    fn value(&self, given: &Given<'_>) -> Result<Tensor<1>> {
        let x = given.output(&self.output)?;
        has_channels(&x, 3, CARD.name)?;
        let mean = x.mean_dim(2).mean_dim(3);
        let channel = |c| mean.clone().narrow(1, c, 1);
        let fourth = |a, b| (channel(a) - channel(b)).square().square();
        let sum = fourth(0, 1) + fourth(0, 2) + fourth(1, 2);
        Ok(sum.clamp_min(self.floor).sqrt().mean())
    }

    fn outputs(&self) -> Vec<&str> {
        vec![&self.output]
    }
}
