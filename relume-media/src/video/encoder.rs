//! Which encoder writes the video, and with which settings.

use std::path::Path;

use super::format::Planes;
use super::info::{Hdr10, VideoInfo};
use super::tool::Ffmpeg;
use crate::{Error, ErrorKind, Result, Size};

/// What the user wants of the encoder.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct EncodeOptions {
    /// A family (`h264`, `hevc`, `av1`, `vp9` …) or an encoder of FFmpeg; none: the source's family.
    pub codec: Option<String>,
    /// Quality on the encoder's own scale, smaller is better; none: visually lossless.
    pub crf: Option<f32>,
    /// Speed preset of the encoder; none: its usual one.
    pub preset: Option<String>,
}

/// A family of codecs and how it is written: a line here is all that a new one needs.
struct Family {
    /// FFmpeg's name of the codec.
    codec: &'static str,
    /// Encoders for it, the best first.
    encoders: &'static [&'static str],
    /// Visually lossless quality; none where there is no such scale.
    quality: Option<f32>,
    /// Container of the pieces that a video is written in.
    part: &'static str,
}

const FAMILIES: &[Family] = &[
    Family { codec: "h264", encoders: &["libx264"], quality: Some(12.0), part: "mp4" },
    Family { codec: "hevc", encoders: &["libx265"], quality: Some(14.0), part: "mp4" },
    Family {
        codec: "av1",
        encoders: &["libsvtav1", "libaom-av1"],
        quality: Some(16.0),
        part: "mp4",
    },
    Family { codec: "vp9", encoders: &["libvpx-vp9"], quality: Some(12.0), part: "mp4" },
    Family { codec: "vp8", encoders: &["libvpx"], quality: Some(4.0), part: "nut" },
    Family { codec: "prores", encoders: &["prores_ks"], quality: None, part: "mov" },
    Family { codec: "mjpeg", encoders: &["mjpeg"], quality: Some(2.0), part: "mov" },
    Family { codec: "ffv1", encoders: &["ffv1"], quality: None, part: "nut" },
];

/// Encoders that take odd sizes with chroma of half the size.
const ANY_SIZE: &[&str] =
    &["ffv1", "libaom-av1", "libsvtav1", "libvpx", "libvpx-vp9", "mjpeg", "prores_ks"];

/// Containers, by extension, that hold only one codec, or are written whole at the end.
const AT_THE_END: &[(&str, &[&str])] = &[
    ("gif", &["-filter_complex", GIF]),
    ("apng", &["-c:v", "apng", "-plays", "0", "-f", "apng"]),
    ("webp", &["-c:v", "libwebp_anim", "-lossless", "0", "-quality", "90", "-loop", "0"]),
    ("y4m", &["-c:v", "wrapped_avframe", "-strict", "-1", "-f", "yuv4mpegpipe"]),
    ("png", &["-c:v", "png"]),
    ("tif", &["-c:v", "tiff"]),
    ("tiff", &["-c:v", "tiff"]),
    ("jpg", &["-c:v", "mjpeg", "-q:v", "2"]),
];

/// One palette a picture would flicker; one for all needs every frame before the first is written.
const GIF: &str = "[0:v]split[a][b];[a]palettegen[p];[b][p]paletteuse=dither=sierra2_4a";

/// An encoder with its settings.
#[derive(Debug, Clone, PartialEq)]
pub struct Encoder {
    /// FFmpeg's name of it.
    pub name: String,
    /// What the user should know about the choice.
    pub notes: Vec<String>,
    /// Arguments that choose and set it.
    pub(super) arguments: Vec<String>,
    /// Extension of the pieces.
    pub(super) part: &'static str,
    /// How the pieces are written at the end; none: as they are.
    pub(super) last: Option<&'static [&'static str]>,
    /// Whether RGB becomes YUV.
    pub(super) from_rgb: bool,
    /// Whether a column or a row is added to an odd size.
    pub(super) pad: bool,
}

