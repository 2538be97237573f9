//! Convolution of `[n, c, h, w]` tensors, and its gradients.
//!
//! Rows of pixels lie along the vectors, so the tensors' own layout is kept. A task takes a patch
//! of output rows (or several small pictures), copies what the patch reads into a zero-padded
//! buffer that fits the second-level cache, and runs the kernels of [`crate::micro`] over it. A
//! kernel tap is a shift into that buffer. With a stride, the buffer holds the `stride * stride`
//! phases of the picture as planes, so a tap is a plane and a shift.
//!
//! Large 3x3 convolutions go through Winograd's transform instead, see [`winograd`].

mod dense;
mod epilogue;
mod forward;
mod geometry;
mod patch;
mod shape;
mod weight_gradient;
mod winograd;

pub use epilogue::{Gradients, Then, conv2d, conv2d_backward};
pub use shape::ConvShape;
