//! `relume restore`: the program's main job.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

use relume::models::alen::Route;
use relume::{Estimate, RestoreReport};
use relume_media::atomic::Overwrite;
use relume_media::metadata::Warning;
use relume_media::photo::SaveOptions;
use relume_media::{Limits, Photo, Size};
use serde::Serialize;

use super::{duration, memory};
use crate::batch::Batch;
use crate::console::{self, Console};
use crate::engine::{Engine, Settings, work_here};
use crate::exit::{Code, Failure};
use crate::inputs::{Input, collect};
use crate::progress::{Meter, catch_interrupts, interrupt, interrupted};
use crate::target::{Action, Existing, Output, Target, action, make_folder_for, plan};

/// Turn dark, noisy and shaken photos into better ones
///
/// The original stays as it is; the result is written beside it as NAME.relume.EXT, or where -o
/// says. Metadata, color profile and bit depth are kept.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  relume restore night.jpg                        writes night.relume.jpg
  relume restore night.jpg -o better.png
  relume restore album/ -o better/                same names and folders below better/
  relume restore IMG_*.jpg album/ -o better/      of several inputs, folders keep their name
  relume restore album/ -o better/ --skip-existing   goes on after an interruption
  relume restore album/ --dry-run                 what would be done, and how long it takes
  camera | relume restore - > better.jpg

Ctrl-C finishes the tile at hand and stops; pressed twice, it stops at once.")]
pub(crate) struct Args {
    /// Pictures, folders of pictures, or - for stdin
    #[arg(required = true, value_name = "INPUT")]
    inputs: Vec<PathBuf>,
    /// File or folder to write to, - for stdout
    #[arg(short, long, value_name = "FILE|DIR")]
    output: Option<PathBuf>,
    /// How much of the effect, 0 to 1 [default: 1; with sem, what the picture's exposure calls for]
    #[arg(long, value_parser = strength)]
    strength: Option<f32>,
    /// How much bright parts are kept from being brightened, 0 to 1; for sem [default: 0.5]
    #[arg(long, value_name = "SHARE", value_parser = strength)]
    protect_highlights: Option<f32>,
    /// Quick look: light from a copy so many times smaller, applied at full size; for sem
    #[arg(long, value_name = "TIMES")]
    preview: Option<NonZeroUsize>,
    /// Mean brightness to aim at, 0.02 to 0.9 [default: what suits the picture]
    #[arg(long, value_parser = brightness)]
    brightness: Option<f32>,
    /// Restore also pictures that are fine already (see `relume inspect`); they are left alone
    /// otherwise
    #[arg(long)]
    always: bool,
    /// Name of a model (see `relume models list`) or path of a weights file
    #[arg(long, default_value = "lantern-s")]
    model: String,
    /// With mirnet: as its authors' program does it, 400 pixels on the short side, 8 bits
    #[arg(long)]
    compatible: bool,
    /// Way to light a picture, with alen: auto, local (dark in places), global (dark all over) or
    /// published (as its authors' program) [default: auto]
    #[arg(long, value_parser = route)]
    route: Option<Route>,
    /// JPEG quality of the results, 1 to 100
    #[arg(long, default_value_t = 95, value_parser = clap::value_parser!(u8).range(1..=100))]
    quality: u8,
    #[command(flatten)]
    existing: Existing,
    /// Only tell what would be done, with time and memory
    #[arg(long)]
    dry_run: bool,
    /// One JSON object per picture on stdout, and a closing summary
    #[arg(long)]
    json: bool,
    /// With --json: also an object for every percent of a picture that is done
    #[arg(long, requires = "json")]
    progress: bool,
    /// Threads to use [default: all]
    #[arg(long, value_name = "N")]
    threads: Option<NonZeroUsize>,
}

/// A picture, where it goes, and what its header says.
struct Job {
    input: Input,
    target: Target,
    size: Option<Size>,
}

impl Job {
    fn pixels(&self) -> u64 {
        self.size.map_or(0, |size| size.pixels() as u64)
    }
}

#[derive(Serialize)]
struct Record<'a, T> {
    input: String,
    output: String,
    status: &'static str,
    width: usize,
    height: usize,
    #[serde(flatten)]
    more: &'a T,
}

#[derive(Serialize)]
struct Done<'a> {
    model: &'a str,
    report: RestoreReport,
    seconds: f64,
    warnings: Vec<Warning>,
}

