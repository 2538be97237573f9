//! `relume video`: restores videos, with everything beside the pixels kept.

mod recover;

use std::io::{BufReader, BufWriter};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Instant;

use relume::models::alen::Route;
use relume::video::{Beside, Job, Stage, VideoOptions, stream};
use relume::workflow::PIECE_FRAMES;
use relume_media::atomic::Overwrite;
use relume_media::limits::read_bytes;
use relume_media::video::{
    Cut, EncodeOptions, Ffmpeg, FrameSource, VideoInfo, Y4mReader, Y4mWriter, losses,
};
use relume_media::{Error, ErrorKind, Limits};
use serde::Serialize;

use super::video_progress::Teller;
use super::{duration, memory};
use crate::console::Console;
use crate::engine::{Engine, set_threads};
use crate::exit::{Code, Failure};
use crate::inputs::{DASH, MARK};
use crate::progress::{Meter, catch_interrupts, interrupted};
use crate::recipe::Recipe;
use crate::target::{make_folder_for, refuse_same};

/// Frames that a dry run restores.
const SAMPLE_FRAMES: usize = 8;
/// Length of a preview in seconds.
const PREVIEW_SECONDS: f64 = 5.0;

/// Turn dark, noisy and shaken videos into better ones
///
/// Sound, subtitles, chapters, tags and the exact times of frames are kept; colors stay in the
/// depth and matrix that they have, and HDR data is written again. What cannot be kept is named.
/// Light is steady in time: nothing pumps, and a cut begins anew. FFmpeg 5.1 or newer must be
/// installed.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  relume video night.mp4                          writes night.relume.mp4
  relume video night.mp4 -o better.mkv --codec hevc --crf 16
  relume video night.mp4 -o better.mp4 --preview  five seconds, before at the left, after at the right
  relume video night.mp4 -o better.mp4 --from 1:30 --to 1:45
  relume video sunny.mp4 --recover-highlights --dynamic-range pq -o hdr.mp4
  relume video night.mp4 -o better.mp4 --dry-run  how long it takes, and how large it becomes
  relume video frames/%04d.png -o better.mp4      pictures in, or out
  ffmpeg -i a.mp4 -f yuv4mpegpipe - | relume video - -o - | ffplay -

