//! `relume frame`: one frame of a video as a picture.

use std::path::{Path, PathBuf};

use relume_media::atomic::Overwrite;
use relume_media::photo::SaveOptions;
use relume_media::video::{Coding, FrameSource, VideoInfo, VideoReader};
use relume_media::{Limits, Photo};
use serde::Serialize;

use super::video::find_ffmpeg;
use crate::console::Console;
use crate::exit::{Code, Failure};
use crate::target::make_folder_for;

/// Save one frame of a video as a picture
///
/// Frames are counted from 0 in the order of showing. A video and what relume video made of it have
/// the same frames, so that one number shows both.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  relume frame night.mp4 -o first.png
  relume frame night.relume.mp4 --number 120 -o frame.png
  relume frame night.mp4 -o first.png --json      also tells size, frames and seconds of the video")]
pub(crate) struct Args {
    /// The video
    video: PathBuf,
    /// Number of the frame, from 0
    #[arg(long, default_value_t = 0, value_name = "N")]
    number: usize,
    /// Picture to write
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// FFmpeg to use, or the folder it is in [default: $RELUME_FFMPEG, else the one on PATH]
    #[arg(long, value_name = "PATH")]
    ffmpeg: Option<PathBuf>,
    /// Replace a picture that exists
    #[arg(long)]
    overwrite: bool,
    /// One JSON object on stdout
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Record<'a> {
    input: String,
    output: String,
    status: &'static str,
    number: usize,
    time_us: i64,
    /// Frames of the video.
    frames: usize,
    video: &'a VideoInfo,
}

/// Saves one frame.
pub(crate) fn run(args: &Args, quiet: bool) -> Result<Code, Failure> {
    let console = Console { json: args.json, quiet };
    let ffmpeg = find_ffmpeg(args.ffmpeg.as_deref())?;
    let info = VideoInfo::probe(&ffmpeg, &args.video, &Limits::default())?;
    let times = info.frame_times(&ffmpeg)?;
    let (frames, number) = (times.len(), args.number);
    if number >= frames {
        return Err(none(&args.video, number, frames));
    }
    // From the middle between two frames: nothing depends on how times are rounded.
    let from_us = number.checked_sub(1).map(|before| i64::midpoint(times[before], times[number]));
    let mut reader = VideoReader::open(&ffmpeg, &info, from_us)?;
    let frame = reader.read()?.ok_or_else(|| none(&args.video, number, frames))?;
    let coding: &Coding = reader.coding();
    let photo = Photo::from_image(frame.image(info.size, coding)?);
    make_folder_for(&args.output)?;
    let overwrite = if args.overwrite { Overwrite::Always } else { Overwrite::Never };
    photo.save(&args.output, &SaveOptions { overwrite, ..SaveOptions::default() })?;
    let record = Record {
        input: args.video.display().to_string(),
        output: args.output.display().to_string(),
        status: "done",
        number,
        time_us: frame.time_us,
        frames,
        video: &info,
    };
    console.note(&format!("frame {number} of {frames}: {} -> {}", record.input, record.output));
    console.record("frame", &record)?;
    Ok(Code::Done)
}

fn none(video: &Path, number: usize, frames: usize) -> Failure {
    let last = frames.saturating_sub(1);
    let message = format!("{}: there is no frame {number}; the last is {last}", video.display());
    Failure::new(Code::Input, message)
}
