//! Distance of linear light in perceptually uniform units.

use burn::tensor::Tensor;

use super::given::weighted_mean;
use super::parameters::{build, list, parameters};
use super::{Given, Loss, LossCard};
use crate::Result;

pub(super) const CARD: LossCard = LossCard {
    name: "pu21",
    help: "mean absolute difference of luminance under PU21 (banding and glare), 1 at 10,000 cd/m²",
    source: "Mantiuk and Azimi 2021",
    parameters: list::<Pu21>,
    build: build::<Pu21>,
};

parameters! {
    /// Compares linear light, 1 at the clip level.
    compares Pu21 {
        /// Target or feed that says where it matters, from 0 to 1; everywhere by default.
        mask: String = String::new(),
        /// What a value of 1 shines with on the display, in cd/m².
        clip_level: f64 = 203.0 => 0.1..=10000.0,
    }
}

/// The parameters "banding_glare".
const P: [f64; 7] = [
    0.353_487_901,
    0.373_465_862_9,
    8.277_049_286e-5,
    0.906_256_262_7,
    0.091_503_031_66,
    0.909_951_720_4,
    596.314_814_2,
];
/// The code of 10,000 cd/m².
const WHITE: f64 = 595.393_920;

impl Loss for Pu21 {
    fn value(&self, given: &Given<'_>) -> Result<Tensor<1>> {
        let (x, truth) = given.pair(&self.output, &self.target)?;
        let mask = given.mask(&self.mask, &x)?;
        let code = |x: Tensor<4>| {
            let light = (x * self.clip_level).clamp(0.005, 10_000.0).powf_scalar(P[3]);
            let ratio = (light.clone() * P[1] + P[0]) / (light * P[2] + 1.0);
            (ratio.powf_scalar(P[4]) - P[5]) * (P[6] / WHITE)
        };
        Ok(weighted_mean((code(x) - code(truth)).abs(), mask))
    }

    fn outputs(&self) -> Vec<&str> {
        vec![&self.output]
    }
}
