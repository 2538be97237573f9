//! Convolution of a picture, or a window of one, in channel blocks, with weights packed once: what
//! fast inference runs on. A run is spread over the current rayon pool.

mod direct;
mod kernel;
mod packed;
mod store;
mod transform;
mod window;
pub(crate) mod winograd;

pub(crate) use kernel::BlockKernels;
pub(crate) use packed::groups;
pub use packed::{Activation, Affine, Epilogue, Method, PackedConv, Request};
pub use window::{BLOCK, Buffer, Window};
