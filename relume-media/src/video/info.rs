//! What a video file holds: asked of ffprobe, typed.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::color::Coding;
use super::format::PixelFormat;
use super::tool::{Ffmpeg, as_file};
use crate::{Error, ErrorKind, Limits, Result, Size};

/// Colour tags of a video, in FFmpeg's names; none where the file says nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize)]
pub struct ColorTags {
    /// `tv` (limited) or `pc` (full).
    pub range: Option<String>,
    /// Matrix from RGB, such as `bt709`.
    pub matrix: Option<String>,
    /// Primaries, such as `bt709` or `bt2020`.
    pub primaries: Option<String>,
    /// Transfer curve, such as `bt709` or `smpte2084`.
    pub transfer: Option<String>,
    /// Where chroma samples sit, such as `left`.
    pub chroma_location: Option<String>,
}

/// Static HDR data (SMPTE ST 2086 and CTA-861.3).
#[derive(Debug, Clone, Copy, PartialEq, Default, serde::Serialize)]
pub struct Hdr10 {
    /// Chromaticities of the mastering display: red, green, blue, white, each x and y; then its
    /// least and greatest luminance in cd/m².
    pub mastering: Option<([[f64; 2]; 4], [f64; 2])>,
    /// Brightest pixel and brightest frame average in cd/m².
    pub light_level: Option<[u32; 2]>,
}

/// What kind of thing a stream holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum StreamKind {
    /// Moving pictures.
    Video,
    /// A still picture that belongs to the file, such as a cover.
    Cover,
    /// Sound.
    Audio,
    /// Subtitles.
    Subtitle,
    /// A file, such as a font.
    Attachment,
    /// Anything else, such as time code or sensor data.
    Data,
}

/// A stream beside the video that is restored.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct OtherStream {
    /// Its number in the file.
    pub index: usize,
    /// What it holds.
    pub kind: StreamKind,
    /// FFmpeg's name of its codec, or empty.
    pub codec: String,
}

/// What a file says about itself.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct VideoInfo {
    /// The file.
    #[serde(skip)]
    pub path: PathBuf,
    /// FFmpeg's names for the container, such as `mov,mp4,m4a,3gp,3g2,mj2`.
    pub container: String,
    /// Number of the video stream in the file.
    pub stream: usize,
    /// FFmpeg's name of the codec, such as `h264`.
    pub codec: String,
    /// The profile as FFmpeg names it, or empty.
    pub profile: String,
    /// Width and height in pixels as shown, rotation applied.
    pub size: Size,
    /// Rotation that the file asks players for, in degrees.
    pub rotation: i32,
    /// Format of the samples as FFmpeg names it.
    pub pixel_format: String,
    /// The format that frames are read in.
    #[serde(skip)]
    pub format: PixelFormat,
    /// Whether there is opacity, which frames do not carry.
    pub alpha: bool,
    /// Width and height of a pixel, if it is not square.
    pub pixel_aspect: Option<(u32, u32)>,
    /// Frames a second on average, as a fraction.
    pub frame_rate: Option<(u32, u32)>,
    /// Length of a tick of the file's clock in seconds, as a fraction.
    pub time_base: (u32, u32),
    /// Duration in seconds, if the file says it.
    pub seconds: Option<f64>,
    /// Number of frames, if the file says it.
    pub frames: Option<u64>,
    /// Bits a second of the video stream, if the file says it.
    pub bit_rate: Option<u64>,
    /// Whether frames are made of two fields.
    pub interlaced: bool,
    /// Colour tags.
    pub color: ColorTags,
    /// Static HDR data.
    pub hdr: Hdr10,
    /// Moving HDR data, by name, that frames do not carry.
    pub dynamic_hdr: Vec<&'static str>,
    /// The other streams, in the file's order.
    pub others: Vec<OtherStream>,
    /// Number of chapters.
    pub chapters: usize,
    /// Whether the file has tags of its maker's own, such as `com.android.version`.
    #[serde(skip)]
    pub own_keys: bool,
}

impl VideoInfo {
    /// Asks ffprobe about the file at `path`.
    ///
    /// # Errors
    /// [`ErrorKind::Read`] when there is no such file, [`ErrorKind::Decode`] when it is damaged or
    /// no video, [`ErrorKind::Unsupported`] when it holds no moving pictures, [`ErrorKind::Limits`]
    /// when a frame is larger than `limits` allow.
    pub fn probe(ffmpeg: &Ffmpeg, path: &Path, limits: &Limits) -> Result<Self> {
        let in_file = |error: Error| error.with_path(path);
        let is_pattern = path.to_string_lossy().contains('%');
        if !is_pattern {
            std::fs::File::open(path).map_err(|cause| {
                in_file(Error::io(ErrorKind::Read, "could not be opened", cause))
            })?;
        }
        let mut command = ffmpeg.probe_command();
        command.args(["-show_format", "-show_streams", "-show_chapters"]);
        command.args(["-select_streams", "v:0", "-show_frames", "-read_intervals", "%+#4"]);
        let first = ask(command, path).map_err(in_file)?;
        // Frames of the video alone, streams of all.
        let mut command = ffmpeg.probe_command();
        command.args(["-show_format", "-show_streams", "-show_chapters"]);
        let mut report = ask(command, path).map_err(in_file)?;
        report.frames = first.frames;
        Self::from_report(report, path, limits).map_err(in_file)
    }

