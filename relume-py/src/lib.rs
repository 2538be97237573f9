//! relume for Python: what `relume/__init__.py` is made of. Arrays come in as `[h, w, channels]`
//! samples, C-contiguous; what other things become such arrays is decided there.

mod arrays;
mod errors;
mod measure;
mod restorer;
mod video;
mod work;

use std::ffi::OsString;

use pyo3::prelude::*;

/// Runs the program; its exit code. `itself` is what starts another process of it.
#[pyfunction]
fn main(py: Python<'_>, itself: Vec<OsString>, command_line: Vec<OsString>) -> u8 {
    py.detach(|| relume_cli::main(itself, command_line))
}

#[pymodule(gil_used = false)]
fn _relume(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add_class::<restorer::Restorer>()?;
    module.add_class::<video::Frames>()?;
    module.add_function(wrap_pyfunction!(main, module)?)?;
    module.add_function(wrap_pyfunction!(restorer::unit, module)?)?;
    module.add_function(wrap_pyfunction!(restorer::units, module)?)?;
    module.add_function(wrap_pyfunction!(restorer::set_threads, module)?)?;
    module.add_function(wrap_pyfunction!(measure::inspect, module)?)?;
    module.add_function(wrap_pyfunction!(measure::degrade, module)?)?;
    module.add_function(wrap_pyfunction!(measure::metrics, module)?)?;
    module.add_function(wrap_pyfunction!(measure::metric_cards, module)?)?;
    module.add_function(wrap_pyfunction!(measure::models, module)?)
}
