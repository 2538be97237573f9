//! Frames through FFmpeg and back: samples, times and everything beside them.
#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]
#![allow(clippy::print_stdout, reason = "reasons for skipping")]

use std::path::{Path, PathBuf};
use std::process::Command;

use relume_media::video::{
    EncodeOptions, Encoder, Ffmpeg, FrameSink, FrameSource, Part, VideoInfo, VideoReader,
    VideoWriter, join,
};
use relume_media::{ErrorKind, Limits};

/// FFmpeg, or none with the reason printed. `RELUME_FFMPEG` chooses another than the one on PATH.
fn ffmpeg() -> Option<(Ffmpeg, PathBuf)> {
    let named =
        std::env::var_os("RELUME_FFMPEG").filter(|name| !name.is_empty()).map(PathBuf::from);
    match Ffmpeg::find(named.as_deref()) {
        Ok(found) => Some((found, named.unwrap_or_else(|| "ffmpeg".into()))),
        Err(error) => {
            println!("skipped: {error}");
            None
        }
    }
}

fn make(program: &Path, folder: &Path, name: &str, arguments: &[&str]) -> PathBuf {
    let path = folder.join(name);
    let status = Command::new(program)
        .args(["-v", "error", "-nostdin", "-y"])
        .args(arguments)
        .arg(&path)
        .status()
        .unwrap();
    assert!(status.success(), "{arguments:?}");
    path
}

fn frames(ffmpeg: &Ffmpeg, path: &Path) -> Vec<relume_media::video::Frame> {
    let info = VideoInfo::probe(ffmpeg, path, &Limits::default()).unwrap();
    let mut reader = VideoReader::open(ffmpeg, &info, None).unwrap();
    std::iter::from_fn(|| reader.read().unwrap()).collect()
}

/// Frames that come at uneven times, with a moving picture.
const UNEVEN: &str = "testsrc2=s=96x64:r=30:d=2,settb=1/90000,\
                      setpts='N*3003+1500*mod(N*N\\,7)/7'";

/// Formats, a file that holds them without loss, and one for the result.
const FORMATS: &[(&str, &str, &str)] = &[
    ("yuv420p", "a.mkv", "b.mkv"),
    ("yuv420p", "a.mp4", "b.mp4"),
    ("yuv444p", "c.mov", "d.mov"),
    ("yuv444p10le", "e.mkv", "f.mkv"),
    ("gray", "e.mkv", "f.mkv"),
    ("gray10le", "e.mkv", "f.mkv"),
    ("gbrp", "e.mkv", "f.mkv"),
    ("gbrp12le", "g.mkv", "h.mkv"),
    ("yuv422p12le", "g.mkv", "h.mkv"),
    ("yuv440p", "i.mkv", "j.mkv"),
    ("yuv411p", "i.mkv", "j.mkv"),
    ("yuv420p16le", "i.mkv", "j.mkv"),
];

#[test]
fn uneven_times_and_samples_survive_pieces_without_loss() {
    let Some((ffmpeg, program)) = ffmpeg() else { return };
    let folder = tempfile::tempdir().unwrap();
    for &(format, name, output) in FORMATS {
        let lossless: &[&str] = if name.ends_with("mkv") {
            &["-c:v", "ffv1"]
        } else {
            &["-c:v", "libx264", "-qp", "0", "-bf", "2"]
        };
        let arguments =
            [&["-f", "lavfi", "-i", UNEVEN, "-fps_mode", "passthrough"], lossless].concat();
        let times = ["-enc_time_base", "1/90000", "-pix_fmt", format];
        let source = make(&program, folder.path(), name, &[&arguments[..], &times].concat());
        let info = VideoInfo::probe(&ffmpeg, &source, &Limits::default()).unwrap();
        let held = if format == "gbrp" { "bgr0" } else { format };
        assert_eq!(info.pixel_format, held);
        assert_eq!(info.format.name(), format);
        let options = EncodeOptions {
            codec: name.ends_with("mkv").then(|| "ffv1".to_owned()),
            crf: (!name.ends_with("mkv")).then_some(0.0),
            preset: None,
        };
        let target = folder.path().join(output);
        let encoder = Encoder::choose(&ffmpeg, &info, &target, &options).unwrap();
        assert_eq!(encoder.notes, Vec::<String>::new());
        let before = frames(&ffmpeg, &source);
        assert_eq!(before.len(), 60, "{format}");
        let mut parts = Vec::new();
        for (number, piece) in before.chunks(23).enumerate() {
            let path = folder.path().join(format!("p{number}.part"));
            let mut writer =
                Box::new(VideoWriter::create(&ffmpeg, &info, &encoder, &path).unwrap());
            piece.iter().for_each(|frame| writer.write(frame).unwrap());
            writer.finish().unwrap();
            parts.push(Part { path, start_us: piece[0].time_us });
        }
        let last = before.last().unwrap();
        let pieces = (&parts[..], last.time_us + last.duration_us.max(1));
        join(&ffmpeg, &info, &encoder, pieces, None, (&target, &target)).unwrap();
        let after = frames(&ffmpeg, &target);
        assert_eq!(after.len(), before.len(), "{format}");
        for (number, (a, b)) in before.iter().zip(&after).enumerate() {
            // Matroska rounds to milliseconds, of source and result alike.
            assert!(
                (a.time_us - b.time_us).abs() <= 20,
                "{format} {number}: {a:?} {b:?}",
                a = a.time_us,
                b = b.time_us
            );
            assert!(a.samples == b.samples, "{format}: frame {number} differs");
        }
    }
}

#[test]
fn reading_can_begin_anywhere() {
    let Some((ffmpeg, program)) = ffmpeg() else { return };
    let folder = tempfile::tempdir().unwrap();
    let long_gops = ["-f", "lavfi", "-i", "testsrc2=s=96x64:r=25:d=4", "-g", "50", "-bf", "3"];
    for name in ["a.mp4", "a.mkv", "a.ts"] {
        let source = make(&program, folder.path(), name, &long_gops);
        let info = VideoInfo::probe(&ffmpeg, &source, &Limits::default()).unwrap();
        let all = frames(&ffmpeg, &source);
        assert_eq!(all.len(), 100);
        for start in [0, 1, 49, 50, 51, 77, 99] {
            let mut reader = VideoReader::open(&ffmpeg, &info, Some(all[start].time_us)).unwrap();
            let found = reader.read().unwrap().unwrap();
            assert_eq!(found.time_us, all[start].time_us, "{name} {start}");
            assert!(found.samples == all[start].samples, "{name} {start}");
        }
    }
}

#[test]
fn files_that_are_no_video_are_one_clear_error() {
    let Some((ffmpeg, program)) = ffmpeg() else { return };
    let folder = tempfile::tempdir().unwrap();
    let sound = make(&program, folder.path(), "a.m4a", &["-f", "lavfi", "-i", "sine=d=0.2"]);
    let text = folder.path().join("a.mp4");
    std::fs::write(&text, "no video at all").unwrap();
    let cases = [
        (sound, ErrorKind::Unsupported, "no moving pictures"),
        (text, ErrorKind::Decode, "damaged"),
        (folder.path().join("missing.mp4"), ErrorKind::Read, "missing.mp4"),
    ];
    for (path, kind, words) in cases {
        let error = VideoInfo::probe(&ffmpeg, &path, &Limits::default()).unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().contains(words), "{error}");
    }
}