    /// How samples become light.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] for colours of an unsupported kind.
    pub fn coding(&self) -> Result<Coding> {
        Coding::new(self.format, &self.color, self.size).map_err(|e| e.with_path(&self.path))
    }

    /// What `json`, the answer of ffprobe, says about the file at `path`.
    ///
    /// # Errors
    /// [`ErrorKind::Decode`] when it is no such answer or the video is damaged; else as
    /// [`VideoInfo::probe`].
    pub fn from_answer(json: &[u8], path: &Path, limits: &Limits) -> Result<Self> {
        Self::from_report(report(json)?, path, limits).map_err(|error| error.with_path(path))
    }

    fn from_report(report: Report, path: &Path, limits: &Limits) -> Result<Self> {
        let is_video = |s: &&Stream| s.kind() == StreamKind::Video;
        let video = report.streams.iter().find(is_video).ok_or_else(|| no_video(&report))?;
        if video.width == 0 || video.height == 0 || video.pix_fmt.is_empty() {
            let message = "the video cannot be decoded: its header is damaged, or this FFmpeg has \
                           no decoder for it";
            return Err(Error::new(ErrorKind::Decode, message));
        }
        let coded = Size::new(video.width, video.height);
        limits.check_size(coded)?;
        let rotation = video.rotation();
        let sideways = rotation.rem_euclid(180) == 90;
        let turned = |(a, b): (u32, u32)| if sideways { (b, a) } else { (a, b) };
        let size = if sideways { Size::new(coded.height, coded.width) } else { coded };
        let understood = PixelFormat::understand(&video.pix_fmt);
        let mut color = video.color();
        if understood.full_range && color.range.is_none() {
            color.range = Some("pc".to_owned());
        }
        let frame_data = report.frames.iter().flat_map(|frame| &frame.side_data_list);
        let data: Vec<_> = video.side_data_list.iter().chain(frame_data).collect();
        let own_keys = report.format.tags.keys().any(|key| key.contains("com."));
        Ok(Self {
            path: path.to_owned(),
            own_keys,
            container: report.format.format_name,
            stream: video.index,
            codec: video.codec_name.clone(),
            profile: video.profile.clone(),
            size,
            rotation,
            pixel_format: video.pix_fmt.clone(),
            format: understood.format,
            alpha: understood.alpha,
            pixel_aspect: fraction(&video.sample_aspect_ratio, ':')
                .filter(|(a, b)| a != b)
                .map(turned),
            frame_rate: fraction(&video.avg_frame_rate, '/')
                .or_else(|| fraction(&video.r_frame_rate, '/')),
            time_base: fraction(&video.time_base, '/').unwrap_or((1, 1_000_000)),
            seconds: number(&video.duration).or_else(|| number(&report.format.duration)),
            frames: number(&video.nb_frames),
            bit_rate: number(&video.bit_rate),
            interlaced: !matches!(video.field_order.as_str(), "" | "progressive" | "unknown"),
            color,
            hdr: hdr10(&data),
            dynamic_hdr: dynamic_hdr(&data),
            others: report
                .streams
                .iter()
                .filter(|stream| stream.index != video.index && !stream.is_chapters())
                .map(|s| OtherStream {
                    index: s.index,
                    kind: s.kind(),
                    codec: s.codec_name.clone(),
                })
                .collect(),
            chapters: report.chapters.len(),
        })
    }
}

fn no_video(report: &Report) -> Error {
    let kinds: Vec<_> = report.streams.iter().map(|s| s.codec_type.as_str()).collect();
    let found = if kinds.is_empty() { "nothing".to_owned() } else { kinds.join(", ") };
    let message = format!("holds no moving pictures ({found}); name a file with video");
    Error::new(ErrorKind::Unsupported, message)
}

fn ask(mut command: std::process::Command, path: &Path) -> Result<Report> {
    command.arg("-i").arg(as_file(path)).stdin(std::process::Stdio::null());
    let output = command
        .output()
        .map_err(|cause| Error::io(ErrorKind::Tool, "ffprobe did not start", cause))?;
    let words = String::from_utf8_lossy(&output.stderr);
    if let Some(at) = words.find("Picture size") {
        let line = words[at..].lines().next().unwrap_or_default();
        let message = format!("has frames larger than FFmpeg reads: {line}");
        return Err(Error::new(ErrorKind::Limits, message));
    }
    if !output.status.success() {
        return Err(damaged(words.trim()));
    }
    report(&output.stdout)
}

fn report(json: &[u8]) -> Result<Report> {
    serde_json::from_slice(json).map_err(|error| damaged(&error.to_string()))
}

