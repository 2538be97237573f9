//! relume-train