Ctrl-C finishes the frame at hand and stops. The same command goes on where it was stopped, also
after a crash: what is done is kept in a folder .NAME.relume-part beside the output until the end.
Memory does not grow with the length of the video; about 20 frames are held at a time.")]
pub(crate) struct Args {
    /// The video; %04d in the name for numbered pictures; - for Y4M on stdin
    input: PathBuf,
    /// File to write to, - for Y4M on stdout [default: NAME.relume.EXT beside the video]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Name of a model (see `relume models list`) or path of a weights file
    #[arg(long, default_value = "lantern-s")]
    model: String,
    /// How much of the effect, 0 (frames stay as they are) to 1 [default: 1; with sem, what the
    /// exposure calls for]
    #[arg(long, value_parser = strength)]
    strength: Option<f32>,
    /// How much bright parts are kept from being brightened, 0 to 1; for sem [default: 0.5]
    #[arg(long, value_name = "SHARE", value_parser = strength)]
    protect_highlights: Option<f32>,
    /// Mean brightness to aim at, 0.02 to 0.9 [default: what suits the scene]
    #[arg(long, value_parser = brightness)]
    brightness: Option<f32>,
    /// Way to light frames, with alen: auto, local or global [default: auto]
    #[arg(long, value_parser = route)]
    route: Option<Route>,
    /// Restore also scenes that are fine already; they are left alone otherwise
    #[arg(long)]
    always: bool,
    /// Do not average frames along their motion first: faster, but noise stays and flickers
    #[arg(long)]
    no_denoise: bool,
    /// Give over-exposed parts their light back, copied from earlier frames or invented, instead
    #[arg(long)]
    recover_highlights: bool,
    /// What recovered light is written as
    #[arg(long, value_enum, default_value_t = recover::Range::Sdr, requires = "recover_highlights")]
    dynamic_range: recover::Range,
    /// Also write where light was copied (green) and where it was invented (red)
    #[arg(long, value_name = "FILE", requires = "recover_highlights")]
    map: Option<PathBuf>,
    /// Which earlier frame lost light is copied from
    #[arg(long, value_enum, default_value_t = recover::Reference::Ring, requires = "recover_highlights")]
    reference: recover::Reference,
    /// Begin here: seconds, or [HH:]MM:SS
    #[arg(long, value_name = "TIME", value_parser = time)]
    from: Option<f64>,
    /// End here
    #[arg(long, value_name = "TIME", value_parser = time)]
    to: Option<f64>,
    /// Only five seconds (from --from, else from the middle), as it was beside what becomes of it
    #[arg(long, conflicts_with = "to")]
    preview: bool,
    /// Codec or encoder: h264, hevc, av1, vp9, prores, ffv1 …, or a name of FFmpeg's such as
    /// hevc_nvenc [default: as the video has it]
    #[arg(long, value_name = "NAME")]
    codec: Option<String>,
    /// Quality on the encoder's scale, smaller is better [default: visually lossless]
    #[arg(long, value_parser = crf)]
    crf: Option<f32>,
    /// Speed preset of the encoder
    #[arg(long, value_name = "NAME")]
    preset: Option<String>,
    /// FFmpeg to use, or the folder it is in [default: $RELUME_FFMPEG, else the one on PATH]
    #[arg(long, value_name = "PATH")]
    ffmpeg: Option<PathBuf>,
    /// Replace a result that exists
    #[arg(long)]
    overwrite: bool,
    /// Only tell what would be done, with time and size
    #[arg(long)]
    dry_run: bool,
    /// One JSON object on stdout
    #[arg(long)]
    json: bool,
    /// With --json: also an object whenever more frames are done
    #[arg(long, requires = "json")]
    progress: bool,
    /// Threads to use [default: all]
    #[arg(long, value_name = "N")]
    threads: Option<NonZeroUsize>,
}

#[derive(Serialize)]
struct Record<'a> {
    input: String,
    output: String,
    status: &'static str,
    model: &'a str,
    encoder: &'a str,
    video: &'a VideoInfo,
    /// What the result lacks or has otherwise.
    warnings: Vec<String>,
    /// Frames in all, and in pieces of an earlier run.
    frames: usize,
    found: usize,
    scenes: usize,
    seconds: f64,
    /// Of the result; of a dry run, about.
    bytes: u64,
}

/// Restores one video.
pub(crate) fn run(args: &Args, quiet: bool) -> Result<Code, Failure> {
    let console = Console { json: args.json, quiet };
    let output = match &args.output {
        Some(output) => output.clone(),
        None if args.input.as_os_str() == DASH => PathBuf::from(DASH),
        None => beside(&args.input),
    };
    if args.recover_highlights {
        catch_interrupts()?;
        return recover::run(args, &output, console);
    }
    let engine = engine(args)?;
    if args.route == Some(Route::Published) {
        return Err(Failure::usage("--route published is for photos; give auto, local or global"));
    }
    catch_interrupts()?;
    if [&args.input, &output].iter().any(|path| path.as_os_str() == DASH) {
        return pipe(args, &output, &engine, console);
    }
    refuse_same(&output, &args.input)?;
    let ffmpeg = find_ffmpeg(args.ffmpeg.as_deref())?;
    let info = VideoInfo::probe(&ffmpeg, &args.input, &Limits::default())?;
    make_folder_for(&output)?;
    let job = Job::new(&ffmpeg, &info, engine.restorer(), &output, options(args, &info)?)?;
    let mut warnings = losses(&info, &output);
    warnings.extend(job.encoder().notes.iter().cloned());
    for warning in &warnings {
        console.warn(&format!("{}: {warning}", output.display()));
    }
    let clock = Instant::now();
    let mut record = Record {
        input: args.input.display().to_string(),
        output: output.display().to_string(),
        status: "planned",
        model: &args.model,
        encoder: &job.encoder().name,
        video: &info,
        warnings,
        frames: 0,
        found: 0,
        scenes: 0,
        seconds: 0.0,
        bytes: 0,
    };
    if args.dry_run {
        foretell(args, &job, &info, &mut record, console)?;
    } else {
        let made = work(&job, &info, console, args.progress)?;
        (record.frames, record.found, record.scenes) = (made.frames, made.found, made.scenes);
        record.status = "done";
        record.seconds = (clock.elapsed().as_secs_f64() * 1e3).round() / 1e3;
        record.bytes = std::fs::metadata(&output).map_or(0, |file| file.len());
        let Record { input, output, frames, .. } = &record;
        let pace = (frames - record.found) as f64 / record.seconds;
        let took = duration(record.seconds);
        let frames = if *frames == 1 { "1 frame".to_owned() } else { format!("{frames} frames") };
        console.note(&format!("{input} -> {output}  {frames}, {took}, {pace:.1} fps"));
    }
    console.record("video", &record)?;
    Ok(Code::Done)
}

