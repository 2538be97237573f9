//! One file a verb: its arguments, and what it does.

pub(crate) mod bench;
pub(crate) mod completions;
pub(crate) mod dataset;
pub(crate) mod degrade;
pub(crate) mod doctor;
pub(crate) mod eval;
pub(crate) mod explain;
pub(crate) mod inspect;
pub(crate) mod man;
pub(crate) mod models;
pub(crate) mod restore;
pub(crate) mod run;
pub(crate) mod score;
pub(crate) mod train;
pub(crate) mod tune;
pub(crate) mod workflows;

/// A number from `least` to `most`, as an argument.
fn number(text: &str, least: f32, most: f32) -> Result<f32, String> {
    match text.parse() {
        Ok(value) if (least..=most).contains(&value) => Ok(value),
        _ => Err(format!("give a number from {least} to {most}")),
    }
}
