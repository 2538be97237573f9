//! `relume train`: trains a network by a recipe; only in builds with the feature `train`.

use std::path::PathBuf;

use crate::exit::{Code, Failure};

/// Train a network by a recipe (needs a build with the feature `train`)
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  relume train lantern-s.toml -o runs/lantern-s
  relume train lantern-s.toml -o runs/lantern-s --resume

The default build leaves training out. With it:
  cargo build --release -p relume-cli --features train")]
pub(crate) struct Args {
    /// The recipe, a TOML file
    recipe: PathBuf,
    /// Folder of the run: checkpoints, journal, pictures [default: runs/NAME OF THE RECIPE]
    #[arg(short, long, value_name = "DIR")]
    output: Option<PathBuf>,
    /// Go on where the run in that folder stopped
    #[arg(long)]
    resume: bool,
    /// Start from these weights instead of random ones
    #[arg(long, value_name = "FILE", conflicts_with = "resume")]
    start_from: Option<PathBuf>,
}

/// Hands over to the training loop. Ctrl-C stops after the step at hand.
#[cfg(feature = "train")]
pub(crate) fn run(args: &Args, quiet: bool) -> Result<Code, Failure> {
    use crate::progress::{Meter, catch_interrupts, interrupted};

    /// Parts that the bar tells apart.
    const PARTS: u64 = 1_000_000;
    let folder = args
        .output
        .clone()
        .unwrap_or_else(|| PathBuf::from("runs").join(args.recipe.file_stem().unwrap_or_default()));
    let options = relume_train::RunOptions {
        resume: args.resume,
        start_from: args.start_from.clone(),
        stop_at: None,
    };
    catch_interrupts()?;
    let meter = Meter::new(PARTS, quiet);
    meter.begin(&folder.display().to_string());
    match relume_train::run(&args.recipe, &folder, &options, &meter.within(PARTS)) {
        Ok(()) => Ok(Code::Done),
        Err(_) if interrupted() => Err(Failure::new(
            Code::Interrupted,
            format!("{}: stopped; --resume goes on from the last checkpoint", folder.display()),
        )),
        Err(error) => Err(Failure::new(code(&error), error.to_string())),
    }
}

#[cfg(feature = "train")]
fn code(error: &relume_train::Error) -> Code {
    use relume_train::Error;
    match error {
        Error::Recipe { .. } | Error::Dataset { .. } | Error::Media(_) => Code::Input,
        Error::RunFolder { .. } => Code::Output,
        Error::Library(_) | Error::Network(_) => Code::Model,
        _ => Code::Machine,
    }
}

/// Says how to get a build that can train.
#[cfg(not(feature = "train"))]
pub(crate) fn run(args: &Args, _quiet: bool) -> Result<Code, Failure> {
    let Args { recipe, output: _, resume: _, start_from: _ } = args;
    Err(Failure::usage(format!(
        "{}: this build cannot train; build one with: \
         cargo build --release -p relume-cli --features train",
        recipe.display()
    )))
}
