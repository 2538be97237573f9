//! `relume models`: which networks there are, their figures, and their weights in and out.

mod cached;
mod export;
mod import;
mod pull;
mod source;
mod weights_file;

use std::path::PathBuf;

use clap::Subcommand;
use relume::models::{MODELS, ModelCard, find};
use serde_json::{Value, json};

use crate::console::Console;
use crate::exit::{Code, Failure};
use crate::model_cache::Cache;

/// List and show the models; bring weights in and out
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  relume models list
  relume models show lantern-s --json
  relume models import Epoch99.pth --as zero-dce
  relume models export lantern-s -o lantern-s.onnx
  relume models pull hf:ORG/NAME/model.safetensors")]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// List the models, one a line
    List {
        /// One JSON object per model
        #[arg(long)]
        json: bool,
    },
    /// Show a model's figures: parameters, cost, reach, origin
    Show {
        /// Name of the model
        name: String,
        /// One JSON object
        #[arg(long)]
        json: bool,
    },
    Import(import::Args),
    Export(export::Args),
    Pull(pull::Args),
    /// Print the path of weights in the cache
    Path(cached::Args),
    /// Compare weights in the cache with the SHA-256 they should have
    Verify(cached::Args),
    /// Remove weights from the cache
    Rm(cached::Args),
}

/// Does what the action says.
pub(crate) fn run(args: &Args, quiet: bool) -> Result<Code, Failure> {
    match &args.action {
        Action::List { json } => {
            let console = Console { json: *json, quiet: false };
            let width = MODELS.iter().map(|card| card.name.len()).max().unwrap_or(0);
            for card in MODELS {
                console.text(&format!("{:width$}  {}", card.name, card.help))?;
                console.record("model", &about(card))?;
            }
        }
        Action::Show { name, json } => show(find(name)?, Console { json: *json, quiet: false })?,
        Action::Import(args) => import::run(args, quiet)?,
        Action::Export(args) => export::run(args, quiet)?,
        Action::Pull(args) => pull::run(args, quiet)?,
        Action::Path(args) => cached::path(args, quiet)?,
        Action::Verify(args) => cached::verify(args, quiet)?,
        Action::Rm(args) => cached::remove(args, quiet)?,
    }
    Ok(Code::Done)
}

/// What the card itself says.
fn about(card: &ModelCard) -> Value {
    json!({
        "name": card.name,
        "help": card.help,
        "source": card.source,
        "embedded_bytes": card.weights.map(<[u8]>::len),
    })
}

fn show(card: &ModelCard, console: Console) -> Result<(), Failure> {
    let facts = card.facts()?;
    let mut record = about(card);
    record["facts"] = json!(facts);
    record["imported"] = json!(imported(card).map(|(path, _)| path));
    console.record("model", &record)?;
    let imported = imported(card);
    let weights = match card.weights {
        Some(bytes) => format!("{}, in this program", size(bytes.len() as u64)),
        None if imported.is_some() => "not in this program".to_owned(),
        None => format!("none yet: relume models import FILE --as {}", card.name),
    };
    let reach = format!(
        "one pixel sees {0}×{0}; tiles read {1} pixels beyond their edge",
        facts.receptive_field, facts.halo
    );
    let cost = format!(
        "{:.1} GMAC per megapixel, and {:.0} MMAC per picture",
        facts.gmac_per_megapixel, facts.fixed_mmac
    );
    let rows = [
        ("what for", card.help.to_owned()),
        ("origin", card.source.to_owned()),
        ("parameters", count(facts.parameters)),
        ("cost", cost),
        ("reach", reach),
        ("sides", format!("padded to multiples of {}", facts.multiple)),
        ("weights", weights),
    ];
    console.text(card.name)?;
    for (what, text) in rows {
        console.text(&format!("  {what:10}  {text}"))?;
    }
    if let Some((path, bytes)) = imported {
        let (path, size) = (path.display(), size(bytes));
        console.text(&format!("  {:10}  {size}, {path}", "imported"))?;
    }
    Ok(())
}

/// Imported weights of a model in the cache, and their size in bytes.
fn imported(card: &ModelCard) -> Option<(PathBuf, u64)> {
    let path = Cache::from_environment().ok()?.imported(card.name);
    let found = path.metadata().ok().filter(std::fs::Metadata::is_file)?;
    Some((path, found.len()))
}

/// `3.5 MB`, `12 kB`.
fn size(bytes: u64) -> String {
    if bytes < 100_000 {
        format!("{:.0} kB", (bytes as f64 / 1e3).ceil())
    } else {
        format!("{:.1} MB", bytes as f64 / 1e6)
    }
}

/// `1.72 million`, `258`.
fn count(number: usize) -> String {
    if number < 100_000 {
        number.to_string()
    } else {
        format!("{:.2} million", number as f64 / 1e6)
    }
}
