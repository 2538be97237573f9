//! A picture should show, to a fixed network, what another picture shows or a text says, and not what
//! those of the other samples do: content and context cues.

use burn::tensor::Tensor;

use super::contrastive::{How, contrast};
use super::encoder::Encoder;
use super::parameters::{list, parameters, read};
use super::{Given, Loss, LossCard};
use crate::Result;

pub(super) const CARD: LossCard = LossCard {
    name: "cue",
    help: "cross entropy of cosines between what a fixed network sees in a picture and its cue",
    source: "Morawski et al. 2025: content with `columns`, context without",
    parameters: list::<Settings>,
    build: |table| {
        let Settings { encoder, weights, .. } = read(table)?;
        Ok(Box::new(Cue::new(Encoder::named(&encoder, &weights)?, table)?))
    },
};

parameters! {
    /// Which network compares which output with which cue.
    Settings {
        /// Output that is judged; the picture by default.
        output: String = String::new(),
        /// Target with the cues: pictures, features `[n, d, 1, 1]`, or numbers of words.
        target: String = "content".into(),
        /// The network, as in `relume models list`.
        encoder: String = "cue-encoder".into(),
        /// Its weights: a file; those in the program by default.
        weights: String = String::new(),
        /// Whether each cue must find its picture as well, and not only each picture its cue.
        columns: bool = true,
        /// Whether samples with the same cue are kept from being told apart.
        forgive_twins: bool = true,
        /// Factor on the cosines.
        temperature: f64 = 100.0 => 1e-3..=1e4,
    }
}

/// A fixed network that compares pictures with cues.
pub struct Cue {
    settings: Settings,
    encoder: Encoder,
}

impl Cue {
    /// Compares by `encoder`; `table` holds the other parameters of the loss.
    ///
    /// # Errors
    /// A message for parameters that do not fit.
    pub fn new(encoder: Encoder, table: &toml::Table) -> std::result::Result<Self, String> {
        Ok(Self { settings: read(table)?, encoder })
    }
}

impl Loss for Cue {
    fn value(&self, given: &Given<'_>) -> Result<Tensor<1>> {
        let seen = self.encoder.shown(given.output(&self.settings.output)?)?;
        let cues = given.target(&self.settings.target)?;
        let cues = match cues.dims() {
            [_, _, 1, 1] => cues,
            [_, 1, 1, _] => self.encoder.said(cues)?,
            _ => self.encoder.shown(cues)?,
        };
        let Settings { columns, forgive_twins, temperature, .. } = self.settings;
        contrast(seen, cues.detach(), &How { columns, forgive_twins, temperature })
    }

    fn outputs(&self) -> Vec<&str> {
        vec![&self.settings.output]
    }
}
