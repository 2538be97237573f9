//! `relume manifest`: what several runs did, as one; and whether it is everything, once.

use std::collections::BTreeSet;
use std::path::PathBuf;

use relume_media::atomic::{Overwrite, write_atomically};
use serde::Serialize;

use crate::console::Console;
use crate::exit::{Code, Failure};
use crate::inputs::{Input, collect};
use crate::manifest::{Merged, read};
use crate::unit::Status;

/// Merge the manifests of several runs, and check that every picture was done exactly once
///
/// A manifest is what `relume restore --manifest` and `relume worker --manifest` write: a line of JSON
/// for every picture, with the hashes of what was read and written and the recipe. Pictures that
/// failed, that were made twice or differently, or that are missing are named, and the exit code is 1.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  relume manifest merge one.jsonl two.jsonl -o all.jsonl
  relume manifest merge parts/*.jsonl --inputs album/   is everything in album/ done, and once?")]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(clap::Subcommand)]
enum Verb {
    /// Merge manifests and check them
    Merge(Merge),
}

#[derive(clap::Args)]
struct Merge {
    /// Manifests
    #[arg(required = true, value_name = "MANIFEST")]
    manifests: Vec<PathBuf>,
    /// Pictures and folders as they were given to the runs: each picture must be in a manifest
    #[arg(long, value_name = "INPUT", num_args = 1..)]
    inputs: Vec<PathBuf>,
    /// Also write the merged manifest, sorted by the pictures' names
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Replace a file that exists
    #[arg(long, requires = "output")]
    overwrite: bool,
    /// One JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Record<'a> {
    manifests: usize,
    pictures: usize,
    done: usize,
    found: usize,
    failed: usize,
    faults: &'a [String],
}

/// Merges.
pub(crate) fn run(args: &Args, quiet: bool) -> Result<Code, Failure> {
    let Verb::Merge(args) = &args.verb;
    let console = Console { json: args.json, quiet };
    let named = args.manifests.iter().map(|path| Ok((path.display().to_string(), read(path)?)));
    let mut merged = Merged::of(named.collect::<Result<_, Failure>>()?);
    if !args.inputs.is_empty() {
        let inputs = collect(&args.inputs, None)?;
        if let Some((_, failure)) = inputs.failures.into_iter().next() {
            return Err(failure);
        }
        merged.compare(&inputs.found.iter().map(Input::name).collect::<BTreeSet<_>>());
    }
    if let Some(path) = &args.output {
        let lines = merged.entries.values().map(serde_json::to_string);
        let lines: Vec<String> = lines
            .collect::<Result<_, _>>()
            .map_err(|error| Failure::new(Code::Machine, format!("JSON: {error}")))?;
        let overwrite = if args.overwrite { Overwrite::Always } else { Overwrite::Never };
        write_atomically(path, (lines.join("\n") + "\n").as_bytes(), overwrite)?;
    }
    let record = Record {
        manifests: args.manifests.len(),
        pictures: merged.entries.len(),
        done: merged.count(Status::Done),
        found: merged.count(Status::Found),
        failed: merged.count(Status::Failed),
        faults: &merged.faults,
    };
    console.record("manifest", &record)?;
    for fault in record.faults {
        console.text(fault)?;
    }
    let Record { pictures, manifests, done, found, failed, .. } = record;
    if merged.faults.is_empty() {
        let once = format!("{pictures} pictures in {manifests} manifests, each exactly once");
        console.text(&once)?;
        return Ok(Code::Done);
    }
    let faults = merged.faults.len();
    console.text(&format!("{done} done, {found} found, {failed} failed; {faults} faults"))?;
    Ok(Code::SomeFailed)
}
