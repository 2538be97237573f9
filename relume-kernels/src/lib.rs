//! relume-kernels
