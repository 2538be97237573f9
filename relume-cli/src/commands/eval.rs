//! `relume eval`: compares models on a dataset, with baselines, intervals and pictures.

use std::path::PathBuf;

use relume::metrics::MetricCard;
use relume_media::atomic::Overwrite;
use relume_train::evaluation::{self, BASELINES, Contestant, Options};

use super::dataset::Which;
use super::score::metric;
use crate::console::Console;
use crate::exit::{Code, Failure};
use crate::progress::{Meter, catch_interrupts, interrupted};

/// Compare models on a dataset
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  relume eval --model lantern-s --data LOL/eval15
  relume eval --model lantern-s --model runs/mine/model.safetensors --data photos -o eval/mine
  relume eval --model lantern-s --data night --kind unpaired --json

Pairs are scored as they are; clean pictures are damaged by the simulated camera first, always the
same way for the same --seed. Every table has the input, oracle gamma and CLAHE beside the models.
The folder gets report.md, report.json and grid.png.")]
pub(crate) struct Args {
    /// A model's name or weights file; give several to compare
    #[arg(long, required = true, value_name = "NAME|FILE")]
    model: Vec<String>,
    /// The dataset: a folder, or whatever `relume dataset list` names
    #[arg(long, value_name = "PATH")]
    data: PathBuf,
    #[command(flatten)]
    which: Which,
    /// At most so many pictures, spread evenly
    #[arg(long, value_name = "N")]
    pictures: Option<usize>,
    /// Only the middle of each picture, so many pixels wide and high
    #[arg(long, value_name = "PIXELS")]
    side: Option<usize>,
    /// Of the damage and of the intervals
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// A further metric, such as psnr_gtmean; may be repeated
    #[arg(long, value_name = "NAME", value_parser = metric)]
    metric: Vec<&'static MetricCard>,
    /// Folder for the report [default: eval/NAME OF THE DATA]
    #[arg(short, long, value_name = "DIR")]
    output: Option<PathBuf>,
    /// Replace a report that is there
    #[arg(long)]
    overwrite: bool,
    /// The report as JSON on stdout
    #[arg(long)]
    json: bool,
}

/// Evaluates, prints the table, writes the report.
pub(crate) fn run(args: &Args, quiet: bool) -> Result<Code, Failure> {
    let folder = args.output.clone().unwrap_or_else(|| {
        let name = args.data.file_name().map(std::ffi::OsStr::to_owned).unwrap_or_default();
        PathBuf::from("eval").join(name)
    });
    let overwrite = if args.overwrite { Overwrite::Always } else { Overwrite::Never };
    let page = folder.join("report.md");
    if page.exists() && !args.overwrite {
        let message = format!("{}: exists already; --overwrite replaces it", page.display());
        return Err(Failure::new(Code::Output, message));
    }
    let contestants = contestants(&args.model)?;
    let (_, set) = args.which.open(&args.data)?;
    let mut options =
        Options { pictures: args.pictures, side: args.side, seed: args.seed, ..Options::default() };
    for &card in &args.metric {
        if options.metrics.iter().all(|known| known.name != card.name) {
            options.metrics.push(card);
        }
    }
    catch_interrupts()?;
    let meter = Meter::of_one(&args.data.display().to_string(), quiet || args.json);
    let progress = meter.whole();
    let found = evaluation::evaluate(&args.data, set.as_ref(), &contestants, &options, &progress);
    let found = found.map_err(|error| match interrupted() {
        true => Failure::interrupted(),
        false => error.into(),
    })?;
    drop(progress);
    drop(meter);
    let written = evaluation::write(&found, &folder, overwrite)?;
    let console = Console { json: args.json, quiet };
    console.record("evaluation", &evaluation::json(&found))?;
    let text = evaluation::markdown(&found);
    console.text(text.split("\n## ").next().unwrap_or_default().trim_end())?;
    let paths: Vec<_> = written.iter().map(|path| path.display().to_string()).collect();
    console.text(&format!("\nwritten: {}", paths.join(", ")))?;
    Ok(if found.skipped.is_empty() { Code::Done } else { Code::SomeFailed })
}

/// The baselines, then the models as they were named.
fn contestants(models: &[String]) -> Result<Vec<Contestant>, Failure> {
    let mut all: Vec<_> = BASELINES.iter().map(Contestant::Baseline).collect();
    for name in models {
        all.push(Contestant::model(name)?);
    }
    Ok(all)
}
