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
}

/// Hands over to the training loop.
#[cfg(feature = "train")]
pub(crate) fn run(args: &Args) -> Result<Code, Failure> {
    let folder = args
        .output
        .clone()
        .unwrap_or_else(|| PathBuf::from("runs").join(args.recipe.file_stem().unwrap_or_default()));
    relume_train::run(&args.recipe, &folder, args.resume)
        .map_err(|error| Failure::new(Code::Machine, error.to_string()))?;
    Ok(Code::Done)
}

/// Says how to get a build that can train.
#[cfg(not(feature = "train"))]
pub(crate) fn run(args: &Args) -> Result<Code, Failure> {
    let Args { recipe, .. } = args;
    Err(Failure::usage(format!(
        "{}: this build cannot train; build one with: \
         cargo build --release -p relume-cli --features train",
        recipe.display()
    )))
}
