//! Every verb does what its help says.

use std::fs;

use crate::run::{folder, names, picture, relume, relume_fed, relume_with};

#[test]
fn every_verb_has_help_with_examples() {
    let folder = folder();
    let verbs = [
        "restore",
        "inspect",
        "degrade",
        "score",
        "eval",
        "dataset",
        "train",
        "tune",
        "models",
        "explain",
        "doctor",
        "completions",
        "man",
    ];
    for verb in verbs {
        let outcome = relume(folder.path(), &[verb, "--help"]);
        let text = String::from_utf8(outcome.out).unwrap();
        assert_eq!(outcome.code, 0);
        assert!(text.contains("Examples:") && text.contains(&format!("relume {verb}")), "{text}");
    }
    let whole = relume(folder.path(), &["--help"]);
    let text = String::from_utf8(whole.out).unwrap();
    assert!(verbs.iter().all(|verb| text.contains(verb)) && text.contains("Exit codes"));
}

#[test]
fn wrong_usage_is_code_2() {
    let folder = folder();
    picture(&folder.path().join("a.png"));
    let cases: [&[&str]; 7] = [
        &[],
        &["restore"],
        &["restore", "a.png", "--strength", "2"],
        &["restore", "a.png", "--overwrite", "--skip-existing"],
        &["restore", "a.png", "-o", "a.bmp"],
        &["score", "a.png", "a.png", "--metric", "beauty"],
        &["train"],
    ];
    for arguments in cases {
        let outcome = relume(folder.path(), arguments);
        assert_eq!(outcome.code, 2, "{arguments:?}: {}", outcome.words);
        assert!(outcome.out.is_empty() && !outcome.words.is_empty());
    }
    assert_eq!(names(folder.path()), ["a.png"]);
}

#[test]
fn training_needs_a_recipe_and_the_feature() {
    let folder = folder();
    let outcome = relume(folder.path(), &["train", "recipe.toml"]);
    let (code, word) = if cfg!(feature = "train") { (3, "recipe.toml") } else { (2, "feature") };
    assert_eq!(outcome.code, code, "{}", outcome.words);
    assert!(outcome.words.contains(word), "{}", outcome.words);
}

#[test]
fn inspect_gives_a_verdict_in_words_and_json() {
    let folder = folder();
    picture(&folder.path().join("a.png"));
    let text = relume(folder.path(), &["inspect", "a.png"]);
    let words = String::from_utf8(text.out.clone()).unwrap();
    assert_eq!(text.code, 0);
    assert!(words.contains("a.png: 48×40, PNG, 8 bit") && words.contains("verdict"), "{words}");

    let records = relume(folder.path(), &["inspect", "a.png", "--json"]).records();
    assert_eq!(records.len(), 2);
    let [first, summary] = [&records[0], &records[1]];
    assert_eq!((&first["schema"], &first["type"]), (&1.into(), &"inspect".into()));
    assert_eq!(first["status"], "done");
    let verdicts = ["fine", "relight", "restore", "highlights"];
    assert!(verdicts.contains(&first["verdict"].as_str().unwrap()));
    assert!(first["reasons"].is_array() && first["exposure"]["key_ev"].is_number());
    assert_eq!((&summary["type"], &summary["done"]), (&"summary".into(), &1.into()));
    assert_eq!(summary["exit_code"], 0);
}

#[test]
fn inspect_reads_folders_and_stdin() {
    let folder = folder();
    let file = picture(&folder.path().join("album/deep/a.png"));
    picture(&folder.path().join("album/b.relume.png"));
    let records = relume(folder.path(), &["inspect", "album", "--json"]).records();
    assert_eq!(records.len(), 2, "{records:?}");
    assert!(records[0]["input"].as_str().unwrap().ends_with("a.png"));
    let fed = relume_fed(folder.path(), &["inspect", "-", "--json"], fs::read(file).unwrap());
    assert_eq!(fed.records()[0]["input"], "-");
    assert_eq!(fed.records()[0]["size"], records[0]["size"]);
}

#[test]
fn some_failing_is_code_1_and_the_others_are_done() {
    let folder = folder();
    picture(&folder.path().join("a.png"));
    let outcome = relume(folder.path(), &["inspect", "a.png", "missing.png", "--json"]);
    outcome.assert_one_error(1, &["missing.png"]);
    let records = outcome.records();
    assert_eq!(records[0]["status"], "done");
    assert_eq!(records[1]["status"], "failed");
    assert_eq!(records[1]["error"]["exit_code"], 3);
    assert_eq!((&records[2]["failed"], &records[2]["exit_code"]), (&1.into(), &1.into()));
}

#[test]
fn degrade_is_seeded_and_writes_its_record() {
    let folder = folder();
    picture(&folder.path().join("good.png"));
    let make = |out: &str, seed: &str| {
        let outcome =
            relume(folder.path(), &["degrade", "good.png", "-o", out, "--seed", seed, "--ev", "2"]);
        assert_eq!(outcome.code, 0, "{}", outcome.words);
        fs::read(folder.path().join(out)).unwrap()
    };
    let first = make("a.png", "7");
    assert_eq!(first, make("b.png", "7"));
    assert_ne!(first, make("c.png", "8"));
    let record: serde_json::Value =
        serde_json::from_slice(&fs::read(folder.path().join("a.json")).unwrap()).unwrap();
    let done = &record["degradation"];
    assert_eq!((&done["seed"], &done["ev"]), (&7.into(), &2.0.into()));
    assert!(done["shake"]["trajectory"].is_array() && done["shake"]["psf"]["side"].is_number());
    assert_eq!(record["width"], 48);
}

