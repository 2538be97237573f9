//! The program as its users meet it: a real process, files in temporary folders.
#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod hostile;
mod restore;
mod run;
mod verbs;
