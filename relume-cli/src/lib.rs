//! The `relume` program as a library, for the program itself and for Python's wheel. This file reads
//! the command line and the environment and turns the outcome into an exit code; the work is in
//! `commands`, one file a verb.

mod batch;
mod commands;
mod console;
mod download;
mod engine;
mod exit;
mod inputs;
mod manifest;
mod model_cache;
mod object;
mod plain;
mod progress;
#[cfg(feature = "queue")]
mod queue;
mod recipe;
#[cfg(feature = "serve")]
mod serve;
mod shard;
mod target;
mod unit;

#[cfg(all(fuzzing, feature = "serve"))]
pub use serve::fuzzing;

use std::ffi::OsString;
use std::sync::OnceLock;

use clap::{Parser, Subcommand};
pub use engine::{restorer, set_threads};
pub use exit::{Code, Failure};
pub use recipe::Recipe;
pub use target::OnExisting;
pub use unit::{Entry, Status, Unit, units};

/// How another process of this program is started: its first words.
static ITSELF: OnceLock<Vec<OsString>> = OnceLock::new();

/// Restore dark, noisy and shaken photos and videos.
#[derive(Parser)]
#[command(name = "relume", version, max_term_width = 100, after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    /// Say only what went wrong
    #[arg(short, long, global = true)]
    quiet: bool,
    /// Use no more memory than so many megabytes: what needs more fails (Linux)
    #[arg(long, global = true, value_name = "MB")]
    memory_limit: Option<u64>,
    /// End when stdin ends: who started the program is gone then
    #[arg(long, global = true, hide = true)]
    end_with_stdin: bool,
}

const EXAMPLES: &str = "\
Examples:
  relume restore night.jpg                  writes night.relume.jpg beside it
  relume restore album/ -o better/          all pictures, same names and folders
  relume video night.mp4 -o better.mp4      a video, with its sound and all else
  relume inspect night.jpg                  what is wrong with it
  relume explain answer                     how such photos are restored, and with what data
  relume run photo night.jpg                runs a workflow, here the one that decides by itself
  relume help restore                       all options of a verb

Exit codes: 0 all done, 1 some inputs failed, 2 wrong usage, 3 input unreadable, 4 output not
writable, 5 model missing or wrong, 6 device or memory, 7 external tool missing, 130 interrupted.";

#[derive(Subcommand)]
enum Command {
    Restore(commands::restore::Args),
    Video(commands::video::Args),
    Frame(commands::frame::Args),
    Inspect(commands::inspect::Args),
    Run(commands::run::Args),
    Workflows(commands::workflows::Args),
    Degrade(commands::degrade::Args),
    Score(commands::score::Args),
    Eval(commands::eval::Args),
    Dataset(commands::dataset::Args),
    Train(commands::train::Args),
    Tune(commands::tune::Args),
    Models(commands::models::Args),
    Manifest(commands::manifest::Args),
    #[cfg(feature = "queue")]
    Worker(commands::worker::Args),
    #[cfg(feature = "serve")]
    Serve(commands::serve::Args),
    Bench(commands::bench::Args),
    Explain(commands::explain::Args),
    Doctor(commands::doctor::Args),
    Completions(commands::completions::Args),
    Man(commands::man::Args),
}

/// Runs the program with a command line, whose first word is its name; the exit code. `itself` is
/// what starts another process of it.
pub fn main(itself: Vec<OsString>, command_line: impl IntoIterator<Item = OsString>) -> u8 {
    ITSELF.get_or_init(|| itself);
    // A damaged file may make a decoder panic; the libraries catch that and report it as an
    // error, so the panic itself is not worth a word.
    std::panic::set_hook(Box::new(|_| {}));
    let command_line: Vec<_> = command_line.into_iter().collect();
    let outcome = std::panic::catch_unwind(|| match Cli::try_parse_from(command_line) {
        Ok(cli) => run(cli),
        Err(words) => said(&words),
    });
    let code = match outcome {
        Ok(Ok(code)) => code,
        Ok(Err(failure)) => {
            console::complain(&failure);
            failure.code
        }
        Err(panic) => {
            console::complain(&Failure::of_panic(panic.as_ref()));
            Code::Machine
        }
    };
    code as u8
}

/// What clap has to say in place of a run: help, the version, or what is wrong.
fn said(words: &clap::Error) -> Result<Code, Failure> {
    // Nobody is left to tell when the stream is closed.
    let _ = words.print();
    Ok(if words.use_stderr() { Code::Usage } else { Code::Done })
}

fn run(cli: Cli) -> Result<Code, Failure> {
    let quiet = cli.quiet;
    cli.memory_limit.map_or(Ok(()), limit_memory)?;
    if cli.end_with_stdin {
        end_with_stdin();
    }
    let isa = relume_nn::cpu::isa_from_environment();
    relume_nn::cpu::force_isa(isa.map_err(Failure::usage)?);
    match cli.command {
        Command::Restore(args) => commands::restore::run(&args, quiet),
        Command::Video(args) => commands::video::run(&args, quiet),
        Command::Frame(args) => commands::frame::run(&args, quiet),
        Command::Inspect(args) => commands::inspect::run(&args, quiet),
        Command::Run(args) => commands::run::run(&args, quiet),
        Command::Workflows(args) => commands::workflows::run(&args, quiet),
        Command::Degrade(args) => commands::degrade::run(&args, quiet),
        Command::Score(args) => commands::score::run(&args, quiet),
        Command::Eval(args) => commands::eval::run(&args, quiet),
        Command::Dataset(args) => commands::dataset::run(&args, quiet),
        Command::Train(args) => commands::train::run(&args, quiet),
        Command::Tune(args) => commands::tune::run(&args, quiet),
        Command::Models(args) => commands::models::run(&args, quiet),
        Command::Manifest(args) => commands::manifest::run(&args, quiet),
        #[cfg(feature = "queue")]
        Command::Worker(args) => commands::worker::run(&args, quiet),
        #[cfg(feature = "serve")]
        Command::Serve(args) => commands::serve::run(&args, quiet),
        Command::Bench(args) => commands::bench::run(&args),
        Command::Explain(args) => commands::explain::run(&args),
        Command::Doctor(args) => commands::doctor::run(&args),
        Command::Completions(args) => commands::completions::run(&args),
        Command::Man(args) => commands::man::run(&args),
    }
}

/// Ends the process when nobody holds the other end of its stdin any more.
fn end_with_stdin() {
    std::thread::spawn(|| {
        // Nothing is said there; reading it ends when the other end does.
        let _ = std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink());
        std::process::exit(Code::Interrupted as i32);
    });
}

/// Bounds the address space of the process.
fn limit_memory(megabytes: u64) -> Result<(), Failure> {
    #[cfg(target_os = "linux")]
    {
        let bytes = megabytes.saturating_mul(1_000_000);
        rlimit::setrlimit(rlimit::Resource::AS, bytes, bytes)
            .map_err(|cause| Failure::usage(format!("--memory-limit {megabytes}: {cause}")))
    }
    #[cfg(not(target_os = "linux"))]
    Err(Failure::usage(format!("--memory-limit {megabytes}: this system has no such limit")))
}

/// The command line as clap sees it, for completions.
fn command_line() -> clap::Command {
    <Cli as clap::CommandFactory>::command()
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_command_line_is_consistent() {
        super::command_line().debug_assert();
    }
}
