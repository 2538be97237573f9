//! Guessing what somebody meant.

/// How alike two names must be, from 0 to 1, to be taken for each other.
const ALIKE: f64 = 0.75;

/// The one of `known` that `name` was probably meant to be.
#[must_use]
pub fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    known
        .map(|other| (strsim::jaro_winkler(name, other), other))
        .filter(|(alike, _)| *alike >= ALIKE)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, other)| other)
}
