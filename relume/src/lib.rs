//! relume
