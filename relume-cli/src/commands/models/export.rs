//! `relume models export`: a network for other programs.

use std::path::{Path, PathBuf};

use relume::models::{ModelCard, find};
use relume_media::atomic::{Overwrite, check_target, write_atomically};
use relume_nn::Weights;
use relume_nn::onnx;
use relume_nn::weights::Precision;
use serde_json::json;

use super::weights_file::{ARCHITECTURE, Stored, has_extension};
use crate::console::Console;
use crate::exit::Failure;
use crate::target::{make_folder_for, refuse_same};

/// Write a model for other programs: ONNX or safetensors
///
/// ONNX holds the network and its weights; inputs and outputs keep their names, batch, height and
/// width stay free. Safetensors holds the weights alone.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  relume models export lantern-s -o lantern-s.onnx
  relume models export lantern-s -o half.onnx --f16        half the size, computes in 32 bit
  relume models export lantern-s -o mine.onnx --weights mine.safetensors
  relume models export mirnet -o mirnet.onnx --untrained   to time it elsewhere")]
pub(super) struct Args {
    /// Name of the model
    name: String,
    /// File to write, .onnx or .safetensors
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// Weights to take [default: those in the program, else imported ones]
    #[arg(long, value_name = "FILE")]
    weights: Option<PathBuf>,
    /// Take the random weights that training starts from: for timing
    #[arg(long, conflicts_with = "weights")]
    untrained: bool,
    /// Store the weights as 16-bit floats
    #[arg(long)]
    f16: bool,
    /// Replace the output if it exists
    #[arg(long)]
    overwrite: bool,
    /// One JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy)]
enum Kind {
    Onnx,
    Safetensors,
}

/// Exports.
pub(super) fn run(args: &Args, quiet: bool) -> Result<(), Failure> {
    let console = Console { json: args.json, quiet };
    let kind = kind(&args.output)?;
    let card = find(&args.name)?;
    if let Some(weights) = &args.weights {
        refuse_same(&args.output, weights)?;
    }
    let overwrite = if args.overwrite { Overwrite::Always } else { Overwrite::Never };
    check_target(&args.output, overwrite)?;
    let bytes = encode(args, card, kind)?;
    make_folder_for(&args.output)?;
    write_atomically(&args.output, &bytes, overwrite)?;
    let size = super::size(bytes.len() as u64);
    console.text(&format!("{} -> {}  {size}", card.name, args.output.display()))?;
    let record = json!({
        "model": card.name,
        "status": "done",
        "output": args.output,
        "bytes": bytes.len(),
    });
    console.record("export", &record)
}

fn encode(args: &Args, card: &ModelCard, kind: Kind) -> Result<Vec<u8>, Failure> {
    let graph = (card.graph)().map_err(relume::Error::from)?;
    let precision = if args.f16 { Precision::F16 } else { Precision::F32 };
    if args.untrained {
        let mut weights = Weights::initial(&graph, 1);
        weights.metadata.insert(ARCHITECTURE.into(), card.name.into());
        let bytes = match kind {
            Kind::Onnx => onnx::export(&graph, &weights, precision),
            Kind::Safetensors => weights.to_safetensors(precision),
        };
        return Ok(bytes.map_err(relume::Error::from)?);
    }
    let stored = Stored::find(card, args.weights.as_deref())?;
    let ours = stored.is_ours();
    let mut weights = stored.checkpoint.weights;
    weights.check(&graph).map_err(relume::Error::from)?;
    weights.metadata.entry(ARCHITECTURE.into()).or_insert_with(|| card.name.into());
    let bytes = match kind {
        Kind::Onnx => onnx::export(&graph, &weights, precision),
        Kind::Safetensors if ours && !args.f16 => Ok(stored.bytes),
        Kind::Safetensors => weights.to_safetensors(precision),
    };
    Ok(bytes.map_err(relume::Error::from)?)
}

fn kind(path: &Path) -> Result<Kind, Failure> {
    if has_extension(path, "onnx") {
        Ok(Kind::Onnx)
    } else if has_extension(path, "safetensors") {
        Ok(Kind::Safetensors)
    } else {
        let message = format!("-o {}: end the name in .onnx or .safetensors", path.display());
        Err(Failure::usage(message))
    }
}
