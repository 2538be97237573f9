//! What is missing to multi-scale structural similarity 1.

use burn::tensor::Tensor;

use super::given::at_least;
use super::linear::pool;
use super::parameters::{build, list, parameters};
use super::ssim::{Similarity, WINDOW};
use super::{Given, Loss, LossCard};
use crate::Result;

pub(super) const CARD: LossCard = LossCard {
    name: "ms_ssim",
    help: "1 - MS-SSIM: SSIM's structure at each halving, its light at the last",
    source: "Wang, Simoncelli and Bovik 2003",
    parameters: list::<MsSsim>,
    build: build::<MsSsim>,
};

parameters! {
    /// What is missing to multi-scale structural similarity 1.
    compares MsSsim {
        /// Scales, each half of the one before; 5 need 176 pixels, 4 need 88, 3 need 44.
        scales: usize = 5 => 1..=5,
    }
}

impl Loss for MsSsim {
    fn value(&self, given: &Given<'_>) -> Result<Tensor<1>> {
        let (mut x, mut truth) = given.pair(&self.output, &self.target)?;
        at_least(&x, WINDOW << (self.scales - 1), CARD.name)?;
        let mean = |map: Tensor<4>| map.mean_dim(3).mean_dim(2).clamp_min(SMALLEST);
        let total: f64 = SHARES[..self.scales].iter().sum();
        let [n, c, ..] = x.dims();
        let mut similarity = Tensor::ones([n, c, 1, 1], &x.device());
        for (scale, share) in SHARES[..self.scales].iter().enumerate() {
            let Similarity { light, structure } = Similarity::of(x.clone(), truth.clone());
            let last = scale + 1 == self.scales;
            let factor = mean(if last { light * structure } else { structure });
            similarity = similarity * factor.powf_scalar(share / total);
            (x, truth) = (pool(x, 2), pool(truth, 2));
        }
        Ok(similarity.mean().neg() + 1.0)
    }

    fn outputs(&self) -> Vec<&str> {
        vec![&self.output]
    }
}

/// Exponents of the five scales; of fewer the first, brought to sum 1.
const SHARES: [f64; 5] = [0.0448, 0.2856, 0.3001, 0.2363, 0.1333];

/// Pictures less alike than this count as this, where the power is still smooth.
const SMALLEST: f64 = 1e-4;
