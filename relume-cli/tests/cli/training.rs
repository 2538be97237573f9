//! Training as its users meet it: recipes with mistakes, folders with rubbish, and `kill -9`.
#![cfg(feature = "train")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use image::{GrayImage, Luma};
use serde_json::Value;

use crate::run::{folder, picture, relume, times};

/// A network of 0.3 thousand parameters, on four small photographs.
const RECIPE: &str = "\
model = \"sci\"
seed = 7
steps = 40

[data]
view = 32
crop = 16
views = 2
held_out = 1

[[data.sources]]
path = \"photos\"

[reports]
journal = 1
checkpoint = 1
validation = 20
";

/// A folder with photographs and a recipe, changed by `edit`.
fn workshop(edit: impl Fn(&str) -> String) -> tempfile::TempDir {
    let folder = folder();
    for name in ["a.png", "b.png", "c.jpg", "d.png"] {
        picture(&folder.path().join("photos").join(name));
    }
    fs::write(folder.path().join("recipe.toml"), edit(RECIPE)).unwrap();
    folder
}

fn train(folder: &Path, output: &str, more: &[&str]) -> crate::run::Outcome {
    let mut arguments = vec!["train", "recipe.toml", "-o", output];
    arguments.extend_from_slice(more);
    relume(folder, &arguments)
}

