//! Cross entropy of class scores.

use burn::tensor::activation::log_softmax;
use burn::tensor::{Int, Tensor};

use super::parameters::{build, list, parameters};
use super::{Given, Loss, LossCard};
use crate::{Error, Result};

pub(super) const CARD: LossCard = LossCard {
    name: "cross_entropy",
    help: "mean of -log of the probability given to the true class",
    source: "Good 1952; smoothing: Szegedy et al. 2016",
    parameters: list::<CrossEntropy>,
    build: build::<CrossEntropy>,
};

parameters! {
    /// Scores `[n, k, h, w]` against class numbers `[n, 1, h, w]` or probabilities `[n, k, h, w]`.
    /// A number that is no class does not count.
    compares CrossEntropy {
        /// Share of the probability that is spread evenly over all classes.
        smoothing: f64 = 0.0 => 0.0..=1.0,
    }
}

impl Loss for CrossEntropy {
    fn value(&self, given: &Given<'_>) -> Result<Tensor<1>> {
        let scores = given.output(&self.output)?;
        let target = if self.target.is_empty() { &self.output } else { &self.target };
        let truth = given.target(target)?;
        let [n, k, h, w] = scores.dims();
        let truth = match truth.dims() {
            dims if k > 1 && dims == [n, k, h, w] => truth,
            dims if k > 1 && dims == [n, 1, h, w] => {
                let classes = Tensor::<1, Int>::arange(0..k as i64, &truth.device()).float();
                let classes = classes.reshape([1, k, 1, 1]).expand([n, k, h, w]);
                truth.expand([n, k, h, w]).equal(classes).float()
            }
            dims => {
                let message = format!(
                    "{target} is {dims:?}; cross_entropy takes one class number or one probability \
                     for each of two or more classes of {:?}",
                    scores.dims()
                );
                return Err(Error::Setup(message));
            }
        };
        let counted = truth.clone().sum();
        let truth =
            truth.clone() * (1.0 - self.smoothing) + truth.sum_dim(1) * (self.smoothing / k as f64);
        Ok((truth * log_softmax(scores, 1)).sum().neg() / counted)
    }

    fn outputs(&self) -> Vec<&str> {
        vec![&self.output]
    }
}
