//! One file a verb: its arguments, and what it does.

pub(crate) mod completions;
pub(crate) mod degrade;
pub(crate) mod inspect;
pub(crate) mod models;
pub(crate) mod restore;
pub(crate) mod score;
pub(crate) mod train;

/// A number from 0 to 1, as an argument.
fn share(text: &str) -> Result<f32, String> {
    match text.parse() {
        Ok(value) if (0.0..=1.0).contains(&value) => Ok(value),
        _ => Err("give a number from 0 to 1".to_owned()),
    }
}
