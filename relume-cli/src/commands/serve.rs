//! `relume serve`: the local web page and the REST server.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::console::Console;
use crate::exit::{Code, Failure};
use crate::model_cache::variable;
use crate::serve::{Options, serve};

/// Open a web page on this machine where photos are restored, and serve programs the same way
///
/// Everything stays on this machine. Jobs survive a restart; finished ones are kept for --keep days.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  relume serve --open                       the page, in the browser
  relume serve --port 9000
  relume serve --host 0.0.0.0               for the phone in the same network; asks for a token

The page shows the API at /docs.html; its description for programs is at /openapi.json.
Ctrl-C stops; a job that is being worked on goes on at the next start.")]
pub(crate) struct Args {
    /// Port to listen on; 0 takes a free one
    #[arg(long, default_value_t = 7860)]
    port: u16,
    /// Address to listen on; beyond this machine every request needs the token
    #[arg(long, default_value = "127.0.0.1", value_name = "ADDRESS")]
    host: IpAddr,
    /// Further name under which the server may be called, for a proxy before it; repeatable
    #[arg(long, value_name = "NAME")]
    allow_host: Vec<String>,
    /// Token that requests must carry, or in RELUME_TOKEN, where other users do not see it
    /// [default: none on this machine, a random one beyond it]
    #[arg(long)]
    token: Option<String>,
    /// Open the page in the browser
    #[arg(long)]
    open: bool,
    /// Folder for jobs and their pictures [default: relume/serve in the user's state folder]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Photos restored at the same time; each uses all cores
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=64))]
    workers: u8,
    /// Jobs that may wait; more are answered with 503
    #[arg(long, default_value_t = 64, value_name = "N")]
    queue: usize,
    /// Most megabytes of one request
    #[arg(long, default_value_t = 1024, value_name = "MB")]
    max_upload: u64,
    /// Most megapixels of a photo
    #[arg(long, default_value_t = 120, value_name = "MP")]
    max_megapixels: u64,
    /// Most megabytes of memory for the work on one photo (Linux)
    #[arg(long, default_value_t = 8192, value_name = "MB")]
    max_memory: u64,
    /// Most gigabytes of pictures kept
    #[arg(long, default_value_t = 20, value_name = "GB")]
    max_storage: u64,
    /// Days after which finished jobs are removed
    #[arg(long, default_value_t = 7, value_name = "DAYS")]
    keep: u32,
    /// Seconds that a client may be silent in the middle of a request
    #[arg(long, default_value_t = 30, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    patience: u64,
}

/// Serves until it is stopped.
pub(crate) fn run(args: &Args, quiet: bool) -> Result<Code, Failure> {
    const MB: u64 = 1_000_000;
    let options = Options {
        host: args.host,
        port: args.port,
        names: args.allow_host.clone(),
        token: token(args)?,
        open: args.open,
        data: args.data.clone(),
        workers: args.workers.into(),
        queue: args.queue,
        upload_bytes: args.max_upload.saturating_mul(MB),
        pixels: args.max_megapixels.saturating_mul(MB),
        memory_megabytes: args.max_memory,
        storage_bytes: args.max_storage.saturating_mul(1000 * MB),
        keep_days: args.keep,
        patience: Duration::from_secs(args.patience),
    };
    serve(options, Console { json: false, quiet })?;
    Ok(Code::Done)
}

fn token(args: &Args) -> Result<Option<String>, Failure> {
    let variable = variable("RELUME_TOKEN").map(|token| token.to_string_lossy().into_owned());
    let Some(token) = args.token.clone().or(variable) else { return Ok(None) };
    let fits = token.len() >= 16 && token.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    if fits {
        return Ok(Some(token));
    }
    Err(Failure::usage("a token has at least 16 characters, letters, digits and - only"))
}