/// The FFmpeg that was named, or that the environment names, or the one on the search path.
pub(super) fn find_ffmpeg(named: Option<&Path>) -> Result<Ffmpeg, Failure> {
    let variable = || std::env::var_os("RELUME_FFMPEG").map(PathBuf::from);
    let named = named.map(Path::to_owned).or_else(variable);
    Ok(Ffmpeg::find(named.as_deref().filter(|path| !path.as_os_str().is_empty()))?)
}

fn engine(args: &Args) -> Result<Engine, Failure> {
    set_threads(args.threads)?;
    let recipe = Recipe {
        model: args.model.clone(),
        strength: args.strength,
        protect_highlights: args.protect_highlights,
        brightness: args.brightness,
        always: args.always,
        route: args.route,
        ..Recipe::default()
    };
    Engine::load(&recipe)
}

/// The part of the video that is asked for.
fn cut(args: &Args, info: &VideoInfo) -> Result<Option<Cut>, Failure> {
    let us = |seconds: f64| (seconds * 1e6).round() as i64;
    let cut = match (args.from, args.to, args.preview) {
        (None, None, false) => None,
        (from, _, true) => {
            let middle = || (0.5 * (info.seconds.unwrap_or(0.0) - PREVIEW_SECONDS)).max(0.0);
            let from = from.unwrap_or_else(middle);
            Some(Cut { from_us: us(from), to_us: us(from + PREVIEW_SECONDS) })
        }
        (from, to, false) => {
            Some(Cut { from_us: us(from.unwrap_or(0.0)), to_us: to.map_or(i64::MAX, us) })
        }
    };
    if cut.is_some_and(|cut| cut.to_us <= cut.from_us) {
        return Err(Failure::usage("--to must lie behind --from"));
    }
    Ok(cut)
}

fn options(args: &Args, info: &VideoInfo) -> Result<VideoOptions, Failure> {
    let cut = cut(args, info)?;
    let wishes = (
        &args.model,
        args.strength,
        args.protect_highlights,
        args.brightness,
        args.route,
        args.always,
        weights_digest(&args.model)?,
    );
    Ok(VideoOptions {
        cut,
        encode: EncodeOptions {
            codec: args.codec.clone(),
            crf: args.crf,
            preset: args.preset.clone(),
        },
        denoise: !args.no_denoise,
        beside: if args.preview { Beside::Before } else { Beside::Nothing },
        piece_frames: PIECE_FRAMES,
        overwrite: if args.overwrite { Overwrite::Always } else { Overwrite::Never },
        model: format!("{wishes:?}"),
    })
}

/// What tells weights in a file from others of the same name; nothing for those in the program.
fn weights_digest(model: &str) -> Result<Option<String>, Failure> {
    use sha2::{Digest, Sha256};
    if !relume::models::means_a_file(model) {
        return Ok(None);
    }
    let bytes = read_bytes(model.as_ref(), relume::models::LARGEST_WEIGHTS)
        .map_err(|cause| Failure::new(Code::Model, format!("{model}: {cause}")))?;
    Ok(Some(Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect()))
}

