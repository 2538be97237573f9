//! `relume models pull`: weights of others, from the network into the cache.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use relume::models::ModelCard;
use serde_json::json;

use super::source::Source;
use crate::console::Console;
use crate::download::{Client, Remote, check};
use crate::exit::{Code, Failure};
use crate::model_cache::{Cache, HubFile, hash_of, is_name, is_sha256, keep_hash, variable};
use crate::progress::{Meter, catch_interrupts};
use crate::target::make_folder_for;

const HUGGING_FACE: &str = "https://huggingface.co";

/// Download weights into the cache, and print their path
///
/// A download that was cut off goes on where it stopped. Files of Hugging Face go into the cache of
/// its own programs. `relume models import` makes weights of ours of them.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  relume models pull hf:ORG/NAME/model.safetensors
  relume models pull https://example.org/net.pth --sha256 HEX
  relume models pull hf:ORG/NAME/model.safetensors --offline

Environment: HF_HOME, HF_HUB_CACHE, HF_ENDPOINT, HF_TOKEN, HF_HUB_OFFLINE=1, and
HF_HUB_DOWNLOAD_TIMEOUT (seconds that a server may be silent, 30); RELUME_HOME is the folder for
all else.")]
pub(super) struct Args {
    /// Name of a model, hf:ORG/NAME[@REVISION]/FILE, or an address
    #[arg(value_name = "NAME|URL")]
    source: String,
    /// SHA-256 that the file must have
    #[arg(long, value_name = "HEX", value_parser = hash)]
    sha256: Option<String>,
    /// Use what is in the cache, and ask no server; HF_HUB_OFFLINE=1 does the same
    #[arg(long)]
    offline: bool,
    /// Refuse files of more than this many megabytes
    #[arg(long, value_name = "MB", default_value_t = 4000)]
    max_size: u64,
    /// One JSON object
    #[arg(long)]
    json: bool,
}

/// A file in the cache, and whether it came just now.
struct Pulled {
    path: PathBuf,
    fetched: bool,
}

/// Pulls.
pub(super) fn run(args: &Args, quiet: bool) -> Result<(), Failure> {
    let console = Console { json: args.json, quiet };
    let cache = Cache::from_environment()?;
    let source = Source::parse(&args.source)?;
    let cached = source.cached(&cache);
    let pulled = match &source {
        Source::Model(card) => match cached {
            _ if card.weights.is_some() => return inside(card, console),
            Some(path) => Pulled { path, fetched: false },
            None => return Err(unpublished(card)),
        },
        _ if args.offline || is_offline() => {
            let path = cached.ok_or_else(|| not_cached(&args.source))?;
            Pulled { path, fetched: false }
        }
        Source::Hub(file) => hub(args, file, &cache, quiet)?,
        Source::Address(url) => match cached {
            Some(path) => Pulled { path, fetched: false },
            None => address(args, url, &cache, console)?,
        },
    };
    let hash = hash_of(&pulled.path)?;
    if let Some(expected) = args.sha256.as_ref().filter(|expected| **expected != hash) {
        let message = format!(
            "{}: its SHA-256 is {hash}, expected is {expected}; remove it by relume models rm {}",
            pulled.path.display(),
            args.source
        );
        return Err(Failure::new(Code::Model, message));
    }
    tell(args, &source, &pulled, &hash, console)
}

fn tell(
    args: &Args,
    source: &Source,
    pulled: &Pulled,
    hash: &str,
    console: Console,
) -> Result<(), Failure> {
    if !pulled.fetched {
        console.note(&format!("{}: in the cache already", args.source));
    }
    console.text(&pulled.path.display().to_string())?;
    if !matches!(source, Source::Model(_)) {
        let path = pulled.path.display();
        console.note(&format!("use it: relume models import {path} --as NAME"));
    }
    let record = json!({
        "source": args.source,
        "status": "done",
        "fetched": pulled.fetched,
        "path": pulled.path,
        "sha256": hash,
    });
    console.record("pull", &record)
}

