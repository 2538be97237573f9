//! How a checkpoint fits a graph: what was found, what lacks, what is left over.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};

use crate::{Array, Graph, Weights};

/// Missing keys for which a likely name is looked for: each costs a walk over the unused ones.
const MOST_GUESSES: usize = 40;
/// Likeness, 0 to 1, from which a name is worth showing.
const LIKELY: f64 = 0.6;

/// How a checkpoint fits a graph.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ImportReport {
    /// Keys that were found with the right shape.
    pub applied: usize,
    /// Keys the graph needs and the file lacks, with the likeliest of the unused names.
    pub missing: Vec<(String, Option<String>)>,
    /// Keys the file has and the graph does not know.
    pub unused: Vec<String>,
    /// Number of keys that published files of this network hold without need.
    pub spare: usize,
    /// Keys whose shape differs: key, expected, found.
    pub misshapen: Vec<(String, Vec<usize>, Vec<usize>)>,
    /// Keys of constants, such as masks, that hold other values than the graph's.
    pub differing: Vec<String>,
}

impl ImportReport {
    /// Compares the keys and shapes of `weights` with what `graph` needs.
    pub fn new(weights: &Weights, graph: &Graph) -> Self {
        let mut report = Self::default();
        let parameters = graph.parameters().into_iter();
        let wanted: BTreeMap<String, Vec<usize>> =
            parameters.map(|(key, parameter)| (key, parameter.shape)).collect();
        let known = |(key, _): &(&String, _)| wanted.contains_key(*key);
        let constants: BTreeMap<String, Array> = graph.constants().into_iter().collect();
        let unknown = weights.iter().filter(|entry| !known(entry));
        let unknown = unknown.filter(|(key, array)| match constants.get(*key) {
            Some(constant) if constant == *array => {
                report.spare += 1;
                false
            }
            Some(_) => {
                report.differing.push((*key).clone());
                false
            }
            None => true,
        });
        let unknown: Vec<String> = unknown.map(|(key, _)| key.clone()).collect();
        let (spare, unused): (Vec<_>, Vec<_>) =
            unknown.into_iter().partition(|key| graph.is_spare(key));
        report.spare += spare.len();
        report.unused = unused;
        for (key, shape) in wanted {
            match weights.get(&key) {
                Some(array) if same_values(&array.shape, &shape) => report.applied += 1,
                Some(array) => report.misshapen.push((key, shape, array.shape.clone())),
                None => {
                    let guess = report.missing.len() < MOST_GUESSES;
                    let fits = |other: &str| weights.get(other).is_some_and(|a| a.shape == shape);
                    let near = guess.then(|| nearest(&key, &report.unused, fits)).flatten();
                    report.missing.push((key, near));
                }
            }
        }
        report
    }

    /// Whether every key was found and none is left over but spare ones.
    pub fn is_exact(&self) -> bool {
        self.missing.is_empty()
            && self.unused.is_empty()
            && self.misshapen.is_empty()
            && self.differing.is_empty()
    }

    /// The report in lines, at most `most` keys of each kind.
    pub fn table(&self, most: usize) -> String {
        let wanted = self.applied + self.missing.len() + self.misshapen.len();
        let mut text = format!("{:12} {} of {wanted}\n", "applied", self.applied);
        if self.spare > 0 {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{:12} {}", "spare", self.spare);
        }
        let missing = self.missing.iter().map(|(key, near)| match near {
            Some(near) => (key.as_str(), format!("did you mean {near}?")),
            None => (key.as_str(), String::new()),
        });
        section(&mut text, "missing", missing.collect(), most);
        let misshapen = self.misshapen.iter().map(|(key, expected, found)| {
            (key.as_str(), format!("is {}, expected {}", sides(found), sides(expected)))
        });
        section(&mut text, "wrong shape", misshapen.collect(), most);
        let unused = self.unused.iter().map(|key| (key.as_str(), String::new()));
        section(&mut text, "unused", unused.collect(), most);
        let differing = self.differing.iter();
        let differing = differing.map(|key| (key.as_str(), "is another constant".to_owned()));
        section(&mut text, "differing", differing.collect(), most);
        text
    }
}

