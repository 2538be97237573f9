//! What went wrong, as Python's exceptions: the classes of `relume.errors`, one an exit code.

use pyo3::prelude::*;
use relume_cli::{Code, Failure};

/// The exception for a failure; its message names cause and remedy.
pub(crate) fn raised(py: Python<'_>, failure: &Failure) -> PyErr {
    let name = match failure.code {
        Code::Usage => "UsageError",
        Code::Input => "InputError",
        Code::Output => "OutputError",
        Code::Model => "ModelError",
        Code::Tool => "ToolError",
        _ => "MachineError",
    };
    let class = py.import("relume.errors").and_then(|errors| errors.getattr(name));
    match class.and_then(|class| class.call1((&failure.message,))) {
        Ok(error) => PyErr::from_value(error),
        Err(error) => error,
    }
}

/// Failures of the library, of pictures and of JSON as exceptions.
pub(crate) trait Raise<T> {
    /// The value, or an exception.
    fn or_raise(self, py: Python<'_>) -> PyResult<T>;
}

impl<T, E: Into<Failure>> Raise<T> for Result<T, E> {
    fn or_raise(self, py: Python<'_>) -> PyResult<T> {
        self.map_err(|error| raised(py, &error.into()))
    }
}

/// A value as JSON, which the Python side reads.
pub(crate) fn json(py: Python<'_>, value: &impl serde::Serialize) -> PyResult<String> {
    serde_json::to_string(value)
        .map_err(|error| Failure::new(Code::Machine, format!("JSON: {error}")))
        .or_raise(py)
}

/// A value out of JSON that the Python side wrote.
pub(crate) fn from_json<T: serde::de::DeserializeOwned>(py: Python<'_>, text: &str) -> PyResult<T> {
    serde_json::from_str(text)
        .map_err(|error| Failure::new(Code::Usage, error.to_string()))
        .or_raise(py)
}
