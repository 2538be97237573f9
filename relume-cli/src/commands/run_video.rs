//! `relume run` with a workflow for videos.

use std::path::{Path, PathBuf};

use relume::Workflow;
use relume::video::Job;
use relume::workflow::{FileHash, NodeReport, VideoOutput};
use relume_media::Limits;
use relume_media::atomic::Overwrite;
use relume_media::video::{Ffmpeg, VideoInfo, losses};

use super::run::{Args, Record, write_recipe};
use super::video::{find_ffmpeg, work};
use crate::batch::Batch;
use crate::console::Console;
use crate::exit::{Code, Failure};
use crate::inputs::{DASH, Input, Inputs};
use crate::model_cache::hash_of;
use crate::progress::interrupted;
use crate::target::{Action, Output, Target, action, make_folder_for, plan};

/// Runs a workflow on all videos.
pub(super) fn run_on_videos(
    args: &Args,
    workflow: &Workflow,
    console: Console,
) -> Result<Code, Failure> {
    let ffmpeg = find_ffmpeg(None)?;
    let inputs = videos(&args.inputs)?;
    let jobs = plan(&inputs, &output(args.output.as_deref())?)?;
    let mut batch = Batch::new("run", console);
    for (input, target) in &jobs {
        if interrupted() {
            batch.interrupted();
            break;
        }
        match one(args, workflow, &ffmpeg, (input, target), console) {
            Ok(Action::Write) => batch.done(),
            Ok(Action::Skip) => batch.skipped(),
            Err(failure) if failure.code == Code::Interrupted => {
                batch.interrupted();
                break;
            }
            Err(failure) => batch.failed(&input.name(), failure)?,
        }
    }
    batch.finish()
}

/// The arguments as files; a folder of videos is given as `folder/*.mp4`.
fn videos(arguments: &[PathBuf]) -> Result<Inputs, Failure> {
    let mut inputs = Inputs { single: arguments.len() == 1, ..Inputs::default() };
    for path in arguments {
        if path.as_os_str() == DASH || path.is_dir() {
            let message = format!("{}: name the videos themselves", path.display());
            return Err(Failure::usage(message));
        }
        inputs.found.push(Input::file(path.clone()));
    }
    Ok(inputs)
}

/// `-o`: a folder if it is one, or has no extension.
fn output(argument: Option<&Path>) -> Result<Output, Failure> {
    let Some(path) = argument else { return Ok(Output::Beside) };
    if path.as_os_str() == DASH {
        return Err(Failure::usage("a video is written to a file: use -o FILE"));
    }
    let folder = path.is_dir() || path.extension().is_none();
    Ok(if folder { Output::Folder(path.to_owned()) } else { Output::File(path.to_owned()) })
}

fn one(
    args: &Args,
    workflow: &Workflow,
    ffmpeg: &Ffmpeg,
    (input, target): (&Input, &Target),
    console: Console,
) -> Result<Action, Failure> {
    let (Some(path), Target::File(output)) = (input.path(), target) else {
        return Err(Failure::usage("a video is a file"));
    };
    if action(target, args.existing.into())? == Action::Skip {
        console.note(&format!("{}: exists, skipped", target.name()));
        return Ok(Action::Skip);
    }
    let wanted: VideoOutput = workflow.video_steps(path)?;
    let info = VideoInfo::probe(ffmpeg, path, &Limits::default())?;
    make_folder_for(output)?;
    let overwrite = if args.existing.overwrite { Overwrite::Always } else { Overwrite::Never };
    let job = Job::new(ffmpeg, &info, &wanted.network, output, wanted.options(overwrite))?;
    let mut warnings = losses(&info, output);
    warnings.extend(job.encoder().notes.iter().cloned());
    for warning in &warnings {
        console.warn(&format!("{}: {warning}", output.display()));
    }
    let made = work(&job, &info, console, args.progress)?;
    let nodes: &[NodeReport] = &[];
    if args.recipe {
        let hash = |path: &Path| -> Result<FileHash, Failure> {
            Ok(FileHash { path: path.display().to_string(), sha256: hash_of(path)? })
        };
        let recipe = workflow.recipe(&hash(path)?, &[hash(output)?], nodes);
        write_recipe(&recipe, input, target, (overwrite, std::slice::from_ref(input)))?;
    }
    console.note(&format!("{} -> {}  {} frames", input.name(), output.display(), made.frames));
    let record = Record {
        input: input.name(),
        outputs: vec![output.display().to_string()],
        status: "done",
        workflow: &workflow.name,
        nodes,
        warnings: &warnings,
        frames: Some(made.frames),
    };
    console.record("run", &record)?;
    Ok(Action::Write)
}
