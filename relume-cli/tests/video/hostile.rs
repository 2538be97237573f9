//! Bad input and a hostile world: one clear error, nothing half done, the source untouched.

use std::fs;
use std::process::Command;

use crate::clips::{ffmpeg, make, moving, pass};
use crate::run::{folder, relume, relume_with};

#[test]
fn a_missing_ffmpeg_is_named_with_the_remedy() {
    let folder = folder();
    fs::write(folder.path().join("a.mp4"), "x").unwrap();
    let run = ["video", "a.mp4", "-o", "b.mp4", "--ffmpeg", "/nowhere/ffmpeg"];
    relume(folder.path(), &run).assert_one_error(7, &["/nowhere/ffmpeg", "install FFmpeg"]);
    relume_with(folder.path(), &[("RELUME_FFMPEG", "/nowhere/too")], &run[..4])
        .assert_one_error(7, &["/nowhere/too"]);
}

#[test]
fn bad_files_are_one_clear_error() {
    let Some(ffmpeg) = ffmpeg() else { return };
    let folder = folder();
    let folder = folder.path();
    let clip = moving("192x108", 4.0);
    make(&ffmpeg, folder, &format!("{clip} -c:v libx264 whole.mp4"));
    make(&ffmpeg, folder, &format!("{clip} -c:v libx264 -movflags +faststart fast.mp4"));
    make(&ffmpeg, folder, "-f lavfi -i sine=d=0.3 sound.m4a");
    make(&ffmpeg, folder, &format!("{clip} -frames:v 0 -c:v libx264 none.mkv"));
    let cut = |from: &str, to: &str| {
        let bytes = fs::read(folder.join(from)).unwrap();
        fs::write(folder.join(to), &bytes[..bytes.len() / 2]).unwrap();
    };
    cut("whole.mp4", "headless.mp4");
    cut("fast.mp4", "half.mp4");
    fs::write(folder.join("empty.mp4"), "").unwrap();
    fs::write(folder.join("text.mkv"), "no video at all, only words").unwrap();
    // A header that claims 16384 × 16384 pixels.
    let huge = b"YUV4MPEG2 W16384 H16384 F25:1 Ip A1:1 C420jpeg\nFRAME\n";
    fs::write(folder.join("huge.y4m"), huge).unwrap();
    let cases: [(&str, &[&str]); 8] = [
        ("headless.mp4", &["damaged"]),
        ("half.mp4", &["cut off", "--to"]),
        ("sound.m4a", &["no moving pictures"]),
        ("none.mkv", &["none.mkv"]),
        ("empty.mp4", &["damaged"]),
        ("text.mkv", &["damaged"]),
        ("huge.y4m", &["larger than"]),
        ("missing.mp4", &["could not be opened"]),
    ];
    for (file, words) in cases {
        let before = fs::read(folder.join(file)).unwrap_or_default();
        let outcome = pass(folder, file, "out.mp4", &[]);
        println!("{file}: {}", outcome.words.trim());
        outcome.assert_one_error(3, &[&[file], words].concat());
        assert!(!folder.join("out.mp4").exists(), "{file}");
        assert_eq!(before, fs::read(folder.join(file)).unwrap_or_default());
    }
    // What is there of a cut-off file can still be had.
    let outcome = pass(folder, "half.mp4", "out.mp4", &["--to", "1.5"]);
    assert_eq!(outcome.code, 0, "{}", outcome.words);
}

#[test]
fn wrong_wishes_are_usage_errors() {
    let Some(ffmpeg) = ffmpeg() else { return };
    let folder = folder();
    let folder = folder.path();
    make(&ffmpeg, folder, &format!("{} -c:v libx264 a.mp4", moving("96x64", 0.2)));
    pass(folder, "a.mp4", "a.mp4", &[]).assert_one_error(2, &["originals are never changed"]);
    pass(folder, "a.mp4", "b.mp4", &["--codec", "nonsense"])
        .assert_one_error(7, &["nonsense", "--codec"]);
    pass(folder, "a.mp4", "b.mp4", &["--from", "3", "--to", "2"]).assert_one_error(2, &["--to"]);
    pass(folder, "a.mp4", "b.mp4", &["--from", "30"]).assert_one_error(3, &["--from"]);
    pass(folder, "a.mp4", "-", &[]).assert_one_error(2, &["Y4M"]);
    let outcome = pass(folder, "a.mp4", "b.mp4", &["--dry-run"]);
    assert_eq!(outcome.code, 0, "{}", outcome.words);
    let record = outcome.records().remove(0);
    assert_eq!((record["status"].as_str(), record["frames"].as_u64()), (Some("planned"), Some(6)));
    assert!(record["bytes"].as_u64().unwrap() > 0 && !folder.join("b.mp4").exists());
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_named_and_leaves_no_result() {
    let Some(ffmpeg) = ffmpeg() else { return };
    let folder = folder();
    let folder = folder.path();
    make(&ffmpeg, folder, &format!("{} -c:v libx264 a.mp4", moving("192x108", 6.0)));
    let small = folder.join("small");
    fs::create_dir(&small).unwrap();
    let mounted = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=60k", "none"])
        .arg(&small)
        .output()
        .is_ok_and(|output| output.status.success());
    if !mounted {
        println!("skipped: no right to make a small disk");
        return;
    }
    let outcome = pass(folder, "a.mp4", "small/out.mp4", &[]);
    let left = small.join("out.mp4").exists();
    assert!(Command::new("umount").arg(&small).status().unwrap().success());
    println!("{}", outcome.words.trim());
    outcome.assert_one_error(4, &["space"]);
    assert!(!left);
}

#[cfg(target_os = "linux")]
#[test]
fn ffmpeg_killed_from_outside_is_one_clear_error_and_resumable() {
    let Some(ffmpeg) = ffmpeg() else { return };
    let folder = folder();
    let folder = folder.path();
    make(&ffmpeg, folder, &format!("{} -c:v libx264 a.mp4", moving("192x108", 12.0)));
    // A stand-in for FFmpeg whose second writing of pixels is ended after a moment.
    let script = format!(
        "#!/bin/sh\ncase \"$*\" in *'-f matroska -i pipe:0'*)\n  echo x >> runs\n  \
         if [ \"$(wc -l < runs)\" = 2 ]; then\n    exec 3<&0\n    {0} \"$@\" <&3 & child=$!\n    sleep 0.3\n    \
         kill -9 $child\n    wait $child\n    kill -9 $$\n  fi;;\nesac\nexec {0} \"$@\"\n",
        ffmpeg.display()
    );
    let stand_in = folder.join("ffmpeg-stand-in");
    fs::write(&stand_in, script).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(&stand_in, mode).unwrap();
    let named = ["--ffmpeg", "./ffmpeg-stand-in"];
    let outcome = pass(folder, "a.mp4", "out.mp4", &named);
    println!("{}", outcome.words.trim());
    outcome.assert_one_error(4, &["FFmpeg", "signal"]);
    assert!(!folder.join("out.mp4").exists());
    let again = pass(folder, "a.mp4", "out.mp4", &named);
    assert_eq!(again.code, 0, "{}", again.words);
    assert!(again.records()[0]["found"].as_u64().unwrap() >= 48, "the first piece was kept");
}
