//! `relume run`: a workflow file on pictures.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU32;

use relume::Workflow;
use relume::workflow::{
    BUILT_IN, Cache, Change, FileHash, NodeReport, Output as Made, Watch, begins_with_video,
    to_json,
};
use relume_media::ErrorKind;
use relume_media::atomic::Overwrite;
use relume_media::metadata::Warning;
use relume_media::photo::SaveOptions;
use serde::Serialize;

use super::restore::tell_percent;
use super::run_video::run_on_videos;
use crate::batch::Batch;
use crate::console::{self, Console};
use crate::engine;
use crate::exit::{Code, Failure};
use crate::inputs::{Input, collect};
use crate::progress::{Meter, catch_interrupts, interrupted};
use crate::target::{Action, Existing, Output, Target, action, plan};
use crate::unit::sha256;

/// Run a workflow on pictures or videos: a file of nodes, or one that relume carries
///
/// The workflow is checked before any picture is read. Originals stay as they are; results go
/// beside them as NAME.relume.EXT, or where -o says.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  relume run photo night.jpg                       as relume decides by itself
  relume run evening.toml IMG_*.jpg -o better/
  relume run archive scan.tif -o out.tif --set tones.contrast=0.4
  relume run photo night.jpg --recipe              also writes night.relume.recipe.json …
  relume run night.relume.recipe.json night.jpg -o again.jpg   … which repeats the run
  relume run video-night night.mp4                 a workflow for videos

relume workflows list names the workflows there are, relume workflows nodes what they are made of.")]
pub(crate) struct Args {
    /// A workflow file, or the name of a workflow that relume carries
    pub(super) workflow: String,
    /// Pictures, folders of pictures, or - for stdin; videos, if the workflow takes them
    #[arg(required = true, value_name = "INPUT")]
    pub(super) inputs: Vec<PathBuf>,
    /// File or folder to write to, - for stdout
    #[arg(short, long, value_name = "FILE|DIR")]
    pub(super) output: Option<PathBuf>,
    /// Change a setting of the workflow: node.key=value; may be given several times
    #[arg(long, value_name = "NODE.KEY=VALUE", value_parser = change)]
    set: Vec<Change>,
    /// Write a JSON file beside each result that repeats its run exactly
    #[arg(long)]
    pub(super) recipe: bool,
    #[command(flatten)]
    pub(super) existing: Existing,
    /// One JSON object per picture on stdout, and a closing summary
    #[arg(long)]
    json: bool,
    /// With --json: also an object whenever more is done
    #[arg(long, requires = "json")]
    pub(super) progress: bool,
    /// Refuse a workflow that names files
    #[arg(long)]
    no_files: bool,
    /// Threads to use [default: all]
    #[arg(long, value_name = "N")]
    threads: Option<NonZeroUsize>,
}

/// What a run says of one input.
#[derive(Serialize)]
pub(super) struct Record<'a, W> {
    pub(super) input: String,
    pub(super) outputs: Vec<String>,
    pub(super) status: &'static str,
    pub(super) workflow: &'a str,
    pub(super) nodes: &'a [NodeReport],
    pub(super) warnings: &'a [W],
    /// Of a video.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) frames: Option<usize>,
}

/// What all pictures of a run have in common.
struct Run<'a> {
    workflow: Workflow,
    /// The workflow file's text, which may be a recipe.
    text: String,
    args: &'a Args,
    /// All inputs, none of which an output may be.
    originals: Vec<Input>,
    console: Console,
    meter: Meter,
}

