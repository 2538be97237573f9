//! Distance of log luminance, its slow and its fast part judged apart.

use burn::tensor::{Tensor, TensorData};

use super::given::has_channels;
use super::linear::{both, gaussian_same};
use super::parameters::{build, list, parameters};
use super::{Given, Loss, LossCard};
use crate::Result;

pub(super) const CARD: LossCard = LossCard {
    name: "illumination_detail",
    help: "mean of the mask times half the squared differences, in stops, of blurred luminance and \
           of what the blur takes away",
    source: "Eilertsen et al. 2017 (HDRCNN)",
    parameters: list::<IlluminationDetail>,
    build: build::<IlluminationDetail>,
};

parameters! {
    /// Compares linear light of three channels.
    compares IlluminationDetail {
        /// Target or feed of one channel that says where it matters, from 0 to 1; everywhere by
        /// default.
        mask: String = String::new(),
        /// Standard deviation of the blur in pixels.
        sigma: f64 = 2.0 => 0.1..=64.0,
        /// Luminance below this counts as this.
        darkest: f64 = 1e-4 => 1e-9..=1.0,
    }
}

impl Loss for IlluminationDetail {
    fn value(&self, given: &Given<'_>) -> Result<Tensor<1>> {
        let (x, truth) = given.pair(&self.output, &self.target)?;
        has_channels(&x, 3, CARD.name)?;
        let difference = self.stops(x) - self.stops(truth);
        let slow = both(difference.clone(), |length| gaussian_same(length, self.sigma));
        let fast = difference - slow.clone();
        let mask = given.mask(&self.mask, &slow)?;
        Ok((mask * (slow.square() + fast.square()) * 0.5).mean())
    }

    fn outputs(&self) -> Vec<&str> {
        vec![&self.output]
    }
}

impl IlluminationDetail {
    /// Log2 of luminance `[n, 1, h, w]`.
    fn stops(&self, x: Tensor<4>) -> Tensor<4> {
        let shares =
            [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]].map(relume_media::light::luma);
        let shares = Tensor::from_data(TensorData::new(shares.to_vec(), [1, 3, 1, 1]), &x.device());
        let luminance = (x * shares).sum_dim(1);
        luminance.clamp_min(self.darkest).log() * std::f64::consts::LOG2_E
    }
}
