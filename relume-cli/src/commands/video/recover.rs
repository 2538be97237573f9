//! `relume video --recover-highlights`: one pass, no frame of the future.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::ValueEnum;
use relume::models::oxnet;
use relume::overexposed::{Policy, Recovered, Recovery, in_wide_primaries, map, tone_mapped};
use relume_media::atomic::{Overwrite, check_target};
use relume_media::photo::SaveOptions;
use relume_media::video::{
    ColorTags, Cut, EncodeOptions, Encoder, Ffmpeg, Frame, FrameSink, FrameSource, Hdr10, Part,
    PixelFormat, Planes, VideoInfo, VideoReader, VideoWriter, join,
};
use relume_media::{Image, Photo, Srgb};
use serde::Serialize;

use super::{Args, DASH};
use crate::console::Console;
use crate::exit::{Code, Failure};
use crate::progress::{Meter, interrupted};
use crate::target::{make_folder_for, refuse_same};

/// What recovered light is written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Range {
    /// Lights compressed into what every screen shows
    Sdr,
    /// HDR10: 10 bits, perceptual quantiser, BT.2020
    Pq,
    /// Hybrid log-gamma: 10 bits, BT.2020
    Hlg,
    /// Linear light, a folder of OpenEXR pictures
    Exr,
}

/// Which earlier frame is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Reference {
    /// The best of eight, one in eight frames kept
    Ring,
    /// The frame before
    Previous,
    /// None: all is invented
    None,
}

#[derive(Serialize)]
struct Record {
    input: String,
    output: String,
    model: &'static str,
    encoder: &'static str,
    frames: usize,
    /// Frames in which something was clipped.
    changed: usize,
    /// Share of the clipped area that was copied from earlier frames.
    copied: f32,
    scenes: usize,
    seconds: f64,
}

/// Where frames go.
enum Out {
    Video { sink: Box<VideoWriter>, part: PathBuf, encoder: Encoder, info: Box<VideoInfo> },
    Pictures(PathBuf),
}

/// Recovers the highlights of one video.
pub(super) fn run(args: &Args, output: &Path, console: Console) -> Result<Code, Failure> {
    if [&args.input, &output.to_owned()].iter().any(|path| path.as_os_str() == DASH) {
        return Err(Failure::usage("--recover-highlights reads and writes files, not pipes"));
    }
    if args.preview || args.dry_run {
        return Err(Failure::usage("--preview and --dry-run do not go with --recover-highlights"));
    }
    crate::engine::set_threads(args.threads)?;
    let (name, weights) = crate::engine::weights_of(&args.model, oxnet::S.name)?;
    let card = relume::models::find(name)?;
    if oxnet::widths(card.name).is_none() {
        let message = format!("{} does not recover highlights; {} does", card.name, oxnet::S.name);
        return Err(Failure::usage(message));
    }
    refuse_same(output, &args.input)?;
    make_folder_for(output)?;
    let ffmpeg = super::find_ffmpeg(args.ffmpeg.as_deref())?;
    let info = VideoInfo::probe(&ffmpeg, &args.input, &relume_media::Limits::default())?;
    let cut = super::cut(args, &info)?;
    let policy = match args.reference {
        Reference::Ring => Policy::RING,
        Reference::Previous => Policy::Previous,
        Reference::None => Policy::Alone,
    };
    let work = Work { args, ffmpeg: &ffmpeg, info: &info, cut, output };
    let recovery = Recovery::new(card, weights, policy);
    let record = work.run(recovery, card.name, console)?;
    let pace = record.frames as f64 / record.seconds.max(1e-9);
    console.note(&format!(
        "{} -> {}  {} frames, {}, {pace:.2} fps; {} with lost highlights, {:.0} % of them copied",
        record.input,
        record.output,
        record.frames,
        super::duration(record.seconds),
        record.changed,
        100.0 * record.copied
    ));
    console.record("video", &record)?;
    Ok(Code::Done)
}

