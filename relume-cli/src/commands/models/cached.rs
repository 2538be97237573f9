//! `relume models path`, `verify` and `rm`: what lies in the cache.

use std::path::PathBuf;

use serde_json::json;

use super::source::Source;
use crate::console::Console;
use crate::exit::{Code, Failure};
use crate::model_cache::{self, Cache, hash_of, known_hash};

#[derive(clap::Args)]
pub(super) struct Args {
    /// Name of a model, hf:ORG/NAME[@REVISION]/FILE, or an address
    #[arg(value_name = "NAME|URL")]
    source: String,
    /// One JSON object
    #[arg(long)]
    json: bool,
}

impl Args {
    /// The file that is meant.
    fn find(&self, cache: &Cache, source: &Source) -> Result<PathBuf, Failure> {
        source.cached(cache).ok_or_else(|| {
            let name = &self.source;
            let remedy = match source {
                Source::Model(card) if card.weights.is_some() => format!(
                    "is inside the program; relume models export {name} -o FILE writes it out"
                ),
                Source::Model(_) => {
                    format!("has no imported weights; relume models import FILE --as {name}")
                }
                _ => format!("is not in the cache; relume models pull {name}"),
            };
            Failure::new(Code::Model, format!("{name} {remedy}"))
        })
    }
}

/// Prints where the file lies.
pub(super) fn path(args: &Args, quiet: bool) -> Result<(), Failure> {
    let console = Console { json: args.json, quiet };
    let path = args.find(&Cache::from_environment()?, &Source::parse(&args.source)?)?;
    console.text(&path.display().to_string())?;
    console.record("path", &json!({ "source": args.source, "path": path }))
}

/// Compares the file with the SHA-256 it should have.
pub(super) fn verify(args: &Args, quiet: bool) -> Result<(), Failure> {
    let console = Console { json: args.json, quiet };
    let path = args.find(&Cache::from_environment()?, &Source::parse(&args.source)?)?;
    let (hash, known) = (hash_of(&path)?, known_hash(&path));
    let verdict = match &known {
        Some(known) if *known != hash => "damaged",
        Some(_) => "as it should be",
        None => "unknown: nobody said what its SHA-256 should be",
    };
    console.text(&format!("{}  {hash}  {verdict}", path.display()))?;
    let fields = json!({ "source": args.source, "path": path, "sha256": hash, "expected": known });
    console.record("verify", &fields)?;
    if known.is_some_and(|known| known != hash) {
        let message = format!(
            "{}: damaged; relume models rm {}, then pull or import it again",
            path.display(),
            args.source
        );
        return Err(Failure::new(Code::Model, message));
    }
    Ok(())
}

/// Removes the file.
pub(super) fn remove(args: &Args, quiet: bool) -> Result<(), Failure> {
    let console = Console { json: args.json, quiet };
    let cache = Cache::from_environment()?;
    let source = Source::parse(&args.source)?;
    let path = args.find(&cache, &source)?;
    match &source {
        Source::Hub(file) => file.remove(&cache.hub, &path)?,
        _ => model_cache::remove(&path)?,
    }
    console.note(&format!("{}: removed", path.display()));
    console.record("rm", &json!({ "source": args.source, "path": path }))
}
