//! The exact expected return of a policy that keeps or replaces one reference.

use burn::tensor::{Tensor, activation};

use super::parameters::{build, list, parameters};
use super::{Given, Loss, LossCard};
use crate::{Error, Result};

pub(super) const CARD: LossCard = LossCard {
    name: "policy",
    help: "less the mean reward of a frame that a policy of keeping or replacing one reference expects, \
           exactly, over whole clips, and less a bonus for its entropy",
    source: "relume, after Williams 1992 (policy gradient), without sampling",
    parameters: list::<Policy>,
    build: build::<Policy>,
};

parameters! {
    /// Logits of adopting frame `t` while frame `r` is the reference, for all pairs of a clip: (1, 0),
    /// (2, 0), (2, 1), (3, 0) … `[clips · frames (frames − 1) / 2, 1, 1, 1]`.
    Policy {
        /// Output with the logits.
        output: String = "adopt".into(),
        /// Target with the reward of every pair.
        target: String = "reward".into(),
        /// Frames of a clip.
        frames: usize = 24 => 2..=1000,
        /// Bonus for each bit of entropy of a decision that is come to.
        entropy: f64 = 0.0 => 0.0..=10.0,
        /// Factor on rewards.
        scale: f64 = 1.0 => 0.0..=1e6,
    }
}

impl Loss for Policy {
    fn value(&self, given: &Given<'_>) -> Result<Tensor<1>> {
        let (logits, rewards) = given.pair(&self.output, &self.target)?;
        let (count, pairs) = (logits.dims()[0], self.frames * (self.frames - 1) / 2);
        if count % pairs > 0 {
            let frames = self.frames;
            let message = format!("{count} pairs are no clips of {frames} frames: set `frames`");
            return Err(Error::Setup(message));
        }
        let clips = count / pairs;
        let rows = |x: Tensor<4>| x.reshape([clips, pairs]);
        let (logits, rewards) = (rows(logits), rows(rewards) * self.scale);
        let adopt = activation::sigmoid(logits.clone());
        // ln p and ln (1 − p), without a difference of near numbers.
        let sure = activation::log_sigmoid(logits.clone());
        let unsure = activation::log_sigmoid(logits.neg());
        let surprise = adopt.clone() * sure + (adopt.clone().neg() + 1.0) * unsure;
        let entropy = surprise * (-self.entropy * f64::from(std::f32::consts::LOG2_E));
        let worth = rewards + entropy;
        // The probability that frame r is the reference of frame t.
        let mut held = Tensor::<2>::ones([clips, 1], &worth.device());
        let mut sum: Option<Tensor<1>> = None;
        let mut start = 0;
        for t in 1..self.frames {
            let part = |x: &Tensor<2>| x.clone().narrow(1, start, t);
            let here = (held.clone() * part(&worth)).sum();
            sum = Some(sum.map_or_else(|| here.clone(), |sum| sum + here.clone()));
            let replaced = held.clone() * part(&adopt);
            held = Tensor::cat(vec![held - replaced.clone(), replaced.sum_dim(1)], 1);
            start += t;
        }
        let decisions = (clips * (self.frames - 1)) as f64;
        let none = || Error::Setup("a clip of one frame brings no decision".into());
        Ok(sum.ok_or_else(none)?.neg() / decisions)
    }

    fn outputs(&self) -> Vec<&str> {
        vec![&self.output]
    }
}
