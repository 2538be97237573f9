//! `relume restore`: names, trees, what exists, stdin, records, interruption.

use std::fs;
use std::path::Path;

use relume_media::photo::{BitDepth, SaveOptions};
use relume_media::{Image, Limits, Photo, Size, Srgb};
use serde_json::Value;

use crate::run::{files, folder, names, picture, relume, relume_fed};

fn load(path: &Path) -> Photo {
    Photo::load(path, &Limits::default()).unwrap()
}

#[test]
fn the_result_stands_beside_the_original() {
    let folder = folder();
    let file = picture(&folder.path().join("night.jpg"));
    let before = fs::read(&file).unwrap();
    let outcome = relume(folder.path(), &["restore", "night.jpg"]);
    assert_eq!(outcome.code, 0, "{}", outcome.words);
    assert!(outcome.words.contains("night.jpg -> night.relume.jpg") && outcome.out.is_empty());
    assert_eq!(names(folder.path()), ["night.jpg", "night.relume.jpg"]);
    assert_eq!(fs::read(&file).unwrap(), before);
    assert_eq!(load(&folder.path().join("night.relume.jpg")).size(), load(&file).size());
}

#[test]
fn a_file_goes_to_a_file_or_a_folder() {
    let folder = folder();
    picture(&folder.path().join("a.png"));
    for (output, expected) in [("b.webp", "b.webp"), ("new", "new/a.png"), ("x/y/", "x/y/a.png")] {
        let outcome = relume(folder.path(), &["restore", "a.png", "-o", output, "-q"]);
        assert_eq!((outcome.code, outcome.words.as_str()), (0, ""), "{output}");
        assert!(folder.path().join(expected).is_file(), "{expected}");
    }
}

#[test]
fn a_folder_is_mirrored_with_names_and_tree() {
    let folder = folder();
    for name in ["album/b.png", "album/a.jpg", "album/trip/c.webp", "album/old.relume.png"] {
        picture(&folder.path().join(name));
    }
    fs::write(folder.path().join("album/notes.txt"), b"words").unwrap();
    let outcome = relume(folder.path(), &["restore", "album", "-o", "out"]);
    assert_eq!(outcome.code, 0, "{}", outcome.words);
    assert_eq!(names(&folder.path().join("out")), ["a.jpg", "b.png", "trip/c.webp"]);

    picture(&folder.path().join("single.png"));
    let several = relume(folder.path(), &["restore", "single.png", "album/", "-o", "both/"]);
    assert_eq!(several.code, 0, "{}", several.words);
    let expected = ["album/a.jpg", "album/b.png", "album/trip/c.webp", "single.png"];
    assert_eq!(names(&folder.path().join("both")), expected);
}

#[test]
fn a_second_run_reads_neither_its_results_nor_its_output_folder() {
    let folder = folder();
    picture(&folder.path().join("album/a.png"));
    for arguments in [&["restore", "album"][..], &["restore", "album", "-o", "album/out"]] {
        let first = relume(folder.path(), arguments);
        assert_eq!(first.code, 0, "{}", first.words);
        let again = relume(folder.path(), &[arguments, &["--overwrite"]].concat());
        assert_eq!(again.code, 0, "{}", again.words);
    }
    // `album/out` is skipped only while it is the output.
    assert_eq!(names(&folder.path().join("album")), ["a.png", "a.relume.png", "out/a.png"]);
}

#[test]
fn what_exists_is_left_alone_skipped_or_replaced_as_told() {
    let folder = folder();
    picture(&folder.path().join("a.png"));
    fs::write(folder.path().join("a.relume.png"), b"mine").unwrap();
    let result = || fs::read(folder.path().join("a.relume.png")).unwrap();

    relume(folder.path(), &["restore", "a.png"])
        .assert_one_error(4, &["a.relume.png", "--overwrite", "--skip-existing"]);
    assert_eq!(result(), b"mine");
    let skipped = relume(folder.path(), &["restore", "a.png", "--skip-existing", "--json"]);
    assert_eq!((skipped.code, &skipped.records()[0]["status"]), (0, &"skipped".into()));
    assert_eq!(skipped.records()[1]["skipped"], 1);
    assert_eq!(result(), b"mine");
    assert_eq!(relume(folder.path(), &["restore", "a.png", "--overwrite"]).code, 0);
    assert_ne!(result(), b"mine");
}

