//! Neighbouring areas should differ as they do in what the network was fed.

use burn::tensor::Tensor;

use super::given::at_least;
use super::linear::{Matrix, pool};
use super::parameters::{build, list, parameters};
use super::{Given, Loss, LossCard};
use crate::Result;

pub(super) const CARD: LossCard = LossCard {
    name: "spatial_consistency",
    help: "mean squared change of the steps between neighbouring cells, summed over four directions",
    source: "Guo et al. 2020 (Zero-DCE)",
    parameters: list::<SpatialConsistency>,
    build: build::<SpatialConsistency>,
};

parameters! {
    /// Neighbouring areas should differ as they do in what the network was fed.
    SpatialConsistency {
        /// Output that is judged; the picture by default.
        output: String = String::new(),
        /// Feed it is compared with; the only one of the output's shape by default.
        feed: String = String::new(),
        /// Side of a cell in pixels; what fills none is left out.
        cell: usize = 4 => 1..=256,
    }
}

impl Loss for SpatialConsistency {
    fn value(&self, given: &Given<'_>) -> Result<Tensor<1>> {
        let x = given.output(&self.output)?;
        at_least(&x, self.cell, CARD.name)?;
        let fed = given.feed_like(&self.feed, &x)?;
        // Steps are linear: the change of steps is the steps of the change.
        let change = pool((x - fed).mean_dim(1), self.cell);
        let [_, _, rows, columns] = change.dims();
        let sum = [Towards::Before, Towards::After].map(|side| {
            let down = step(rows, side).down(change.clone()).square();
            down + step(columns, side).across(change.clone()).square()
        });
        let [before, after] = sum;
        Ok((before + after).mean())
    }

    fn outputs(&self) -> Vec<&str> {
        vec![&self.output]
    }
}

#[derive(Clone, Copy)]
enum Towards {
    Before,
    After,
}

/// Each value less its neighbour; outside there is 0.
fn step(length: usize, towards: Towards) -> Matrix {
    Matrix::from_fn(length, length, |row, column| {
        let neighbour = match towards {
            Towards::Before => row == column + 1,
            Towards::After => row + 1 == column,
        };
        f64::from(u8::from(row == column)) - f64::from(u8::from(neighbour))
    })
}
