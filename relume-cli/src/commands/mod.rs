//! One file a verb: its arguments, and what it does.

pub(crate) mod bench;
pub(crate) mod completions;
pub(crate) mod dataset;
pub(crate) mod degrade;
pub(crate) mod doctor;
pub(crate) mod eval;
pub(crate) mod explain;
pub(crate) mod frame;
pub(crate) mod inspect;
pub(crate) mod man;
pub(crate) mod manifest;
pub(crate) mod models;
pub(crate) mod restore;
pub(crate) mod run;
mod run_video;
pub(crate) mod score;
mod score_video;
#[cfg(feature = "serve")]
pub(crate) mod serve;
pub(crate) mod train;
pub(crate) mod tune;
pub(crate) mod video;
mod video_progress;
#[cfg(feature = "queue")]
pub(crate) mod worker;
pub(crate) mod workflows;

/// A number from `least` to `most`, as an argument.
pub(crate) fn number(text: &str, least: f32, most: f32) -> Result<f32, String> {
    match text.parse() {
        Ok(value) if (least..=most).contains(&value) => Ok(value),
        _ => Err(format!("give a number from {least} to {most}")),
    }
}

/// `0.4 s`, `12 s`, `3 min 05 s`.
fn duration(seconds: f64) -> String {
    let whole = seconds.round() as u64;
    if seconds < 10.0 {
        format!("{seconds:.1} s")
    } else if whole < 100 {
        format!("{whole} s")
    } else if whole < 6000 {
        format!("{} min {:02} s", whole / 60, whole % 60)
    } else {
        format!("{} h {:02} min", whole / 3600, whole % 3600 / 60)
    }
}

/// `640 MB`, `1.2 GB`.
fn memory(bytes: u64) -> String {
    let megabytes = bytes as f64 / 1e6;
    if megabytes < 1000.0 {
        format!("{megabytes:.0} MB")
    } else {
        format!("{:.1} GB", megabytes / 1000.0)
    }
}
