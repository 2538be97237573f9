//! Nothing is lost on the way: streams, tags, times, colours, pixels.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::clips::{digests, ffmpeg, make, moving, pass, probe, psnr, times};
use crate::run::folder;

/// Frames at uneven times.
const UNEVEN: &str =
    "-f lavfi -i testsrc2=s=192x108:r=30:d=4,settb=1/90000,setpts=N*3003+1500*mod(N*N\\,7)/7";

const HDR10: &str = "-c:v libx265 -pix_fmt yuv420p10le -x265-params log-level=error:hdr10=1:\
    colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc:master-display=G(13250,34500)\
    B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,1):max-cll=1000,400 -color_primaries \
    bt2020 -color_trc smpte2084 -colorspace bt2020nc -color_range tv";

/// A clip with everything: uneven times, HDR10, two languages, subtitles, chapters, tags.
fn everything(ffmpeg: &Path, folder: &Path, tail: &str) {
    fs::write(folder.join("s.srt"), "1\n00:00:00,200 --> 00:00:01,500\nGood night\n").unwrap();
    let chapter = |start, end, title| {
        format!("[CHAPTER]\nTIMEBASE=1/1000\nSTART={start}\nEND={end}\ntitle={title}\n")
    };
    let (one, two) = (chapter(0, 1500, "One"), chapter(1500, 4000, "Two"));
    let tags = format!(";FFMETADATA1\ntitle=Night\nartist=Me\n{one}{two}");
    fs::write(folder.join("m.txt"), tags).unwrap();
    fs::write(folder.join("f.ttf"), "a font").unwrap();
    let sounds = "-f lavfi -i sine=440:d=4 -f lavfi -i sine=660:d=4 -i s.srt -i m.txt";
    let maps = "-map 0 -map 1 -map 2 -map 3 -map_metadata 4 -map_chapters 4";
    let times = "-fps_mode passthrough -enc_time_base 1/90000";
    let languages = "-metadata:s:a:0 language=eng -metadata:s:a:1 language=deu";
    let line = format!("{UNEVEN} {sounds} {maps} {times} {HDR10} -c:a aac {languages} {tail}");
    make(ffmpeg, folder, &line);
}

/// The streams without what every muxer writes anew.
fn streams(folder: &Path, file: &str) -> Vec<Value> {
    let mut report = probe(folder, file, &["-show_streams"]);
    let keys = ["codec_name", "profile", "width", "height", "pix_fmt", "sample_aspect_ratio"];
    let colors = ["color_range", "color_space", "color_transfer", "color_primaries"];
    let more = ["codec_tag_string", "chroma_location", "sample_rate", "channels", "field_order"];
    let streams = report["streams"].as_array_mut().unwrap().iter_mut();
    streams
        .map(|stream| {
            let mut kept: serde_json::Map<_, _> = [&keys[..], &colors, &more]
                .concat()
                .into_iter()
                .map(|key| (key.to_owned(), stream[key].clone()))
                .collect();
            kept.insert("default".into(), stream["disposition"]["default"].clone());
            for tag in ["language", "title", "handler_name", "filename", "mimetype"] {
                kept.insert(tag.into(), stream["tags"][tag].clone());
            }
            Value::Object(kept)
        })
        .collect()
}

fn chapters(folder: &Path, file: &str) -> Vec<[String; 3]> {
    let report = probe(folder, file, &["-show_chapters"]);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let chapters = report["chapters"].as_array().unwrap().iter();
    chapters.map(|c| [&c["start_time"], &c["end_time"], &c["tags"]["title"]].map(text)).collect()
}

fn side_data(folder: &Path, file: &str) -> Value {
    let arguments = ["-select_streams", "v:0", "-show_frames", "-read_intervals", "%+#1"];
    probe(folder, file, &arguments)["frames"][0]["side_data_list"].clone()
}

fn assert_same_times(folder: &Path, a: &str, b: &str) {
    let (a, b) = (times(folder, a), times(folder, b));
    assert_eq!(a.len(), b.len());
    let worst = a.iter().zip(&b).fold(0.0_f64, |worst, (a, b)| worst.max((a - b).abs()));
    println!("largest error of a time: {:.1} us in {} frames", 1e6 * worst, a.len());
    assert!(worst <= 20e-6, "{worst} s");
}