#[test]
fn an_original_is_never_the_output() {
    let folder = folder();
    let file = picture(&folder.path().join("album/a.png"));
    fs::hard_link(&file, folder.path().join("link.png")).unwrap();
    let before = files(folder.path());
    for output in ["album/a.png", "album/../album/a.png", "link.png", "album"] {
        let arguments = ["restore", "album/a.png", "-o", output, "--overwrite"];
        relume(folder.path(), &arguments).assert_one_error(2, &["originals are never changed"]);
    }
    relume(folder.path(), &["restore", "album", "-o", "album", "--overwrite"])
        .assert_one_error(2, &["originals are never changed"]);
    assert!(files(folder.path()) == before);
}

#[test]
fn stdin_to_stdout() {
    let folder = folder();
    let bytes = fs::read(picture(&folder.path().join("a.jpg"))).unwrap();
    let piped = relume_fed(folder.path(), &["restore", "-"], bytes);
    assert_eq!(piped.code, 0, "{}", piped.words);
    assert!(piped.out.starts_with(b"\xff\xd8\xff"));
    assert_eq!(relume(folder.path(), &["restore", "a.jpg"]).code, 0);
    assert!(piped.out == fs::read(folder.path().join("a.relume.jpg")).unwrap());

    let explicit = relume(folder.path(), &["restore", "a.jpg", "-o", "-"]);
    assert!(explicit.out == piped.out);
    relume(folder.path(), &["restore", "a.jpg", "-o", "-", "--json"])
        .assert_one_error(2, &["stdout"]);
    relume_fed(folder.path(), &["restore", "-"], b"no picture".to_vec())
        .assert_one_error(3, &["stdin"]);
}

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

#[test]
fn records_have_their_schema() {
    let folder = folder();
    picture(&folder.path().join("a.png"));
    let records = relume(folder.path(), &["restore", "a.png", "--json"]).records();
    assert_eq!(records.len(), 2);
    let common = ["height", "input", "output", "schema", "status", "type", "width"];
    let mut done = [&common[..], &["model", "report", "seconds", "warnings"]].concat();
    done.sort_unstable();
    assert_eq!(keys(&records[0]), done);
    assert_eq!((&records[0]["schema"], &records[0]["status"]), (&1.into(), &"done".into()));
    assert_eq!((&records[0]["width"], &records[0]["height"]), (&48.into(), &40.into()));
    // The library's report may grow; these fields stay.
    let report = keys(&records[0]["report"]);
    for field in ["brightness_before", "brightness_wanted", "gain_ev", "left_alone", "verdict"] {
        assert!(report.contains(&field), "{field} is missing in {report:?}");
    }
    let summary = [
        "command",
        "done",
        "exit_code",
        "failed",
        "interrupted",
        "planned",
        "schema",
        "seconds",
        "skipped",
        "type",
    ];
    assert_eq!(keys(&records[1]), summary);
    assert_eq!((&records[1]["done"], &records[1]["command"]), (&1.into(), &"restore".into()));

    let planned =
        relume(folder.path(), &["restore", "a.png", "--json", "--dry-run", "--overwrite"]);
    let mut fields = [&common[..], &["estimate"]].concat();
    fields.sort_unstable();
    assert_eq!(keys(&planned.records()[0]), fields);
    assert_eq!(keys(&planned.records()[0]["estimate"]), ["peak_bytes", "seconds"]);
    assert_eq!(planned.records()[1]["planned"], 1);
}

#[test]
fn a_dry_run_writes_nothing() {
    let folder = folder();
    picture(&folder.path().join("album/a.png"));
    picture(&folder.path().join("album/b.png"));
    let outcome = relume(folder.path(), &["restore", "album", "-o", "out", "--dry-run"]);
    let text = String::from_utf8(outcome.out).unwrap();
    assert_eq!(outcome.code, 0);
    assert!(text.contains("album/a.png -> out/a.png") && text.contains("2 pictures"), "{text}");
    assert_eq!(names(folder.path()), ["album/a.png", "album/b.png"]);
}

