//! `relume tune`: searches for good settings of a recipe; only in builds with the feature `train`.

use std::path::PathBuf;

use crate::exit::{Code, Failure};

/// Search for settings of a recipe (needs a build with the feature `train`)
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  relume tune search.toml -o runs/search
  relume tune search.toml -o runs/search          the same again: goes on where it stopped

A search file:
  recipe = \"lantern-s.toml\"    # the recipe whose keys are changed
  seed = 1
  trials = 9                   # settings drawn
  first_rung = 500             # steps after which the first comparison is made
  keep_one_of = 3              # one trial of so many goes on, three times as far; 1 keeps all
  [space]
  \"optimizer.rate\" = { log = [1e-4, 3e-3] }
  \"data.crop\" = { choice = [96, 128] }
  \"schedule.warmup\" = { whole = [0, 500] }
  \"optimizer.decay\" = { uniform = [0.0, 0.1] }

tune.json in the folder is the table, trial-NNN/ the runs.")]
pub(crate) struct Args {
    /// The search, a TOML file
    search: PathBuf,
    /// Folder of the search [default: runs/NAME OF THE SEARCH]
    #[arg(short, long, value_name = "DIR")]
    output: Option<PathBuf>,
    /// Where to compute: flex (the CPU), or a back end this build has
    #[arg(long, value_name = "NAME")]
    device: Option<String>,
    /// The table as JSON, one object a line
    #[arg(long)]
    json: bool,
}

/// Hands over to the search and prints its table, best first.
#[cfg(feature = "train")]
pub(crate) fn run(args: &Args, quiet: bool) -> Result<Code, Failure> {
    use crate::progress::{Meter, catch_interrupts, interrupted};
    use relume_train::tune;

    let folder = args
        .output
        .clone()
        .unwrap_or_else(|| PathBuf::from("runs").join(args.search.file_stem().unwrap_or_default()));
    let search = tune::Search::load(&args.search)?;
    catch_interrupts()?;
    let meter = Meter::of_one(&folder.display().to_string(), quiet);
    let found = tune::search(&search, &folder, args.device.as_deref(), &meter.whole());
    let trials = found.map_err(|error| {
        if interrupted() {
            let message = format!("{}: stopped; the same command goes on", folder.display());
            return Failure::new(Code::Interrupted, message);
        }
        error.into()
    })?;
    let console = crate::console::Console { json: args.json, quiet };
    for trial in &trials {
        let settings = trial.settings.iter().map(|(key, value)| format!("{key} = {value}"));
        let score = trial.score.map_or("failed".to_owned(), |score| format!("{score:.3}"));
        console.text(&format!(
            "trial {:3}  {:>8} steps  {score:>8}  {}",
            trial.number,
            trial.steps,
            settings.collect::<Vec<_>>().join(", ")
        ))?;
        console.record("trial", &serde_json::json!(trial))?;
    }
    Ok(Code::Done)
}

/// Says how to get a build that can train.
#[cfg(not(feature = "train"))]
pub(crate) fn run(args: &Args, _quiet: bool) -> Result<Code, Failure> {
    let Args { search, output: _, device: _, json: _ } = args;
    Err(super::train::cannot_train(search))
}