/// One line: the counts, and the first key of each kind.
impl fmt::Display for ImportReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} applied", self.applied)?;
        if let Some((key, near)) = self.missing.first() {
            write!(f, "; {} missing: {key}", self.missing.len())?;
            if let Some(near) = near {
                write!(f, " (did you mean {near}?)")?;
            }
            f.write_str(more(self.missing.len()))?;
        }
        if let Some((key, expected, found)) = self.misshapen.first() {
            let (found, expected) = (sides(found), sides(expected));
            write!(f, "; {} of wrong shape: ", self.misshapen.len())?;
            write!(f, "{key} is {found}, expected {expected}{}", more(self.misshapen.len()))?;
        }
        if let Some(key) = self.differing.first() {
            let more = more(self.differing.len());
            write!(f, "; {} constants differ: {key}{more}", self.differing.len())?;
        }
        if let Some(key) = self.unused.first() {
            write!(f, "; {} unused: {key}{}", self.unused.len(), more(self.unused.len()))?;
        }
        Ok(())
    }
}

/// Whether a stored shape holds the same row-major values: a linear layer `[out, in · k · k]` is a
/// convolution `[out, in, k, k]`.
fn same_values(found: &[usize], wanted: &[usize]) -> bool {
    let linear = || match (found, wanted) {
        (&[out, each], &[channels, ref rest @ ..]) if rest.len() == 3 => {
            out == channels && each == rest.iter().product::<usize>()
        }
        _ => false,
    };
    found == wanted || linear()
}

fn more(count: usize) -> &'static str {
    if count > 1 { ", …" } else { "" }
}

/// A shape as people write it, `32×3×3×3`.
fn sides(shape: &[usize]) -> String {
    if shape.is_empty() {
        return "a single number".into();
    }
    shape.iter().map(usize::to_string).collect::<Vec<_>>().join("×")
}

fn section(text: &mut String, title: &str, rows: Vec<(&str, String)>, most: usize) {
    if rows.is_empty() {
        return;
    }
    let width = rows.iter().take(most).map(|(key, _)| key.len()).max().unwrap_or(0);
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{title:12} {}", rows.len());
    for (key, remark) in rows.iter().take(most) {
        let _ = writeln!(text, "{}", format!("  {key:width$}  {remark}").trim_end());
    }
    if rows.len() > most {
        let _ = writeln!(text, "  and {} more", rows.len() - most);
    }
}

/// The name most like `key`; one that `fits` in shape is preferred.
fn nearest(key: &str, names: &[String], fits: impl Fn(&str) -> bool) -> Option<String> {
    let last = |name: &str| name.rsplit('.').next().map(str::to_owned);
    let score = |name: &String| {
        let alike = strsim::normalized_damerau_levenshtein(key, name);
        let same_end = if last(key) == last(name) { 0.1 } else { 0.0 };
        alike + same_end + if fits(name) { 0.2 } else { 0.0 }
    };
    let scored = names.iter().take(2000).map(|name| (score(name), name));
    let (best, name) = scored.max_by(|(a, _), (b, _)| a.total_cmp(b))?;
    (best >= LIKELY).then(|| name.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_found_and_far_ones_not() {
        let names = ["encoder.0.1.bias", "encoder.0.1.weight", "head.weight"].map(str::to_owned);
        let near = |key: &str, fits: &str| nearest(key, &names, |name| name == fits);
        assert_eq!(near("encoder.0.conv.weight", "").unwrap(), "encoder.0.1.weight");
        assert_eq!(near("heads.weight", "head.weight").unwrap(), "head.weight");
        assert_eq!(near("q.gamma", ""), None);
        assert_eq!(near("a", "head.weight"), None);
    }

    #[test]
    fn long_lists_are_cut_and_counted() {
        let missing = (0..30).map(|i| (format!("layer.{i}"), None)).collect();
        let report = ImportReport {
            applied: 3,
            missing,
            unused: vec!["old.weight".into()],
            spare: 0,
            misshapen: vec![("head.bias".into(), vec![12], vec![3, 1])],
            differing: Vec::new(),
        };
        let table = report.table(10);
        assert!(table.starts_with("applied      3 of 34\nmissing      30\n  layer.0\n"), "{table}");
        assert!(table.contains("  and 20 more\n"), "{table}");
        assert!(table.contains("  head.bias  is 3×1, expected 12\n"), "{table}");
        assert_eq!(table.lines().count(), 1 + 1 + 10 + 1 + 2 + 2, "{table}");
        let line = report.to_string();
        assert!(!line.contains('\n') && line.contains("30 missing: layer.0, …"), "{line}");
    }
}
