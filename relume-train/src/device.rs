//! Where a run computes. A new back end is one line in [`DEVICES`] and one cargo feature.

use std::panic::catch_unwind;

use burn::tensor::{Device, Tensor};

use crate::{Error, Result};

/// A back end.
#[derive(Debug)]
pub struct DeviceCard {
    /// Name on the command line, and of the cargo feature unless it is always there.
    pub name: &'static str,
    /// One line: what computes.
    pub help: &'static str,
    /// Opens it; nothing where this build lacks it.
    open: Option<fn() -> Device>,
}

/// Every back end, in this build or not.
pub const DEVICES: &[DeviceCard] = &[
    DeviceCard { name: "flex", help: "the CPU, with our own kernels", open: Some(Device::flex) },
    DeviceCard {
        name: "wgpu",
        help: "any GPU, through portable shaders over Vulkan, Metal or DirectX 12",
        open: WGPU,
    },
    DeviceCard { name: "vulkan", help: "a GPU through Vulkan's own shaders: faster", open: VULKAN },
    DeviceCard { name: "metal", help: "a GPU of Apple's through its own shaders", open: METAL },
];

#[cfg(feature = "vulkan")]
const VULKAN: Option<fn() -> Device> = Some(|| Device::vulkan(Default::default()));
#[cfg(not(feature = "vulkan"))]
const VULKAN: Option<fn() -> Device> = None;
#[cfg(feature = "metal")]
const METAL: Option<fn() -> Device> = Some(|| Device::metal(Default::default()));
#[cfg(not(feature = "metal"))]
const METAL: Option<fn() -> Device> = None;
#[cfg(feature = "wgpu")]
const WGPU: Option<fn() -> Device> = Some(|| Device::wgpu(Default::default()));
#[cfg(not(feature = "wgpu"))]
const WGPU: Option<fn() -> Device> = None;

impl DeviceCard {
    /// Whether this build has it.
    pub fn is_built(&self) -> bool {
        self.open.is_some()
    }
}

/// The device called `name`, tried with a small sum.
///
/// # Errors
/// [`Error::Setup`] for an unknown name, a back end this build lacks, or one that does not start.
pub fn find(name: &str) -> Result<Device> {
    let card = DEVICES.iter().find(|card| card.name == name).ok_or_else(|| {
        let known: Vec<_> = DEVICES.iter().map(|card| card.name).collect();
        Error::Setup(format!("no device is called {name}; there is {}", known.join(", ")))
    })?;
    let open = card.open.ok_or_else(|| {
        Error::Setup(format!("this build has no {name}; build it with --features {name}"))
    })?;
    // Drivers that are missing make the back end panic on first use.
    let tried = catch_unwind(|| {
        let device = open();
        let sum: f32 = Tensor::<1>::ones([2], &device).sum().into_scalar();
        (sum == 2.0).then_some(device)
    });
    tried.ok().flatten().ok_or_else(|| {
        Error::Setup(format!("{name} does not start; check its driver, or use --device flex"))
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    #[test]
    fn devices_are_named_or_refused_with_a_remedy() {
        assert!(find("flex").is_ok());
        assert!(find("gpu").unwrap_err().to_string().contains("flex, wgpu"));
        for card in DEVICES.iter().filter(|card| !card.is_built()) {
            let error = find(card.name).unwrap_err().to_string();
            assert!(error.contains(&format!("--features {}", card.name)), "{error}");
        }
    }
}