struct Work<'a> {
    args: &'a Args,
    ffmpeg: &'a Ffmpeg,
    info: &'a VideoInfo,
    cut: Option<Cut>,
    output: &'a Path,
}

impl Work<'_> {
    fn run(
        &self,
        mut recovery: Recovery,
        model: &'static str,
        console: Console,
    ) -> Result<Record, Failure> {
        let overwrite = if self.args.overwrite { Overwrite::Always } else { Overwrite::Never };
        let range = self.args.dynamic_range;
        let parent = self.output.parent().filter(|p| !p.as_os_str().is_empty());
        let folder = tempfile::tempdir_in(parent.unwrap_or(Path::new(".")))
            .map_err(|cause| Failure::new(Code::Output, format!("no folder for parts: {cause}")))?;
        let mut out = self.open(range, overwrite, folder.path(), "result", self.output)?;
        let mut beside = match &self.args.map {
            Some(path) => Some(self.open(Range::Sdr, overwrite, folder.path(), "map", path)?),
            None => None,
        };
        let mut source = VideoReader::open(self.ffmpeg, self.info, self.cut.map(|c| c.from_us))?;
        let (size, coding) = (source.size(), *source.coding());
        let meter = Meter::new(super::expected_frames(self.info) as u64, console.quiet);
        meter.begin("recovering highlights");
        let clock = Instant::now();
        let mut told = Told::default();
        let (mut start_us, mut end_us) = (None, 0);
        while let Some(frame) = source.read()? {
            if self.cut.is_some_and(|cut| frame.time_us >= cut.to_us) {
                break;
            }
            if interrupted() {
                return Err(Failure::interrupted());
            }
            start_us.get_or_insert(frame.time_us);
            end_us = frame.time_us + frame.duration_us;
            let recovered = recovery.next(&frame.image(size, &coding)?)?;
            out.write(&frame, &recovered, range, told.frames)?;
            if let Some(Out::Video { sink, .. }) = &mut beside {
                let frame = frame.with_image(&map(&recovered), sink.coding());
                sink.write(&frame)?;
            }
            told.add(&recovered);
            meter.one_more();
        }
        drop(meter);
        let times = (start_us.unwrap_or(0), end_us);
        let encoder = out.finish(self, times, self.output, folder.path())?;
        if let (Some(beside), Some(path)) = (beside, &self.args.map) {
            beside.finish(self, times, path, folder.path())?;
        }
        Ok(Record {
            input: self.args.input.display().to_string(),
            output: self.output.display().to_string(),
            model,
            encoder,
            frames: told.frames,
            changed: told.changed,
            copied: (told.copied / told.clipped.max(1e-9)) as f32,
            scenes: told.cuts + 1,
            seconds: (clock.elapsed().as_secs_f64() * 1e3).round() / 1e3,
        })
    }

    fn open(
        &self,
        range: Range,
        overwrite: Overwrite,
        folder: &Path,
        name: &str,
        output: &Path,
    ) -> Result<Out, Failure> {
        if range == Range::Exr {
            fs::create_dir_all(output).map_err(|cause| {
                Failure::new(Code::Output, format!("{}: {cause}", output.display()))
            })?;
            return Ok(Out::Pictures(output.to_owned()));
        }
        check_target(output, overwrite)?;
        let info = written(self.info, range);
        let family = match range {
            Range::Sdr => self.args.codec.clone(),
            _ => Some(self.args.codec.clone().unwrap_or_else(|| "hevc".to_owned())),
        };
        let options =
            EncodeOptions { codec: family, crf: self.args.crf, preset: self.args.preset.clone() };
        let encoder = Encoder::choose(self.ffmpeg, &info, output, &options)?;
        let part = folder.join(format!("{name}.{}", encoder.part_extension()));
        let sink = Box::new(VideoWriter::create(self.ffmpeg, &info, &encoder, &part)?);
        Ok(Out::Video { sink, part, encoder, info: Box::new(info) })
    }
}

