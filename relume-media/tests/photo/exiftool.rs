//! Calls to exiftool, which writes and lists metadata independently of this crate.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

/// Whether exiftool is installed; says so when a test is skipped for it.
pub(crate) fn missing() -> bool {
    let missing = Command::new("exiftool").arg("-ver").output().is_err();
    if missing {
        println!("skipped: exiftool is not installed");
    }
    missing
}

/// Runs exiftool on a file; panics with its words when it fails.
pub(crate) fn run(path: &Path, arguments: &[&str]) -> Vec<u8> {
    let output = Command::new("exiftool").args(arguments).arg(path).output().unwrap();
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "exiftool {arguments:?}: {words}");
    output.stdout
}

/// All tags of a file by group and name, except those about the file itself.
pub(crate) fn list(path: &Path) -> BTreeMap<String, String> {
    let text = run(path, &["-a", "-G1", "-s", "-n", "-u", "--ExifTool:all", "--System:all"]);
    let text = String::from_utf8_lossy(&text).into_owned();
    let lines = text.lines().filter_map(|line| line.split_once(": "));
    lines.map(|(name, value)| (name.trim_end().to_owned(), value.to_owned())).collect()
}

/// The tags in which two listings differ: name, value before, value after.
pub(crate) fn differences(
    before: &BTreeMap<String, String>,
    after: &BTreeMap<String, String>,
) -> Vec<(String, Option<String>, Option<String>)> {
    let mut names: Vec<_> = before.keys().chain(after.keys()).collect();
    names.sort();
    names.dedup();
    let changed = names.into_iter().filter(|name| before.get(*name) != after.get(*name));
    changed
        .map(|name| (name.clone(), before.get(name).cloned(), after.get(name).cloned()))
        .collect()
}
