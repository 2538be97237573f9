//! `relume run` and `relume workflows`.

use std::fs;
use std::path::Path;

use relume::Workflow;
use relume::workflow::own_models;
use relume_media::photo::SaveOptions;
use relume_media::{Image, Limits, Photo, Size};
use tempfile::tempdir;

use super::run::{picture, relume};

/// A dark photo with something to see.
fn night(folder: &Path) {
    let image = Image::from_fn(Size::new(80, 60), |x, y| {
        let step = if (x / 9 + y / 7) % 2 == 0 { 0.16 } else { 0.05 };
        let grain = ((x * 7919 + y * 104_729) % 101) as f32 / 2020.0;
        [step + grain, step, 0.7 * step + y as f32 / 600.0]
    });
    Photo::from_image(image).save(&folder.join("night.png"), &SaveOptions::default()).unwrap();
}

#[test]
fn the_program_and_the_library_write_the_same_bytes() {
    let folder = tempdir().unwrap();
    night(folder.path());
    for name in ["photo", "night", "backlit", "archive"] {
        let done =
            relume(folder.path(), &["run", name, "night.png", "-o", "out.png", "--overwrite"]);
        assert_eq!(done.code, 0, "{}", done.words);
        let photo = Photo::load(&folder.path().join("night.png"), &Limits::default()).unwrap();
        let made = Workflow::load(name, &[], &own_models).unwrap().photo(&photo).unwrap();
        let (bytes, _) = made.encode(made.format, &SaveOptions::default()).unwrap();
        assert_eq!(fs::read(folder.path().join("out.png")).unwrap(), bytes, "{name}");
    }
}

#[test]
fn a_workflow_of_one_network_writes_what_restore_writes() {
    let folder = tempdir().unwrap();
    night(folder.path());
    for (workflow, output) in [(true, "workflow.png"), (false, "restore.png")] {
        let verb: &[&str] = if workflow { &["run", "night"] } else { &["restore", "--always"] };
        let done = relume(folder.path(), &[verb, &["night.png", "-o", output]].concat());
        assert_eq!(done.code, 0, "{}", done.words);
    }
    let read = |name: &str| fs::read(folder.path().join(name)).unwrap();
    assert_eq!(read("workflow.png"), read("restore.png"));
}

#[test]
fn a_recipe_repeats_a_run_from_file_to_file() {
    let folder = tempdir().unwrap();
    night(folder.path());
    let first = ["run", "photo", "night.png", "--recipe", "--set", "joint.brightness=0.4"];
    let done = relume(folder.path(), &first);
    assert_eq!(done.code, 0, "{}", done.words);
    assert!(done.words.contains("better: seen is"), "{}", done.words);
    let again = ["run", "night.relume.recipe.json", "night.png", "-o", "again.png"];
    let done = relume(folder.path(), &again);
    assert_eq!((done.code, done.words.contains("warning")), (0, false), "{}", done.words);
    let read = |name: &str| fs::read(folder.path().join(name)).unwrap();
    assert_eq!(read("night.relume.png"), read("again.png"));
    // Another picture: the same steps, and a word about it.
    picture(&folder.path().join("other.png"));
    let done = relume(folder.path(), &["run", "night.relume.recipe.json", "other.png"]);
    assert!(
        done.words.contains("warning: night.relume.recipe.json: the input's"),
        "{}",
        done.words
    );
}

#[test]
fn a_broken_workflow_reads_no_picture() {
    let folder = tempdir().unwrap();
    fs::write(folder.path().join("w.toml"), "[[node]]\nid = \"a\"\nkind = \"inptu\"\n").unwrap();
    let done = relume(folder.path(), &["run", "w.toml", "nowhere.png", "-o", "out.png"]);
    done.assert_one_error(3, &["w.toml:3: ", "did you mean \"input\""]);
    assert!(!folder.path().join("out.png").exists());
    let done = relume(folder.path(), &["workflows", "check", "w.toml", "night"]);
    done.assert_one_error(3, &["w.toml:3: "]);
    assert!(String::from_utf8(done.out).unwrap().contains("night: good, 3 nodes"));
}

