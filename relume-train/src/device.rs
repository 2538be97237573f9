//! Where a run computes.

use burn::tensor::Device;

use crate::{Error, Result};

/// The device called `name`.
///
/// # Errors
/// [`Error::Setup`] listing the names there are.
pub fn find(name: &str) -> Result<Device> {
    match name {
        "flex" => Ok(Device::flex()),
        _ => Err(Error::Setup(format!("no device is called {name}; there is flex"))),
    }
}
