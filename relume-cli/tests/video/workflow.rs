//! Workflows on videos, and single frames.

use std::fs;

use relume::Workflow;
use relume::workflow::own_models;
use relume_media::atomic::Overwrite;
use relume_media::video::Ffmpeg;
use relume_media::{Limits, Photo};

use crate::clips::{ffmpeg, make, moving};
use crate::run::{folder, relume};

#[test]
fn a_workflow_gives_the_same_bytes_as_the_command_and_the_library() {
    let Some(ffmpeg) = ffmpeg() else { return };
    let folder = folder();
    let folder = folder.path();
    let dark = format!("{} -vf eq=brightness=-0.4 -c:v libx264 in.mp4", moving("96x64", 0.5));
    make(&ffmpeg, folder, &dark);
    let done = relume(folder, &["video", "in.mp4", "-o", "command.mp4"]);
    assert_eq!(done.code, 0, "{}", done.words);
    let arguments =
        ["run", "video-night", "in.mp4", "-o", "run.mp4", "--json", "--progress", "--recipe"];
    let done = relume(folder, &arguments);
    assert_eq!(done.code, 0, "{}", done.words);
    let read = |name: &str| fs::read(folder.join(name)).unwrap();
    assert!(read("command.mp4") == read("run.mp4"), "the workflow does something else");
    let records = done.records();
    let record = records.iter().find(|record| record["type"] == "run").unwrap();
    assert_eq!((&record["frames"], &record["outputs"][0]), (&15.into(), &"run.mp4".into()));
    let last = records.iter().rfind(|record| record["type"] == "progress").unwrap();
    assert_eq!(
        (&last["frames"], &last["of"], &last["percent"]),
        (&15.into(), &15.into(), &100.0.into())
    );
    let done = relume(folder, &["run", "run.recipe.json", "in.mp4", "-o", "again.mp4"]);
    assert_eq!((done.code, done.words.contains("warning")), (0, false), "{}", done.words);
    assert!(read("again.mp4") == read("run.mp4"));
    let workflow = Workflow::load("video-night", &[], &own_models).unwrap();
    let (input, output) = (folder.join("in.mp4"), folder.join("library.mp4"));
    let ffmpeg = Ffmpeg::find(Some(&ffmpeg)).unwrap();
    workflow.video(&ffmpeg, &input, &output, Overwrite::Never, &mut |_| Ok(())).unwrap();
    assert!(read("library.mp4") == read("run.mp4"), "the library does something else");
}

#[test]
fn photos_and_videos_are_not_mixed_up() {
    let Some(ffmpeg) = ffmpeg() else { return };
    let folder = folder();
    let folder = folder.path();
    make(&ffmpeg, folder, &format!("{} -c:v libx264 in.mp4", moving("96x64", 0.2)));
    relume(folder, &["run", "night", "in.mp4"]).assert_one_error(3, &["in.mp4"]);
    crate::run::picture(&folder.join("a.png"));
    relume(folder, &["run", "video-night", "."]).assert_one_error(2, &["the videos themselves"]);
    // A picture is a video of one frame to FFmpeg, but PNG is what numbered pictures are written to.
    let twice = ["run", "video-night", "in.mp4", "in.mp4", "-o", "out.mp4"];
    relume(folder, &twice).assert_one_error(2, &["several inputs"]);
}

#[test]
fn a_frame_is_the_one_that_is_shown_at_its_number() {
    let Some(ffmpeg) = ffmpeg() else { return };
    let folder = folder();
    let folder = folder.path();
    // B frames, a late start, two frames left out: neither order, nor zero, nor steps are to be
    // relied upon.
    let filter = "select='not(eq(n,20)+eq(n,41))',setpts=PTS+2.5/TB";
    let clip = format!(
        "{} -vf {filter} -fps_mode vfr -c:v libx264 -qp 0 -bf 3 -g 12 in.mkv",
        moving("96x64", 3.0)
    );
    make(&ffmpeg, folder, &clip);
    make(&ffmpeg, folder, "-copyts -i in.mkv -fps_mode passthrough -start_number 0 %03d.png");
    for number in [0_usize, 1, 19, 20, 60, 87] {
        let text = number.to_string();
        let arguments =
            ["frame", "in.mkv", "--number", &text, "-o", "f.png", "--overwrite", "--json"];
        let done = relume(folder, &arguments);
        assert_eq!(done.code, 0, "{}", done.words);
        assert_eq!(done.records()[0]["frames"], 88);
        let load = |name: &str| Photo::load(&folder.join(name), &Limits::default()).unwrap().image;
        let found = load("f.png");
        let apart = |other: &relume_media::Image<relume_media::Srgb>| {
            let pairs = found.values().iter().zip(other.values());
            pairs.map(|(a, b)| (a - b).abs()).sum::<f32>() / found.values().len() as f32
        };
        // FFmpeg's way to RGB differs from ours; the frame is the nearest all the same.
        let near = number.saturating_sub(2)..(number + 3).min(88);
        let nearest = near.min_by(|&a, &b| {
            let apart = |n: usize| apart(&load(&format!("{n:03}.png")));
            apart(a).total_cmp(&apart(b))
        });
        assert_eq!(nearest, Some(number));
    }
    relume(folder, &["frame", "in.mkv", "--number", "88", "-o", "f.png", "--overwrite"])
        .assert_one_error(3, &["no frame 88", "the last is 87"]);
}
