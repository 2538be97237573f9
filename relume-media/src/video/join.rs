//! The pieces of a restored video, and everything else of the source, into one file.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::encoder::{Encoder, extension};
use super::info::{OtherStream, StreamKind, VideoInfo};
use super::tool::{Ffmpeg, as_file, run};
use crate::{Error, ErrorKind, Result};

/// A piece of a restored video.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Its file.
    pub path: PathBuf,
    /// Time of its first frame on the source's clock, in microseconds.
    pub start_us: i64,
}

/// A part of the source, in microseconds of its clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cut {
    /// From here on.
    pub from_us: i64,
    /// Up to here.
    pub to_us: i64,
}

const MOV_LIKE: &[&str] = &["mp4", "m4v", "mov", "3gp", "3g2"];
/// Subtitles made of pictures, which become no text.
const PICTURES: &[&str] = &["hdmv_pgs_subtitle", "dvd_subtitle", "dvb_subtitle", "xsub"];

/// How a stream gets into a container: the codec, or what is lost and why.
fn carried(stream: &OtherStream, container: &str) -> std::result::Result<&'static str, String> {
    let lost = |why: &str| Err(format!("stream {}: {why}", stream.index));
    let codec = stream.codec.as_str();
    let moving = MOV_LIKE.contains(&container) || ["mkv", "webm", "avi", "ts"].contains(&container);
    match stream.kind {
        _ if !moving => lost(&format!(".{container} holds nothing but pictures")),
        StreamKind::Attachment if container != "mkv" => {
            lost("an attached file, which only .mkv holds")
        }
        StreamKind::Data => lost("data of its maker's own, which is not carried"),
        StreamKind::Cover if container == "webm" => lost("a cover, which .webm does not hold"),
        StreamKind::Subtitle if container == "mkv" => {
            Ok(if codec == "mov_text" { "subrip" } else { "copy" })
        }
        StreamKind::Subtitle if PICTURES.contains(&codec) => {
            lost(&format!("subtitles made of pictures ({codec}), which .{container} does not hold"))
        }
        StreamKind::Subtitle if MOV_LIKE.contains(&container) => {
            Ok(if codec == "mov_text" { "copy" } else { "mov_text" })
        }
        StreamKind::Subtitle if container == "webm" => {
            Ok(if codec == "webvtt" { "copy" } else { "webvtt" })
        }
        StreamKind::Subtitle => {
            lost(&format!("subtitles ({codec}) are not carried to .{container}"))
        }
        _ => Ok("copy"),
    }
}

/// What a restored copy at `output` will lack or have otherwise than the source; one sentence each.
pub fn losses(info: &VideoInfo, output: &Path) -> Vec<String> {
    let container = extension(output);
    let mut words = Vec::new();
    for name in &info.dynamic_hdr {
        words.push(format!("{name} data is lost; the base picture keeps its static HDR data"));
    }
    if info.alpha {
        words.push("opacity is lost".to_owned());
    }
    if info.rotation != 0 {
        words.push(format!("rotation by {}° is done to the pixels, not by a tag", info.rotation));
    }
    if info.interlaced {
        words.push("fields are joined into whole frames".to_owned());
    }
    for stream in &info.others {
        match carried(stream, &container) {
            Err(lost) => words.push(lost),
            Ok("copy") if stream.kind == StreamKind::Video => {
                words.push(format!("stream {}: a second video is carried as it is", stream.index));
            }
            Ok("copy") => {}
            Ok(codec) => words.push(format!(
                "stream {}: subtitles become {codec}, without their styles",
                stream.index
            )),
        }
    }
    let moves = MOV_LIKE.contains(&container.as_str()) || container == "mkv" || container == "webm";
    if info.chapters > 0 && !moves {
        words.push(format!("{} chapters are lost", info.chapters));
    }
    let (ticks, second) = info.time_base;
    let coarse = ["mkv", "webm"].contains(&container.as_str());
    if coarse && 1000 * u64::from(ticks) % u64::from(second) != 0 {
        words.push(format!(".{container} keeps times of frames to the millisecond only"));
    }
    words
}

/// Joins the pieces, with everything else out of the source, into the file `target`, in the
/// container that `output` names. `end_us` is the end of the last frame.
///
/// # Errors
/// When the container cannot hold a stream, or the disk is full; `target` is then of no use.
pub fn join(
    ffmpeg: &Ffmpeg,
    info: &VideoInfo,
    encoder: &Encoder,
    pieces: (&[Part], i64),
    cut: Option<Cut>,
    (output, target): (&Path, &Path),
) -> Result<()> {
    let (parts, end_us) = pieces;
    let Some(first) = parts.first() else {
        return Err(Error::new(ErrorKind::Parameter, "there is nothing to join"));
    };
    let folder = first.path.parent().unwrap_or(Path::new("."));
    let list = folder.join("parts.txt");
    std::fs::write(&list, listed(parts, end_us)).map_err(|cause| {
        Error::io(ErrorKind::Write, "could not be written", cause).with_path(&list)
    })?;
    let container = extension(output);
    let mut command = ffmpeg.command();
    command.arg("-copyts");
    command.args(["-itsoffset", &format!("{}us", first.start_us)]);
    command.args(["-f", "concat", "-safe", "0", "-i"]).arg(&list);
    if let Some(Cut { from_us, to_us }) = cut {
        command.args(["-seek_timestamp", "1"]);
        command.args(["-ss", &format!("{from_us}us"), "-t", &format!("{}us", to_us - from_us)]);
    }
    command.arg("-i").arg(as_file(&info.path));
    if cut.is_some() {
        command.args(["-output_ts_offset", &format!("{}us", -first.start_us)]);
    }
    map_streams(&mut command, info, encoder, &container);
    finish_arguments(&mut command, info, encoder, &container);
    command.arg(target);
    run(command, "joining the result", ErrorKind::Encode)
}