#[test]
fn degrade_touches_neither_the_original_nor_what_exists() {
    let folder = folder();
    let file = picture(&folder.path().join("good.png"));
    let before = fs::read(&file).unwrap();
    let onto = relume(folder.path(), &["degrade", "good.png", "-o", "good.png", "--overwrite"]);
    onto.assert_one_error(2, &["good.png", "originals are never changed"]);
    picture(&folder.path().join("bad.png"));
    relume(folder.path(), &["degrade", "good.png", "-o", "bad.png"])
        .assert_one_error(4, &["bad.png", "exists already"]);
    assert_eq!(fs::read(file).unwrap(), before);
    assert_eq!(names(folder.path()), ["bad.png", "good.png"]);
}

#[test]
fn score_compares_files_and_folders() {
    let folder = folder();
    let file = picture(&folder.path().join("truth/a.png"));
    let bad = folder.path().join("bad");
    fs::create_dir(&bad).unwrap();
    let path = file.to_str().unwrap();
    let dark = relume(folder.path(), &["degrade", path, "-o", "bad/a.png", "--ev", "3"]);
    assert_eq!(dark.code, 0, "{}", dark.words);

    let same = relume(folder.path(), &["score", path, path]);
    let text = String::from_utf8(same.out).unwrap();
    assert!(text.contains("inf") && text.contains("1.0000"), "{text}");
    let value = |arguments: &[&str]| {
        let outcome = relume(folder.path(), arguments);
        assert_eq!(outcome.code, 0, "{}", outcome.words);
        let records = outcome.records();
        assert_eq!(
            records.iter().map(|r| r["type"].as_str().unwrap()).collect::<Vec<_>>(),
            ["score", "mean", "summary"]
        );
        records[1]["scores"]["psnr"].as_f64().unwrap()
    };
    let blind = value(&["score", "bad", "truth", "--json"]);
    let aligned = value(&["score", "bad", "truth", "--json", "--align", "--metric", "psnr"]);
    assert!(aligned > blind + 3.0, "{blind} {aligned}");
}

#[test]
fn score_names_what_has_no_match() {
    let folder = folder();
    picture(&folder.path().join("truth/a.png"));
    picture(&folder.path().join("made/a.png"));
    picture(&folder.path().join("made/b.png"));
    relume(folder.path(), &["score", "made", "truth"]).assert_one_error(1, &["b.png", "truth"]);
}

#[test]
fn completions_exist_for_every_shell() {
    let folder = folder();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let outcome = relume(folder.path(), &["completions", shell]);
        assert!(outcome.code == 0 && outcome.out.len() > 500, "{shell}");
    }
}

#[test]
fn the_guide_is_in_the_program() {
    let folder = folder();
    let list = relume(folder.path(), &["explain"]);
    let text = String::from_utf8(list.out).unwrap();
    assert!(list.code == 0 && text.contains("joint") && text.lines().count() > 10, "{text}");
    let chapter = relume(folder.path(), &["explain", "mirnet"]);
    let text = String::from_utf8(chapter.out).unwrap();
    assert!(text.starts_with("Several scales at once: MIRNet\n====="), "{text}");
    assert!(text.contains("[Picture: ") && !text.contains("```"), "{text}");
    let records = relume(folder.path(), &["explain", "traps", "--json"]).records();
    assert_eq!((&records[0]["type"], &records[0]["topic"]), (&"topic".into(), &"traps".into()));
    relume(folder.path(), &["explain", "trap"])
        .assert_one_error(2, &["trap", "did you mean traps"]);
}

#[test]
fn the_doctor_tells_what_is_there_and_leaves_nothing_behind() {
    let folder = folder();
    let outcome = relume(folder.path(), &["doctor", "--json"]);
    assert_eq!(outcome.code, 0, "{}", outcome.words);
    let record = &outcome.records()[0];
    assert_eq!(record["version"], env!("CARGO_PKG_VERSION"));
    assert!(record["processor"]["threads"].as_u64().unwrap() > 0);
    let weights = record["weights"].as_array().unwrap();
    let whole = |name: &str| weights.iter().any(|w| w["model"] == name && w["fault"].is_null());
    assert!(whole("lantern-s") && whole("sem"), "{record}");
    let text = String::from_utf8(relume(folder.path(), &["doctor"]).out).unwrap();
    assert!(text.contains("lantern-s") && text.contains("all is well"), "{text}");
    assert!(names(folder.path()).is_empty());
}

#[cfg(target_os = "linux")]
#[test]
fn the_doctor_finds_a_folder_that_cannot_be_written() {
    let folder = folder();
    let outcome = relume_with(folder.path(), &[("TMPDIR", "/proc/self")], &["doctor", "--json"]);
    assert_eq!(outcome.code, 4, "{}", outcome.words);
    let folders = outcome.records()[0]["folders"].clone();
    let fault = folders.as_array().unwrap().iter().find(|f| f["path"] == "/proc/self").unwrap();
    assert!(fault["fault"].as_str().unwrap().contains("cannot be written"), "{fault}");
}

#[test]
fn every_verb_has_a_manual_page() {
    let folder = folder();
    assert_eq!(relume(folder.path(), &["man", "pages"]).code, 0);
    let pages = names(&folder.path().join("pages"));
    for page in ["relume.1", "relume-restore.1", "relume-models-import.1", "relume-explain.1"] {
        assert!(pages.contains(&page.to_owned()), "{page} is not among {pages:?}");
    }
    fs::write(folder.path().join("file"), "").unwrap();
    relume(folder.path(), &["man", "file"]).assert_one_error(4, &["file", "could not be written"]);
}