/// Runs a workflow on all inputs.
pub(crate) fn run(args: &Args, quiet: bool) -> Result<Code, Failure> {
    let console = Console { json: args.json, quiet };
    match is_for_videos(&args.workflow) {
        true => engine::set_threads(args.threads)?,
        false => engine::work_here(args.threads)?,
    }
    let workflow = load_workflow(&args.workflow, &args.set, args.no_files)?;
    if workflow.takes_video() {
        catch_interrupts()?;
        return run_on_videos(args, &workflow, console);
    }
    let output = Output::understand(args.output.as_deref())?;
    let inputs = collect(&args.inputs, output.folder().as_deref())?;
    let jobs = plan(&inputs, &output)?;
    let to_stdout = jobs.iter().any(|(_, target)| *target == Target::Stdout);
    if to_stdout && workflow.has_output() {
        if args.json || args.recipe {
            return Err(Failure::usage("--json, --recipe and a picture on stdout: use -o FILE"));
        }
        if console::stdout_is_terminal() {
            let message = "a picture is no text for a terminal; use -o FILE or a pipe";
            return Err(Failure::usage(message));
        }
    }
    catch_interrupts()?;
    let mut batch = Batch::new("run", console);
    for (folder, failure) in inputs.failures {
        batch.failed(&folder.display().to_string(), failure)?;
    }
    let meter = Meter::new(1000 * jobs.len() as u64, console.quiet);
    let text = std::fs::read_to_string(&args.workflow).unwrap_or_default();
    let originals = inputs.found;
    let run = Run { workflow, text, args, originals, console, meter };
    for (number, (input, target)) in jobs.iter().enumerate() {
        if interrupted() {
            batch.interrupted();
            break;
        }
        let place = format!("{}/{} {}", number + 1, jobs.len(), input.name());
        match run.one(input, target, &place) {
            Ok(Action::Write) => batch.done(),
            Ok(Action::Skip) => batch.skipped(),
            Err(failure) if failure.code == Code::Interrupted => {
                batch.interrupted();
                break;
            }
            Err(failure) => run.meter.aside(|| batch.failed(&input.name(), failure))?,
        }
        run.meter.finish(1000 * number as u64, 1000);
    }
    drop(run);
    batch.finish()
}

impl Run<'_> {
    /// Runs on one picture.
    fn one(&self, input: &Input, target: &Target, place: &str) -> Result<Action, Failure> {
        let console = self.console;
        if self.workflow.has_output() && action(target, self.args.existing.into())? == Action::Skip
        {
            console.note(&format!("{}: exists, skipped", target.name()));
            return Ok(Action::Skip);
        }
        let bytes = input.read()?;
        let hash = sha256(&bytes);
        let photo = input.decode(bytes)?;
        for difference in self.workflow.differences(&self.text, &hash) {
            self.meter.aside(|| console.warn(&format!("{}: {difference}", self.args.workflow)));
        }
        self.meter.begin(place);
        let (name, told) = (input.name(), AtomicU32::new(0));
        let progress = match self.args.progress {
            true => {
                self.meter.within_telling(1000, |share| tell_percent(&name, console, &told, share))
            }
            false => self.meter.within(1000),
        };
        let show = |id: &str, _| self.meter.begin(&format!("{place}  {id}"));
        let watch = Watch { progress: &progress, nodes: &show };
        let stem = input.place.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let made = self.workflow.run(photo, &stem, &mut Cache::off(), &watch)?;
        let mut written = Vec::new();
        let mut warnings = Vec::new();
        for output in &made.outputs {
            let (hash, warned) = self.write(output, target)?;
            written.push(hash);
            warnings.extend(warned);
        }
        if self.args.recipe {
            let from = FileHash { path: input.name(), sha256: hash };
            let recipe = self.workflow.recipe(&from, &written, &made.nodes);
            write_recipe(&recipe, input, target, (self.overwrite(), &self.originals))?;
        }
        let outputs: Vec<String> = written.into_iter().map(|hash| hash.path).collect();
        let record = Record {
            input: input.name(),
            status: "done",
            workflow: &self.workflow.name,
            nodes: &made.nodes,
            warnings: &warnings,
            outputs,
            frames: None,
        };
        self.meter.aside(|| self.tell(&record))?;
        Ok(Action::Write)
    }

    fn tell(&self, record: &Record<'_, Warning>) -> Result<(), Failure> {
        for warning in record.warnings {
            self.console.warn(&format!("{}: {warning}", record.input));
        }
        let outputs = record.outputs.join(", ");
        if !outputs.is_empty() {
            self.console.note(&format!("{} -> {outputs}", record.input));
        }
        for node in record.nodes {
            if let Some(reason) = &node.chosen {
                self.console.note(&format!("  {}: {reason}", node.id));
            }
            if let ("score", Some(value)) = (node.kind, node.values.get("value")) {
                // What is measured is data, also for people.
                self.console.text(&format!("{}  {}  {value}", record.input, node.id))?;
            }
        }
        self.console.record("run", record)
    }

    /// Writes one result; its path with the hash of its bytes, and what it could not take along.
    fn write(&self, made: &Made, target: &Target) -> Result<(FileHash, Vec<Warning>), Failure> {
        let save = SaveOptions { overwrite: self.overwrite(), ..made.save };
        let named = self.args.output.as_deref() == Some(Path::new(&target.name()));
        let target = match target {
            Target::Stdout if made.suffix.is_empty() => Target::Stdout,
            Target::Stdout => {
                let message = format!("the output {:?} needs a file; use -o FILE", made.suffix);
                return Err(Failure::usage(message));
            }
            Target::File(path) => Target::File(place(path, made, named)),
            Target::Object(object) => {
                Target::Object(object.with_key(&place(object.path(), made, named)))
            }
        };
        // The workflow's format and suffix may have made another name of it.
        target.refuse(&self.originals)?;
        let format = match target {
            Target::Stdout => made.format.unwrap_or(made.photo.format),
            _ => target.format(&made.photo)?,
        };
        let (bytes, warnings) = made.photo.encode(format, &save)?;
        let written = FileHash { path: target.name(), sha256: sha256(&bytes) };
        target.write(bytes, save.overwrite)?;
        Ok((written, warnings))
    }

    fn overwrite(&self) -> Overwrite {
        if self.args.existing.overwrite { Overwrite::Always } else { Overwrite::Never }
    }
}