/// What was seen on the way.
#[derive(Default)]
struct Told {
    frames: usize,
    changed: usize,
    cuts: usize,
    clipped: f64,
    copied: f64,
}

impl Told {
    fn add(&mut self, recovered: &Recovered) {
        let sum = |values: &[f32]| values.iter().map(|v| f64::from(*v)).sum::<f64>();
        let clipped = sum(&recovered.clipped.values);
        let both = recovered.clipped.values.iter().zip(&recovered.copied.values);
        self.copied += both.map(|(a, b)| f64::from(a * b)).sum::<f64>();
        self.clipped += clipped;
        self.frames += 1;
        self.changed += usize::from(clipped > 0.0);
        self.cuts += usize::from(recovered.cut);
    }
}

impl Out {
    fn write(
        &mut self,
        frame: &Frame,
        recovered: &Recovered,
        range: Range,
        number: usize,
    ) -> Result<(), Failure> {
        match self {
            Self::Pictures(folder) => {
                let path = folder.join(format!("{:06}.exr", number + 1));
                let options = SaveOptions { overwrite: Overwrite::Always, ..Default::default() };
                Photo::from_linear(&recovered.light).save(&path, &options)?;
            }
            Self::Video { sink, .. } => {
                let picture: Image<Srgb> = match range {
                    Range::Sdr => tone_mapped(&recovered.light),
                    _ => in_wide_primaries(&recovered.light).to_srgb(),
                };
                let frame = frame.with_image(&picture, sink.coding());
                sink.write(&frame)?;
            }
        }
        Ok(())
    }

    /// Completes the file and joins it with sound and everything else; names the encoder.
    fn finish(
        self,
        work: &Work<'_>,
        (start_us, end_us): (i64, i64),
        output: &Path,
        folder: &Path,
    ) -> Result<&'static str, Failure> {
        let Self::Video { sink, part, encoder, info } = self else { return Ok("OpenEXR") };
        FrameSink::finish(sink)?;
        let extension = output.extension().unwrap_or_default().to_string_lossy().into_owned();
        let whole = folder.join(format!("whole.{extension}"));
        let parts = [Part { path: part, start_us }];
        let cut = work.cut.map(|cut| Cut { to_us: cut.to_us.min(end_us), ..cut });
        join(work.ffmpeg, &info, &encoder, (&parts, end_us), cut, (output, &whole))?;
        fs::rename(&whole, output).map_err(|cause| {
            let message = format!("{}: could not be completed: {cause}", output.display());
            Failure::new(Code::Output, message)
        })?;
        Ok("FFmpeg")
    }
}

/// The video as it is written: in the source's format, or in ten bits for HDR.
fn written(info: &VideoInfo, range: Range) -> VideoInfo {
    let transfer = match range {
        Range::Pq => "smpte2084",
        Range::Hlg => "arib-std-b67",
        _ => {
            // Light above white is compressed: what was HDR becomes SDR.
            let mut info = info.clone();
            info.hdr = Hdr10::default();
            if matches!(info.color.transfer.as_deref(), Some("smpte2084" | "arib-std-b67")) {
                info.color.transfer = Some("bt709".to_owned());
            }
            return info;
        }
    };
    let word = |word: &str| Some(word.to_owned());
    let format = PixelFormat { planes: Planes::Yuv(1, 1), bits: 10 };
    VideoInfo {
        format,
        pixel_format: format.name(),
        codec: "hevc".to_owned(),
        profile: String::new(),
        color: ColorTags {
            range: word("tv"),
            matrix: word("bt2020nc"),
            primaries: word("bt2020"),
            transfer: word(transfer),
            chroma_location: word("left"),
        },
        hdr: Hdr10::default(),
        ..info.clone()
    }
}