fn damaged(words: &str) -> Error {
    let words = words.replace('\n', " / ");
    Error::new(ErrorKind::Decode, format!("is damaged or no video: {words}"))
}

/// Mastering display and light levels among the data beside the pixels.
fn hdr10(data: &[&SideData]) -> Hdr10 {
    let of = |kind: &str| data.iter().find(|data| data.side_data_type == kind);
    let value = |text: &Option<String>| ratio(text.as_deref().unwrap_or_default());
    let mastering = of("Mastering display metadata").and_then(|d| {
        let pair = |x, y| Some([value(x)?, value(y)?]);
        let corners = [
            pair(&d.red_x, &d.red_y)?,
            pair(&d.green_x, &d.green_y)?,
            pair(&d.blue_x, &d.blue_y)?,
            pair(&d.white_point_x, &d.white_point_y)?,
        ];
        Some((corners, [value(&d.min_luminance)?, value(&d.max_luminance)?]))
    });
    let light_level = of("Content light level metadata")
        .and_then(|d| Some([d.max_content?, d.max_average.unwrap_or(0)]));
    Hdr10 { mastering, light_level }
}

fn dynamic_hdr(data: &[&SideData]) -> Vec<&'static str> {
    let known =
        [("DOVI", "Dolby Vision"), ("Dolby Vision", "Dolby Vision"), ("SMPTE2094-40", "HDR10+")];
    let mut found = Vec::new();
    for (part, name) in known {
        if data.iter().any(|data| data.side_data_type.contains(part)) && !found.contains(&name) {
            found.push(name);
        }
    }
    found
}

fn fraction(text: &str, between: char) -> Option<(u32, u32)> {
    let (a, b) = text.split_once(between)?;
    let (a, b) = (a.parse().ok()?, b.parse().ok()?);
    (a > 0 && b > 0).then_some((a, b))
}

/// `34000/50000`, or a plain number.
fn ratio(text: &str) -> Option<f64> {
    match text.split_once('/') {
        Some((a, b)) => Some(a.parse::<f64>().ok()? / b.parse::<f64>().ok()?),
        None => text.parse().ok(),
    }
}

fn number<T: std::str::FromStr>(text: &str) -> Option<T> {
    text.parse().ok()
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Report {
    streams: Vec<Stream>,
    frames: Vec<FrameReport>,
    chapters: Vec<serde::de::IgnoredAny>,
    format: Format,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Format {
    format_name: String,
    duration: String,
    tags: std::collections::BTreeMap<String, String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct FrameReport {
    side_data_list: Vec<SideData>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Stream {
    index: usize,
    codec_type: String,
    codec_name: String,
    codec_tag_string: String,
    profile: String,
    width: usize,
    height: usize,
    pix_fmt: String,
    sample_aspect_ratio: String,
    avg_frame_rate: String,
    r_frame_rate: String,
    time_base: String,
    duration: String,
    nb_frames: String,
    bit_rate: String,
    field_order: String,
    color_range: Option<String>,
    color_space: Option<String>,
    color_primaries: Option<String>,
    color_transfer: Option<String>,
    chroma_location: Option<String>,
    disposition: Disposition,
    side_data_list: Vec<SideData>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Disposition {
    attached_pic: u8,
    timed_thumbnails: u8,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct SideData {
    side_data_type: String,
    rotation: Option<f64>,
    red_x: Option<String>,
    red_y: Option<String>,
    green_x: Option<String>,
    green_y: Option<String>,
    blue_x: Option<String>,
    blue_y: Option<String>,
    white_point_x: Option<String>,
    white_point_y: Option<String>,
    min_luminance: Option<String>,
    max_luminance: Option<String>,
    max_content: Option<u32>,
    max_average: Option<u32>,
}

impl Stream {
    fn kind(&self) -> StreamKind {
        let d = &self.disposition;
        match self.codec_type.as_str() {
            "video" if d.attached_pic > 0 || d.timed_thumbnails > 0 => StreamKind::Cover,
            "video" => StreamKind::Video,
            "audio" => StreamKind::Audio,
            "subtitle" => StreamKind::Subtitle,
            "attachment" => StreamKind::Attachment,
            _ => StreamKind::Data,
        }
    }

    /// QuickTime keeps the titles of chapters in a stream.
    fn is_chapters(&self) -> bool {
        self.kind() == StreamKind::Data && self.codec_tag_string == "text"
    }

    fn rotation(&self) -> i32 {
        let found = self.side_data_list.iter().find_map(|data| data.rotation);
        found.map_or(0, |degrees| degrees.round() as i32)
    }

    fn color(&self) -> ColorTags {
        let known =
            |tag: &Option<String>| tag.clone().filter(|tag| tag != "unknown" && tag != "reserved");
        ColorTags {
            range: known(&self.color_range),
            matrix: known(&self.color_space),
            primaries: known(&self.color_primaries),
            transfer: known(&self.color_transfer),
            chroma_location: known(&self.chroma_location).filter(|tag| tag != "unspecified"),
        }
    }
}
