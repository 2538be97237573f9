//! Consecutive frames should agree about the light of the scene.

use burn::tensor::Tensor;
use relume_nn::burn::warp;

use super::given::weighted_mean;
use super::parameters::{build, list, parameters};
use super::{Given, Loss, LossCard};
use crate::{Error, Result};

pub(super) const CARD: LossCard = LossCard {
    name: "temporal",
    help: "mean absolute difference in stops between every second frame and the one before it, moved \
           along the true motion and brought to its exposure",
    source: "relume",
    parameters: list::<Temporal>,
    build: build::<Temporal>,
};

parameters! {
    /// Linear light `[2 n, c, h, w]`: samples 0 and 1, 2 and 3 … are consecutive frames. What the
    /// targets say of every first is not read.
    Temporal {
        /// Output with the light.
        output: String = "recovered".into(),
        /// Target with the motion to the frame before, `[2 n, 2, h, w]`.
        motion: String = "before".into(),
        /// Target that is 1 where that is visible.
        visible: String = "before_visible".into(),
        /// Target with the stops by which the frame is exposed more, `[2 n, 1, 1, 1]`.
        exposure: String = "exposure_step".into(),
        /// Target that says where it matters, from 0 to 1.
        mask: String = "lost".into(),
    }
}

impl Loss for Temporal {
    fn value(&self, given: &Given<'_>) -> Result<Tensor<1>> {
        let light = given.output(&self.output)?;
        let [n, _, _, _] = light.dims();
        if n % 2 > 0 {
            let message = format!("temporal judges pairs of frames, got {n} samples");
            return Err(Error::Setup(message));
        }
        let mask = given.mask(&self.mask, &light)? * given.mask(&self.visible, &light)?;
        let (motion, step) = (given.target(&self.motion)?, given.target(&self.exposure)?);
        let stops = (light + 1e-4).log() * std::f32::consts::LOG2_E;
        let every = |x: &Tensor<4>, first: usize| {
            let [n, c, h, w] = x.dims();
            let pairs = x.clone().reshape([n / 2, 2, c, h * w]);
            pairs.narrow(1, first, 1).reshape([n / 2, c, h, w])
        };
        let before = warp(every(&stops, 0), every(&motion, 1)) + every(&step, 1);
        Ok(weighted_mean((every(&stops, 1) - before).abs(), every(&mask, 1)))
    }

    fn outputs(&self) -> Vec<&str> {
        vec![&self.output]
    }
}
