//! Convolution kernels for CPUs, behind safe functions on slices.
//!
//! Two families:
//!
//! * [`conv2d`] and [`conv2d_backward`] work on contiguous `[n, c, h, w]` tensors and spread their work over the current rayon pool. They are what
//!   training runs on. Every result is the same, bit for bit, for any number of threads.
//! * [`PackedConv`] works on [`Window`]s of pictures in channel blocks, with its weights packed once
//!   and bias, activation, affine step and residual applied in the store. It is what inference runs
//!   on; results depend neither on the number of threads nor on how a picture is cut.
//!
//! The instruction set is chosen at run time, see [`Isa`].

mod aligned;
mod blocked;
mod conv;
mod isa;
mod lanes;
mod memory;
mod micro;
mod peak;
mod pointwise;

pub use blocked::{
    Activation, Affine, BLOCK, Buffer, Epilogue, Method, PackedConv, Request, Window,
};
pub use conv::{ConvShape, Gradients, Then, conv2d, conv2d_backward};
pub use isa::{Isa, available, best_isa, current_isa, force_isa, isa_from_environment, vectorised};
pub use memory::keep_freed_memory;
pub use peak::peak_macs_per_second;
pub use pointwise::{power, sigmoid, tanh};
