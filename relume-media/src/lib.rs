//! Pictures as data: light, files, metadata and camera degradations. No networks.

pub mod degrade;
mod error;
pub mod image;
pub mod light;
pub mod progress;
pub mod resize;

pub use degrade::{Degradation, DegradeOptions, Degraded};
pub use error::{Error, ErrorKind, Result};
pub use image::{Image, Plane, Rect, Size};
pub use light::{Light, Linear, Srgb};
pub use progress::Progress;
