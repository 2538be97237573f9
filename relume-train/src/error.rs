//! Errors of training.

use std::path::PathBuf;

/// What can go wrong in a training run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The recipe cannot be used.
    #[error("recipe {path}: {message}")]
    Recipe {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        message: String,
    },
    /// There is nothing to train on, or it cannot be read.
    #[error("dataset {path}: {message}")]
    Dataset {
        /// The folder.
        path: PathBuf,
        /// What is wrong, and the remedy.
        message: String,
    },
    /// The run folder cannot be used.
    #[error("run folder {path}: {message}")]
    RunFolder {
        /// The folder or a file in it.
        path: PathBuf,
        /// What is wrong, and the remedy.
        message: String,
    },
    /// The recipe asks for something that does not fit together.
    #[error("{0}")]
    Setup(String),
    /// From the library.
    #[error(transparent)]
    Library(#[from] relume::Error),
    /// From pictures.
    #[error(transparent)]
    Media(#[from] relume_media::Error),
    /// From networks.
    #[error(transparent)]
    Network(#[from] relume_nn::Error),
    /// The loss became infinite or not a number.
    #[error("step {step}: the loss is {loss}; lower the learning rate and resume")]
    Diverged {
        /// Step of the run.
        step: usize,
        /// The loss.
        loss: f32,
    },
}

impl Error {
    /// Makes a run-folder error out of an input/output error.
    pub(crate) fn folder(path: &std::path::Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::RunFolder { path, message: source.to_string() }
    }
}

/// Result of this crate.
pub type Result<T> = std::result::Result<T, Error>;
