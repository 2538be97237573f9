//! `relume restore`: the program's main job.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use relume::{Estimate, RestoreReport};
use relume_media::metadata::Warning;
use relume_media::{Limits, Photo, Size};
use serde::Serialize;

use super::{duration, memory};
use crate::batch::Batch;
use crate::console::{self, Console};
use crate::engine::{Engine, work_here};
use crate::exit::{Code, Failure};
use crate::inputs::{Input, collect};
use crate::manifest::Manifest;
use crate::progress::{Meter, catch_interrupts, interrupt, interrupted};
use crate::recipe::Recipe;
use crate::shard::Shard;
use crate::target::{Action, Existing, OnExisting, Output, Target, action, plan};
use crate::unit::{Entry, Made, make};

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
  relume restore album/ -o better/ --shard 0/8 --manifest 0.jsonl   an eighth of it, with a record
  camera | relume restore - > better.jpg

Ctrl-C finishes the tile at hand and stops; pressed twice, it stops at once.")]
pub(crate) struct Args {
    /// Pictures, folders of pictures, or - for stdin
    #[arg(required = true, value_name = "INPUT")]
    inputs: Vec<PathBuf>,
    /// File or folder to write to, - for stdout
    #[arg(short, long, value_name = "FILE|DIR")]
    output: Option<PathBuf>,
    #[command(flatten)]
    recipe: Recipe,
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
    /// Only the pictures of shard I of N, I from 0; auto (Slurm) or auto/N takes I from the array's
    /// or the Indexed Job's variables
    #[arg(long, value_name = "I/N", value_parser = shard)]
    shard: Option<Shard>,
    /// Write a line of JSON for every picture: hashes of input and result, recipe, figures; a run
    /// goes on with the manifest that it finds
    #[arg(long, value_name = "FILE")]
    manifest: Option<PathBuf>,
    /// Do not restore: put the work into a queue of NATS JetStream, for `relume worker`
    #[cfg(feature = "queue")]
    #[arg(long, value_name = "nats://HOST", conflicts_with_all = ["dry_run", "manifest"])]
    queue: Option<String>,
    /// Name of the queue
    #[cfg(feature = "queue")]
    #[arg(long, value_name = "NAME", default_value = crate::queue::NAME, requires = "queue")]
    stream: String,
    /// Pictures that a new queue holds; when it is full, this waits
    #[cfg(feature = "queue")]
    #[arg(long, value_name = "N", default_value_t = crate::queue::ROOM, requires = "queue")]
    room: i64,
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
    let mut inputs = collect(&args.inputs, output.folder().as_deref())?;
    if let Some(shard) = args.shard {
        inputs.found.retain(|input| shard.has(&input.place));
    }
    let pairs = plan(&inputs, &output)?;
    #[cfg(feature = "queue")]
    if let Some(server) = &args.queue {
        let existing = args.existing.into();
        return crate::queue::fill(
            (server, &args.stream, args.room),
            &pairs,
            &args.recipe,
            existing,
            console,
        );
    }
    check_stdout(&pairs, args)?;
    work_here(args.threads)?;
    let mut engine = Engine::load(&args.recipe)?;
    let manifest = args.manifest.as_deref().filter(|_| !args.dry_run);
    let mut manifest = manifest.map(Manifest::open).transpose()?;
    catch_interrupts()?;
    let mut batch = Batch::new("restore", console);
    for (folder, failure) in inputs.failures {
        batch.failed(&folder.display().to_string(), failure)?;
    }
    let mut run = Run { engine: &mut engine, args, console, manifest: manifest.as_mut() };
    let jobs = run.check(pairs, &mut batch)?;
    if args.dry_run {
        run.foretell(&jobs, &mut batch)?;
    } else {
        run.work(&jobs, &mut batch)?;
    }
    batch.finish()
}

/// What all pictures of a run have in common.
struct Run<'a> {
    engine: &'a mut Engine,
    args: &'a Args,
    console: Console,
    manifest: Option<&'a mut Manifest>,
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

