//! Statistics of good photographs: a mean and a covariance of the features of their patches.

use std::collections::BTreeMap;
use std::path::Path;

use relume_media::{Image, Srgb};
use relume_nn::{Array, Weights};

use super::features::{FEATURES, Patch, patches};
use crate::Error;

/// Of a photograph, only patches this sharp count, relative to its sharpest one.
const SHARP: f64 = 0.75;

/// A multivariate Gaussian of 36 features.
#[derive(Debug, Clone)]
pub struct Pristine {
    /// `[36]`.
    mean: Vec<f64>,
    /// `[36, 36]`, row-major.
    covariance: Vec<f64>,
    /// Where it comes from: free text by key.
    provenance: BTreeMap<String, String>,
}

impl Pristine {
    /// The model that relume carries: fitted to freely licensed photographs.
    ///
    /// # Errors
    /// Never; tests load it.
    pub fn ours() -> crate::Result<Self> {
        Self::from_bytes(include_bytes!("../../../weights/niqe-pristine.safetensors"))
    }

    /// A model from a safetensors file with `mean` `[36]` and `covariance` `[36, 36]`.
    ///
    /// # Errors
    /// [`Error::Model`] when the file cannot be read or is no such model.
    pub fn load(path: &Path) -> crate::Result<Self> {
        let wrong = |message: String| Error::Model(format!("{}: {message}", path.display()));
        let bytes = std::fs::read(path).map_err(|cause| wrong(cause.to_string()))?;
        Self::from_bytes(&bytes).map_err(|cause| wrong(cause.to_string()))
    }

    fn from_bytes(bytes: &[u8]) -> crate::Result<Self> {
        let weights = Weights::from_safetensors(bytes)?;
        let array = |key: &str, shape: &[usize]| match weights.get(key) {
            Some(array) if array.shape == shape && array.values.iter().all(|v| v.is_finite()) => {
                Ok(array.values.iter().map(|&v| f64::from(v)).collect())
            }
            _ => {
                let message = format!("no NIQE model: it needs `{key}` of shape {shape:?}");
                Err(Error::Model(message))
            }
        };
        Ok(Self {
            mean: array("mean", &[FEATURES])?,
            covariance: array("covariance", &[FEATURES, FEATURES])?,
            provenance: weights.metadata.clone(),
        })
    }

    /// Fits a model to good photographs: of each, the patches that are nearly as sharp as its
    /// sharpest; photographs too small for NIQE are left out.
    ///
    /// # Errors
    /// [`Error::Parameter`] when there are too few patches.
    pub fn fit(photographs: impl IntoIterator<Item = Image<Srgb>>) -> crate::Result<Self> {
        let mut sharp: Vec<Patch> = Vec::new();
        for photograph in photographs {
            let Ok(found) = patches(&photograph) else { continue };
            let most = found.iter().map(|patch| patch.sharpness).fold(0.0, f64::max);
            sharp.extend(found.into_iter().filter(|patch| patch.sharpness > SHARP * most));
        }
        let rows = complete(&sharp);
        if rows.len() <= FEATURES {
            let message = format!("a NIQE model needs more than {FEATURES} sharp patches");
            return Err(Error::Parameter(message));
        }
        let mean = mean(rows.iter().copied());
        let covariance = covariance(&rows);
        Ok(Self { mean, covariance, provenance: BTreeMap::new() })
    }

    /// The model with a note on where it comes from.
    #[must_use]
    pub fn with_provenance(mut self, provenance: BTreeMap<String, String>) -> Self {
        self.provenance = provenance;
        self
    }

    /// Where it comes from: free text by key.
    pub fn provenance(&self) -> &BTreeMap<String, String> {
        &self.provenance
    }

    /// The model as arrays for a file.
    pub fn to_weights(&self) -> Weights {
        let array = |shape: &[usize], values: &[f64]| Array {
            shape: shape.to_vec(),
            values: values.iter().map(|&v| v as f32).collect(),
        };
        let mut weights = Weights::default();
        weights.insert("mean", array(&[FEATURES], &self.mean));
        weights.insert("covariance", array(&[FEATURES, FEATURES], &self.covariance));
        weights.metadata = self.provenance.clone();
        weights
    }