#[test]
fn several_outputs_and_scores() {
    let folder = tempdir().unwrap();
    night(folder.path());
    let text = "node = [\n{id = 'photo', kind = 'input'},\n\
        {id = 'truth', kind = 'input', file = '{stem}.png'},\n\
        {id = 'less', kind = 'curve', image = 'photo', gamma = 1.2},\n\
        {id = 'near', kind = 'score', image = 'less', truth = 'truth'},\n\
        {id = 'sheet', kind = 'compare', first = 'photo', second = 'less'},\n\
        {id = 'main', kind = 'output', image = 'less'},\n\
        {id = 'side', kind = 'output', image = 'sheet', suffix = 'sheet', format = 'jpg'}]";
    fs::write(folder.path().join("w.toml"), text).unwrap();
    let done = relume(folder.path(), &["run", "w.toml", "night.png", "--json"]);
    assert_eq!(done.code, 0, "{}", done.words);
    let record = &done.records()[0];
    assert_eq!(record["outputs"][1], "night.relume.sheet.jpg");
    let near = record["nodes"].as_array().unwrap().iter().find(|n| n["id"] == "near").unwrap();
    assert!(near["values"]["value"].as_f64().unwrap() > 20.0, "{near}");
    for name in ["night.relume.png", "night.relume.sheet.jpg"] {
        assert!(folder.path().join(name).is_file(), "{name}");
    }
}

#[test]
fn lists_drawings_and_the_schema() {
    let folder = tempdir().unwrap();
    let text = |arguments: &[&str]| {
        let done = relume(folder.path(), arguments);
        assert_eq!(done.code, 0, "{}", done.words);
        String::from_utf8(done.out).unwrap()
    };
    let list = text(&["workflows", "list"]);
    for name in ["photo", "night", "event", "backlit", "deblur", "highlights", "archive"] {
        assert!(list.lines().any(|line| line.starts_with(name)), "{name}: {list}");
    }
    fs::write(folder.path().join("mine.toml"), text(&["workflows", "show", "photo"])).unwrap();
    assert!(text(&["workflows", "check", "mine.toml"]).contains("mine.toml: good"));
    assert!(text(&["workflows", "draw", "mine.toml"]).starts_with("<svg"));
    for card in relume::workflow::NODES {
        assert!(text(&["workflows", "nodes"]).lines().any(|line| line.starts_with(card.name)));
        assert!(text(&["workflows", "schema"]).contains(&format!("\"const\": \"{}\"", card.name)));
    }
    assert!(text(&["workflows", "nodes", "model"]).contains("setting  strength"));
}

#[test]
fn inspect_writes_a_page_and_a_picture() {
    let folder = tempdir().unwrap();
    night(folder.path());
    let inspect = |report: &str, more: &[&str]| {
        let arguments = [&["inspect", "night.png", "--report", report], more].concat();
        relume(folder.path(), &arguments)
    };
    for report in ["night.html", "sheet.png"] {
        let done = inspect(report, &[]);
        assert_eq!(done.code, 0, "{}", done.words);
    }
    let page = fs::read_to_string(folder.path().join("night.html")).unwrap();
    assert_eq!(page.matches("<img").count(), 5);
    assert!(page.contains("verdict") && page.contains("zones of light"));
    let sheet = Photo::load(&folder.path().join("sheet.png"), &Limits::default()).unwrap();
    assert!(sheet.size().width > 5 * 256);
    inspect("night.html", &[]).assert_one_error(4, &["night.html", "exists"]);
    assert_eq!(inspect("night.html", &["--overwrite"]).code, 0);
    inspect("night.pdf", &[]).assert_one_error(2, &[".html or .png"]);
    let done = relume(folder.path(), &["inspect", "night.png", "--json"]);
    let record = &done.records()[0];
    assert!(record["blur"]["sharp"].is_number() && record["light"]["zones_ev"].is_array());
}

#[test]
fn a_workflow_cannot_make_an_output_of_an_input() {
    let folder = tempdir().unwrap();
    let [one, other] = ["a.png", "a.relume.jpg"].map(|name| picture(&folder.path().join(name)));
    let before = [&one, &other].map(|path| fs::read(path).unwrap());
    // The result of the first would have the name of the second.
    let text = "[[node]]\nid = \"p\"\nkind = \"input\"\n[[node]]\nid = \"o\"\nkind = \"output\"\n\
                image = \"p\"\nformat = \"jpg\"\n";
    fs::write(folder.path().join("w.toml"), text).unwrap();
    let run = ["run", "w.toml", "a.png", "a.relume.jpg", "--overwrite"];
    let outcome = relume(folder.path(), &run);
    assert_eq!(outcome.code, 1, "{}", outcome.words);
    assert!(outcome.words.contains("originals are never changed"), "{}", outcome.words);
    assert_eq!([&one, &other].map(|path| fs::read(path).unwrap()), before);
}
