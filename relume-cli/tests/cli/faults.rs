//! Hard days: ended at any moment, without memory, without rights, with a disk that is full or
//! gone. Nothing is lost, nothing is half-written. `RELUME_KILLS` says how often is killed.
#![cfg(unix)]

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use relume_media::photo::SaveOptions;
use relume_media::{Image, Photo, Size};

use crate::run::{Dice, files, folder, names, picture, relume, times};

fn program(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin("relume"));
    command.current_dir(folder).args(arguments).stdin(Stdio::null());
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// A dark photo of the size given.
fn night(path: &Path, size: Size) {
    let image = Image::from_fn(size, |x, y| {
        let noise = ((x * 7919) ^ (y * 104_729)) % 97;
        let edge = if (x / 16 + y / 16) % 2 == 0 { 0.09 } else { 0.03 };
        [edge + noise as f32 / 4000.0, edge, edge * 0.8]
    });
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    Photo::from_image(image).save(path, &SaveOptions::default()).unwrap();
}

/// How long the command takes when nobody disturbs it.
fn undisturbed(folder: &Path, arguments: &[&str]) -> Duration {
    let clock = Instant::now();
    assert!(program(folder, arguments).status().unwrap().success());
    clock.elapsed()
}

/// Kills the command somewhere within `span`; whether it was still at work.
fn kill_within(mut child: Child, span: Duration, dice: &mut Dice) -> bool {
    std::thread::sleep(span.mul_f64(dice.share()));
    child.kill().unwrap();
    child.wait().unwrap().signal() == Some(9)
}

/// Removes what a kill may leave: hidden files that no command takes for a picture.
fn sweep(folder: &Path) -> usize {
    let hidden = |name: &str| {
        let name = name.rsplit('/').next().unwrap_or_default();
        name.starts_with(".relume-") && name.ends_with(".part")
    };
    let left: Vec<_> = names(folder).into_iter().filter(|name| hidden(name)).collect();
    left.iter().for_each(|name| fs::remove_file(folder.join(name)).unwrap());
    left.len()
}

#[test]
fn killed_at_any_moment_a_restoration_leaves_all_or_nothing() {
    let folder = folder();
    let folder = folder.path();
    night(&folder.join("a.png"), Size::new(640, 480));
    let original = fs::read(folder.join("a.png")).unwrap();
    let run = ["restore", "a.png"];
    undisturbed(folder, &run);
    let whole = fs::read(folder.join("a.relume.png")).unwrap();
    fs::remove_file(folder.join("a.relume.png")).unwrap();
    let span = undisturbed(folder, &run).mul_f64(1.1);
    fs::remove_file(folder.join("a.relume.png")).unwrap();
    let (mut dice, mut killed, mut finished, mut hidden) = (Dice(1), 0, 0, 0);
    let kills = times("RELUME_KILLS", 8);
    while killed < kills {
        killed += usize::from(kill_within(program(folder, &run).spawn().unwrap(), span, &mut dice));
        hidden += sweep(folder);
        assert!(fs::read(folder.join("a.png")).unwrap() == original);
        match names(folder).iter().map(String::as_str).collect::<Vec<_>>()[..] {
            ["a.png"] => {}
            ["a.png", "a.relume.png"] => {
                assert!(fs::read(folder.join("a.relume.png")).unwrap() == whole, "half-written");
                fs::remove_file(folder.join("a.relume.png")).unwrap();
                finished += 1;
            }
            ref other => panic!("{other:?}"),
        }
        assert!(finished <= 3 * kills, "it cannot be met at work");
    }
    println!("restore: {killed} killed, {finished} had their result, {hidden} hidden files left");
}

#[test]
fn a_batch_killed_again_and_again_becomes_what_it_would_have_been() {
    let folder = folder();
    let folder = folder.path();
    for number in 0..10 {
        let size = Size::new(160 + 16 * number, 120);
        night(&folder.join(format!("album/{}/{number}.png", number % 3)), size);
    }
    let originals = files(&folder.join("album"));
    let run = ["restore", "album", "-o", "out", "--skip-existing"];
    undisturbed(folder, &run);
    let whole = files(&folder.join("out"));
    assert_eq!(whole.len(), 10);
    fs::remove_dir_all(folder.join("out")).unwrap();
    let span = undisturbed(folder, &run).mul_f64(0.6);
    fs::remove_dir_all(folder.join("out")).unwrap();
    let (mut dice, mut killed, mut hidden, mut complete) = (Dice(2), 0, 0, 0);
    let kills = times("RELUME_KILLS", 8);
    while killed < kills {
        killed += usize::from(kill_within(program(folder, &run).spawn().unwrap(), span, &mut dice));
        hidden += sweep(folder);
        assert!(files(&folder.join("album")) == originals);
        let made =
            if folder.join("out").exists() { files(&folder.join("out")) } else { Vec::new() };
        assert!(made.iter().all(|result| whole.contains(result)), "half-written");
        if made.len() == whole.len() {
            fs::remove_dir_all(folder.join("out")).unwrap();
            complete += 1;
        }
    }
    assert!(program(folder, &run).status().unwrap().success());
    assert!(files(&folder.join("out")) == whole);
    println!("batch: {killed} killed, {complete} times complete, {hidden} hidden files left");
}

