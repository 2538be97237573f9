//! What is missing to structural similarity 1.

use burn::tensor::Tensor;

use super::given::at_least;
use super::linear::{both, gaussian_valid};
use super::parameters::{build, list, parameters};
use super::{Given, Loss, LossCard};
use crate::Result;

pub(super) const CARD: LossCard = LossCard {
    name: "ssim",
    help: "1 - SSIM, 11x11 Gaussian (sigma 1.5), valid area, values from 0 to 1",
    source: "Wang et al. 2004",
    parameters: list::<Ssim>,
    build: build::<Ssim>,
};

parameters! {
    /// What is missing to structural similarity 1.
    compares Ssim {}
}

impl Loss for Ssim {
    fn value(&self, given: &Given<'_>) -> Result<Tensor<1>> {
        let (x, truth) = given.pair(&self.output, &self.target)?;
        at_least(&x, WINDOW, CARD.name)?;
        let Similarity { light, structure } = Similarity::of(x, truth);
        Ok((light * structure).mean().neg() + 1.0)
    }

    fn outputs(&self) -> Vec<&str> {
        vec![&self.output]
    }
}

/// Side of the window.
pub(super) const WINDOW: usize = 11;
const SIGMA: f64 = 1.5;
const C1: f64 = 0.01 * 0.01;
const C2: f64 = 0.03 * 0.03;

/// The two factors of SSIM at every place where the whole window fits.
pub(super) struct Similarity {
    /// Of the means.
    pub(super) light: Tensor<4>,
    /// Of contrast and structure.
    pub(super) structure: Tensor<4>,
}

impl Similarity {
    pub(super) fn of(a: Tensor<4>, b: Tensor<4>) -> Self {
        let blur = |x| both(x, |length| gaussian_valid(length, WINDOW, SIGMA));
        let (mean_a, mean_b) = (blur(a.clone()), blur(b.clone()));
        let squares = mean_a.clone().square() + mean_b.clone().square();
        let product = mean_a * mean_b;
        let variances = blur(a.clone().square() + b.clone().square()) - squares.clone();
        let covariance = blur(a * b) - product.clone();
        Self {
            light: (product * 2.0 + C1) / (squares + C1),
            structure: (covariance * 2.0 + C2) / (variances + C2),
        }
    }
}