/// The list of pieces as FFmpeg's `concat` reads it, with exact distances.
fn listed(parts: &[Part], end_us: i64) -> String {
    let mut text = String::from("ffconcat version 1.0\n");
    let ends = parts.iter().skip(1).map(|part| part.start_us).chain([end_us]);
    for (part, end) in parts.iter().zip(ends) {
        let name = part.path.file_name().unwrap_or_default().to_string_lossy();
        let _ = writeln!(text, "file '{name}'\nduration {}us", end - part.start_us);
    }
    text
}

/// Every stream in the source's order, each with its own metadata.
fn map_streams(command: &mut Command, info: &VideoInfo, encoder: &Encoder, container: &str) {
    let mut order: Vec<(usize, Option<&OtherStream>)> =
        info.others.iter().map(|stream| (stream.index, Some(stream))).collect();
    order.push((info.stream, None));
    order.sort_by_key(|(index, _)| *index);
    let is_gif = container == "gif";
    let mut place = 0;
    for (index, other) in order {
        let codec = match other {
            None => {
                if !is_gif {
                    command.args(["-map", "0:v"]);
                }
                "copy"
            }
            Some(stream) => match carried(stream, container) {
                Ok(codec) => {
                    command.args(["-map", &format!("1:{index}")]);
                    codec
                }
                Err(_) => continue,
            },
        };
        if other.is_some() || encoder.last.is_none() {
            command.args([&format!("-c:{place}"), codec]);
        }
        if encoder.last.is_none() {
            command.args([format!("-map_metadata:s:{place}"), format!("1:s:{index}")]);
        }
        place += 1;
    }
}

fn finish_arguments(command: &mut Command, info: &VideoInfo, encoder: &Encoder, container: &str) {
    if let Some(last) = encoder.last {
        command.args(["-fps_mode", "passthrough"]).args(last);
        if container == "y4m" {
            command.args(["-pix_fmt", &info.format.name()]);
        }
        return;
    }
    command.args(["-map_metadata", "1", "-map_chapters", "1", "-fflags", "+bitexact"]);
    if MOV_LIKE.contains(&container) {
        let (ticks, second) = info.time_base;
        let scale = if ticks == 1 && second >= 1000 { second } else { 1_000_000 };
        command.args(["-video_track_timescale", &scale.to_string()]);
        let own = if info.own_keys { "+faststart+use_metadata_tags" } else { "+faststart" };
        command.args(["-movflags", own]);
        if encoder.name.contains("265") || encoder.name.contains("hevc") {
            command.args(["-tag:v", "hvc1"]);
        }
    }
    let format = match container {
        "mkv" => "matroska",
        "m4v" | "mp4" => "mp4",
        "ts" | "m2ts" => "mpegts",
        other => other,
    };
    command.args(["-f", format]);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(kind: StreamKind, codec: &str) -> OtherStream {
        OtherStream { index: 2, kind, codec: codec.to_owned() }
    }

    #[test]
    fn streams_are_copied_changed_or_named_as_lost() {
        use StreamKind::{Attachment, Audio, Cover, Subtitle};
        let cases = [
            (Audio, "aac", "mp4", Some("copy")),
            (Audio, "aac", "gif", None),
            (Subtitle, "subrip", "mkv", Some("copy")),
            (Subtitle, "subrip", "mp4", Some("mov_text")),
            (Subtitle, "mov_text", "mkv", Some("subrip")),
            (Subtitle, "hdmv_pgs_subtitle", "mkv", Some("copy")),
            (Subtitle, "hdmv_pgs_subtitle", "mp4", None),
            (Attachment, "ttf", "mkv", Some("copy")),
            (Attachment, "ttf", "mov", None),
            (Cover, "mjpeg", "mp4", Some("copy")),
        ];
        for (kind, codec, container, expected) in cases {
            let found = carried(&stream(kind, codec), container);
            assert_eq!(found.as_ref().ok().copied(), expected, "{codec} {container}");
            assert!(found.is_ok() || found.is_err_and(|words| words.contains("stream 2: ")));
        }
    }

    #[test]
    fn the_list_of_pieces_has_exact_distances() {
        let part = |name: &str, start_us| Part { path: Path::new("x").join(name), start_us };
        let text = listed(&[part("a.mp4", -20), part("b.mp4", 1_000_013)], 2_000_000);
        assert!(text.contains("file 'a.mp4'\nduration 1000033us\n"), "{text}");
        assert!(text.ends_with("file 'b.mp4'\nduration 999987us\n"), "{text}");
    }
}
