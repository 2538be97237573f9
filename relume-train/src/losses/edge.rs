//! Charbonnier distance of the finest level of a Laplacian pyramid: edges, whatever the light.

use burn::tensor::Tensor;

use super::charbonnier::{self, EPSILON};
use super::linear::{Matrix, both};
use super::parameters::{build, list, parameters};
use super::{Given, Loss, LossCard};
use crate::Result;

pub(super) const CARD: LossCard = LossCard {
    name: "edge",
    help: "Charbonnier distance of what a picture loses when halved and enlarged again",
    source: "Zamir et al. 2021 (MPRNet) on Burt and Adelson 1983",
    parameters: list::<Edge>,
    build: build::<Edge>,
};

parameters! {
    /// Charbonnier distance of the finest level of a Laplacian pyramid: edges, whatever the light.
    compares Edge {
        /// Softens the absolute value around 0.
        epsilon: f64 = EPSILON => 1e-12..=1.0,
    }
}

impl Loss for Edge {
    fn value(&self, given: &Given<'_>) -> Result<Tensor<1>> {
        let difference = given.difference(&self.output, &self.target)?;
        let smooth = both(difference.clone(), halved_and_enlarged);
        Ok(charbonnier::mean(difference - smooth, self.epsilon))
    }

    fn outputs(&self) -> Vec<&str> {
        vec![&self.output]
    }
}

/// Blurs, keeps every second value, puts it back twice as strong between zeros, blurs again.
fn halved_and_enlarged(length: usize) -> Matrix {
    let blur = binomial(length);
    let keep = |row, column| if row == column && row % 2 == 0 { 2.0 } else { 0.0 };
    blur.times(&Matrix::from_fn(length, length, keep)).times(&blur)
}

/// Burt and Adelson's five taps, the border repeated.
fn binomial(length: usize) -> Matrix {
    const TAPS: [f64; 5] = [0.05, 0.25, 0.4, 0.25, 0.05];
    Matrix::from_fn(length, length, |row, column| {
        let source = |tap: usize| (row + tap).saturating_sub(2).min(length - 1);
        TAPS.iter().enumerate().filter(|&(tap, _)| source(tap) == column).map(|(_, w)| w).sum()
    })
}
