//! The program as its users meet it: a real process, files in temporary folders.
#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod alen;
mod dataset;
mod documents;
mod evaluation;
mod faults;
mod hostile;
mod messages;
mod mirnet;
mod models;
mod mutated;
mod pull;
mod restore;
mod run;
#[cfg(feature = "serve")]
mod serve;
mod server;
mod shards;
mod training;
mod verbs;
mod workflows;

#[path = "../../../relume-nn/tests/executors/onnx_runtime.rs"]
#[allow(dead_code, clippy::print_stdout, reason = "shared with the exporter's tests")]
mod onnx_runtime;
