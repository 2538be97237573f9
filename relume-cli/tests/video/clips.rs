//! Clips that FFmpeg makes, and what FFmpeg finds in a file.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::run::{Outcome, relume};

/// The FFmpeg under test, or none with the reason printed.
pub(crate) fn ffmpeg() -> Option<PathBuf> {
    let named = std::env::var_os("RELUME_FFMPEG").filter(|name| !name.is_empty());
    let program = named.map_or_else(|| PathBuf::from("ffmpeg"), PathBuf::from);
    for program in [&program, Path::new("ffprobe")] {
        if !Command::new(program).arg("-version").output().is_ok_and(|out| out.status.success()) {
            println!("skipped: {} is missing", program.display());
            return None;
        }
    }
    Some(program)
}

/// Makes a clip by a command line of FFmpeg, words separated by single spaces.
pub(crate) fn make(ffmpeg: &Path, folder: &Path, arguments: &str) {
    let status = Command::new(ffmpeg)
        .current_dir(folder)
        .args(["-v", "error", "-nostdin", "-y"])
        .args(arguments.split(' '))
        .status()
        .unwrap();
    assert!(status.success(), "{arguments}");
}

/// A moving test picture of `seconds` at 30 frames a second.
pub(crate) fn moving(size: &str, seconds: f32) -> String {
    format!("-f lavfi -i testsrc2=s={size}:r=30:d={seconds}")
}

/// `relume video` that leaves the pixels as they are.
pub(crate) fn pass(folder: &Path, input: &str, output: &str, more: &[&str]) -> Outcome {
    let arguments = ["video", input, "-o", output, "--strength", "0", "--json"];
    relume(folder, &[&arguments, more].concat())
}

/// What ffprobe says, as JSON.
pub(crate) fn probe(folder: &Path, file: &str, arguments: &[&str]) -> Value {
    let output = Command::new("ffprobe")
        .current_dir(folder)
        .args(["-v", "error", "-of", "json"])
        .args(arguments)
        .arg(file)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// When the frames are shown, in seconds.
pub(crate) fn times(folder: &Path, file: &str) -> Vec<f64> {
    let entries = ["-select_streams", "v:0", "-show_entries", "frame=pts_time"];
    let report = probe(folder, file, &entries);
    let frames = report["frames"].as_array().unwrap();
    frames.iter().map(|f| f["pts_time"].as_str().unwrap().parse().unwrap()).collect()
}

/// A digest of each stream's packets of a kind (`a`, `s`), without their times.
pub(crate) fn digests(ffmpeg: &Path, folder: &Path, file: &str, kind: &str) -> String {
    let map = format!("0:{kind}");
    let arguments = ["-v", "error", "-nostdin", "-i", file, "-map", &map, "-c", "copy"];
    let output = Command::new(ffmpeg)
        .current_dir(folder)
        .args(arguments)
        .args(["-f", "streamhash", "-"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Mean PSNR of two files' pictures in dB, as FFmpeg measures it; 100 for equal frames; each
/// after its filter.
pub(crate) fn psnr(ffmpeg: &Path, folder: &Path, a: &str, b: &str, filters: [&str; 2]) -> f64 {
    let [first, second] = filters.map(|filter| format!("{filter},settb=1/1000,setpts=N"));
    let graph = format!("[0:v]{first}[a];[1:v]{second}[b];[a][b]psnr=stats_file=-");
    let output = Command::new(ffmpeg)
        .current_dir(folder)
        .args(["-v", "error", "-nostdin", "-i", a, "-i", b, "-lavfi", &graph, "-f", "null", "-"])
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let value = |line: &str| {
        let at = line.split(' ').find_map(|word| word.strip_prefix("psnr_avg:"))?;
        Some(at.parse::<f64>().map_or(100.0, |v| v.min(100.0)))
    };
    let values: Vec<f64> = text.lines().filter_map(value).collect();
    assert!(!values.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    values.iter().sum::<f64>() / values.len() as f64
}