/// A file on Hugging Face.
fn hub(args: &Args, file: &HubFile, cache: &Cache, quiet: bool) -> Result<Pulled, Failure> {
    let endpoint = text("HF_ENDPOINT").unwrap_or_else(|| HUGGING_FACE.into());
    let client = client()?;
    let remote = client.look(&file.url(&endpoint), text("HF_TOKEN").as_deref())?;
    let odd = |what: &str| {
        Failure::new(
            Code::Model,
            format!("{}: no {what} in the answer; check HF_ENDPOINT", remote.url),
        )
    };
    // These become names of files.
    let commit = remote.commit.as_deref().filter(|commit| is_name(commit));
    let commit = commit.ok_or_else(|| odd("commit"))?;
    let etag = remote.linked.as_deref().or(remote.version.as_deref());
    let etag = etag.map(|etag| etag.trim_matches('"')).filter(|etag| is_name(etag));
    let etag = etag.ok_or_else(|| odd("ETag"))?;
    let blob = file.blob(&cache.hub, etag);
    let named = is_sha256(etag).then_some(etag);
    if let (Some(named), Some(expected)) = (named, &args.sha256)
        && named != expected
    {
        let message = format!(
            "{}: the server names the SHA-256 {named}, expected is {expected}; nothing was \
             downloaded",
            remote.url
        );
        return Err(Failure::new(Code::Model, message));
    }
    let fetched = !blob.is_file();
    if fetched {
        let expected = args.sha256.as_deref().or(named);
        let part = blob.with_file_name(format!("{etag}.incomplete"));
        download(args, &client, &remote, &part, &blob, expected, quiet)?;
    }
    Ok(Pulled { path: file.link(&cache.hub, etag, commit)?, fetched })
}

/// A file at an address.
fn address(args: &Args, url: &str, cache: &Cache, console: Console) -> Result<Pulled, Failure> {
    if url.starts_with("http://") && args.sha256.is_none() {
        console.warn(&format!("{url}: anybody on the way may change this; give --sha256"));
    }
    let client = client()?;
    let remote = client.look(url, None)?;
    let path = cache.pulled(url);
    let part = cache.part(url, remote.version.as_deref());
    let hash =
        download(args, &client, &remote, &part, &path, args.sha256.as_deref(), console.quiet)?;
    keep_hash(&path, &hash)?;
    Ok(Pulled { path, fetched: true })
}

/// Downloads to `part`, checks, and renames to `path`.
fn download(
    args: &Args,
    client: &Client,
    remote: &Remote,
    part: &Path,
    path: &Path,
    expected: Option<&str>,
    quiet: bool,
) -> Result<String, Failure> {
    make_folder_for(path)?;
    catch_interrupts()?;
    let meter = Meter::new(remote.size.unwrap_or(1), quiet || remote.size.is_none());
    meter.begin(&args.source);
    let hash = client.fetch(remote, part, args.max_size.saturating_mul(1_000_000), &meter)?;
    check(part, &hash, expected.unwrap_or(&hash))?;
    fs::rename(part, path).map_err(|cause| {
        let message = format!("{}: could not be written: {cause}", path.display());
        Failure::new(Code::Output, message)
    })?;
    Ok(hash)
}

fn client() -> Result<Client, Failure> {
    let stall = match text("HF_HUB_DOWNLOAD_TIMEOUT") {
        None => 30.0,
        Some(text) => {
            text.parse().ok().filter(|s| (0.1..=3600.0).contains(s)).ok_or_else(|| {
                Failure::usage("HF_HUB_DOWNLOAD_TIMEOUT: give seconds from 0.1 to 3600")
            })?
        }
    };
    Ok(Client::new(Duration::from_secs_f64(stall)))
}

fn is_offline() -> bool {
    let set = text("HF_HUB_OFFLINE").unwrap_or_default().to_lowercase();
    ["1", "true", "yes", "on"].contains(&set.as_str())
}

fn text(name: &str) -> Option<String> {
    variable(name)?.into_string().ok()
}

fn inside(card: &ModelCard, console: Console) -> Result<(), Failure> {
    console.note(&format!("{} is inside the program: there is nothing to pull", card.name));
    let record = json!({ "source": card.name, "status": "done", "fetched": false, "path": null });
    console.record("pull", &record)
}

fn unpublished(card: &ModelCard) -> Failure {
    let message = format!(
        "no address is known for weights of {0}; pull its authors' file by address or \
         hf:ORG/NAME/FILE, then relume models import FILE --as {0}",
        card.name
    );
    Failure::new(Code::Model, message)
}

fn not_cached(source: &str) -> Failure {
    let message = format!("{source} is not in the cache; pull it once without --offline");
    Failure::new(Code::Model, message)
}

fn hash(text: &str) -> Result<String, String> {
    let text = text.to_lowercase();
    if is_sha256(&text) { Ok(text) } else { Err("give 64 hexadecimal digits".into()) }
}