/// Whether a workflow runs on videos, before it is checked: threads are started before anything
/// computes, and for videos in another way.
fn is_for_videos(name: &str) -> bool {
    let built_in = BUILT_IN.iter().find(|(known, _)| *known == name);
    let text = built_in.map_or_else(
        || std::fs::read_to_string(name).unwrap_or_default(),
        |(_, text)| (*text).to_owned(),
    );
    to_json(&text, name).is_ok_and(|file| begins_with_video(&file))
}

/// Reads and checks a workflow; without files, what it names is in the program or imported.
pub(super) fn load_workflow(
    name: &str,
    changes: &[Change],
    no_files: bool,
) -> relume::Result<Workflow> {
    if !no_files || !relume::models::means_a_file(name) {
        return Workflow::load(name, changes, &engine::model);
    }
    let unreadable = |cause| {
        let error = relume_media::Error::io(ErrorKind::Read, "could not be read", cause);
        error.with_path(Path::new(name))
    };
    let text = std::fs::read_to_string(name).map_err(unreadable)?;
    Workflow::alone(&text, name, changes, &engine::model)
}

/// Writes the recipe of a run beside its result.
pub(super) fn write_recipe(
    recipe: &serde_json::Value,
    input: &Input,
    target: &Target,
    (overwrite, originals): (Overwrite, &[Input]),
) -> Result<(), Failure> {
    let with_extension = |path: &Path| path.with_extension("recipe.json");
    let beside = match target {
        Target::File(path) => Target::File(with_extension(path)),
        Target::Object(object) => Target::Object(object.with_key(&with_extension(object.path()))),
        Target::Stdout => Target::File(with_extension(input.path().unwrap_or(Path::new("stdin")))),
    };
    beside.refuse(originals)?;
    let text = serde_json::to_vec_pretty(recipe)
        .map_err(|error| Failure::new(Code::Machine, format!("JSON: {error}")))?;
    beside.write(text, overwrite)
}

/// The file of an output: its suffix before the extension, which its format may change where the
/// user has not named the file.
fn place(path: &Path, made: &Made, named: bool) -> PathBuf {
    let mut path = path.to_owned();
    if let (Some(format), false) = (made.format, named) {
        path.set_extension(format.extensions()[0]);
    }
    if !made.suffix.is_empty() {
        let extension = path.extension().unwrap_or_default().to_owned();
        path.set_extension(&made.suffix);
        path.as_mut_os_string().push(".");
        path.as_mut_os_string().push(extension);
    }
    path
}

/// `node.key=value`.
pub(super) fn change(text: &str) -> Result<Change, String> {
    match text.split_once('=') {
        Some((target, value)) if target.contains('.') => {
            Ok(Change { target: target.trim().to_owned(), value: value.trim().to_owned() })
        }
        _ => Err("give node.key=value, as in better.strength=0.5".to_owned()),
    }
}
