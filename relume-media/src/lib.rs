//! Pictures as data: light, files, metadata and camera degradations. No networks.

pub mod atomic;
pub mod degrade;
mod error;
mod icc;
pub mod image;
pub mod light;
pub mod limits;
pub mod metadata;
pub mod pan;
pub mod photo;
pub mod progress;
pub mod resize;
pub mod video;

pub use degrade::{Degradation, DegradeOptions, Degraded};
pub use error::{Error, ErrorKind, Result};
pub use image::{Image, Plane, Rect, Size};
pub use light::{Light, Linear, Srgb};
pub use limits::Limits;
pub use photo::{Photo, PhotoFormat};
pub use progress::Progress;
