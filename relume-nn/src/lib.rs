//! relume-nn
