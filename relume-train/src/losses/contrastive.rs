//! Pictures and texts that belong together should be alike, all others not.

use burn::tensor::activation::log_softmax;
use burn::tensor::{Bool, Tensor};

use super::parameters::{build, list, parameters};
use super::{Given, Loss, LossCard};
use crate::{Error, Result};

pub(super) const CARD: LossCard = LossCard {
    name: "contrastive",
    help: "cross entropy of cosines between the image and text features of a batch",
    source: "Radford et al. 2021 (CLIP); Morawski et al. 2025: content with `columns`, context without",
    parameters: list::<Contrastive>,
    build: build::<Contrastive>,
};

parameters! {
    /// Image features `[n, d, 1, 1]` against the text features `[n, d, 1, 1]` of the same samples.
    Contrastive {
        /// Output with the image features.
        output: String = "image_features".into(),
        /// Target with the text features.
        target: String = "text_features".into(),
        /// Output with the text features instead, where their projection is learnt.
        texts: String = String::new(),
        /// Whether the images come in pairs that show the same, and the second of each is its text.
        pairs: bool = false,
        /// Whether each text must find its image as well, and not only each image its text.
        columns: bool = true,
        /// Whether samples with the same text are kept from being told apart.
        forgive_twins: bool = true,
        /// Factor on the cosines.
        temperature: f64 = 100.0 => 1e-3..=1e4,
    }
}

/// Texts with a greater cosine are the same.
const TWINS: f64 = 1.0 - 1e-5;

impl Loss for Contrastive {
    fn value(&self, given: &Given<'_>) -> Result<Tensor<1>> {
        let images = given.output(&self.output)?;
        if self.pairs {
            let [n, d, ..] = images.dims();
            if n % 2 == 1 {
                return Err(Error::Setup(format!("{n} images do not make pairs")));
            }
            let both = images.reshape([n / 2, 2, d, 1]);
            let part = |which| both.clone().narrow(1, which, 1).reshape([n / 2, d, 1, 1]);
            let Self { columns, forgive_twins, temperature, .. } = *self;
            let how = How { columns, forgive_twins, temperature };
            return contrast(part(0), part(1), &how);
        }
        let texts = match self.texts.as_str() {
            "" => given.target(&self.target)?,
            name => given.output(name)?,
        };
        let Self { columns, forgive_twins, temperature, .. } = *self;
        contrast(images, texts, &How { columns, forgive_twins, temperature })
    }

    fn outputs(&self) -> Vec<&str> {
        [self.output.as_str(), &self.texts].into_iter().filter(|name| !name.is_empty()).collect()
    }
}

/// How images and texts are told apart.
pub(super) struct How {
    pub(super) columns: bool,
    pub(super) forgive_twins: bool,
    pub(super) temperature: f64,
}

/// Cross entropy of the cosines between images and texts, the pairs of one place belonging together.
pub(super) fn contrast(images: Tensor<4>, texts: Tensor<4>, how: &How) -> Result<Tensor<1>> {
    let (n, found) = (images.dims()[0], texts.dims()[0]);
    if n != found {
        return Err(Error::Setup(format!("there are {n} images and {found} texts")));
    }
    let mut scores = cosines(images, texts.clone())? * how.temperature;
    let own: Tensor<2, Bool> = Tensor::<2>::eye(n, &scores.device()).greater_elem(0.5);
    if how.forgive_twins {
        let texts = texts.detach();
        let twins = cosines(texts.clone(), texts)?.greater_elem(TWINS);
        scores = scores.mask_fill(twins.bool_and(own.clone().bool_not()), -1e9);
    }
    let towards = |axis: usize| {
        let found = log_softmax(scores.clone(), axis).mask_fill(own.clone().bool_not(), 0.0);
        found.sum().neg() / n as f64
    };
    Ok(if how.columns { (towards(0) + towards(1)) * 0.5 } else { towards(1) })
}

/// Cosines `[n, m]` between features `[n, d, 1, 1]` and `[m, d, 1, 1]`.
pub(super) fn cosines(a: Tensor<4>, b: Tensor<4>) -> Result<Tensor<2>> {
    let ([n, d, ..], [m, ..]) = (a.dims(), b.dims());
    if a.dims() != [n, d, 1, 1] || b.dims() != [m, d, 1, 1] {
        let message = format!(
            "features are [n, d, 1, 1] with one d, these are {:?} and {:?}",
            a.dims(),
            b.dims()
        );
        return Err(Error::Setup(message));
    }
    let unit = |x: Tensor<2>| {
        let length = x.clone().square().sum_dim(1).clamp_min(1e-24).sqrt();
        x / length
    };
    Ok(unit(a.reshape([n, d])).matmul(unit(b.reshape([m, d])).transpose()))
}