#[test]
fn asked_twice_to_end_it_ends_and_leaves_nothing() {
    let folder = folder();
    let folder = folder.path();
    night(&folder.join("a.png"), Size::new(2400, 1800));
    for (signal, apart) in [("-INT", 0), ("-TERM", 0), ("-INT", 40), ("-TERM", 40), ("-HUP", 5)] {
        let run = ["restore", "a.png", "--threads", "1", "--json", "--progress"];
        let mut child = program(folder, &run).stdout(Stdio::piped()).spawn().unwrap();
        // At work as soon as it tells a percent.
        let mut told = BufReader::new(child.stdout.take().unwrap());
        told.read_line(&mut String::new()).unwrap();
        for _ in 0..2 {
            // The second may come too late.
            let _ = Command::new("kill").args([signal, &child.id().to_string()]).output();
            std::thread::sleep(Duration::from_millis(apart));
        }
        let status = child.wait().unwrap();
        assert_eq!(status.code(), Some(130), "{signal} {apart}: {status}");
        sweep(folder);
        assert_eq!(names(folder), ["a.png"], "{signal} {apart}");
    }
}

#[test]
fn a_reader_that_goes_away_ends_the_program_without_a_word() {
    let folder = folder();
    let folder = folder.path();
    night(&folder.join("a.png"), Size::new(400, 300));
    let runs: [&[&str]; 4] = [
        &["restore", "a.png", "-o", "-"],
        &["restore", "a.png", "--json", "--progress", "--overwrite"],
        &["explain", "answer"],
        &["models", "list", "--json"],
    ];
    for run in runs {
        let mut command = program(folder, run);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // Not a byte is read.
        drop(child.stdout.take());
        let mut words = String::new();
        child.stderr.take().unwrap().read_to_string(&mut words).unwrap();
        let status = child.wait().unwrap();
        assert!(matches!(status.code(), Some(0 | 4 | 130)), "{run:?}: {status} {words}");
        assert!(!words.contains("panicked") && !words.contains("fault"), "{run:?}: {words}");
        sweep(folder);
    }
    assert!(names(folder).iter().all(|name| ["a.png", "a.relume.png"].contains(&&**name)));
}

/// Runs under a limit of the shell, such as `ulimit -v 100000`.
fn limited(folder: &Path, limit: &str, arguments: &str) -> std::process::Output {
    let line = format!("{limit}; exec '{}' {arguments}", env!("CARGO_BIN_EXE_relume"));
    Command::new("sh").current_dir(folder).args(["-c", &line]).output().unwrap()
}

#[test]
fn without_memory_it_fails_and_leaves_nothing() {
    let folder = folder();
    let folder = folder.path();
    night(&folder.join("a.png"), Size::new(2000, 1500));
    let original = fs::read(folder.join("a.png")).unwrap();
    let (mut ended, mut done) = (Vec::new(), 0);
    for megabytes in [40, 80, 120, 160, 200, 240, 280, 320, 400, 600, 1000, 4000] {
        let limit = format!("ulimit -v {}", megabytes * 1000);
        if !limited(folder, &limit, "--version").status.success() {
            // The system cannot even load the program.
            continue;
        }
        let output = limited(folder, &limit, "restore a.png --threads 2");
        let words = String::from_utf8_lossy(&output.stderr).into_owned();
        sweep(folder);
        assert!(fs::read(folder.join("a.png")).unwrap() == original);
        let status = output.status;
        // An allocation that fails ends the process; a wild pointer would be signal 11.
        assert_ne!(status.signal(), Some(11), "{megabytes} MB: {words}");
        if status.success() {
            fs::remove_file(folder.join("a.relume.png")).unwrap();
            done += 1;
        }
        assert_eq!(names(folder), ["a.png"], "{megabytes} MB: {status} {words}");
        let last = words.lines().last().unwrap_or_default().to_owned();
        ended.push(format!("{megabytes} MB: {status} {last}"));
    }
    println!("{}", ended.join("\n"));
    assert!(done > 0 && done < ended.len(), "{ended:?}");
}

#[test]
fn a_bound_on_the_size_of_files_leaves_nothing() {
    let folder = folder();
    let folder = folder.path();
    night(&folder.join("a.png"), Size::new(640, 480));
    // Blocks of 512 bytes; the result takes more.
    let output = limited(folder, "ulimit -f 16", "restore a.png");
    assert!(!output.status.success());
    sweep(folder);
    assert_eq!(names(folder), ["a.png"]);
}

