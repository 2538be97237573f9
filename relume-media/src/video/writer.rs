//! Frames into a video file, with their exact times.

use std::io::{BufWriter, ErrorKind as Io, Write};
use std::path::Path;
use std::process::{ChildStdin, Stdio};

use super::color::Coding;
use super::encoder::Encoder;
use super::info::VideoInfo;
use super::matroska::{self, Track};
use super::reader::TICKS;
use super::tool::{Ffmpeg, Process};
use super::{Frame, FrameSink};
use crate::{Error, ErrorKind, Result};

/// Encodes frames by running FFmpeg into one file; the file's clock begins with the first frame.
pub struct VideoWriter {
    process: Process,
    pipe: Option<BufWriter<ChildStdin>>,
    coding: Coding,
    start_us: Option<i64>,
}

impl VideoWriter {
    /// Begins the file at `path`, for frames like those that `info` describes.
    ///
    /// # Errors
    /// When FFmpeg does not start.
    pub fn create(
        ffmpeg: &Ffmpeg,
        info: &VideoInfo,
        encoder: &Encoder,
        path: &Path,
    ) -> Result<Self> {
        let mut command = ffmpeg.command();
        command.env("SVT_LOG", "1");
        command.args(["-f", "matroska", "-i", "pipe:0", "-map", "0:v"]);
        command.args(["-fps_mode", "passthrough", "-enc_time_base", TICKS]);
        command.args(&encoder.arguments);
        command.args(if encoder.from_rgb { rgb_arguments() } else { color_arguments(info) });
        let filters = [(encoder.from_rgb, FROM_RGB), (encoder.pad, PAD)];
        let filters: Vec<_> = filters.iter().filter(|(on, _)| *on).map(|(_, name)| *name).collect();
        if !filters.is_empty() {
            command.args(["-vf", &filters.join(",")]);
        }
        // The format by name: the file's own name is a temporary one.
        let bit_exact = ["-fflags", "+bitexact", "-video_track_timescale", "1000000", "-f"];
        let format = encoder.part_extension();
        command.args(if format == "nut" { &["-f"][..] } else { &bit_exact[..] });
        command.arg(format).arg(path);
        command.stdin(Stdio::piped()).stdout(Stdio::null());
        let mut process = Process::start(command, "writing the video", ErrorKind::Encode, None)?;
        let pipe = process
            .stdin()
            .ok_or_else(|| Error::new(ErrorKind::Tool, "FFmpeg gave no way to write to it"))?;
        let mut writer = Self {
            process,
            pipe: Some(BufWriter::with_capacity(1 << 16, pipe)),
            coding: info.coding()?,
            start_us: None,
        };
        let track = Track {
            size: info.size,
            format: info.format,
            pixel_aspect: info.pixel_aspect,
            frame_rate: info.frame_rate,
            color: &info.color,
            hdr: info.hdr,
        };
        writer.send(|pipe| matroska::write_head(pipe, &track))?;
        Ok(writer)
    }

    fn send(
        &mut self,
        write: impl FnOnce(&mut BufWriter<ChildStdin>) -> std::io::Result<()>,
    ) -> Result<()> {
        let Some(pipe) = &mut self.pipe else {
            return Err(Error::new(ErrorKind::Encode, "FFmpeg writes no more"));
        };
        match write(pipe) {
            Ok(()) => Ok(()),
            Err(cause) => {
                self.pipe = None;
                // A broken pipe means that FFmpeg is gone, and its own words say why.
                if cause.kind() == Io::BrokenPipe {
                    self.process.finish()?;
                }
                Err(Error::io(ErrorKind::Encode, "writing to FFmpeg failed", cause))
            }
        }
    }
}

impl FrameSink for VideoWriter {
    fn coding(&self) -> &Coding {
        &self.coding
    }

    fn write(&mut self, frame: &Frame) -> Result<()> {
        let start = *self.start_us.get_or_insert(frame.time_us);
        let time = u64::try_from(frame.time_us - start).map_err(|_| {
            Error::new(ErrorKind::Parameter, "frames must come in the order of their times")
        })?;
        self.send(|pipe| matroska::write_frame(pipe, frame, time))
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        self.send(Write::flush)?;
        self.pipe = None;
        self.process.finish().map(drop)
    }
}

/// RGB becomes BT.709 of limited range.
const FROM_RGB: &str =
    "scale=out_color_matrix=bt709:out_range=tv:flags=accurate_rnd+full_chroma_int";
const PAD: &str = "pad=ceil(iw/2)*2:ceil(ih/2)*2";

fn rgb_arguments() -> Vec<String> {
    let tags = ["-color_range", "tv", "-colorspace", "bt709"];
    let more = ["-color_primaries", "bt709", "-color_trc", "iec61966-2-1"];
    tags.into_iter().chain(more).map(str::to_owned).collect()
}

/// Colour tags, told once more: raw frames do not carry all of them.
fn color_arguments(info: &VideoInfo) -> Vec<String> {
    let tags = &info.color;
    let all = [
        ("-color_range", &tags.range),
        ("-colorspace", &tags.matrix),
        ("-color_primaries", &tags.primaries),
        ("-color_trc", &tags.transfer),
        ("-chroma_sample_location", &tags.chroma_location),
    ];
    all.into_iter()
        .filter_map(|(name, tag)| Some((name, tag.as_deref()?)))
        // One thing, two names: as it is read, and as it is set.
        .flat_map(|(name, tag)| [name, if tag == "gbr" { "rgb" } else { tag }].map(str::to_owned))
        .collect()
}