impl Encoder {
    /// Chooses the encoder for a restored copy of the video that `info` describes, in the
    /// container that the extension of `output` names.
    ///
    /// # Errors
    /// [`ErrorKind::Tool`] when this FFmpeg lacks the encoder.
    pub fn choose(
        ffmpeg: &Ffmpeg,
        info: &VideoInfo,
        output: &Path,
        options: &EncodeOptions,
    ) -> Result<Self> {
        let extension = extension(output);
        let last = AT_THE_END.iter().find(|(known, _)| *known == extension).map(|(_, how)| *how);
        if last.is_some() {
            if options != &EncodeOptions::default() {
                let message = format!("codec, crf and preset are of no use for .{extension}");
                return Err(Error::new(ErrorKind::Parameter, message));
            }
            return Self::lossless(ffmpeg, last);
        }
        let mut notes = Vec::new();
        let wanted = options.codec.as_deref().unwrap_or(match (extension.as_str(), &*info.codec) {
            ("webm", "vp8" | "vp9" | "av1") => &info.codec,
            ("webm", _) => "vp9",
            (_, known) if FAMILIES.iter().any(|family| family.codec == known) => known,
            (_, other) => {
                notes.push(format!("{other} is not written any more; the result is H.264"));
                "h264"
            }
        });
        let family = FAMILIES
            .iter()
            .find(|family| family.codec == wanted || family.encoders.contains(&wanted));
        let names = match family {
            Some(family) if family.codec == wanted => family.encoders,
            _ => &[wanted],
        };
        let (name, help) = find(ffmpeg, names)?;
        let mut arguments = vec!["-c:v".to_owned(), name.to_owned()];
        let quality = options.crf.or(family.and_then(|family| family.quality));
        arguments.extend(quality_arguments(name, quality));
        arguments.extend(preset_arguments(name, options.preset.as_deref()));
        arguments.extend(format_arguments(&help, name, info, &mut notes));
        arguments.extend(own_arguments(name, info));
        let part = family.map_or("mp4", |family| family.part);
        let holds = |format: &str| arguments.iter().any(|argument| argument.starts_with(format));
        let from_rgb = info.format.planes == Planes::Gbr && holds("yuv");
        let Size { width, height } = info.size;
        let odd = width % 2 + height % 2 > 0 && (holds("yuv420p") || holds("yuvj420p"));
        let pad = odd && !ANY_SIZE.contains(&name);
        if pad {
            notes.push(format!("{name} holds even sizes only; {width}×{height} gets a black edge"));
        }
        if part == "nut" && info.hdr != Hdr10::default() {
            notes.push(format!("{name} keeps no HDR10 data; --codec hevc and --codec av1 do"));
        }
        let name = name.to_owned();
        Ok(Self { name, notes, arguments, part, last: None, from_rgb, pad })
    }

    /// Lossless pieces, for what is written whole at the end.
    fn lossless(ffmpeg: &Ffmpeg, last: Option<&'static [&'static str]>) -> Result<Self> {
        let (name, _) = find(ffmpeg, &["ffv1"])?;
        let arguments = ["-c:v", "ffv1", "-level", "3", "-g", "1"].map(str::to_owned).into();
        Ok(Self {
            name: name.to_owned(),
            notes: Vec::new(),
            arguments,
            part: "nut",
            last,
            from_rgb: false,
            pad: false,
        })
    }

    /// Extension of the files that the pieces of a video are written to.
    pub fn part_extension(&self) -> &'static str {
        self.part
    }
}

/// The extension of a file in small letters.
pub(super) fn extension(path: &Path) -> String {
    path.extension().unwrap_or_default().to_string_lossy().to_lowercase()
}

/// The first of `names` that FFmpeg has, and what it says about it.
fn find<'a>(ffmpeg: &Ffmpeg, names: &[&'a str]) -> Result<(&'a str, String)> {
    for name in names {
        let help = ffmpeg.help_of_encoder(name);
        if help.contains("Encoder ") {
            return Ok((name, help));
        }
    }
    let families: Vec<_> = FAMILIES.iter().map(|family| family.codec).collect();
    let message = format!(
        "this FFmpeg ({}) has no encoder {}; choose another with --codec: {}, or a name that \
         ffmpeg -encoders lists",
        ffmpeg.version(),
        names.join(" or "),
        families.join(", ")
    );
    Err(Error::new(ErrorKind::Tool, message))
}

fn quality_arguments(encoder: &str, quality: Option<f32>) -> Vec<String> {
    let Some(quality) = quality else { return Vec::new() };
    let value = quality.to_string();
    let names: &[&str] = match encoder {
        "mjpeg" => &["-q:v"],
        name if name.ends_with("_nvenc") => &["-cq"],
        name if name.ends_with("_qsv") => &["-global_quality"],
        name if name.ends_with("_videotoolbox") => &["-q:v"],
        _ => &["-crf"],
    };
    let mut arguments: Vec<String> =
        names.iter().flat_map(|name| [(*name).to_owned(), value.clone()]).collect();
    // For libvpx the quality is only a bound of a bit rate unless there is none.
    match encoder {
        "libvpx-vp9" | "libaom-av1" => arguments.extend(["-b:v", "0"].map(str::to_owned)),
        "libvpx" => arguments.extend(["-b:v", "100M"].map(str::to_owned)),
        _ => {}
    }
    arguments
}