impl Run<'_> {
    /// Sorts out what cannot or need not be done, before any work.
    fn check(
        &mut self,
        pairs: Vec<(Input, Target)>,
        batch: &mut Batch,
    ) -> Result<Vec<Job>, Failure> {
        let mut jobs = Vec::with_capacity(pairs.len());
        for (input, target) in pairs {
            let found = match action(&target, self.args.existing.into()) {
                Ok(Action::Skip) => self.skip(&input, &target, batch),
                Ok(Action::Write) => match size(&input) {
                    Ok(size) => {
                        jobs.push(Job { input, target, size });
                        continue;
                    }
                    Err(failure) => Err(failure),
                },
                Err(failure) => Err(failure),
            };
            if let Err(failure) = found {
                self.failed((&input, &target), failure, batch)?;
            }
        }
        Ok(jobs)
    }

    /// Leaves a result that is there as it is.
    fn skip(&mut self, input: &Input, target: &Target, batch: &mut Batch) -> Result<(), Failure> {
        if let Some(manifest) = &mut self.manifest {
            manifest.found((input, target), &self.args.recipe, self.engine)?;
        }
        batch.skipped();
        self.console.note(&format!("{}: exists, skipped", target.name()));
        let more = Map::default();
        self.console.record("restore", &record(input, target, "skipped", None, &more))
    }

    /// Tells of a picture that nothing came of.
    fn failed(
        &mut self,
        pair: (&Input, &Target),
        failure: Failure,
        batch: &mut Batch,
    ) -> Result<(), Failure> {
        if let Some(manifest) = &mut self.manifest {
            manifest.add(Entry::blank(pair, &self.args.recipe, self.engine).failed(&failure))?;
        }
        batch.failed(&pair.0.name(), failure)
    }

    /// `--dry-run`.
    fn foretell(&mut self, jobs: &[Job], batch: &mut Batch) -> Result<(), Failure> {
        let console = self.console;
        let (mut seconds, mut peak) = (0.0, 0);
        for job in jobs {
            let Some(size) = job.size else {
                let name = job.input.name();
                console.note(&format!("{name}: its size is not known before it is read"));
                continue;
            };
            let estimate = self.engine.estimate(size)?;
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
    fn work(&mut self, jobs: &[Job], batch: &mut Batch) -> Result<(), Failure> {
        let pixels = jobs.iter().map(Job::pixels).sum();
        let meter = Meter::new(pixels, self.console.quiet);
        for (number, job) in jobs.iter().enumerate() {
            if interrupted() {
                batch.interrupted();
                break;
            }
            meter.begin(&format!("{}/{} {}", number + 1, jobs.len(), job.input.name()));
            let start = meter.position();
            match self.restore(job, &meter) {
                Ok(()) => batch.done(),
                Err(failure) if failure.code == Code::Interrupted => {
                    batch.interrupted();
                    break;
                }
                Err(failure) => {
                    meter.aside(|| self.failed((&job.input, &job.target), failure, batch))?;
                }
            }
            meter.finish(start, job.pixels());
        }
        Ok(())
    }

    fn restore(&mut self, job: &Job, meter: &Meter) -> Result<(), Failure> {
        let told = AtomicU32::new(0);
        let name = job.input.name();
        let tell = |share| tell_percent(&name, self.console, &told, share);
        let progress = match self.args.progress {
            true => meter.within_telling(job.pixels(), tell),
            false => meter.within(job.pixels()),
        };
        let (pair, recipe) = ((&job.input, &job.target), &self.args.recipe);
        let overwrite = OnExisting::from(self.args.existing).overwrite();
        let made = make(self.engine, pair, recipe, overwrite, &progress)?;
        drop(progress);
        if let Some(manifest) = &mut self.manifest {
            manifest.add(Entry::blank(pair, recipe, self.engine).done(&made)?)?;
        }
        meter.aside(|| self.tell(job, made))
    }

    fn tell(&self, job: &Job, made: Made) -> Result<(), Failure> {
        for warning in &made.warnings {
            self.console.warn(&format!("{}: {warning}", job.target.name()));
        }
        let (input, output) = (job.input.name(), job.target.name());
        let alone = if made.report.left_alone { "  (fine already, left alone)" } else { "" };
        let way = made.report.routing.map_or(String::new(), |routing| format!("  ({routing})"));
        let took = duration(made.seconds);
        self.console.note(&format!("{input} -> {output}  {took}{alone}{way}"));
        let size = Some(made.size);
        let more = Done {
            model: &self.args.recipe.model,
            report: made.report,
            seconds: made.seconds,
            warnings: made.warnings,
        };
        self.console.record("restore", &record(&job.input, &job.target, "done", size, &more))
    }
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

/// The size out of the header; unknown for what is no file.
fn size(input: &Input) -> Result<Option<Size>, Failure> {
    let Some(path) = input.path() else { return Ok(None) };
    let size = Photo::probe(path)?.size;
    Limits::default().check_size(size).map_err(|error| error.with_path(path))?;
    Ok(Some(size))
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

fn shard(text: &str) -> Result<Shard, String> {
    Shard::understand(text, |name| std::env::var(name).ok())
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
