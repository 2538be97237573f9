//! Convolution of one picture or tile in channel blocks, with weights packed once: what fast
//! inference runs on.
//!
//! Everything here runs on the calling thread alone. Whoever has many tiles spreads them over
//! threads.

mod kernel;
mod packed;
mod strip;
mod tensor;
mod transform;
pub(crate) mod winograd;

pub(crate) use kernel::BlockKernels;
pub(crate) use packed::groups;
pub use packed::{Activation, Epilogue, Method, PackedConv, Padding};
pub use tensor::{BLOCK, Blocked};