#[test]
fn one_core_and_64_threads_make_the_same_bytes() {
    let folder = folder();
    let folder = folder.path();
    night(&folder.join("a.png"), Size::new(500, 380));
    let mut results = Vec::new();
    for (number, prefix) in ["", "taskset -c 0"].into_iter().enumerate() {
        for threads in ["1", "3", "64"] {
            let name = format!("{number}-{threads}.png");
            let line = format!(
                "{prefix} '{}' restore a.png -o {name} --threads {threads}",
                env!("CARGO_BIN_EXE_relume")
            );
            let status = Command::new("sh").current_dir(folder).args(["-c", &line]).status();
            if number == 1 && !status.as_ref().is_ok_and(|status| status.success()) {
                println!("skipped: no taskset here");
                continue;
            }
            assert!(status.unwrap().success(), "{line}");
            results.push(fs::read(folder.join(name)).unwrap());
        }
    }
    assert!(results.iter().all(|result| *result == results[0]));
}

#[test]
fn folders_that_vanish_are_errors_of_single_pictures() {
    let folder = folder();
    let folder = folder.path();
    for number in 0..12 {
        night(&folder.join(format!("album/{number:02}.png")), Size::new(300, 200));
    }
    // The pictures go while they are worked on.
    let run = ["restore", "album", "-o", "out", "--json", "--threads", "1"];
    let mut child = program(folder, &run).spawn().unwrap();
    wait_for(|| folder.join("out").exists());
    fs::rename(folder.join("album"), folder.join("gone")).unwrap();
    let code = child.wait().unwrap().code();
    assert!(matches!(code, Some(0 | 1)), "{code:?}");
    assert!(sweep(folder) == 0);
    // The results' folder goes: it is made anew, or told.
    fs::remove_dir_all(folder.join("out")).unwrap();
    fs::rename(folder.join("gone"), folder.join("album")).unwrap();
    let mut child = program(folder, &run).spawn().unwrap();
    wait_for(|| folder.join("out").exists());
    // What is being written there may be in the way of the first attempt.
    let removed = (0..20).any(|_| fs::remove_dir_all(folder.join("out")).is_ok());
    let code = child.wait().unwrap().code();
    assert!(removed && matches!(code, Some(0 | 1)), "{code:?}");
    assert_eq!(names(&folder.join("album")).len(), 12);
}

fn wait_for(reached: impl Fn() -> bool) {
    let clock = Instant::now();
    while !reached() {
        assert!(clock.elapsed() < Duration::from_secs(60));
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The usual user without any right.
const NOBODY: u32 = 65534;

#[test]
fn without_rights_it_says_so_and_leaves_nothing() {
    let folder = folder();
    let folder = folder.path();
    picture(&folder.join("in/a.png"));
    picture(&folder.join("secret/b.png"));
    fs::create_dir(folder.join("closed")).unwrap();
    let mode = |path: &str, mode| {
        fs::set_permissions(folder.join(path), fs::Permissions::from_mode(mode)).unwrap();
    };
    mode("", 0o755);
    mode("closed", 0o555);
    mode("secret/b.png", 0o000);
    let as_nobody = |arguments: &[&str]| {
        let mut command = program(folder, arguments);
        // Only root can become another user; others have no right here already.
        if fs::write(folder.join("closed/probe"), b"").is_ok() {
            fs::remove_file(folder.join("closed/probe")).unwrap();
            command.uid(NOBODY).gid(NOBODY);
        }
        command.stderr(Stdio::piped()).output()
    };
    let before = files(folder);
    let cases: [(&[&str], i32, &str); 4] = [
        (&["restore", "in/a.png", "-o", "closed/a.png"], 4, "closed/a.png"),
        (&["restore", "in/a.png"], 4, "a.relume.png"),
        (&["restore", "secret/b.png", "-o", "-"], 3, "secret/b.png"),
        (&["degrade", "in/a.png", "-o", "closed/new/a.png"], 4, "closed/new"),
    ];
    for (arguments, code, part) in cases {
        let output = match as_nobody(arguments) {
            Ok(output) => output,
            Err(cause) => {
                println!("skipped: another user cannot run the program here: {cause}");
                return;
            }
        };
        let words = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {words}");
        assert!(words.contains(part) && words.contains("ermission"), "{words}");
        assert!(files(folder) == before);
    }
}

#[test]
fn names_of_files_do_not_reach_the_terminal_as_they_are() {
    let folder = folder();
    let name = "a\u{1b}]0;owned\u{7}\u{1b}[2J.png";
    fs::write(folder.path().join(name), b"no picture").unwrap();
    let outcome = relume(folder.path(), &["restore", name]);
    outcome.assert_one_error(3, &["owned"]);
    assert!(!outcome.words.contains(['\u{1b}', '\u{7}']), "{:?}", outcome.words);
}
