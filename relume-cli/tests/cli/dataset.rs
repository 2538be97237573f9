//! Datasets as their users meet them: listed, checked, made.

use std::fs;

use crate::run::{files, folder, names, picture, relume};

#[test]
fn kinds_are_listed_with_their_layouts() {
    let folder = folder();
    let outcome = relume(folder.path(), &["dataset", "list"]);
    let text = String::from_utf8(outcome.out).unwrap();
    for kind in ["lol", "lol_blur", "gopro", "paired", "exposures", "shards", "hdr", "clean"] {
        assert!(text.lines().any(|line| line == kind), "{kind} is not in\n{text}");
    }
    let records = relume(folder.path(), &["dataset", "list", "--json"]).records();
    assert!(records.iter().all(|record| record["layout"].as_str().is_some_and(|l| !l.is_empty())));
}

#[test]
fn a_check_names_what_is_broken_and_what_has_no_counterpart() {
    let folder = folder();
    for name in ["low/a.png", "high/a.png", "low/b.png", "low/c.png", "high/c.png"] {
        picture(&folder.path().join("set").join(name));
    }
    let whole = fs::read(folder.path().join("set/low/a.png")).unwrap();
    fs::write(folder.path().join("set/low/c.png"), &whole[..60]).unwrap();
    let outcome = relume(folder.path(), &["dataset", "check", "set", "--json"]);
    assert_eq!(outcome.code, 1, "{}", outcome.words);
    let report = outcome.records().remove(0);
    assert_eq!(report["kind"], "paired");
    assert_eq!(report["counts"]["pairs"], 1);
    assert_eq!(report["sizes"]["width"], serde_json::json!([48, 48]));
    assert!(report["broken"][0][0].as_str().unwrap().ends_with("c.png"), "{report}");
    assert!(report["left_over"][0][0].as_str().unwrap().ends_with("b.png"), "{report}");
    let outcome = relume(folder.path(), &["dataset", "check", "set"]);
    let text = String::from_utf8(outcome.out).unwrap();
    assert!(text.contains("1 pairs") && text.contains("broken: ") && text.contains("left over: "));
}

#[test]
fn nothing_to_check_is_one_clear_error() {
    let folder = folder();
    fs::create_dir(folder.path().join("empty")).unwrap();
    let check = |path: &str| relume(folder.path(), &["dataset", "check", path]);
    check("empty").assert_one_error(3, &["empty", "clean"]);
    check("nowhere").assert_one_error(3, &["nowhere", "does not exist"]);
}

#[test]
fn a_made_set_is_the_same_on_any_number_of_threads_and_is_recognised() {
    let folder = folder();
    for name in ["a.png", "b.jpg", "c.png"] {
        picture(&folder.path().join("photos").join(name));
    }
    for (out, threads) in [("one", "1"), ("four", "4")] {
        let outcome = assert_cmd::Command::cargo_bin("relume")
            .unwrap()
            .current_dir(folder.path())
            .env("RAYON_NUM_THREADS", threads)
            .args(["dataset", "make", out, "--from", "photos", "--seed", "3"])
            .output()
            .unwrap();
        assert!(outcome.status.success(), "{}", String::from_utf8_lossy(&outcome.stderr));
    }
    assert!(files(&folder.path().join("one")) == files(&folder.path().join("four")));
    let expected = ["input/000000.png", "input/000001.png", "input/000002.png", "made.json"];
    assert_eq!(names(&folder.path().join("one"))[..4], expected);
    let report = relume(folder.path(), &["dataset", "check", "one", "--json"]).records().remove(0);
    assert_eq!(
        (report["kind"].as_str(), report["counts"]["pairs"].as_u64()),
        (Some("paired"), Some(3))
    );
    let again = relume(folder.path(), &["dataset", "make", "one", "--from", "photos"]);
    again.assert_one_error(3, &["one", "not empty"]);
}

#[test]
fn pictures_too_small_for_event_photos_are_left_out_and_named() {
    let folder = folder();
    picture(&folder.path().join("photos/square.png"));
    let arguments = ["dataset", "make", "event", "--from", "photos", "--how", "event"];
    relume(folder.path(), &arguments).assert_one_error(3, &["event", "704"]);
}