#[test]
fn everything_beside_the_pixels_is_kept() {
    let Some(ffmpeg) = ffmpeg() else { return };
    let folder = folder();
    let folder = folder.path();
    let mkv = "-c:s srt -attach f.ttf -metadata:s:t mimetype=font/ttf in.mkv";
    let mp4 = "-c:s mov_text -tag:v hvc1 -video_track_timescale 90000 in.mp4";
    for (tail, source, result) in [(mkv, "in.mkv", "out.mkv"), (mp4, "in.mp4", "out.mp4")] {
        everything(&ffmpeg, folder, tail);
        let before = fs::read(folder.join(source)).unwrap();
        let outcome = pass(folder, source, result, &[]);
        assert_eq!(outcome.code, 0, "{}", outcome.words);
        let record = outcome.records().remove(0);
        assert_eq!(record["warnings"], serde_json::json!([]), "nothing is lost");
        assert_eq!(streams(folder, source), streams(folder, result));
        assert_eq!(chapters(folder, source), chapters(folder, result));
        let side = side_data(folder, source);
        assert!(side.as_array().is_some_and(|data| data.len() >= 2), "{side}");
        assert_eq!(side, side_data(folder, result));
        for kind in ["a", "s"] {
            let (a, b) = [source, result].map(|file| digests(&ffmpeg, folder, file, kind)).into();
            assert_eq!(a, b, "{kind} is copied bit for bit");
        }
        let tag = |file: &str, tag: &str| {
            probe(folder, file, &["-show_format"])["format"]["tags"][tag].clone()
        };
        assert_eq!(tag(result, "title"), "Night");
        assert_same_times(folder, source, result);
        let decibels = psnr(&ffmpeg, folder, source, result, ["null"; 2]);
        println!("{result}: {decibels:.2} dB");
        assert!(decibels >= 45.0, "{decibels}");
        assert_eq!(before, fs::read(folder.join(source)).unwrap(), "the source is untouched");
        assert!(!folder.join(format!(".{result}.relume-part")).exists());
    }
}

#[test]
fn what_a_container_cannot_hold_is_named() {
    let Some(ffmpeg) = ffmpeg() else { return };
    let folder = folder();
    let folder = folder.path();
    let tail = "-c:s srt -attach f.ttf -metadata:s:t mimetype=font/ttf in.mkv";
    everything(&ffmpeg, folder, tail);
    let outcome = pass(folder, "in.mkv", "out.mp4", &[]);
    assert_eq!(outcome.code, 0, "{}", outcome.words);
    for word in ["attached file", "subtitles become mov_text"] {
        assert!(outcome.words.contains(word), "{}", outcome.words);
    }
    let (a, b) = ["in.mkv", "out.mp4"].map(|file| digests(&ffmpeg, folder, file, "a")).into();
    assert_eq!(a, b);
    assert_same_times(folder, "in.mkv", "out.mp4");
}

#[test]
fn a_part_keeps_sound_and_picture_together() {
    let Some(ffmpeg) = ffmpeg() else { return };
    let folder = folder();
    let folder = folder.path();
    let tail = "-c:v libx264 -g 45 -bf 2 -c:a aac in.mp4";
    make(&ffmpeg, folder, &format!("{} -f lavfi -i sine=d=6 {tail}", moving("96x64", 6.0)));
    let outcome = pass(folder, "in.mp4", "out.mp4", &["--from", "2", "--to", "0:04"]);
    assert_eq!(outcome.code, 0, "{}", outcome.words);
    let found = times(folder, "out.mp4");
    assert_eq!((found.len(), found[0]), (60, 0.0));
    let cut = "trim=2:4";
    assert!(psnr(&ffmpeg, folder, "in.mp4", "out.mp4", [cut, "null"]) >= 45.0, "the right frames");
    let report = probe(folder, "out.mp4", &["-show_streams", "-select_streams", "a"]);
    let number = |key: &str| report["streams"][0][key].as_str().unwrap().parse::<f64>().unwrap();
    // Whole packets of 1024 samples at 44.1 kHz.
    assert!(number("start_time").abs() < 0.024, "{report}");
    assert!((number("duration") - 2.0).abs() < 0.048, "{report}");
}

#[test]
fn hdr_data_is_kept_where_it_can_be_and_named_as_lost_elsewhere() {
    let Some(ffmpeg) = ffmpeg() else { return };
    let folder = folder();
    let folder = folder.path();
    make(&ffmpeg, folder, &format!("{} {HDR10} in.mkv", moving("96x64", 0.2)));
    for (codec, kept) in [("hevc", true), ("av1", true), ("vp9", true), ("ffv1", false)] {
        let result = format!("{codec}.mkv");
        let outcome = pass(folder, "in.mkv", &result, &["--codec", codec]);
        assert_eq!(outcome.code, 0, "{}", outcome.words);
        let report = probe(folder, &result, &["-show_streams"]);
        let data = report["streams"][0]["side_data_list"].to_string();
        assert_eq!(data.contains("max_content"), kept, "{codec}: {data}");
        let warnings = outcome.records().remove(0)["warnings"].to_string();
        assert_eq!(warnings.contains("HDR10"), !kept, "{codec}: {warnings}");
    }
}
