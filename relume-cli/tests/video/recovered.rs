//! `--recover-highlights`: one pass, HDR tags, sound, the map.

use crate::clips::{digests, ffmpeg, make, probe, times};
use crate::run::{folder, relume};

/// A bright moving picture with sound.
const CLIP: &str = "-f lavfi -i testsrc2=s=192x108:r=30:d=0.4,eq=brightness=0.35 -f lavfi -i sine=440:d=0.4 \
                    -c:v libx264 -crf 12 -pix_fmt yuv420p -c:a aac sunny.mp4";

#[test]
fn highlights_come_back_in_every_range() {
    let Some(ffmpeg) = ffmpeg() else { return };
    let folder = folder();
    make(&ffmpeg, folder.path(), CLIP);
    let run = |more: &[&str]| {
        let arguments = ["video", "sunny.mp4", "--recover-highlights", "--json"];
        let outcome = relume(folder.path(), &[&arguments, more].concat());
        assert_eq!(outcome.code, 0, "{}", outcome.words);
        outcome
    };
    let told = run(&["-o", "sdr.mp4", "--map", "map.mp4"]).records().remove(0);
    assert_eq!(told["frames"], 12);
    assert!(told["changed"].as_u64().unwrap() > 0, "{told}");
    assert_eq!(times(folder.path(), "sdr.mp4").len(), 12);
    assert_eq!(times(folder.path(), "map.mp4").len(), 12);
    let sound = |file: &str| digests(&ffmpeg, folder.path(), file, "a");
    assert_eq!(sound("sdr.mp4"), sound("sunny.mp4"));

    run(&["-o", "hdr.mp4", "--dynamic-range", "pq"]);
    let report = probe(folder.path(), "hdr.mp4", &["-show_streams", "-select_streams", "v:0"]);
    let stream = &report["streams"][0];
    assert_eq!(stream["color_transfer"], "smpte2084");
    assert_eq!(stream["color_primaries"], "bt2020");
    assert_eq!(stream["pix_fmt"], "yuv420p10le");

    run(&["-o", "frames", "--dynamic-range", "exr", "--reference", "none"]);
    let light = image::open(folder.path().join("frames/000012.exr")).unwrap().to_rgb32f();
    assert!(light.iter().any(|v| *v > 1.05), "nothing above the clip level");
}

#[test]
fn what_does_not_go_together_is_refused() {
    let folder = folder();
    std::fs::write(folder.path().join("a.mp4"), "no video").unwrap();
    let refuse = |more: &[&str], words: &str| {
        let outcome = relume(folder.path(), &[&["video", "a.mp4"], more].concat());
        assert_eq!(outcome.code, 2, "{}", outcome.words);
        assert!(outcome.words.contains(words), "{}", outcome.words);
    };
    refuse(&["--dynamic-range", "pq"], "--recover-highlights");
    refuse(&["--recover-highlights", "--preview"], "--preview");
    refuse(&["--recover-highlights", "-o", "-"], "files, not pipes");
}
