//! `relume video` as its users meet it, on clips that FFmpeg makes. `RELUME_FFMPEG` chooses the
//! FFmpeg; without one the tests print why they skip.
#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]
#![allow(clippy::print_stdout, reason = "reasons for skipping")]

mod carried;
mod clips;
mod ended;
mod hostile;
mod kinds;
mod recovered;
mod workflow;

#[path = "../cli/run.rs"]
#[allow(dead_code, reason = "shared with the tests of the other commands")]
mod run;
