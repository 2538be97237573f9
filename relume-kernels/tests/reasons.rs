//! Every `unsafe` says why it is sound, and there is none in any other crate.
#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]
#![allow(clippy::print_stdout, reason = "the count is worth telling")]

use std::fs;
use std::path::{Path, PathBuf};

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// Whether a line has `unsafe` as code.
fn has_unsafe(line: &str) -> bool {
    let code = line.split("//").next().unwrap_or_default();
    code.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == "unsafe")
}

#[test]
#[cfg_attr(miri, ignore = "reads files")]
fn every_unsafe_block_has_its_reason() {
    let mut files = Vec::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut files);
    let (mut blocks, mut functions) = (0, 0);
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        for (at, line) in lines.iter().enumerate().filter(|(_, line)| has_unsafe(line)) {
            let place = format!("{}:{}: {line}", file.display(), at + 1);
            if line.contains("unsafe fn") || line.contains("unsafe extern") {
                functions += 1;
                continue;
            }
            blocks += 1;
            // The reason stands above, with nothing between but the rest of the statement.
            let reason = lines[at.saturating_sub(8)..=at].iter().any(|l| l.contains("SAFETY:"));
            assert!(reason, "no reason: {place}");
        }
    }
    println!("{blocks} unsafe blocks with their reasons, {functions} unsafe functions");
    assert!(blocks > 20);
}

#[test]
#[cfg_attr(miri, ignore = "reads files")]
fn no_other_crate_has_unsafe_code() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for name in ["relume", "relume-cli", "relume-media", "relume-nn", "relume-train"] {
        let mut files = Vec::new();
        sources(&root.join(name).join("src"), &mut files);
        assert!(files.len() > 10, "{name}");
        for file in files {
            let text = fs::read_to_string(&file).unwrap();
            for (at, line) in text.lines().enumerate() {
                let is_text = line.contains('"');
                assert!(is_text || !has_unsafe(line), "{}:{}", file.display(), at + 1);
            }
        }
    }
}
