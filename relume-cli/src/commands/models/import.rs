//! `relume models import`: another program's checkpoint as a weights file of ours.

use std::path::{Path, PathBuf};

use relume::models::{MODELS, ModelCard, adopt, find};
use relume_media::atomic::Overwrite;
use relume_nn::weights::Precision;
use relume_nn::{Array, Checkpoint, Graph, ImportReport, Weights};
use serde_json::{Value, json};

use super::weights_file::{ARCHITECTURE, has_extension, read};
use crate::console::Console;
use crate::exit::{Code, Failure};
use crate::model_cache::{Cache, keep, sha256};
use crate::target::refuse_same;

/// Keys of each kind that the report names.
const NAMED: usize = 40;

/// Turn a checkpoint of another program into weights of ours
///
/// Reads safetensors and what torch.save wrote, without running any code in it, and compares every
/// key and shape with the model. Only what fits exactly is written.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  relume models import Epoch99.pth --as zero-dce
  relume models import net.pt --as lantern-s -o mine.safetensors")]
pub(super) struct Args {
    /// safetensors file, or .pth, .pt, .ckpt of PyTorch
    file: PathBuf,
    /// Model that the weights are for (see `relume models list`)
    #[arg(long = "as", value_name = "NAME")]
    name: String,
    /// Safetensors file to write [default: into the model cache]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Leave out what the model does not know, instead of refusing the file
    #[arg(long)]
    drop_unused: bool,
    /// Replace the output if it exists
    #[arg(long)]
    overwrite: bool,
    /// The report as one JSON object
    #[arg(long)]
    json: bool,
}

/// Imports, or tells why not.
pub(super) fn run(args: &Args, quiet: bool) -> Result<(), Failure> {
    let console = Console { json: args.json, quiet };
    let card = find(&args.name)?;
    let output = match &args.output {
        Some(path) if has_extension(path, "safetensors") => path.clone(),
        Some(path) => {
            let message = format!("-o {}: imports are written as .safetensors", path.display());
            return Err(Failure::usage(message));
        }
        None => Cache::from_environment()?.imported(card.name),
    };
    refuse_same(&output, &args.file)?;
    let overwrite = if args.overwrite { Overwrite::Always } else { Overwrite::Never };
    relume_media::atomic::check_target(&output, overwrite)?;

    let bytes = read(&args.file)?;
    let mut found = Checkpoint::read(&bytes)
        .map_err(|cause| Failure::new(Code::Input, format!("{}: {cause}", args.file.display())))?;
    found.weights = adopt(card, found.weights)?;
    let graph = (card.graph)().map_err(relume::Error::from)?;
    let report = found.weights.report(&graph);
    let fits = report.is_exact() || (args.drop_unused && all_there(&report));
    let hash = sha256(&bytes);
    tell(args, &found, &report, fits.then_some(&output), &hash, console)?;
    if !fits {
        return Err(misfit(args, card, &found.weights, &report));
    }
    let weights = chosen(&found.weights, &graph, card, &args.file, hash);
    let bytes = weights.to_safetensors(Precision::F32).map_err(relume::Error::from)?;
    keep_as(args, &output, &bytes, overwrite)?;
    console.text(&format!("written to {}", output.display()))?;
    console.note(&format!("use it: relume restore --model {} PHOTO", output.display()));
    Ok(())
}

/// The cache keeps a hash beside each file; a file of the user's stands alone.
fn keep_as(args: &Args, output: &Path, bytes: &[u8], overwrite: Overwrite) -> Result<(), Failure> {
    if args.output.is_none() {
        return keep(output, bytes, overwrite);
    }
    Ok(relume_media::atomic::write_atomically(output, bytes, overwrite)?)
}

/// Whether nothing lacks and nothing has the wrong shape.
fn all_there(report: &ImportReport) -> bool {
    report.missing.is_empty() && report.misshapen.is_empty() && report.differing.is_empty()
}

/// The parameters of the graph, with where they come from.
fn chosen(found: &Weights, graph: &Graph, card: &ModelCard, file: &Path, hash: String) -> Weights {
    let mut weights = Weights::default();
    weights.metadata.clone_from(&found.metadata);
    for (key, parameter) in graph.parameters() {
        if let Some(array) = found.get(&key) {
            let values = array.values.clone();
            weights.insert(key, Array { shape: parameter.shape, values });
        }
    }
    let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    weights.metadata.insert(ARCHITECTURE.into(), card.name.into());
    weights.metadata.insert("relume.source_file".into(), name);
    weights.metadata.insert("relume.source_sha256".into(), hash);
    weights
}

/// The whole report, for people and for programs.
fn tell(
    args: &Args,
    found: &Checkpoint,
    report: &ImportReport,
    output: Option<&PathBuf>,
    hash: &str,
    console: Console,
) -> Result<(), Failure> {
    let mut head = format!("{}: {}", args.file.display(), found.format);
    if !found.inside.is_empty() {
        head.push_str(&format!(", taken from {}", found.inside.join(" > ")));
    }
    if !found.prefix.is_empty() {
        head.push_str(&format!(", without the prefix {}", found.prefix));
    }
    console.text(&head)?;
    console.text(report.table(NAMED).trim_end())?;
    if !found.skipped.is_empty() {
        console.text(&format!("{:12} {}", "skipped", found.skipped.len()))?;
        for (key, what) in found.skipped.iter().take(NAMED) {
            console.text(&format!("  {key}  {what}"))?;
        }
    }
    console.record("import", &record(args, found, report, output, hash))
}

fn record(
    args: &Args,
    found: &Checkpoint,
    report: &ImportReport,
    output: Option<&PathBuf>,
    hash: &str,
) -> Value {
    let missing = report.missing.iter();
    let missing: Vec<_> =
        missing.map(|(key, near)| json!({ "key": key, "did_you_mean": near })).collect();
    let misshapen = report.misshapen.iter();
    let misshapen: Vec<_> = misshapen
        .map(|(key, expected, found)| json!({ "key": key, "expected": expected, "found": found }))
        .collect();
    json!({
        "input": args.file,
        "sha256": hash,
        "model": args.name,
        "status": if output.is_some() { "done" } else { "failed" },
        "output": output,
        "format": found.format.to_string(),
        "inside": found.inside,
        "prefix": found.prefix,
        "applied": report.applied,
        "wanted": report.applied + report.missing.len() + report.misshapen.len(),
        "missing": missing,
        "wrong_shape": misshapen,
        "spare": report.spare,
        "unused": report.unused,
        "differing": report.differing,
        "skipped": found.skipped.iter().map(|(key, _)| key).collect::<Vec<_>>(),
    })
}

/// What does not fit, in one line, with the likeliest remedy.
fn misfit(args: &Args, card: &ModelCard, weights: &Weights, report: &ImportReport) -> Failure {
    let fits = |other: &&&ModelCard| {
        other.name != card.name
            && (other.graph)().is_ok_and(|graph| weights.report(&graph).is_exact())
    };
    let remedy = match MODELS.iter().find(fits) {
        Some(other) => format!("it fits {0}: --as {0}", other.name),
        None if all_there(report) => {
            "it may be a larger network; --drop-unused leaves out what is unused".into()
        }
        None => "choose another --as NAME (relume models list), or rename the keys".into(),
    };
    let file = args.file.display();
    let message =
        format!("{file} does not fit {}: {report}; nothing was written; {remedy}", card.name);
    Failure::new(Code::Model, message)
}
