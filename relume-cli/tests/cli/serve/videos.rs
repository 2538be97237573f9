//! Videos as jobs. Without FFmpeg the tests print why they skip.

#![allow(clippy::print_stdout, reason = "reasons for skipping")]

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::{Form, PATIENCE, Request, Served, small};
use crate::run::{folder, relume};

/// A dark clip of so many seconds at 30 frames a second.
fn clip(folder: &Path, seconds: &str) -> Option<Vec<u8>> {
    let source = format!("testsrc2=s=96x64:r=30:d={seconds}");
    let arguments = ["-v", "error", "-nostdin", "-y", "-f", "lavfi", "-i", &source];
    let more = ["-vf", "eq=brightness=-0.4", "-c:v", "libx264", "-g", "60", "in.mp4"];
    let made = Command::new("ffmpeg").current_dir(folder).args(arguments).args(more).status();
    match made {
        Ok(status) if status.success() => Some(std::fs::read(folder.join("in.mp4")).unwrap()),
        _ => {
            println!("skipped: ffmpeg with libx264 is missing");
            None
        }
    }
}

/// What the program makes of the clip, fast.
const FAST: [&str; 4] = ["--model", "sem", "--strength", "0.4"];

fn by_program(folder: &Path) -> Vec<u8> {
    let done = relume(folder, &[&["video", "in.mp4", "-o", "out.mp4"], &FAST[..]].concat());
    assert_eq!(done.code, 0, "{}", done.words);
    std::fs::read(folder.join("out.mp4")).unwrap()
}

fn form(video: &[u8]) -> Form {
    let form = Form::default().file("video", "clip.mp4", video);
    form.field("model", "sem").field("strength", "0.4")
}

#[test]
fn a_video_comes_back_as_the_program_makes_it_with_its_frames() {
    let folder = folder();
    let folder = folder.path();
    let Some(video) = clip(folder, "1") else { return };
    let served = Served::start(folder, &[]);
    let job = served.create(&form(&video));
    let seen = &job["photos"][0];
    assert_eq!((&seen["video"]["frames"], &seen["width"]), (&30.into(), &96.into()), "{job}");
    let id = job["id"].as_str().unwrap();
    let job = served.finished(id);
    assert_eq!(
        (&job["state"], &job["photos"][0]["video"]["frames_done"]),
        (&"done".into(), &30.into()),
        "{job}"
    );
    assert_eq!(job["photos"][0]["result"], "clip.relume.mp4");
    let result = served.get(&format!("/v1/jobs/{id}/result"));
    assert_eq!(result.header("content-type"), Some("video/mp4"));
    assert!(result.body == by_program(folder), "the bytes differ");
    assert!(served.get(&format!("/v1/jobs/{id}/original")).body == video);
    for (of, file) in [("before", "in.mp4"), ("after", "out.mp4")] {
        relume(folder, &["frame", file, "--number", "17", "-o", "f.png", "--overwrite"]);
        let frame = served.get(&format!("/v1/jobs/{id}/frame?number=17&of={of}"));
        assert_eq!((frame.status, frame.header("content-type")), (200, Some("image/png")));
        assert!(frame.body == std::fs::read(folder.join("f.png")).unwrap(), "{of}");
    }
    served.get(&format!("/v1/jobs/{id}/frame?number=30")).assert_problem(404, "no such frame");
    served.get(&format!("/v1/jobs/{id}/frame?of=beside")).assert_problem(400, "of");
    let left = std::fs::read_dir(folder.join("data/jobs")).unwrap().count();
    assert_eq!(left, 1, "frames leave nothing behind");
}