/// The entries of a run's journal.
fn journal(run: &Path) -> Vec<Value> {
    let text = fs::read_to_string(run.join("metrics.jsonl")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn recipes_with_mistakes_are_refused_with_a_remedy() {
    let cases: [(&str, &str, i32, &[&str]); 11] = [
        ("steps = 40", "stepps = 40", 3, &["stepps", "steps"]),
        ("steps = 40", "steps = \"many\"", 3, &["recipe.toml", "steps"]),
        ("steps = 40", "steps = -1", 3, &["recipe.toml", "steps"]),
        ("steps = 40", "steps = ", 3, &["recipe.toml", "line 3"]),
        ("model = \"sci\"", "model = \"sky\"", 5, &["sky", "sci"]),
        ("view = 32", "veiw = 32", 3, &["veiw", "view"]),
        ("path = \"photos\"", "path = \"fotos\"", 3, &["fotos", "does not exist"]),
        ("path = \"photos\"", "path = \"photos\"\nkind = \"clear\"", 3, &["clear", "clean"]),
        ("[reports]", "[[losses]]\nkind = \"charbonier\"\n[reports]", 3, &["charbonnier"]),
        (
            "steps = 40",
            "steps = 40\nfreeze = [\"enhance.in_conv.0.weigt\"]",
            3,
            &["weigt", "weight"],
        ),
        ("crop = 16", "crop = 64", 3, &["crop", "view"]),
    ];
    for (good, bad, code, parts) in cases {
        let folder = workshop(|recipe| recipe.replace(good, bad));
        let outcome = train(folder.path(), "run", &[]);
        // A mistake in the syntax is shown with its line below.
        outcome.assert_one_error(code, &[]);
        for part in parts {
            assert!(outcome.words.contains(part), "{bad}: no {part} in {}", outcome.words);
        }
    }
}

#[test]
fn empty_and_useless_folders_are_named() {
    for rubbish in [None, Some("text.txt"), Some("text.jpg")] {
        let folder = workshop(str::to_owned);
        let photos = folder.path().join("photos");
        fs::remove_dir_all(&photos).unwrap();
        fs::create_dir(&photos).unwrap();
        if let Some(name) = rubbish {
            fs::write(photos.join(name), "not a picture").unwrap();
            fs::write(photos.join("again.jpg"), "not one either").unwrap();
        }
        train(folder.path(), "run", &[]).assert_one_error(3, &["photos"]);
    }
}

#[test]
fn rubbish_among_good_pictures_is_counted_and_left_out() {
    let folder = workshop(|recipe| recipe.replace("held_out = 1", "held_out = 0\ncache_mib = 0"));
    let photos = folder.path().join("photos");
    let whole = fs::read(photos.join("a.png")).unwrap();
    fs::write(photos.join("half.png"), &whole[..whole.len() / 2]).unwrap();
    fs::write(photos.join("words.jpg"), "not a picture").unwrap();
    fs::write(photos.join("empty.webp"), "").unwrap();
    GrayImage::from_fn(64, 50, |x, y| Luma([(x * 3 + y) as u8]))
        .save(photos.join("grey.png"))
        .unwrap();
    GrayImage::from_fn(9, 9, |x, y| Luma([(x * y) as u8])).save(photos.join("tiny.png")).unwrap();
    let outcome = train(folder.path(), "run", &[]);
    assert_eq!(outcome.code, 0, "{}", outcome.words);
    let entries = journal(&folder.path().join("run"));
    let skipped = entries.last().unwrap()["skipped_files"].to_string();
    for name in ["half.png", "words.jpg", "empty.webp", "tiny.png"] {
        assert!(skipped.contains(name), "{name} is not in {skipped}");
    }
    assert!(!skipped.contains("grey.png"), "{skipped}");
}

#[test]
fn random_kills_leave_no_trace() {
    // A checkpoint of 27 MB after every step: most of the time goes into writing.
    let folder = workshop(|recipe| {
        recipe
            .replace("model = \"sci\"", "model = \"lantern-s\"")
            .replace("views = 2", "views = 1\ncrops_per_view = 1")
    });
    let run = |name: &str| folder.path().join(name);
    let started = Instant::now();
    assert_eq!(train(folder.path(), "whole", &[]).code, 0);
    let whole = started.elapsed();
    // The moments are drawn evenly, so that the whole takes a little more than one run.
    let kills = times("RELUME_KILLS", 20);
    let mut state = 20_261_124_u64;
    let (mut killed, mut during) = (0, 0);
    for attempt in 0..kills {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let share =
            (0.2 / kills as f64) + (1.6 / kills as f64) * (state >> 40) as f64 / (1 << 24) as f64;
        let mut child = spawn(folder.path(), "parts");
        std::thread::sleep(Duration::from_millis(30) + whole.mul_f64(share));
        killed += usize::from(child.try_wait().unwrap().is_none());
        child.kill().unwrap();
        child.wait().unwrap();
        during += usize::from(fs::remove_file(run("parts").join("checkpoint.partial")).is_ok());
        if run("parts").join("checkpoint.safetensors").exists() {
            let entries = fs::read_to_string(run("parts").join("metrics.jsonl")).unwrap();
            assert!(!entries.is_empty(), "attempt {attempt}");
        }
    }
    println!(
        "train: {killed} of {kills} killed at work, {during} while a checkpoint was half written"
    );
    assert!(4 * killed >= 3 * kills, "only {killed} were still running: {whole:?} is too short");
    let outcome = train(folder.path(), "parts", &["--resume"]);
    assert_eq!(outcome.code, 0, "{}", outcome.words);
    for file in ["checkpoint.safetensors", "model.safetensors", "best.safetensors"] {
        let read = |name: &str| fs::read(run(name).join(file)).unwrap();
        assert!(read("whole") == read("parts"), "{file} differs after {killed} kills");
    }
    let steps = |name: &str| {
        let entries = journal(&run(name));
        entries.iter().filter(|e| e["loss"].is_number()).map(|e| e["step"].clone()).collect()
    };
    let (a, b): (Vec<_>, Vec<_>) = (steps("whole"), steps("parts"));
    assert_eq!(a, b, "the journals tell of different steps");
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_ends_training_with_its_reason() {
    let Some(disk) = crate::hostile::SmallDisk::mount("300k") else { return };
    let folder = workshop(|recipe| recipe.replace("\"sci\"", "\"lantern-s\""));
    let run = disk.path().join("run");
    let outcome = train(folder.path(), run.to_str().unwrap(), &[]);
    outcome.assert_one_error(4, &["space"]);
    assert!(
        !run.join("model.safetensors").exists() && !run.join("checkpoint.safetensors").exists()
    );
}

/// A training process that goes on from where the run is.
fn spawn(folder: &Path, output: &str) -> std::process::Child {
    let program: PathBuf = assert_cmd::cargo::cargo_bin("relume");
    Command::new(program)
        .current_dir(folder)
        .args(["train", "recipe.toml", "-o", output, "--resume"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}