/// Frames in all and in pieces of an earlier run, and scenes.
pub(super) struct Made {
    pub(super) frames: usize,
    pub(super) found: usize,
    pub(super) scenes: usize,
}

/// Does a job with a bar; `tell` also with records.
pub(super) fn work(
    job: &Job<'_>,
    info: &VideoInfo,
    console: Console,
    tell: bool,
) -> Result<Made, Failure> {
    let expected = expected_frames(info);
    let mut meter = Meter::new(expected as u64, console.quiet);
    meter.begin("looking at the video");
    let (mut clock, mut found) = (Instant::now(), 0);
    let mut teller = Teller::new(info, console.json && tell);
    let mut report = |stage| {
        teller.hear(stage, console);
        if interrupted() {
            return Err(Error::new(ErrorKind::Cancelled, "cancelled").into());
        }
        match stage {
            Stage::Surveyed(frames) => meter.reach(frames as u64),
            Stage::Found(frames, all) => {
                (found, clock) = (frames, Instant::now());
                meter = Meter::new(all as u64, console.quiet);
                meter.skip_to(frames as u64);
                meter.begin("restoring");
            }
            Stage::Restored(frames, all) => {
                meter.reach(frames as u64);
                let pace = (frames - found) as f64 / clock.elapsed().as_secs_f64();
                meter.begin(&format!("frame {frames} of {all}, {pace:.1} fps"));
            }
            Stage::Joining => meter.begin("joining"),
        }
        Ok(())
    };
    let outcome = job.run(&mut report).map_err(Failure::from);
    match outcome {
        Ok(survey) => {
            Ok(Made { frames: survey.times_us.len(), found, scenes: survey.cuts.len() + 1 })
        }
        Err(failure) if failure.code == Code::Interrupted => Err(Failure::new(
            Code::Interrupted,
            "interrupted; what is done is kept, and the same command goes on with it",
        )),
        Err(failure) => Err(failure),
    }
}

/// Frames, as far as the header tells.
pub(super) fn expected_frames(info: &VideoInfo) -> usize {
    let by_time = || {
        let (frames, seconds) = info.frame_rate?;
        Some((info.seconds? * f64::from(frames) / f64::from(seconds)).round() as u64)
    };
    info.frames.or_else(by_time).unwrap_or(1) as usize
}

/// `--dry-run`: a few frames are restored for real.
fn foretell(
    args: &Args,
    job: &Job<'_>,
    info: &VideoInfo,
    record: &mut Record<'_>,
    console: Console,
) -> Result<(), Failure> {
    let folder = tempfile::tempdir()
        .map_err(|cause| Failure::new(Code::Output, format!("no folder for a sample: {cause}")))?;
    let (seconds, bytes) = job.sample(folder.path(), SAMPLE_FRAMES)?;
    let whole = info.seconds.unwrap_or(0.0);
    let part = match (args.preview, args.from, args.to) {
        (true, ..) => PREVIEW_SECONDS.min(whole),
        (_, from, to) => to.unwrap_or(whole).min(whole) - from.unwrap_or(0.0),
    };
    let share = if whole > 0.0 { (part / whole).clamp(0.0, 1.0) } else { 1.0 };
    record.frames = (expected_frames(info) as f64 * share).round() as usize;
    record.seconds = (seconds * record.frames as f64).round();
    record.bytes = (bytes * record.frames as f64) as u64;
    console.text(&format!(
        "{} -> {}  {}, {} frames, {}: about {} and {}",
        record.input,
        record.output,
        info.size,
        record.frames,
        record.encoder,
        duration(record.seconds),
        memory(record.bytes)
    ))
}