#[derive(Serialize)]
struct Planned {
    estimate: Estimate,
}

/// Restores all inputs, or tells what that would mean.
pub(crate) fn run(args: &Args, quiet: bool) -> Result<Code, Failure> {
    let console = Console { json: args.json, quiet };
    let output = Output::understand(args.output.as_deref())?;
    let inputs = collect(&args.inputs, output.folder())?;
    let pairs = plan(&inputs, &output)?;
    check_stdout(&pairs, args)?;
    work_here(args.threads)?;
    let mut engine = Engine::load(&Settings {
        model: &args.model,
        strength: args.strength,
        protection: args.protect_highlights,
        preview: args.preview,
        brightness: args.brightness,
        always: args.always,
        compatible: args.compatible,
        route: args.route,
    })?;
    catch_interrupts()?;
    let mut batch = Batch::new("restore", console);
    for (folder, failure) in inputs.failures {
        batch.failed(&folder.display().to_string(), failure)?;
    }
    let jobs = check(pairs, args, &mut batch, console)?;
    if args.dry_run {
        foretell(&mut engine, &jobs, &mut batch, console)?;
    } else {
        work(&engine, &jobs, args, &mut batch, console)?;
    }
    batch.finish()
}

/// Picture bytes belong neither on a terminal nor between lines of JSON.
fn check_stdout(pairs: &[(Input, Target)], args: &Args) -> Result<(), Failure> {
    if args.dry_run || !pairs.iter().any(|(_, target)| *target == Target::Stdout) {
        return Ok(());
    }
    if args.json {
        return Err(Failure::usage("--json and the picture cannot both go to stdout; use -o FILE"));
    }
    if console::stdout_is_terminal() {
        return Err(Failure::usage("a picture is no text for a terminal; use -o FILE or a pipe"));
    }
    Ok(())
}

/// Sorts out what cannot or need not be done, before any work.
fn check(
    pairs: Vec<(Input, Target)>,
    args: &Args,
    batch: &mut Batch,
    console: Console,
) -> Result<Vec<Job>, Failure> {
    let mut jobs = Vec::with_capacity(pairs.len());
    for (input, target) in pairs {
        match action(&target, args.existing) {
            Ok(Action::Skip) => {
                batch.skipped();
                console.note(&format!("{}: exists, skipped", target.name()));
                let more = Map::default();
                console.record("restore", &record(&input, &target, "skipped", None, &more))?;
                continue;
            }
            Ok(Action::Write) => {}
            Err(failure) => {
                batch.failed(&input.name(), failure)?;
                continue;
            }
        }
        match size(&input) {
            Ok(size) => jobs.push(Job { input, target, size }),
            Err(failure) => batch.failed(&input.name(), failure)?,
        }
    }
    Ok(jobs)
}

type Map = serde_json::Map<String, serde_json::Value>;

fn record<'a, T>(
    input: &Input,
    target: &Target,
    status: &'static str,
    size: Option<Size>,
    more: &'a T,
) -> Record<'a, T> {
    let size = size.unwrap_or(Size::new(0, 0));
    Record {
        input: input.name(),
        output: target.name(),
        status,
        width: size.width,
        height: size.height,
        more,
    }
}

/// The size out of the header; unknown for stdin.
fn size(input: &Input) -> Result<Option<Size>, Failure> {
    let Some(path) = &input.path else { return Ok(None) };
    let size = Photo::probe(path)?.size;
    Limits::default().check_size(size).map_err(|error| error.with_path(path))?;
    Ok(Some(size))
}

/// `--dry-run`.
fn foretell(
    engine: &mut Engine,
    jobs: &[Job],
    batch: &mut Batch,
    console: Console,
) -> Result<(), Failure> {
    let (mut seconds, mut peak) = (0.0, 0);
    for job in jobs {
        let Some(size) = job.size else {
            console.note("-: the size of stdin is not known before it is read");
            continue;
        };
        let estimate = engine.estimate(size)?;
        seconds += estimate.seconds;
        peak = peak.max(estimate.peak_bytes);
        batch.planned();
        console.text(&format!(
            "{} -> {}  {size}, about {}, {}",
            job.input.name(),
            job.target.name(),
            duration(estimate.seconds),
            memory(estimate.peak_bytes)
        ))?;
        let more = Planned { estimate };
        let record = record(&job.input, &job.target, "planned", job.size, &more);
        console.record("restore", &record)?;
    }
    if jobs.len() > 1 {
        console.text(&format!(
            "{} pictures, about {}, {} of memory",
            jobs.len(),
            duration(seconds),
            memory(peak)
        ))?;
    }
    Ok(())
}

