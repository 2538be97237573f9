//! Distance of spectra: patterns and fine texture.

use burn::tensor::Tensor;

use super::linear::Matrix;
use super::parameters::{build, list, parameters};
use super::{Given, Loss, LossCard};
use crate::Result;

pub(super) const CARD: LossCard = LossCard {
    name: "frequency",
    help: "mean absolute difference of real and imaginary parts of the orthonormal 2-D Fourier transform",
    source: "Cho et al. 2021 (MIMO-UNet); their weight is for the plain transform: multiply it by √(height · width)",
    parameters: list::<Frequency>,
    build: build::<Frequency>,
};

parameters! {
    /// Distance of spectra: patterns and fine texture.
    compares Frequency {}
}

impl Loss for Frequency {
    fn value(&self, given: &Given<'_>) -> Result<Tensor<1>> {
        let difference = given.difference(&self.output, &self.target)?;
        let [_, _, h, w] = difference.dims();
        let (cosine, sine) = waves(w);
        // exp(-iθ) = cos θ - i sin θ, first across, then down.
        let real = cosine.across(difference.clone());
        let imaginary = sine.across(difference).neg();
        let (cosine, sine) = waves(h);
        let both_real = cosine.down(real.clone()) + sine.down(imaginary.clone());
        let both_imaginary = cosine.down(imaginary) - sine.down(real);
        Ok((both_real.abs().mean() + both_imaginary.abs().mean()) * 0.5)
    }

    fn outputs(&self) -> Vec<&str> {
        vec![&self.output]
    }
}

/// Cosines and sines of the orthonormal transform of `length` values.
fn waves(length: usize) -> (Matrix, Matrix) {
    let angle =
        |j: usize, k: usize| std::f64::consts::TAU * (j * k % length) as f64 / length as f64;
    let scale = 1.0 / (length as f64).sqrt();
    let cosine = Matrix::from_fn(length, length, |j, k| scale * angle(j, k).cos());
    (cosine, Matrix::from_fn(length, length, |j, k| scale * angle(j, k).sin()))
}