fn preset_arguments(encoder: &str, preset: Option<&str>) -> Vec<String> {
    let (name, usual) = match encoder {
        "libvpx" | "libvpx-vp9" | "libaom-av1" => ("-cpu-used", Some("3")),
        "libsvtav1" => ("-preset", Some("6")),
        _ => ("-preset", None),
    };
    preset.or(usual).map_or_else(Vec::new, |value| vec![name.to_owned(), value.to_owned()])
}

/// The pixel format, if the encoder can hold the source's.
fn format_arguments(
    help: &str,
    encoder: &str,
    info: &VideoInfo,
    notes: &mut Vec<String>,
) -> Vec<String> {
    let wanted = info.format.name();
    let listed = help.lines().find_map(|line| line.trim().strip_prefix("Supported pixel formats:"));
    let Some(listed) = listed else { return Vec::new() };
    let known: Vec<&str> = listed.split_whitespace().collect();
    let mut equals = vec![wanted.clone(), wanted.replace("yuv", "yuvj")];
    if wanted == "gbrp" {
        equals.extend(["bgr0", "rgb24", "bgr24"].map(str::to_owned));
    }
    if let Some(equal) = equals.into_iter().find(|format| known.contains(&format.as_str())) {
        return vec!["-pix_fmt".to_owned(), equal];
    }
    let deep = if info.format.bits > 8 { "10le" } else { "" };
    let yuv = match info.format.planes {
        Planes::Yuv(0, 0) | Planes::Gbr => "yuv444p",
        Planes::Yuv(1, 0) => "yuv422p",
        _ => "yuv420p",
    };
    // Colours of pictures are drawn at full size, but few players show 4:4:4.
    let yuv = if info.format.planes == Planes::Gbr { "yuv420p" } else { yuv };
    let choices = [format!("{yuv}{deep}"), format!("yuv420p{deep}"), "yuv420p".to_owned()];
    let choice = choices.into_iter().find(|choice| known.contains(&choice.as_str()));
    let chosen = choice.as_deref().unwrap_or("what FFmpeg chooses");
    notes.push(format!("{encoder} cannot hold {wanted}; the result is {chosen}"));
    choice.map_or_else(Vec::new, |choice| vec!["-pix_fmt".to_owned(), choice])
}

/// What single encoders need to be told.
fn own_arguments(encoder: &str, info: &VideoInfo) -> Vec<String> {
    let own = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    match encoder {
        "libx265" => vec!["-x265-params".to_owned(), x265_parameters(info)],
        "libsvtav1" => match svt_parameters(info) {
            text if text.is_empty() => Vec::new(),
            text => vec!["-svtav1-params".to_owned(), text],
        },
        "libvpx-vp9" => own(&["-row-mt", "1"]),
        "ffv1" => own(&["-level", "3", "-g", "1"]),
        "prores_ks" => {
            let profiles = ["proxy", "lt", "standard", "hq", "4444", "xq"];
            let profile = info.profile.to_lowercase();
            let found = profiles.iter().rev().find(|known| profile.contains(*known));
            own(&[
                "-profile:v",
                found.map_or("hq", |name| if *name == "xq" { "4444xq" } else { name }),
            ])
        }
        _ => Vec::new(),
    }
}

fn x265_parameters(info: &VideoInfo) -> String {
    let mut parameters = vec!["log-level=error".to_owned()];
    if let Some((corners, [least, greatest])) = info.hdr.mastering {
        // Chromaticities in steps of 0.00002, luminance in steps of 0.0001 cd/m².
        let [red, green, blue, white] = corners.map(|c| c.map(|v| (v * 50_000.0).round()));
        let (least, greatest) = ((least * 1e4).round(), (greatest * 1e4).round());
        parameters.push(format!(
            "master-display=G({},{})B({},{})R({},{})WP({},{})L({greatest},{least})",
            green[0], green[1], blue[0], blue[1], red[0], red[1], white[0], white[1]
        ));
        parameters.push("hdr10=1".to_owned());
    }
    if let Some([pixel, frame]) = info.hdr.light_level {
        parameters.push(format!("max-cll={pixel},{frame}"));
    }
    parameters.join(":")
}

fn svt_parameters(info: &VideoInfo) -> String {
    let mut parameters = Vec::new();
    if let Some((corners, [least, greatest])) = info.hdr.mastering {
        let [red, green, blue, white] = corners;
        parameters.push(format!(
            "mastering-display=G({},{})B({},{})R({},{})WP({},{})L({greatest},{least})",
            green[0], green[1], blue[0], blue[1], red[0], red[1], white[0], white[1]
        ));
    }
    if let Some([pixel, frame]) = info.hdr.light_level {
        parameters.push(format!("content-light={pixel},{frame}"));
    }
    parameters.join(":")
}
