//! `relume run`: a workflow file on pictures.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use relume::Workflow;
use relume::workflow::{Cache, Change, FileHash, NodeReport, Output as Made, Watch};
use relume_media::Photo;
use relume_media::atomic::{Overwrite, write_atomically};
use relume_media::metadata::Warning;
use relume_media::photo::SaveOptions;
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::batch::Batch;
use crate::console::{self, Console};
use crate::engine;
use crate::exit::{Code, Failure};
use crate::inputs::{Input, collect};
use crate::progress::{Meter, catch_interrupts, interrupted};
use crate::target::{Action, Existing, Output, Target, action, make_folder_for, plan, refuse_inputs};

/// Run a workflow on pictures: a file of nodes, or one that relume carries
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

relume workflows list names the workflows there are, relume workflows nodes what they are made of.")]
pub(crate) struct Args {
    /// A workflow file, or the name of a workflow that relume carries
    workflow: String,
    /// Pictures, folders of pictures, or - for stdin
    #[arg(required = true, value_name = "INPUT")]
    inputs: Vec<PathBuf>,
    /// File or folder to write to, - for stdout
    #[arg(short, long, value_name = "FILE|DIR")]
    output: Option<PathBuf>,
    /// Change a setting of the workflow: node.key=value; may be given several times
    #[arg(long, value_name = "NODE.KEY=VALUE", value_parser = change)]
    set: Vec<Change>,
    /// Write a JSON file beside each result that repeats its run exactly
    #[arg(long)]
    recipe: bool,
    #[command(flatten)]
    existing: Existing,
    /// One JSON object per picture on stdout, and a closing summary
    #[arg(long)]
    json: bool,
    /// Threads to use [default: all]
    #[arg(long, value_name = "N")]
    threads: Option<NonZeroUsize>,
}

#[derive(Serialize)]
struct Record<'a> {
    input: String,
    outputs: Vec<String>,
    status: &'static str,
    workflow: &'a str,
    nodes: &'a [NodeReport],
    warnings: &'a [Warning],
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
    engine::work_here(args.threads)?;
    let workflow = Workflow::load(&args.workflow, &args.set, &engine::model)?;
    let output = Output::understand(args.output.as_deref())?;
    let inputs = collect(&args.inputs, output.folder())?;
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
        if self.workflow.has_output() && action(target, self.args.existing)? == Action::Skip {
            console.note(&format!("{}: exists, skipped", target.name()));
            return Ok(Action::Skip);
        }
        let (photo, sha256) = load(input)?;
        for difference in self.workflow.differences(&self.text, &sha256) {
            self.meter.aside(|| console.warn(&format!("{}: {difference}", self.args.workflow)));
        }
        self.meter.begin(place);
        let progress = self.meter.within(1000);
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
            let from = FileHash { path: input.name(), sha256 };
            let recipe = self.workflow.recipe(&from, &written, &made.nodes);
            self.write_recipe(&recipe, input, target)?;
        }
        let outputs: Vec<String> = written.into_iter().map(|hash| hash.path).collect();
        let record = Record {
            input: input.name(),
            status: "done",
            workflow: &self.workflow.name,
            nodes: &made.nodes,
            warnings: &warnings,
            outputs,
        };
        self.meter.aside(|| self.tell(&record))?;
        Ok(Action::Write)
    }

    fn tell(&self, record: &Record<'_>) -> Result<(), Failure> {
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
        let path = match target {
            Target::Stdout if made.suffix.is_empty() => {
                let format = made.format.unwrap_or(made.photo.format);
                let (bytes, warnings) = made.photo.encode(format, &save)?;
                console::print_bytes(&bytes)?;
                return Ok((FileHash { path: "-".into(), sha256: hash(&bytes) }, warnings));
            }
            Target::Stdout => {
                let message = format!("the output {:?} needs a file; use -o FILE", made.suffix);
                return Err(Failure::usage(message));
            }
            Target::File(path) => self.place(path, made),
        };
        // The workflow's format and suffix may have made another name of it.
        refuse_inputs(&path, &self.originals)?;
        make_folder_for(&path)?;
        let warnings = made.photo.save(&path, &save)?;
        let bytes = std::fs::read(&path).map_err(|cause| {
            Failure::new(Code::Output, format!("{}: could not read back: {cause}", path.display()))
        })?;
        Ok((FileHash { path: path.display().to_string(), sha256: hash(&bytes) }, warnings))
    }

    /// The file of an output: its suffix before the extension, which its format may change.
    fn place(&self, path: &Path, made: &Made) -> PathBuf {
        let mut path = path.to_owned();
        let named = self.args.output.as_deref() == Some(&path);
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

    fn write_recipe(
        &self,
        recipe: &serde_json::Value,
        input: &Input,
        target: &Target,
    ) -> Result<(), Failure> {
        let beside = match target {
            Target::File(path) => path.clone(),
            Target::Stdout => input.path.clone().unwrap_or_else(|| PathBuf::from("stdin")),
        };
        let path = beside.with_extension("recipe.json");
        refuse_inputs(&path, &self.originals)?;
        make_folder_for(&path)?;
        let text = serde_json::to_vec_pretty(recipe)
            .map_err(|error| Failure::new(Code::Machine, format!("JSON: {error}")))?;
        Ok(write_atomically(&path, &text, self.overwrite())?)
    }

    fn overwrite(&self) -> Overwrite {
        if self.args.existing.overwrite { Overwrite::Always } else { Overwrite::Never }
    }
}

/// The picture, and the SHA-256 of its file; of stdin, of its pixels' file there is none.
fn load(input: &Input) -> Result<(Photo, String), Failure> {
    let photo = input.load()?;
    let bytes = input.path.as_ref().and_then(|path| std::fs::read(path).ok());
    Ok((photo, bytes.map_or(String::new(), |bytes| hash(&bytes))))
}

fn hash(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// `node.key=value`.
fn change(text: &str) -> Result<Change, String> {
    match text.split_once('=') {
        Some((target, value)) if target.contains('.') => {
            Ok(Change { target: target.trim().to_owned(), value: value.trim().to_owned() })
        }
        _ => Err("give node.key=value, as in better.strength=0.5".to_owned()),
    }
}