#[test]
fn a_workflow_runs_on_a_video() {
    let folder = folder();
    let folder = folder.path();
    let Some(video) = clip(folder, "0.3") else { return };
    let served = Served::start(folder, &[]);
    let form = Form::default().file("video", "clip.mp4", &video).field("workflow", "video-night");
    let answer = served.post("/v1/workflows/run", &form);
    assert_eq!(answer.status, 202, "{}", answer.text());
    let job = served.finished(answer.json()["id"].as_str().unwrap());
    assert_eq!(job["state"], "done", "{job}");
    let result = served.get(&format!("/v1/jobs/{}/result", job["id"].as_str().unwrap()));
    relume(folder, &["run", "video-night", "in.mp4", "-o", "out.mp4"]);
    assert!(result.body == std::fs::read(folder.join("out.mp4")).unwrap());
    let photo = Form::photo(&small(folder, "night.png")).field("workflow", "video-night");
    served.post("/v1/workflows/run", &photo).assert_problem(422, "takes videos");
}

/// Waits until so many frames are done; the job then.
fn until(served: &Served, id: &str, frames: u64) -> Value {
    let start = Instant::now();
    loop {
        let job = served.get(&format!("/v1/jobs/{id}")).json();
        let done = job["photos"][0]["video"]["frames_done"].as_u64().unwrap();
        if done >= frames || job["state"] == "done" {
            return job;
        }
        assert!(start.elapsed() < PATIENCE, "{job}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_video_goes_on_where_it_was_after_a_kill_and_a_cancel() {
    let folder = folder();
    let folder = folder.path();
    let Some(video) = clip(folder, "14") else { return };
    let served = Served::start(folder, &[]);
    let job = served.create(&form(&video));
    let id = job["id"].as_str().unwrap().to_owned();
    let before = until(&served, &id, 110);
    assert_eq!(before["state"], "running", "too fast to be killed: {before}");
    served.kill();
    let place = folder.join("data/jobs").join(&id).join(".0.relume.mp4.relume-part");
    assert!(place.join("00000.mp4").is_file(), "a piece is kept");
    let served = Served::start(folder, &[]);
    let then = until(&served, &id, 1);
    // The first thing that is told after the start are the pieces that were found.
    assert!(then["photos"][0]["video"]["frames_done"].as_u64().unwrap() >= 96, "{then}");
    let path = format!("/v1/jobs/{id}");
    if served.ask(&Request::new("DELETE", &path)).status == 202 {
        assert_eq!(served.finished(&id)["state"], "cancelled");
        assert_eq!(served.ask(&Request::new("POST", &format!("{path}/retry"))).status, 202);
    }
    let job = served.finished(&id);
    assert_eq!(job["state"], "done", "{job}");
    assert!(served.get(&format!("{path}/result")).body == by_program(folder));
    assert!(!place.exists());
}

#[test]
fn what_is_no_video_is_refused_and_leaves_nothing() {
    let folder = folder();
    let folder = folder.path();
    let Some(video) = clip(folder, "0.2") else { return };
    let served = Served::start(folder, &[]);
    let photo = small(folder, "night.png");
    let post = |field: &str, name: &str, bytes: &[u8]| {
        served.post("/v1/jobs", &Form::default().file(field, name, bytes))
    };
    post("video", "a.mp4", &photo).assert_problem(415, "a.mp4");
    post("photo", "a.mp4", &video).assert_problem(415, "field video");
    post("video", "a.mp4", b"#EXTM3U\nfile:///etc/passwd\n").assert_problem(415, "no video");
    post("video", "a.mp4", b"ffconcat version 1.0\nfile /etc/passwd\n")
        .assert_problem(415, "no video");
    post("video", "a.mp4", &video[..200]).assert_problem(422, "a.mp4");
    let mixed = form(&video).file("photo", "a.png", &photo).field("codec", "hevc");
    served.post("/v1/jobs", &mixed).assert_problem(422, "for videos");
    served.post("/v1/jobs", &form(&video).field("quality", "90")).assert_problem(422, "for photos");
    served.post("/v1/restore", &form(&video)).assert_problem(400, "video");
    let small = served.create(&Form::photo(&photo));
    let id = small["id"].as_str().unwrap();
    served.get(&format!("/v1/jobs/{id}/frame")).assert_problem(404, "no frames");
    served.finished(id);
    let left = std::fs::read_dir(folder.join("data/jobs")).unwrap().count();
    assert_eq!(left, 1, "refused uploads leave nothing behind");
}