    /// Equation 10: the distance between the Gaussian of a picture's patches and this one.
    pub(super) fn distance(&self, patches: &[Patch]) -> relume_media::Result<f64> {
        let flat = || {
            let message = "NIQE needs two patches with texture; this picture is flat";
            relume_media::Error::new(relume_media::ErrorKind::Parameter, message)
        };
        let rows = complete(patches);
        if rows.len() < 2 {
            return Err(flat());
        }
        // As the reference has it: a flat patch counts in the means of what it has.
        let mean = mean(patches.iter().map(|patch| &patch.features));
        let own = covariance(&rows);
        let middle = own.iter().zip(&self.covariance).map(|(a, b)| f64::midpoint(*a, *b)).collect();
        let apart: Vec<f64> = mean.iter().zip(&self.mean).map(|(a, b)| a - b).collect();
        let square = squared_length(middle, &apart).ok_or_else(flat)?;
        Ok(square.sqrt())
    }
}

/// The features of patches that have all of them.
fn complete(patches: &[Patch]) -> Vec<&[f64; FEATURES]> {
    let features = patches.iter().map(|patch| &patch.features);
    features.filter(|row| row.iter().all(|v| v.is_finite())).collect()
}

/// The mean of each feature over the rows that have it.
fn mean<'a>(rows: impl Iterator<Item = &'a [f64; FEATURES]>) -> Vec<f64> {
    let mut sums = [(0.0, 0.0); FEATURES];
    for row in rows {
        for (sum, &value) in sums.iter_mut().zip(row) {
            if value.is_finite() {
                *sum = (sum.0 + value, sum.1 + 1.0);
            }
        }
    }
    sums.iter().map(|(sum, count)| sum / count).collect()
}

/// The unbiased covariance `[36, 36]` of two rows or more.
fn covariance(rows: &[&[f64; FEATURES]]) -> Vec<f64> {
    let mean = mean(rows.iter().copied());
    let mut sums = vec![0.0; FEATURES * FEATURES];
    for row in rows {
        for (i, line) in sums.chunks_exact_mut(FEATURES).enumerate() {
            for (j, sum) in line.iter_mut().enumerate() {
                *sum += (row[i] - mean[i]) * (row[j] - mean[j]);
            }
        }
    }
    sums.iter().map(|sum| sum / (rows.len() - 1) as f64).collect()
}

/// `vᵀ · matrix⁻¹ · v` by Cholesky decomposition; none when the matrix is not positive definite.
fn squared_length(mut matrix: Vec<f64>, v: &[f64]) -> Option<f64> {
    let n = v.len();
    let mut solved = v.to_vec();
    for i in 0..n {
        for j in 0..=i {
            let known: f64 = (0..j).map(|k| matrix[i * n + k] * matrix[j * n + k]).sum();
            let rest = matrix[i * n + j] - known;
            matrix[i * n + j] = match i == j {
                true if rest > 0.0 => rest.sqrt(),
                true => return None,
                false => rest / matrix[j * n + j],
            };
        }
        let known: f64 = (0..i).map(|k| matrix[i * n + k] * solved[k]).sum();
        solved[i] = (solved[i] - known) / matrix[i * n + i];
    }
    Some(solved.iter().map(|v| v * v).sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_measured_in_the_matrix() {
        // [[2, 1], [1, 2]]⁻¹ = [[2, -1], [-1, 2]] / 3.
        let length = squared_length(vec![2.0, 1.0, 1.0, 2.0], &[1.0, 2.0]).unwrap();
        assert!((length - 2.0).abs() < 1e-12);
        assert!(squared_length(vec![1.0, 2.0, 2.0, 1.0], &[1.0, 1.0]).is_none());
    }

    #[test]
    fn a_model_survives_its_file() {
        let ours = Pristine::ours().unwrap();
        assert!(ours.provenance().contains_key("relume.data"), "{:?}", ours.provenance());
        let folder = std::env::temp_dir().join(format!("relume-niqe-{}", std::process::id()));
        let bytes = ours.to_weights().to_safetensors(relume_nn::weights::Precision::F32).unwrap();
        std::fs::write(&folder, bytes).unwrap();
        let back = Pristine::load(&folder);
        std::fs::remove_file(&folder).unwrap();
        let back = back.unwrap();
        assert_eq!((back.mean, back.covariance), (ours.mean, ours.covariance));
    }

    #[test]
    fn a_file_of_something_else_is_refused() {
        let mut other = Weights::default();
        other.insert("bias", relume_nn::weights::Array { shape: vec![1], values: vec![0.0] });
        let bytes = other.to_safetensors(relume_nn::weights::Precision::F32).unwrap();
        let error = Pristine::from_bytes(&bytes).unwrap_err();
        assert!(error.to_string().contains("mean"), "{error}");
    }
}
