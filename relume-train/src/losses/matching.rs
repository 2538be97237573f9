//! Features by which pixels of two pictures find each other.

use burn::tensor::{Tensor, activation};

use super::parameters::{build, list, parameters};
use super::{Given, Loss, LossCard};
use crate::{Error, Result};

pub(super) const CARD: LossCard = LossCard {
    name: "matching",
    help: "cross entropy of where each pixel is found, by the softened products of its features with \
           all of the other picture's, against where it is",
    source: "relume, after van den Oord et al. 2018 (InfoNCE)",
    parameters: list::<Matching>,
    build: build::<Matching>,
};

parameters! {
    /// Queries `[n, c, h, w]` of one picture against keys of another; the true place is spread over
    /// its four neighbours.
    Matching {
        /// Output with the queries.
        output: String = "queries".into(),
        /// Output with the keys.
        keys: String = "keys".into(),
        /// Target with the true motion `[n, 2, H, W]`, in its pixels.
        target: String = "motion".into(),
        /// Target `[n, 1, H, W]` that is 1 where the motion is visible.
        mask: String = "visible".into(),
    }
}

impl Loss for Matching {
    fn value(&self, given: &Given<'_>) -> Result<Tensor<1>> {
        let (queries, keys) = (given.output(&self.output)?, given.output(&self.keys)?);
        let ([n, c, h, w], count) = (queries.dims(), queries.dims()[2] * queries.dims()[3]);
        let motion = given.reduced(&self.target, &queries)?;
        let one = queries.clone().narrow(1, 0, 1);
        let visible = given.mask(&self.mask, &one)?.greater_elem(0.5).float();
        if motion.dims() != [n, 2, h, w] || keys.dims() != [n, c, h, w] {
            let (a, b) = (motion.dims(), keys.dims());
            return Err(Error::Setup(format!("motion and keys are {a:?} and {b:?}")));
        }
        let rows = |x: Tensor<4>| x.reshape([n, c, count]).swap_dims(1, 2);
        let scores = rows(queries).matmul(rows(keys).swap_dims(1, 2)) / (c as f64).sqrt();
        let found = activation::log_softmax(scores, 2);
        // The share of every key in the true place: a tent around it.
        let device = motion.device();
        let places = |length: usize, at: &dyn Fn(usize) -> f32| {
            let values: Vec<f32> = (0..length).map(at).collect();
            Tensor::<1>::from_floats(values.as_slice(), &device)
        };
        let tent = |axis: usize| {
            let at = |i: usize| if axis == 0 { (i % w) as f32 } else { (i / w) as f32 };
            let own = places(count, &at);
            let target = motion.clone().narrow(1, axis, 1).reshape([n, count, 1])
                + own.clone().reshape([1, count, 1]);
            ((target - own.reshape([1, 1, count])).abs().neg() + 1.0).clamp_min(0.0)
        };
        let truth = tent(0) * tent(1);
        let sums = truth.clone().sum_dim(2);
        let counted = visible.reshape([n, count, 1]) * sums.clone().greater_elem(0.2).float();
        let missed = (truth * found).sum_dim(2).neg() / sums.clamp_min(0.2);
        let total = counted.clone().sum().clamp_min(1.0);
        Ok((missed * counted).sum() / total)
    }

    fn outputs(&self) -> Vec<&str> {
        vec![&self.output, &self.keys]
    }
}
