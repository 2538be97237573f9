//! `relume score`: how near pictures are to the truth.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use relume::metrics::{METRICS, MetricCard, Pristine, Shown, Subject, align, find};
use relume_media::{Limits, Photo};
use serde::Serialize;
use serde_json::{Map, Value};

use super::score_video;
use crate::batch::Batch;
use crate::console::Console;
use crate::exit::{Code, Failure};
use crate::inputs::{Input, collect};

/// Measure how near pictures are to the truth: PSNR, SSIM
///
/// Pictures are compared as 8-bit RGB without cropping a border and without fitting brightness.
/// Folders are matched by name, whatever the extension; the last line is the mean. Videos are
/// compared frame by frame, with the flicker of both.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  relume score restored.png truth.png
  relume score restored/ truth/ --metric psnr --json
  relume score restored.mp4 truth.mp4       every frame, and the flicker
  relume score restored/ truth/ --align     after the one gain and gamma that fits each truth best")]
pub(crate) struct Args {
    /// A picture, a video, or a folder of pictures
    picture: PathBuf,
    /// The truth: a picture, a video, or a folder with pictures of the same names
    truth: PathBuf,
    /// Metrics to measure [default: psnr, ssim]
    #[arg(long, value_name = "NAME", value_parser = metric)]
    metric: Vec<&'static MetricCard>,
    /// First fit one gain and one gamma per picture to its truth; never a headline figure
    #[arg(long)]
    align: bool,
    /// One JSON object per pair, and a closing summary
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Record<'a> {
    input: &'a str,
    truth: String,
    status: &'static str,
    aligned: bool,
    scores: Map<String, Value>,
}

#[derive(Serialize)]
struct Mean {
    pictures: usize,
    aligned: bool,
    scores: Map<String, Value>,
}

/// Scores one pair or two folders.
pub(crate) fn run(args: &Args, quiet: bool) -> Result<Code, Failure> {
    let console = Console { json: args.json, quiet };
    let usual = || METRICS.iter().copied().filter(|card| card.shown == Shown::Always).collect();
    let cards: Vec<_> = if args.metric.is_empty() { usual() } else { args.metric.clone() };
    if score_video::is_video(&args.picture) {
        if args.align {
            return Err(Failure::usage("--align is for pictures"));
        }
        return score_video::run((&args.picture, &args.truth), &cards, console);
    }
    let pristine = Pristine::ours()?;
    let mut batch = Batch::new("score", console);
    let pairs = pairs(args, &mut batch)?;
    let width = pairs.iter().map(|(input, _)| input.name().chars().count()).max().unwrap_or(0);
    let heads: String = cards.iter().map(|card| format!("  {:>9}", card.name)).collect();
    console.text(&format!("{:width$}{heads}", ""))?;
    let mut sums = vec![0.0; cards.len()];
    let mut count = 0;
    for (input, truth) in &pairs {
        let values = match values(input, truth, args.align, &cards, &pristine) {
            Ok(values) => values,
            Err(failure) => {
                batch.failed(&input.name(), failure)?;
                continue;
            }
        };
        batch.done();
        count += 1;
        sums.iter_mut().zip(&values).for_each(|(sum, value)| *sum += value);
        console.text(&format!("{:width$}{}", input.name(), columns(&cards, &values)))?;
        let record = Record {
            input: &input.name(),
            truth: truth.display().to_string(),
            status: "done",
            aligned: args.align,
            scores: fields(&cards, &values),
        };
        console.record("score", &record)?;
    }
    if count > 0 {
        sums.iter_mut().for_each(|sum| *sum /= f64::from(count));
        if count > 1 {
            console.text(&format!("{:width$}{}", "mean", columns(&cards, &sums)))?;
        }
        let scores = fields(&cards, &sums);
        console.record("mean", &Mean { pictures: count as usize, aligned: args.align, scores })?;
    }
    batch.finish()
}

/// Pairs of a picture and the file of its truth; pictures without one are failures.
fn pairs(args: &Args, batch: &mut Batch) -> Result<Vec<(Input, PathBuf)>, Failure> {
    if args.picture.is_dir() != args.truth.is_dir() && args.picture.as_os_str() != "-" {
        return Err(Failure::usage("compare two pictures or two folders, not one with the other"));
    }
    let inputs = collect(std::slice::from_ref(&args.picture), None)?;
    if !args.truth.is_dir() {
        return Ok(inputs.found.into_iter().map(|input| (input, args.truth.clone())).collect());
    }
    let truths = collect(std::slice::from_ref(&args.truth), None)?;
    for (folder, failure) in inputs.failures.into_iter().chain(truths.failures) {
        batch.failed(&folder.display().to_string(), failure)?;
    }
    let by_name: BTreeMap<PathBuf, PathBuf> = truths
        .found
        .into_iter()
        .filter_map(|truth| Some((truth.place.with_extension(""), truth.path()?.to_owned())))
        .collect();
    let mut pairs = Vec::new();
    for input in inputs.found {
        match by_name.get(&input.place.with_extension("")) {
            Some(truth) => pairs.push((input, truth.clone())),
            None => {
                let message = format!(
                    "{}: no picture of this name in {}",
                    input.name(),
                    args.truth.display()
                );
                batch.failed(&input.name(), Failure::new(Code::Input, message))?;
            }
        }
    }
    Ok(pairs)
}

fn values(
    input: &Input,
    truth: &Path,
    aligned: bool,
    cards: &[&MetricCard],
    pristine: &Pristine,
) -> Result<Vec<f64>, Failure> {
    let mut picture = input.load()?.image;
    let truth = Photo::load(truth, &Limits::default())?.image;
    let unfit = |error: relume_media::Error| {
        Failure::new(Code::Input, format!("{}: {error}", input.name()))
    };
    if aligned {
        picture = align(&picture, &truth).map_err(unfit)?;
    }
    let subject = Subject { picture: &picture, truth: Some(&truth), pristine };
    cards.iter().map(|card| card.evaluate(&subject).map_err(unfit)).collect()
}

pub(super) fn columns(cards: &[&MetricCard], values: &[f64]) -> String {
    let column = |(card, value): (&&MetricCard, &f64)| {
        let text = format!("{value:.*}", card.decimals);
        format!("  {text:>9}")
    };
    cards.iter().zip(values).map(column).collect()
}

/// Scores by name; JSON has no infinity, which becomes the string "inf".
pub(super) fn fields(cards: &[&MetricCard], values: &[f64]) -> Map<String, Value> {
    let value =
        |v: f64| serde_json::Number::from_f64(v).map_or_else(|| "inf".into(), Value::Number);
    cards.iter().zip(values).map(|(card, &v)| (card.name.to_owned(), value(v))).collect()
}

/// A metric by its name, as an argument.
pub(crate) fn metric(name: &str) -> Result<&'static MetricCard, String> {
    find(name).ok_or_else(|| {
        let known: Vec<_> = METRICS.iter().map(|card| card.name).collect();
        format!("there is no such metric; known are {}", known.join(", "))
    })
}
