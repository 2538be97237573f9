//! Ended at any moment, the same command finishes what was begun.
#![cfg(unix)]

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use crate::clips::{ffmpeg, make, moving};
use crate::run::{folder, relume, times};

/// The pieces that are complete, with the time each was written.
fn pieces(folder: &Path) -> Vec<(String, SystemTime)> {
    let Ok(found) = fs::read_dir(folder.join(".out.mp4.relume-part")) else { return Vec::new() };
    let pieces = found.flatten().filter_map(|entry| {
        let name = entry.file_name().to_string_lossy().into_owned();
        let is_piece = name.ends_with(".mp4") && !name.starts_with('.');
        Some((name, entry.metadata().ok()?.modified().ok()?)).filter(|_| is_piece)
    });
    let mut pieces: Vec<_> = pieces.collect();
    pieces.sort();
    pieces
}

const RUN: &[&str] = &["video", "in.mp4", "-o", "out.mp4", "--model", "sem", "--strength", "0.4"];

#[test]
fn killed_again_and_again_the_result_is_the_same() {
    let Some(ffmpeg) = ffmpeg() else { return };
    let folder = folder();
    let folder = folder.path();
    let clip = format!(
        "{} -f lavfi -i sine=d=17 -c:v libx264 -g 60 -c:a aac in.mp4",
        moving("96x64", 17.0)
    );
    make(&ffmpeg, folder, &clip);
    let clock = Instant::now();
    let whole = relume(folder, RUN);
    assert_eq!(whole.code, 0, "{}", whole.words);
    let undisturbed = clock.elapsed();
    fs::rename(folder.join("out.mp4"), folder.join("whole.mp4")).unwrap();
    let mut kept: Vec<(String, SystemTime)> = Vec::new();
    let mut state = 12345_u32;
    let (kills, mut killed, mut complete) = (times("RELUME_KILLS", 10), 0, 0);
    for kill in 0..kills {
        let mut child = Command::new(assert_cmd::cargo::cargo_bin("relume"))
            .current_dir(folder)
            .args(RUN)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        // Anywhere within a third of what the whole takes.
        let share = f64::from(state >> 8) / f64::from(1 << 24);
        std::thread::sleep(Duration::from_secs_f64(undisturbed.as_secs_f64() * share / 3.0));
        child.kill().unwrap();
        killed += usize::from(!child.wait().unwrap().success());
        let now = pieces(folder);
        // Pieces that were complete are not touched again, so that only the one at hand is redone.
        assert!(
            kept.iter().all(|piece| now.contains(piece) || folder.join("out.mp4").exists()),
            "kill {kill}"
        );
        kept = now;
        if folder.join("out.mp4").exists() && kill + 1 < kills {
            complete += 1;
            let [a, b] = ["whole.mp4", "out.mp4"].map(|file| fs::read(folder.join(file)).unwrap());
            assert!(a == b, "the results differ after kill {kill}");
            fs::remove_file(folder.join("out.mp4")).unwrap();
            kept.clear();
        }
    }
    println!("video: {killed} of {kills} killed at work, {complete} times complete");
    if !folder.join("out.mp4").exists() {
        let outcome = relume(folder, RUN);
        assert_eq!(outcome.code, 0, "{}", outcome.words);
    }
    let [a, b] = ["whole.mp4", "out.mp4"].map(|file| fs::read(folder.join(file)).unwrap());
    assert!(a == b, "the results differ");
    assert!(!folder.join(".out.mp4.relume-part").exists());
}

#[test]
fn another_job_does_not_take_over_pieces() {
    let Some(ffmpeg) = ffmpeg() else { return };
    let folder = folder();
    let folder = folder.path();
    make(&ffmpeg, folder, &format!("{} -c:v libx264 in.mp4", moving("96x64", 0.5)));
    let place = folder.join(".out.mp4.relume-part");
    fs::create_dir(&place).unwrap();
    fs::write(place.join("job.json"), "{}").unwrap();
    fs::write(place.join("00000.mp4"), "from another job").unwrap();
    fs::write(place.join("survey.json"), "{}").unwrap();
    let outcome = relume(folder, RUN);
    assert_eq!(outcome.code, 0, "{}", outcome.words);
    // And a result that exists is left alone.
    relume(folder, RUN).assert_one_error(4, &["out.mp4", "exists"]);
}

#[test]
fn interrupted_once_it_stops_cleanly_and_goes_on_later() {
    let Some(ffmpeg) = ffmpeg() else { return };
    let folder = folder();
    let folder = folder.path();
    make(&ffmpeg, folder, &format!("{} -c:v libx264 in.mp4", moving("192x108", 12.0)));
    let child = Command::new(assert_cmd::cargo::cargo_bin("relume"))
        .current_dir(folder)
        .args(RUN)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let deadline = Instant::now() + Duration::from_secs(120);
    while pieces(folder).is_empty() && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(20));
    }
    let interrupt = ["-INT", &child.id().to_string()].map(str::to_owned);
    assert!(Command::new("kill").args(interrupt).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    let words = String::from_utf8(output.stderr).unwrap();
    if output.status.code() == Some(0) {
        println!("it was done before it could be interrupted");
        return;
    }
    assert_eq!(output.status.code(), Some(130), "{words}");
    assert!(words.contains("interrupted") && words.contains("goes on"), "{words}");
    assert!(!folder.join("out.mp4").exists() && !pieces(folder).is_empty());
    let names: Vec<_> =
        fs::read_dir(folder.join(".out.mp4.relume-part")).unwrap().flatten().collect();
    assert!(names.iter().all(|f| !f.file_name().to_string_lossy().starts_with('.')), "{names:?}");
    let outcome = relume(folder, &[RUN, &["--json"]].concat());
    assert_eq!(outcome.code, 0, "{}", outcome.words);
    assert!(outcome.records()[0]["found"].as_u64().unwrap() >= 48);
}
