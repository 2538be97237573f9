//! `relume train`: trains a network by a recipe; only in builds with the feature `train`.

use std::path::PathBuf;

use crate::exit::{Code, Failure};

/// Train a network by a recipe (needs a build with the feature `train`)
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  relume train --explain                        every key of a recipe, with its default
  relume train lantern-s.toml -o runs/lantern-s
  relume train lantern-s.toml -o runs/lantern-s --resume
  relume train mine.toml --from lantern-s.safetensors --device vulkan

The run folder holds checkpoint.safetensors, model.safetensors (the last weights),
best.safetensors, metrics.jsonl, validation pictures and report.html.

The default build leaves training out. With it:
  cargo build --release -p relume-cli --features train")]
pub(crate) struct Args {
    /// The recipe, a TOML file
    #[arg(required_unless_present = "explain")]
    recipe: Option<PathBuf>,
    /// Folder of the run [default: runs/NAME OF THE RECIPE]
    #[arg(short, long, value_name = "DIR")]
    output: Option<PathBuf>,
    /// Go on where the run in that folder stopped
    #[arg(long)]
    resume: bool,
    /// Start from the weights of a file, or from those the program carries for a model
    #[arg(long, alias = "start-from", value_name = "FILE|MODEL", conflicts_with = "resume")]
    from: Option<PathBuf>,
    /// Where to compute: flex (the CPU), or a back end this build has
    #[arg(long, value_name = "NAME")]
    device: Option<String>,
    /// Print a recipe with every key, its default and what it does; then the losses and tasks
    #[arg(long)]
    explain: bool,
}

/// Hands over to the training loop. Ctrl-C stops after the step at hand.
#[cfg(feature = "train")]
pub(crate) fn run(args: &Args, quiet: bool) -> Result<Code, Failure> {
    use crate::progress::{Meter, catch_interrupts, interrupted};

    let Some(recipe) = args.recipe.as_ref().filter(|_| !args.explain) else {
        return explain();
    };
    let folder = args
        .output
        .clone()
        .unwrap_or_else(|| PathBuf::from("runs").join(recipe.file_stem().unwrap_or_default()));
    let options = relume_train::RunOptions {
        resume: args.resume,
        start_from: args.from.clone(),
        stop_at: None,
        device: args.device.clone(),
    };
    catch_interrupts()?;
    let meter = Meter::of_one(&folder.display().to_string(), quiet);
    let recipe = relume_train::Recipe::load(recipe).map_err(Failure::from)?;
    match relume_train::run(&recipe, &folder, &options, &meter.whole()) {
        Ok(()) => Ok(Code::Done),
        Err(_) if interrupted() => Err(Failure::new(
            Code::Interrupted,
            format!("{}: stopped; --resume goes on from the last checkpoint", folder.display()),
        )),
        Err(error) => Err(error.into()),
    }
}

#[cfg(feature = "train")]
fn explain() -> Result<Code, Failure> {
    let console = crate::console::Console { json: false, quiet: false };
    console.text(relume_train::Recipe::explained())?;
    console.text("# Tasks:")?;
    for card in relume_train::tasks::TASKS {
        console.text(&format!("#   {:22} {}", card.name, card.help))?;
    }
    console.text("#\n# Losses and what they take:")?;
    console.text(relume_train::losses::explain().trim_end())?;
    Ok(Code::Done)
}

/// Says how to get a build that can train.
#[cfg(not(feature = "train"))]
pub(crate) fn run(args: &Args, _quiet: bool) -> Result<Code, Failure> {
    let Args { recipe, output: _, resume: _, from: _, device: _, explain } = args;
    if *explain {
        let console = crate::console::Console { json: false, quiet: false };
        console.text(relume_train::Recipe::explained())?;
        return Ok(Code::Done);
    }
    let recipe = recipe.as_deref().unwrap_or(std::path::Path::new("relume train"));
    Err(cannot_train(recipe))
}

/// The refusal of a build without training.
#[cfg(not(feature = "train"))]
pub(crate) fn cannot_train(what: &std::path::Path) -> Failure {
    Failure::usage(format!(
        "{}: this build cannot train; build one with: \
         cargo build --release -p relume-cli --features train",
        what.display()
    ))
}
