//! Errors of the library, sorted by who is at fault.

/// What kind of fault an [`Error`] is; callers choose exit code or HTTP status by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The input cannot be read, is damaged, or is not supported.
    Input,
    /// The output cannot be written.
    Output,
    /// The workflow file is wrong.
    Workflow,
    /// The model is unknown, missing, or its weights do not fit.
    Model,
    /// A parameter is out of its range.
    Parameter,
    /// The caller cancelled the work.
    Cancelled,
}

/// An error with a message that names cause and remedy.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// From reading or writing pictures.
    #[error(transparent)]
    Media(#[from] relume_media::Error),
    /// From building, loading or running a network.
    #[error(transparent)]
    Network(#[from] relume_nn::Error),
    /// A model that is not there.
    #[error("{0}")]
    Model(String),
    /// A workflow that cannot run.
    #[error(transparent)]
    Workflow(#[from] crate::workflow::Faults),
    /// A value outside its range.
    #[error("{0}")]
    Parameter(String),
}

impl Error {
    /// Names the file concerned, where an error of reading or writing does not yet.
    #[must_use]
    pub fn with_path(self, path: &std::path::Path) -> Self {
        match self {
            Self::Media(error) => Self::Media(error.with_path(path)),
            other => other,
        }
    }

    /// The kind of fault.
    pub fn kind(&self) -> ErrorKind {
        use relume_media::ErrorKind as Media;
        match self {
            Self::Media(error) => match error.kind() {
                Media::Write | Media::Encode => ErrorKind::Output,
                Media::Parameter => ErrorKind::Parameter,
                Media::Cancelled => ErrorKind::Cancelled,
                _ => ErrorKind::Input,
            },
            Self::Network(relume_nn::Error::Cancelled) => ErrorKind::Cancelled,
            Self::Network(_) | Self::Model(_) => ErrorKind::Model,
            Self::Workflow(_) => ErrorKind::Workflow,
            Self::Parameter(_) => ErrorKind::Parameter,
        }
    }
}

/// Result of this library.
pub type Result<T> = std::result::Result<T, Error>;