/// One picture after the other; each uses all cores.
fn work(
    engine: &Engine,
    jobs: &[Job],
    args: &Args,
    batch: &mut Batch,
    console: Console,
) -> Result<(), Failure> {
    let pixels = jobs.iter().map(Job::pixels).sum();
    let meter = Meter::new(pixels, console.quiet);
    for (number, job) in jobs.iter().enumerate() {
        if interrupted() {
            batch.interrupted();
            break;
        }
        meter.begin(&format!("{}/{} {}", number + 1, jobs.len(), job.input.name()));
        let start = meter.position();
        match restore(engine, job, args, &meter, console) {
            Ok(()) => batch.done(),
            Err(failure) if failure.code == Code::Interrupted => {
                batch.interrupted();
                break;
            }
            Err(failure) => meter.aside(|| batch.failed(&job.input.name(), failure))?,
        }
        meter.finish(start, job.pixels());
    }
    Ok(())
}

fn restore(
    engine: &Engine,
    job: &Job,
    args: &Args,
    meter: &Meter,
    console: Console,
) -> Result<(), Failure> {
    let start = Instant::now();
    let photo = job.input.load()?;
    let told = AtomicU32::new(0);
    let name = job.input.name();
    let tell = |share| tell_percent(&name, console, &told, share);
    let progress = match args.progress {
        true => meter.within_telling(job.pixels(), tell),
        false => meter.within(job.pixels()),
    };
    let restored = engine.restore(photo, &progress)?;
    drop(progress);
    let overwrite = if args.existing.overwrite { Overwrite::Always } else { Overwrite::Never };
    let save = SaveOptions { quality: args.quality, overwrite, ..SaveOptions::default() };
    let warnings = match &job.target {
        Target::File(path) => {
            make_folder_for(path)?;
            restored.photo.save(path, &save)?
        }
        Target::Stdout => {
            let (bytes, warnings) = restored.photo.encode(restored.photo.format, &save)?;
            console::print_bytes(&bytes)?;
            warnings
        }
    };
    let seconds = start.elapsed().as_secs_f64();
    meter.aside(|| {
        for warning in &warnings {
            console.warn(&format!("{}: {warning}", job.target.name()));
        }
        let (input, output) = (job.input.name(), job.target.name());
        let alone = if restored.report.left_alone { "  (fine already, left alone)" } else { "" };
        let way = restored.report.routing.map_or(String::new(), |routing| format!("  ({routing})"));
        console.note(&format!("{input} -> {output}  {}{alone}{way}", duration(seconds)));
        let more = Done {
            model: &args.model,
            report: restored.report,
            seconds: (seconds * 1e3).round() / 1e3,
            warnings,
        };
        let size = Some(restored.photo.size());
        console.record("restore", &record(&job.input, &job.target, "done", size, &more))
    })
}

/// A record when one more percent is done. When nobody reads it any more, the work is stopped.
pub(super) fn tell_percent(input: &str, console: Console, told: &AtomicU32, share: f32) {
    #[derive(Serialize)]
    struct Percent<'a> {
        input: &'a str,
        percent: u32,
    }
    let percent = (100.0 * share) as u32;
    if told.fetch_max(percent, Ordering::Relaxed) < percent {
        let record = Percent { input, percent };
        if console.record("progress", &record).is_err() {
            interrupt();
        }
    }
}

fn strength(text: &str) -> Result<f32, String> {
    super::number(text, 0.0, 1.0)
}

fn route(text: &str) -> Result<Route, String> {
    text.parse()
}

fn brightness(text: &str) -> Result<f32, String> {
    super::number(text, 0.02, 0.9)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_and_memory_read_well() {
        let cases =
            [(0.42, "0.4 s"), (12.3, "12 s"), (185.0, "3 min 05 s"), (7300.0, "2 h 01 min")];
        for (seconds, text) in cases {
            assert_eq!(duration(seconds), text);
        }
        assert_eq!(memory(640_000_000), "640 MB");
        assert_eq!(memory(1_240_000_000), "1.2 GB");
    }
}
