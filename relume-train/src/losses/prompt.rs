//! Prompts: a picture should look like one of several descriptions and not like the others.

use burn::tensor::Tensor;
use burn::tensor::activation::log_softmax;

use super::contrastive::cosines;
use super::parameters::{build, list, parameters};
use super::{Given, Loss, LossCard};
use crate::{Error, Result};

pub(super) const CARD: LossCard = LossCard {
    name: "prompt",
    help: "cross entropy of cosines between image features and those of prompts",
    source: "Liang et al. 2023 (CLIP-LIT); Morawski et al. 2025",
    parameters: list::<Prompt>,
    build: build::<Prompt>,
};

parameters! {
    /// Image features `[n, d, 1, 1]` against those of `k` prompts `[k, d, 1, 1]`.
    Prompt {
        /// Output with the image features.
        output: String = "image_features".into(),
        /// Target with the features of the prompts.
        target: String = "prompt_features".into(),
        /// Output with the features of the prompts instead, where the prompts are learnt.
        prompts: String = String::new(),
        /// The prompt, from 0, that the pictures should look like.
        label: usize = 1 => 0..=9999,
        /// Factor on the cosines.
        temperature: f64 = 100.0 => 1e-3..=1e4,
    }
}

impl Loss for Prompt {
    fn value(&self, given: &Given<'_>) -> Result<Tensor<1>> {
        let prompts = match self.prompts.as_str() {
            "" => given.target(&self.target)?,
            name => given.output(name)?,
        };
        let count = prompts.dims()[0];
        if self.label >= count {
            let message = format!("label is {}, but there are {count} prompts from 0", self.label);
            return Err(Error::Setup(message));
        }
        let scores = cosines(given.output(&self.output)?, prompts)? * self.temperature;
        Ok(log_softmax(scores, 1).narrow(1, self.label, 1).mean().neg())
    }

    fn outputs(&self) -> Vec<&str> {
        [self.output.as_str(), &self.prompts].into_iter().filter(|name| !name.is_empty()).collect()
    }
}
