//! A network that may copy light from another frame should copy where that is right.

use burn::tensor::Tensor;

use super::confidence::binary_cross_entropy;
use super::given::weighted_mean;
use super::parameters::{build, list, parameters};
use super::{Given, Loss, LossCard};
use crate::{Error, Result};

pub(super) const CARD: LossCard = LossCard {
    name: "copy_gate",
    help: "binary cross entropy of a gate against: the copied light is right, where it is valid and \
           matters",
    source: "relume",
    parameters: list::<CopyGate>,
    build: build::<CopyGate>,
};

parameters! {
    /// Gate `[n, 1, h, w]` from 0 to 1 against copied linear light `[n, c, h, w]`.
    CopyGate {
        /// Output with the gate.
        output: String = "gate".into(),
        /// Output with the copied light.
        copied: String = "copied".into(),
        /// Output `[n, 1, h, w]` that is more than 0.5 where the copy is valid.
        validity: String = "validity".into(),
        /// Target with the true light.
        target: String = "restored".into(),
        /// Target or feed `[n, 1, h, w]` that is more than 0.5 where it matters; everywhere by
        /// default.
        mask: String = String::new(),
        /// Share of the true light by which every channel of the copy may be off.
        tolerance: f64 = 0.1 => 0.0..=10.0,
    }
}

impl Loss for CopyGate {
    fn value(&self, given: &Given<'_>) -> Result<Tensor<1>> {
        let gate = given.output(&self.output)?;
        let (copied, truth) = given.pair(&self.copied, &self.target)?;
        let validity = given.output(&self.validity)?;
        let [n, _, h, w] = copied.dims();
        if gate.dims() != [n, 1, h, w] || validity.dims() != [n, 1, h, w] {
            let (a, b) = (gate.dims(), validity.dims());
            let message = format!("gate and validity are {a:?} and {b:?}, not [{n}, 1, {h}, {w}]");
            return Err(Error::Setup(message));
        }
        let off = (copied.detach() - truth.clone()).abs() - truth * self.tolerance;
        let right = off.max_dim(1).lower_equal_elem(0.0).float();
        let matters = given.mask(&self.mask, &gate)?.greater_elem(0.5);
        let counted = validity.detach().greater_elem(0.5).bool_and(matters).float();
        Ok(weighted_mean(binary_cross_entropy(gate, right), counted))
    }

    fn outputs(&self) -> Vec<&str> {
        vec![&self.output, &self.copied, &self.validity]
    }
}
