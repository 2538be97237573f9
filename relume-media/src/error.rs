//! Errors of this crate, sorted by who is at fault.

use std::path::{Path, PathBuf};

/// What kind of fault an [`Error`] is; callers choose exit code or HTTP status by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The file is damaged or not what its name says.
    Decode,
    /// The picture could not be written in the wanted format.
    Encode,
    /// The file is fine, but this program cannot handle it.
    Unsupported,
    /// A limit on pixels or bytes was exceeded.
    Limits,
    /// A parameter is out of its range.
    Parameter,
    /// Reading from disk failed.
    Read,
    /// Writing to disk failed.
    Write,
    /// Another program that is needed is missing or does not work.
    Tool,
    /// The caller cancelled the work.
    Cancelled,
}

/// An error with its kind, the file concerned if any, and a message naming cause and remedy.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    path: Option<PathBuf>,
    message: String,
    source: Option<std::io::Error>,
}

/// Result of this crate.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// An error of `kind` with a message that names the cause and the remedy.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, path: None, message: message.into(), source: None }
    }

    /// An input/output failure while doing `what`; `kind` is [`ErrorKind::Read`] or [`ErrorKind::Write`].
    pub fn io(kind: ErrorKind, what: impl Into<String>, source: std::io::Error) -> Self {
        Self { kind, path: None, message: what.into(), source: Some(source) }
    }

    /// Names the file concerned, unless one is named already.
    #[must_use]
    pub fn with_path(mut self, path: &Path) -> Self {
        self.path.get_or_insert_with(|| path.to_owned());
        self
    }

    /// The kind of fault.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The file concerned, if any.
    pub fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(path) = &self.path {
            write!(f, "{}: ", path.display())?;
        }
        f.write_str(&self.message)?;
        if let Some(source) = &self.source {
            write!(f, ": {source}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_ref().map(|e| e as _)
    }
}