#[test]
fn one_bad_picture_does_not_stop_the_others() {
    let folder = folder();
    picture(&folder.path().join("album/a.png"));
    picture(&folder.path().join("album/c.png"));
    fs::write(folder.path().join("album/b.png"), b"").unwrap();
    let outcome = relume(folder.path(), &["restore", "album", "-o", "out", "--json"]);
    outcome.assert_one_error(1, &["b.png", "empty"]);
    assert_eq!(names(&folder.path().join("out")), ["a.png", "c.png"]);
}

#[test]
fn strength_0_changes_nothing_and_16_bit_stays_16_bit() {
    let folder = folder();
    let image = Image::<Srgb>::from_fn(Size::new(64, 48), |x, y| {
        [0.1 + x as f32 / 900.0, 0.2 + y as f32 / 700.0, 0.15 + (x + y) as f32 / 2000.0]
    });
    let mut photo = Photo::from_image(image);
    photo.depth = BitDepth::Sixteen;
    let file = folder.path().join("deep.png");
    photo.save(&file, &SaveOptions::default()).unwrap();
    let run = |more: &[&str]| {
        let outcome = relume(folder.path(), &[&["restore", "deep.png"], more].concat());
        assert_eq!(outcome.code, 0, "{}", outcome.words);
    };
    run(&["--strength", "0", "-o", "same.png"]);
    assert_eq!(load(&folder.path().join("same.png")).image, load(&file).image);
    run(&["-o", "one.png", "--threads", "1"]);
    run(&["-o", "two.png", "--threads", "2"]);
    let one = load(&folder.path().join("one.png"));
    assert_eq!(one.depth, BitDepth::Sixteen);
    assert_eq!(one.image, load(&folder.path().join("two.png")).image);
}

#[test]
fn a_wrong_model_is_code_5() {
    let folder = folder();
    picture(&folder.path().join("a.png"));
    fs::write(folder.path().join("weights.safetensors"), b"junk").unwrap();
    let cases = [
        ("lanten-s", "lantern-s"),
        ("weights.safetensors", "weights.safetensors"),
        ("./missing.safetensors", "missing.safetensors"),
    ];
    for (model, part) in cases {
        relume(folder.path(), &["restore", "a.png", "--model", model]).assert_one_error(5, &[part]);
    }
    assert_eq!(names(folder.path()), ["a.png", "weights.safetensors"]);
}

#[cfg(unix)]
mod signals {
    use std::process::{Child, Command, Stdio};
    use std::time::Duration;

    use super::*;

    /// Begins a restoration that takes seconds.
    fn begin(folder: &Path) -> Child {
        let image = Image::<Srgb>::from_fn(Size::new(3000, 2200), |x, y| {
            [0.1 + (x % 97) as f32 / 1000.0, 0.1 + (y % 89) as f32 / 1000.0, 0.12]
        });
        Photo::from_image(image).save(&folder.join("a.jpg"), &SaveOptions::default()).unwrap();
        let child = Command::new(assert_cmd::cargo::cargo_bin("relume"))
            .current_dir(folder)
            .args(["restore", "a.jpg", "--threads", "1"])
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(1200));
        child
    }

    fn signal(child: &Child, name: &str) {
        let id = child.id().to_string();
        assert!(Command::new("kill").args([name, &id]).status().unwrap().success());
    }

    #[test]
    fn an_interrupted_run_is_code_130_and_leaves_nothing() {
        let folder = folder();
        let child = begin(folder.path());
        signal(&child, "-INT");
        let output = child.wait_with_output().unwrap();
        let words = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(130), "{words}");
        assert!(words.contains("interrupted"), "{words}");
        assert_eq!(names(folder.path()), ["a.jpg"]);
    }

    #[test]
    fn a_second_interrupt_stops_at_once() {
        let folder = folder();
        let mut child = begin(folder.path());
        signal(&child, "-INT");
        std::thread::sleep(Duration::from_millis(30));
        // It may have ended by the first already.
        let _ = Command::new("kill").args(["-INT", &child.id().to_string()]).output();
        assert_eq!(child.wait().unwrap().code(), Some(130));
        assert_eq!(names(folder.path()), ["a.jpg"]);
    }

    #[test]
    fn a_killed_run_leaves_the_original_and_no_result() {
        let folder = folder();
        let mut child = begin(folder.path());
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(names(folder.path()), ["a.jpg"]);
    }
}
