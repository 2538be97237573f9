//! Prompts: a picture should look like one of several descriptions and not like the others.

use burn::tensor::activation::log_softmax;
use burn::tensor::{Int, Tensor};

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
        /// Target with the number of the prompt of each picture, `[n, 1, 1, 1]`, instead of `label`.
        labels: String = String::new(),
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
        let images = given.output(&self.output)?;
        match self.labels.as_str() {
            "" => alike(images, prompts, self.label, self.temperature),
            name => labelled(images, prompts, given.target(name)?, self.temperature),
        }
    }

    fn outputs(&self) -> Vec<&str> {
        [self.output.as_str(), &self.prompts].into_iter().filter(|name| !name.is_empty()).collect()
    }
}

/// Cross entropy of the cosines between images and `prompts`, all towards the prompt `label`.
pub(super) fn alike(
    images: Tensor<4>,
    prompts: Tensor<4>,
    label: usize,
    temperature: f64,
) -> Result<Tensor<1>> {
    let count = prompts.dims()[0];
    if label >= count {
        let message = format!("label is {label}, but there are {count} prompts from 0");
        return Err(Error::Setup(message));
    }
    let scores = cosines(images, prompts)? * temperature;
    Ok(log_softmax(scores, 1).narrow(1, label, 1).mean().neg())
}

/// The same, each image towards the prompt of its own label.
fn labelled(
    images: Tensor<4>,
    prompts: Tensor<4>,
    labels: Tensor<4>,
    temperature: f64,
) -> Result<Tensor<1>> {
    let (n, count) = (images.dims()[0], prompts.dims()[0]);
    if labels.dims() != [n, 1, 1, 1] {
        let message = format!("labels are {:?}; there are {n} pictures", labels.dims());
        return Err(Error::Setup(message));
    }
    let numbers = Tensor::<1, Int>::arange(0..count as i64, &labels.device()).float();
    let numbers = numbers.reshape([1, count]).expand([n, count]);
    let own = labels.reshape([n, 1]).expand([n, count]).equal(numbers).float();
    let scores = cosines(images, prompts)? * temperature;
    Ok((log_softmax(scores, 1) * own).sum().neg() / n as f64)
}
