//! A picture should look good to a fixed network that knows good pictures from bad ones.

use burn::tensor::Tensor;

use super::encoder::Encoder;
use super::parameters::{list, parameters, read};
use super::prompt::alike;
use super::{Given, Loss, LossCard};
use crate::Result;

pub(super) const CARD: LossCard = LossCard {
    name: "prior",
    help: "cross entropy of cosines between what a fixed network sees and its learned prompts",
    source: "Liang et al. 2023 (CLIP-LIT); Morawski et al. 2025",
    parameters: list::<Settings>,
    build: |table| {
        let Settings { encoder, weights, .. } = read(table)?;
        Ok(Box::new(Prior::new(Encoder::named(&encoder, &weights)?, table)?))
    },
};

parameters! {
    /// Which network judges which output.
    Settings {
        /// Output that is judged; the picture by default.
        output: String = String::new(),
        /// The network, as in `relume models list`.
        encoder: String = "cue-encoder".into(),
        /// Its weights: a file; those in the program by default.
        weights: String = String::new(),
        /// The prompt, from 0, that the pictures should look like.
        label: usize = 1 => 0..=9999,
        /// Factor on the cosines.
        temperature: f64 = 100.0 => 1e-3..=1e4,
    }
}

/// A fixed network and the prompt that pictures should look like to it.
pub struct Prior {
    settings: Settings,
    encoder: Encoder,
}

impl Prior {
    /// Judges by `encoder`; `table` holds the other parameters of the loss.
    ///
    /// # Errors
    /// A message for parameters that do not fit.
    pub fn new(encoder: Encoder, table: &toml::Table) -> std::result::Result<Self, String> {
        Ok(Self { settings: read(table)?, encoder })
    }
}

impl Loss for Prior {
    fn value(&self, given: &Given<'_>) -> Result<Tensor<1>> {
        let (seen, prompts) = self.encoder.looks(given.output(&self.settings.output)?)?;
        alike(seen, prompts, self.settings.label, self.settings.temperature)
    }

    fn outputs(&self) -> Vec<&str> {
        vec![&self.settings.output]
    }
}
