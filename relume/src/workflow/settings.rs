//! What a file sets a parameter to, checked against the parameter's kind and range.

use std::path::PathBuf;

use super::card::ParamKind;
use super::file::{Entry, no_files, unknown};
use super::graph::Setting;
use super::models::Models;
use super::tree::Tree;

/// A value that a file gives to a parameter.
pub(super) fn setting(
    kind: ParamKind,
    value: &Tree,
    entry: &Entry,
    models: &mut Models<'_>,
) -> Result<Setting, String> {
    match (kind, value) {
        (ParamKind::Number { least, most, whole }, Tree::Number(number)) => {
            let inside = (least..=most).contains(&(*number as f32));
            if !inside || (whole && number.fract() != 0.0) {
                let what = if whole { "whole number" } else { "number" };
                return Err(format!("{number} is no good; give a {what} from {least} to {most}"));
            }
            Ok(Setting::Number(*number as f32))
        }
        (ParamKind::Flag, Tree::Flag(flag)) => Ok(Setting::Flag(*flag)),
        (ParamKind::Choice(words), Tree::Text(text)) => {
            let words = words();
            match words.contains(&text.as_str()) {
                true => Ok(Setting::Text(text.clone())),
                false => Err(unknown("choice", text, words.into_iter())),
            }
        }
        (ParamKind::Model, Tree::Text(text))
            if entry.alone && crate::models::means_a_file(text) =>
        {
            Err(no_files(text))
        }
        (ParamKind::File, Tree::Text(text)) if entry.alone => Err(no_files(text)),
        (ParamKind::Model, Tree::Text(text)) => {
            let name = locate(text, entry, crate::models::means_a_file(text));
            models.load(&name)?;
            Ok(Setting::Text(name))
        }
        (ParamKind::File, Tree::Text(text)) => {
            let name = locate(text, entry, true);
            let fixed = !name.contains("{stem}");
            if fixed && !PathBuf::from(&name).is_file() {
                return Err(format!("{name} is not there; paths start at the workflow file"));
            }
            Ok(Setting::Text(name))
        }
        (ParamKind::Text, Tree::Text(text)) => Ok(Setting::Text(text.clone())),
        (kind, other) => Err(format!("{} is expected, not {}", expected(kind), other.kind())),
    }
}

/// A path as seen from the workflow file; other names as they are.
fn locate(text: &str, entry: &Entry, is_file: bool) -> String {
    match &entry.folder {
        Some(folder) if is_file => folder.join(text).display().to_string(),
        _ => text.to_owned(),
    }
}

fn expected(kind: ParamKind) -> &'static str {
    match kind {
        ParamKind::Number { .. } => "a number, or a wire to one",
        ParamKind::Flag => "true or false",
        ParamKind::Choice(_) => "one of some words",
        ParamKind::Model => "a model's name or file",
        ParamKind::File => "a file's name",
        ParamKind::Text => "a text",
    }
}
