//! The `relume` program as a library, for its own `main` alone. This file reads the command line and the environment and turns the
//! outcome into an exit code; the work is in `commands`, one file a verb.

mod batch;
mod commands;
mod console;
mod download;
mod engine;
mod exit;
mod inputs;
mod model_cache;
mod plain;
mod progress;
#[cfg(feature = "serve")]
mod serve;
mod target;

#[cfg(all(fuzzing, feature = "serve"))]
pub use serve::fuzzing;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use exit::{Code, Failure};

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
    #[cfg(feature = "serve")]
    Serve(commands::serve::Args),
    Bench(commands::bench::Args),
    Explain(commands::explain::Args),
    Doctor(commands::doctor::Args),
    Completions(commands::completions::Args),
    Man(commands::man::Args),
}

/// Runs the program on the arguments of this process.
pub fn main() -> ExitCode {
    // A damaged file may make a decoder panic; the libraries catch that and report it as an
    // error, so the panic itself is not worth a word.
    std::panic::set_hook(Box::new(|_| {}));
    let outcome = std::panic::catch_unwind(|| {
        let cli = Cli::parse();
        run(cli)
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
    ExitCode::from(code as u8)
}

fn run(cli: Cli) -> Result<Code, Failure> {
    let quiet = cli.quiet;
    cli.memory_limit.map_or(Ok(()), limit_memory)?;
    let isa = relume_nn::cpu::isa_from_environment();
    relume_nn::cpu::force_isa(isa.map_err(Failure::usage)?);
    match cli.command {
        Command::Restore(args) => commands::restore::run(&args, quiet),
        Command::Video(args) => commands::video::run(&args, quiet),
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
        #[cfg(feature = "serve")]
        Command::Serve(args) => commands::serve::run(&args, quiet),
        Command::Bench(args) => commands::bench::run(&args),
        Command::Explain(args) => commands::explain::run(&args),
        Command::Doctor(args) => commands::doctor::run(&args),
        Command::Completions(args) => commands::completions::run(&args),
        Command::Man(args) => commands::man::run(&args),
    }
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