/// Y4M through pipes: frame by frame, without FFmpeg.
fn pipe(args: &Args, output: &Path, engine: &Engine, console: Console) -> Result<Code, Failure> {
    let is_y4m = |path: &Path| {
        path.as_os_str() == DASH || path.extension().is_some_and(|extension| extension == "y4m")
    };
    if !is_y4m(&args.input) || !is_y4m(output) {
        return Err(Failure::usage("pipes carry Y4M: the other end must be - or a .y4m file"));
    }
    if args.from.is_some() || args.to.is_some() || args.preview || args.dry_run || args.json {
        let message = "--from, --to, --preview, --dry-run and --json are of no use for pipes";
        return Err(Failure::usage(message));
    }
    if output.as_os_str() == DASH && crate::console::stdout_is_terminal() {
        return Err(Failure::usage("a video is no text for a terminal; use -o FILE or a pipe"));
    }
    let from: Box<dyn std::io::Read + Send> = match args.input.as_os_str() == DASH {
        true => Box::new(std::io::stdin()),
        false => Box::new(std::fs::File::open(&args.input).map_err(|cause| {
            Failure::new(Code::Input, format!("{}: {cause}", args.input.display()))
        })?),
    };
    let to: Box<dyn std::io::Write + Send> = match output.as_os_str() == DASH {
        true => Box::new(std::io::stdout()),
        false => Box::new(create(output, args.overwrite)?),
    };
    let mut source = Y4mReader::new(BufReader::with_capacity(1 << 20, from), &Limits::default())?;
    let head = source.head().clone();
    let sink = Box::new(Y4mWriter::new(BufWriter::with_capacity(1 << 20, to), &head)?);
    let clock = Instant::now();
    let mut frames = 0;
    let source: &mut dyn FrameSource = &mut source;
    stream(engine.restorer(), source, sink, !args.no_denoise, &mut |number| {
        frames = number + 1;
        match interrupted() {
            true => Err(Error::new(ErrorKind::Cancelled, "cancelled").into()),
            false => Ok(()),
        }
    })?;
    let took = clock.elapsed().as_secs_f64();
    let pace = f64::from(frames as u32) / took;
    console.note(&format!("{frames} frames, {}, {pace:.1} fps", duration(took)));
    Ok(Code::Done)
}

fn create(path: &Path, overwrite: bool) -> Result<std::fs::File, Failure> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(overwrite).create_new(!overwrite);
    options.open(path).map_err(|cause| {
        Failure::new(Code::Output, format!("{}: could not be made: {cause}", path.display()))
    })
}

/// `night.mp4` → `night.relume.mp4`.
fn beside(path: &Path) -> PathBuf {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let extension = path.extension().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!("{stem}.{MARK}.{extension}"))
}

/// `90`, `90.5`, `1:30`, `0:01:30.5`.
fn time(text: &str) -> Result<f64, String> {
    let wrong = || "give seconds, or [HH:]MM:SS".to_owned();
    let parts: Vec<f64> = text
        .split(':')
        .map(|part| part.parse::<f64>().map_err(|_| wrong()))
        .collect::<Result<_, _>>()?;
    if parts.len() > 3 || parts.iter().any(|part| !part.is_finite() || *part < 0.0) {
        return Err(wrong());
    }
    Ok(parts.iter().fold(0.0, |sum, part| 60.0 * sum + part))
}

fn strength(text: &str) -> Result<f32, String> {
    super::number(text, 0.0, 1.0)
}

fn brightness(text: &str) -> Result<f32, String> {
    super::number(text, 0.02, 0.9)
}

fn crf(text: &str) -> Result<f32, String> {
    super::number(text, 0.0, 63.0)
}

fn route(text: &str) -> Result<Route, String> {
    text.parse()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_people_write_them() {
        assert_eq!(time("90"), Ok(90.0));
        assert_eq!(time("1:30"), Ok(90.0));
        assert_eq!(time("1:00:00.5"), Ok(3600.5));
        for wrong in ["", "1:", "x", "1:2:3:4", "-1"] {
            assert!(time(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn results_lie_beside_the_video() {
        assert_eq!(beside(Path::new("a/night.mp4")), Path::new("a/night.relume.mp4"));
    }
}
