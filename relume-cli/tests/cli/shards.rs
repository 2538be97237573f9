//! `relume restore --shard --manifest` and `relume manifest merge`.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::run::{files, folder, names, picture, relume};

const NAMES: [&str; 7] =
    ["a.png", "b.png", "c.jpg", "d.webp", "trip/a.png", "trip/e.png", "trip/x/f.png"];

fn album(folder: &Path) {
    for name in NAMES {
        picture(&folder.join("album").join(name));
    }
}

#[track_caller]
fn done(folder: &Path, arguments: &[&str]) -> String {
    let outcome = relume(folder, arguments);
    assert_eq!(outcome.code, 0, "{arguments:?}: {}", outcome.words);
    String::from_utf8(outcome.out).unwrap()
}

fn lines(manifest: &Path) -> Vec<Value> {
    let text = fs::read_to_string(manifest).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn shards_together_do_everything_once() {
    let folder = folder();
    let here = folder.path();
    album(here);
    done(here, &["restore", "album", "-o", "whole"]);
    for count in [1, 3, 9] {
        let output = format!("of-{count}");
        let mut merge = vec!["manifest".to_owned(), "merge".to_owned()];
        for index in 0..count {
            let (shard, manifest) = (format!("{index}/{count}"), format!("{count}-{index}.jsonl"));
            let arguments =
                ["restore", "album", "-o", &output, "--shard", &shard, "--manifest", &manifest];
            done(here, &arguments);
            merge.push(manifest);
        }
        assert_eq!(files(&here.join(&output)), files(&here.join("whole")));
        merge.extend(["--inputs", "album", "-o"].map(str::to_owned));
        merge.push(format!("{count}.jsonl"));
        let merge: Vec<&str> = merge.iter().map(String::as_str).collect();
        let said = done(here, &merge);
        assert!(
            said.contains(&format!("7 pictures in {count} manifests, each exactly once")),
            "{said}"
        );
        assert_eq!(lines(&here.join(format!("{count}.jsonl"))).len(), 7);
    }
}

#[test]
fn a_run_goes_on_with_its_manifest() {
    let folder = folder();
    let here = folder.path();
    album(here);
    let again = ["restore", "album", "-o", "out", "--skip-existing", "--manifest", "m.jsonl"];
    done(here, &again);
    let results = files(&here.join("out"));
    // As if it had been ended in the midst of the third line, with the fourth result written.
    let text = fs::read_to_string(here.join("m.jsonl")).unwrap();
    let end = text.match_indices('\n').nth(1).unwrap().0 + 30;
    fs::write(here.join("m.jsonl"), &text[..end]).unwrap();
    for name in names(&here.join("out")).iter().skip(4) {
        fs::remove_file(here.join("out").join(name)).unwrap();
    }
    done(here, &again);
    assert_eq!(files(&here.join("out")), results);
    let status = |wanted: &str| {
        lines(&here.join("m.jsonl")).iter().filter(|line| line["status"] == wanted).count()
    };
    assert_eq!((status("done"), status("found")), (5, 2));
    done(here, &["manifest", "merge", "m.jsonl", "--inputs", "album"]);
    let before = fs::read(here.join("m.jsonl")).unwrap();
    done(here, &again);
    assert_eq!(fs::read(here.join("m.jsonl")).unwrap(), before, "nothing was left to do");
    let other = relume(here, &[&again[..], &["--strength", "0.5"]].concat());
    assert_eq!(other.code, 4, "{}", other.words);
    assert!(other.words.contains("another recipe"), "{}", other.words);
}

#[test]
fn what_is_missing_twice_or_broken_is_named() {
    let folder = folder();
    let here = folder.path();
    album(here);
    fs::write(here.join("album/broken.jpg"), b"\xff\xd8\xff junk").unwrap();
    let first = relume(here, &["restore", "album", "-o", "out", "--manifest", "a.jsonl"]);
    assert_eq!(first.code, 1, "{}", first.words);
    done(here, &["restore", "album/a.png", "-o", "twice/", "--manifest", "b.jsonl"]);
    picture(&here.join("album/new.png"));
    let merged = relume(here, &["manifest", "merge", "a.jsonl", "b.jsonl", "--inputs", "album"]);
    assert_eq!(merged.code, 1);
    let said = String::from_utf8(merged.out).unwrap();
    for words in [
        "broken.jpg: failed: ",
        "a.png: made twice, in a.jsonl and in b.jsonl",
        "new.png: in no manifest",
    ] {
        assert!(said.contains(words), "{words:?} is missing in {said}");
    }
}

#[test]
fn shards_and_addresses_that_make_no_sense_are_refused() {
    let folder = folder();
    let here = folder.path();
    album(here);
    for shard in ["3/3", "x", "1/0", "auto"] {
        assert_eq!(relume(here, &["restore", "album", "-o", "out", "--shard", shard]).code, 2);
    }
    relume(here, &["restore", "ftp://host/a.png", "-o", "out"]).assert_one_error(2, &["s3, gs"]);
    if !cfg!(feature = "cloud") {
        let store = ["restore", "s3://bucket/album/", "-o", "s3://bucket/out/"];
        relume(here, &store).assert_one_error(2, &["--features cloud"]);
    }
    let address = format!("file://{}/album/a.png", here.display());
    done(here, &["restore", &address, "-o", "out/a.png"]);
    assert_eq!(names(&here.join("out")), ["a.png"]);
}
