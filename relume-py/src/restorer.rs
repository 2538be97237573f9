//! Restoring arrays and files.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use pyo3::prelude::*;
use relume_cli::{Recipe, Unit};

use crate::errors::{Raise, from_json, json};
use crate::{arrays, work};

/// A model with the user's wishes, loaded.
#[pyclass(frozen, module = "relume._relume")]
pub(crate) struct Restorer {
    restorer: relume::Restorer,
}

#[pymethods]
impl Restorer {
    /// Loads what a recipe, as JSON, asks for; a model is loaded once for many of them.
    #[new]
    fn new(py: Python<'_>, recipe: &str) -> PyResult<Self> {
        let recipe: Recipe = from_json(py, recipe)?;
        let restorer = py.detach(|| relume_cli::restorer(&recipe)).or_raise(py)?;
        Ok(Self { restorer })
    }

    /// Restores an array `[h, w, channels]`; the result, and the report as JSON.
    #[pyo3(signature = (picture, out=None, icc=None))]
    fn array<'py>(
        &self,
        py: Python<'py>,
        picture: &Bound<'py, PyAny>,
        out: Option<&Bound<'py, PyAny>>,
        icc: Option<Vec<u8>>,
    ) -> PyResult<(Bound<'py, PyAny>, String)> {
        let photo = arrays::photo(picture, icc)?;
        let restored =
            work::beside(py, |progress| Ok(self.restorer.photo_with(photo, progress)?))?;
        let report = json(py, &restored.report)?;
        Ok((arrays::array(py, &restored.photo, out)?, report))
    }
}

impl Restorer {
    /// The restorer itself.
    pub(crate) fn inner(&self) -> &relume::Restorer {
        &self.restorer
    }
}

/// Does a unit of work, as JSON; the line of its manifest. With `forgive`, a picture that is at fault
/// is a line too.
#[pyfunction]
#[pyo3(signature = (unit, forgive=false))]
pub(crate) fn unit(py: Python<'_>, unit: &str, forgive: bool) -> PyResult<String> {
    let unit: Unit = from_json(py, unit)?;
    let entry = work::beside(py, |progress| match forgive {
        true => unit.attempt(progress),
        false => unit.run(progress),
    })?;
    json(py, &entry)
}

/// The units that files, folders and addresses mean, as JSON.
#[pyfunction]
pub(crate) fn units(
    py: Python<'_>,
    inputs: Vec<PathBuf>,
    output: Option<PathBuf>,
    recipe: &str,
    existing: &str,
) -> PyResult<String> {
    let recipe: Recipe = from_json(py, recipe)?;
    let existing = from_json(py, existing)?;
    let found = py.detach(|| relume_cli::units(&inputs, output.as_deref(), &recipe, existing));
    json(py, &found.or_raise(py)?)
}

/// Sets the number of threads of this process, before any work.
#[pyfunction]
pub(crate) fn set_threads(py: Python<'_>, threads: NonZeroUsize) -> PyResult<()> {
    relume_cli::set_threads(Some(threads)).or_raise(py)
}
