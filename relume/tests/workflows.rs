//! Workflows: what is refused and how, what runs and what comes out.
#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use relume::workflow::{
    BUILT_IN, Cache, Change, Event, NODES, Outcome, Watch, Workflow, own_models, schema,
};
use relume::{ErrorKind, Restorer};
use relume_media::photo::SaveOptions;
use relume_media::{Image, Photo, PhotoFormat, Progress, Size, Srgb};
use serde_json::Value;

fn broken() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/workflows/broken")
}

/// A small dark picture with edges and grain.
fn picture() -> Image<Srgb> {
    Image::from_fn(Size::new(96, 64), |x, y| {
        let edge = if (x / 9 + y / 7) % 2 == 0 { 0.16 } else { 0.05 };
        let grain = ((x * 7919 + y * 104_729) % 101) as f32 / 2020.0;
        [edge + grain, edge, 0.7 * edge + 0.1 * y as f32 / 64.0]
    })
}

fn parse(text: &str) -> relume::Result<Workflow> {
    Workflow::parse(text, "test.toml", &[], &own_models)
}

fn run(workflow: &Workflow, cache: &mut Cache) -> (Outcome, Vec<(String, Event)>) {
    let heard = RefCell::new(Vec::new());
    let progress = Progress::silent();
    let hear = |id: &str, event| heard.borrow_mut().push((id.to_owned(), event));
    let watch = Watch { progress: &progress, nodes: &hear };
    let outcome = workflow.run(Photo::from_image(picture()), "x", cache, &watch).unwrap();
    (outcome, heard.into_inner())
}

/// `RELUME_BLESS=1` writes the snapshots anew; look at the differences before you commit them.
#[test]
fn broken_workflows_are_refused_with_file_line_and_remedy() {
    let mut files: Vec<_> = std::fs::read_dir(broken())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|kind| kind == "toml" || kind == "json"))
        .collect();
    files.sort();
    assert!(files.len() >= 40);
    let bless = std::env::var_os("RELUME_BLESS").is_some();
    let mut wrong = Vec::new();
    for path in files {
        let name = path.file_name().unwrap().to_str().unwrap();
        let error = Workflow::load(path.to_str().unwrap(), &[], &own_models).expect_err(name);
        assert_eq!(error.kind(), ErrorKind::Workflow, "{name}");
        let folder = format!("{}/", broken().display());
        let said = error.to_string().replace(&format!("{folder}./"), "").replace(&folder, "");
        for line in said.lines() {
            let mut parts = line.splitn(3, ':');
            assert!(parts.next().unwrap().contains('.'), "{name}: no file in {line:?}");
            let number: usize = parts.next().unwrap().parse().unwrap();
            assert!(number > 0 && parts.next().unwrap().len() > 20, "{name}: {line:?}");
        }
        let snapshot = path.with_extension("error");
        if bless {
            std::fs::write(&snapshot, format!("{said}\n")).unwrap();
        }
        let expected = std::fs::read_to_string(&snapshot).unwrap_or_default();
        if expected.trim_end() != said {
            wrong.push(format!("{name}\n  expected {}\n  said     {said}", expected.trim_end()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_workflow_that_is_carried_can_run() {
    for (name, _) in BUILT_IN {
        match Workflow::load(name, &[], &own_models) {
            Ok(workflow) if workflow.takes_video() => {
                assert_eq!(*name, "video-night");
                let wanted = workflow.video_steps(Path::new("night.mp4")).unwrap();
                assert!(wanted.steps.denoise && wanted.steps.cut.is_none());
                assert!(workflow.photo(&Photo::from_image(picture())).is_err());
            }
            Ok(workflow) => {
                let made = workflow.photo(&Photo::from_image(picture())).unwrap();
                assert_eq!(made.size(), picture().size(), "{name}");
                assert!(!workflow.help.is_empty() && workflow.name == *name);
            }
            // MIRNet's weights are not carried: the remedy must be named.
            Err(error) => {
                assert_eq!(*name, "event");
                assert!(error.to_string().contains("event (built in):"), "{error}");
            }
        }
    }
}

#[test]
fn a_workflow_gives_what_its_parts_give() {
    let night = Workflow::load("night", &[], &own_models).unwrap();
    let photo = Photo::from_image(picture());
    let restorer = Restorer::load("lantern-s").unwrap().always(true);
    let wanted = restorer.photo(&photo).unwrap();
    assert_eq!(night.photo(&photo).unwrap(), wanted);
}

#[test]
fn a_model_that_is_not_named_is_the_usual_one() {
    let node = |more: &str| {
        format!(
            "[[node]]\nid = \"photo\"\nkind = \"input\"\n[[node]]\nid = \"better\"\nkind = \"model\"\n\
             image = \"photo\"\n{more}\n[[node]]\nid = \"end\"\nkind = \"output\"\nimage = \"better\"\n"
        )
    };
    let photo = Photo::from_image(picture());
    let made = |more: &str| parse(&node(more)).unwrap().photo(&photo).unwrap().image;
    assert_eq!(made(""), made("model = \"lantern-s\""));
}

#[test]
fn what_is_not_chosen_is_never_computed() {
    let text = r#"
        [[node]]
        id = "photo"
        kind = "input"
        [[node]]
        id = "dear"
        kind = "model"
        image = "photo"
        [[node]]
        id = "bright"
        kind = "mask"
        image = "photo"
        from = 0.9
        to = 0.95
        [[node]]
        id = "chosen"
        kind = "choose"
        on = "bright.share"
        limits = [0.5]
        cases = ["photo", "dear"]
        [[node]]
        id = "result"
        kind = "output"
        image = "chosen"
    "#;
    let (outcome, heard) = run(&parse(text).unwrap(), &mut Cache::off());
    assert!(heard.iter().all(|(id, _)| id != "dear"), "{heard:?}");
    assert_eq!(outcome.outputs[0].photo.image, picture());
    let choice = outcome.nodes.iter().find(|node| node.id == "chosen").unwrap();
    assert_eq!(choice.chosen.as_deref(), Some("bright.share is 0.000: photo"));
}

#[test]
fn only_what_follows_a_change_runs_again() {
    let text = |amount: f32| {
        format!(
            "node = [\n{{id = 'photo', kind = 'input'}},\n\
             {{id = 'soft', kind = 'resize', image = 'photo', scale = 0.5}},\n\
             {{id = 'sharp', kind = 'sharpen', image = 'soft', amount = {amount}}},\n\
             {{id = 'result', kind = 'output', image = 'sharp'}}]"
        )
    };
    let mut cache = Cache::of_bytes(1 << 20);
    let began = |heard: &[(String, Event)], event| {
        let ids = heard.iter().filter(|(_, e)| *e == event).map(|(id, _)| id.as_str());
        ids.collect::<Vec<_>>().join(" ")
    };
    let (first, heard) = run(&parse(&text(0.5)).unwrap(), &mut cache);
    assert_eq!(began(&heard, Event::Begun), "photo soft sharp result");
    let (again, heard) = run(&parse(&text(0.5)).unwrap(), &mut cache);
    assert_eq!(began(&heard, Event::Kept), "photo soft sharp");
    assert_eq!(again.outputs[0].photo, first.outputs[0].photo);
    let (other, heard) = run(&parse(&text(1.0)).unwrap(), &mut cache);
    assert_eq!(began(&heard, Event::Begun), "sharp result");
    let (truth, _) = run(&parse(&text(1.0)).unwrap(), &mut Cache::off());
    assert_eq!(other.outputs[0].photo, truth.outputs[0].photo);
    assert_ne!(other.outputs[0].photo, first.outputs[0].photo);
}

/// `video-night` with other nodes between its first and its last.
fn video(between: &str) -> relume::Result<relume::workflow::VideoOutput> {
    let text = format!(
        "node = [\n{{id = 'in', kind = 'video-input'}},\n{between}\n\
         {{id = 'out', kind = 'video-output', video = 'last', crf = 20, beside = true}}]"
    );
    parse(&text)?.video_steps(Path::new("night.mp4"))
}

#[test]
fn steps_of_a_video_are_gathered_before_a_frame_is_read() {
    let wanted = video(
        "{id = 'part', kind = 'video-trim', video = 'in', from = 1, to = 3},\n\
         {id = 'less', kind = 'video-trim', video = 'part', from = 2, to = 9},\n\
         {id = 'calm', kind = 'video-denoise', video = 'less'},\n\
         {id = 'last', kind = 'video-model', video = 'calm', strength = 0.5, always = true},",
    )
    .unwrap();
    let cut = wanted.steps.cut.unwrap();
    assert_eq!((cut.from_us, cut.to_us), (2_000_000, 3_000_000));
    assert!(wanted.steps.denoise && wanted.steps.path.ends_with("night.mp4"));
    assert_eq!((wanted.encode.crf, wanted.beside), (Some(20.0), relume::video::Beside::Before));
    let other = video("{id = 'last', kind = 'video-model', video = 'in'},").unwrap();
    let overwrite = relume_media::atomic::Overwrite::Never;
    assert_ne!(wanted.options(overwrite).model, other.options(overwrite).model);
    for (between, said) in [
        ("{id = 'last', kind = 'video-denoise', video = 'in'},", "no network"),
        (
            "{id = 'a', kind = 'video-model', video = 'in'},\n\
             {id = 'last', kind = 'video-denoise', video = 'a'},",
            "before video-model",
        ),
        (
            "{id = 'a', kind = 'video-model', video = 'in'},\n\
             {id = 'last', kind = 'video-model', video = 'a'},",
            "one video-model",
        ),
        (
            "{id = 'a', kind = 'video-trim', video = 'in', from = 5, to = 4},\n\
             {id = 'last', kind = 'video-model', video = 'a'},",
            "ends after it begins",
        ),
    ] {
        let error = video(between).unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
    }
    let error = Workflow::load("night", &[], &own_models).unwrap();
    let error = error.video_steps(Path::new("night.mp4")).unwrap_err().to_string();
    assert!(error.contains("takes photos") && error.contains("video-input"), "{error}");
}

#[test]
fn a_workflow_without_files_may_name_none() {
    let alone = |text: &str| Workflow::alone(text, "sent.toml", &[], &own_models);
    let photo = "node = [{id = 'photo', kind = 'input'},";
    let end = "{id = 'r', kind = 'output', image = 'x'}]";
    for (node, line) in [
        ("{id = 'x', kind = 'workflow', image = 'photo', use = '/etc/light.toml'},", "/etc/light"),
        ("{id = 'x', kind = 'workflow', image = 'photo', use = 'light.toml'},", "light.toml"),
        ("{id = 'x', kind = 'model', image = 'photo', model = '/tmp/w.safetensors'},", "/tmp/w"),
        ("{id = 'x', kind = 'input', file = '/etc/secret.png'},", "/etc/secret.png"),
        ("{id = 'x', kind = 'input', file = '{stem}.png'},", "{stem}.png"),
    ] {
        let error = alone(&format!("{photo}{node}{end}")).unwrap_err().to_string();
        assert!(error.contains("came without files") && error.contains(line), "{error}");
    }
    let change = Change { target: "photo.file".into(), value: "/etc/secret.png".into() };
    let text = format!("{photo}{{id = 'x', kind = 'model', image = 'photo'}},{end}");
    let error = Workflow::alone(&text, "sent.toml", &[change], &own_models).unwrap_err();
    assert!(error.to_string().contains("came without files"), "{error}");
    assert!(alone(&text).is_ok());
    for (name, text) in BUILT_IN.iter().filter(|(name, _)| *name != "event") {
        assert!(alone(text).is_ok(), "{name}");
    }
}

#[test]
fn a_file_becomes_json_whatever_it_is_written_in() {
    let json = |text: &str| relume::workflow::to_json(text, "w").unwrap();
    let toml =
        "name = 'x'\n[[node]]\nid = 'a'\nlimits = [1, 2.5]\ncases = {fine = 'b'}\non = true\n";
    let same = r#"{"name": "x", "node": [{"id": "a", "limits": [1, 2.5], "cases": {"fine": "b"}, "on": true}]}"#;
    assert_eq!(json(toml), json(same));
    assert_eq!(json(toml), serde_json::from_str::<Value>(same).unwrap());
    assert!(relume::workflow::to_json("name = ", "w").is_err());
}

#[test]
fn toml_and_json_mean_the_same() {
    let toml = "[[node]]\nid = 'photo'\nkind = 'input'\n[[node]]\nid = 'c'\nkind = 'curve'\n\
                image = 'photo'\ngamma = 1.4\n[[node]]\nid = 'r'\nkind = 'output'\nimage = 'c'\n";
    let json = r#"{"node": [{"id": "photo", "kind": "input"},
        {"id": "c", "kind": "curve", "image": "photo", "gamma": 1.4},
        {"id": "r", "kind": "output", "image": "c"}]}"#;
    let photo = Photo::from_image(picture());
    let made = parse(toml).unwrap().photo(&photo).unwrap();
    assert_eq!(made, parse(json).unwrap().photo(&photo).unwrap());
    assert_ne!(made.image, photo.image);
}

#[test]
fn a_recipe_repeats_its_run() {
    for name in ["photo", "backlit", "archive"] {
        let changes = match name {
            "archive" => vec![Change { target: "sharp.amount".into(), value: "0.7".into() }],
            _ => Vec::new(),
        };
        let workflow = Workflow::load(name, &changes, &own_models).unwrap();
        let (outcome, _) = run(&workflow, &mut Cache::off());
        let input = relume::workflow::FileHash { path: "x.png".into(), sha256: "00".into() };
        let recipe = workflow.recipe(&input, &[], &outcome.nodes).to_string();
        let again = Workflow::parse(&recipe, "recipe.json", &[], &own_models).unwrap();
        let (repeated, _) = run(&again, &mut Cache::off());
        assert_eq!(repeated.outputs[0].photo, outcome.outputs[0].photo, "{name}");
        assert_eq!(again.differences(&recipe, "00"), Vec::<String>::new(), "{name}");
        assert_eq!(again.differences(&recipe, "11").len(), 1, "{name}");
    }
}

#[test]
fn settings_can_be_changed_from_outside() {
    let change = |target: &str, value: &str| {
        let change = Change { target: target.into(), value: value.into() };
        Workflow::load("archive", &[change], &own_models)
    };
    let (outcome, _) = run(&change("tones.gamma", "2").unwrap(), &mut Cache::off());
    let (usual, _) = run(&Workflow::load("archive", &[], &own_models).unwrap(), &mut Cache::off());
    assert_ne!(outcome.outputs[0].photo, usual.outputs[0].photo);
    for (target, value, said) in [
        ("tones.gamma", "9", "--set tones.gamma=9: gamma: 9 is no good"),
        ("tone.gamma", "2", "did you mean \"tones\""),
        ("tones.gama", "2", "did you mean \"gamma\""),
        ("tones", "2", "node.key=value"),
        ("tones.image", "phot", "there is no node"),
    ] {
        let error = change(target, value).unwrap_err().to_string();
        assert!(error.contains(said) && error.starts_with("--set"), "{error}");
    }
}

#[test]
fn a_run_can_be_cancelled_and_tells_its_progress() {
    let workflow = Workflow::load("night", &[], &own_models).unwrap();
    let flag = AtomicBool::new(true);
    let progress = Progress::silent().cancel_on(&flag);
    let watch = Watch { progress: &progress, nodes: &|_, _| {} };
    let photo = Photo::from_image(picture());
    let error = workflow.run(photo.clone(), "x", &mut Cache::off(), &watch).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Cancelled);
    let shares = std::sync::Mutex::new(Vec::new());
    let progress = Progress::new(|share| shares.lock().unwrap().push(share));
    let watch = Watch { progress: &progress, nodes: &|_, _| {} };
    workflow.run(photo, "x", &mut Cache::off(), &watch).unwrap();
    let shares = shares.lock().unwrap();
    assert!(shares.windows(2).all(|pair| pair[0] <= pair[1]), "{shares:?}");
    assert_eq!(shares.last(), Some(&1.0));
}

#[test]
fn several_outputs_keep_depth_and_name() {
    let text = "node = [\n{id = 'photo', kind = 'input'},\n\
        {id = 'd', kind = 'degrade', image = 'photo', seed = 3, iso = 1600},\n\
        {id = 's', kind = 'score', image = 'd', truth = 'photo'},\n\
        {id = 'sheet', kind = 'compare', first = 'photo', second = 'd', gap = 4},\n\
        {id = 'r', kind = 'output', image = 'd', depth = '16'},\n\
        {id = 'x', kind = 'output', image = 'sheet', suffix = 'sheet', format = 'jpg'}]";
    let (outcome, _) = run(&parse(text).unwrap(), &mut Cache::off());
    let [main, sheet] = &outcome.outputs[..] else { panic!("{}", outcome.outputs.len()) };
    assert_eq!(sheet.photo.size(), Size::new(2 * 96 + 4, 64));
    assert_eq!((sheet.suffix.as_str(), sheet.format), ("sheet", Some(PhotoFormat::Jpeg)));
    let (bytes, _) = main.photo.encode(PhotoFormat::Png, &main.save).unwrap();
    let read = Photo::decode(bytes, None, &Default::default()).unwrap();
    assert_eq!(read.depth.to_string(), "16 bit");
    let score = outcome.nodes.iter().find(|node| node.id == "s").unwrap();
    let psnr = relume::metrics::psnr(&main.photo.image, &picture()).unwrap();
    assert!((score.values["value"].as_f64().unwrap() - psnr).abs() < 1e-3);
    assert_eq!(SaveOptions::default().quality, main.save.quality);
}

#[test]
fn drawings_and_the_schema_show_every_node() {
    let drawing = Workflow::load("photo", &[], &own_models).unwrap().draw();
    for word in ["<svg", "joint", "lantern-s", "seen", "highlights/light", "restore"] {
        assert!(drawing.contains(word), "{word}");
    }
    let schema = schema();
    let kinds: &Vec<Value> = schema["properties"]["node"]["items"]["oneOf"].as_array().unwrap();
    assert_eq!(kinds.len(), NODES.len());
    for (card, kind) in NODES.iter().zip(kinds) {
        assert_eq!(kind["properties"]["kind"]["const"], card.name);
        for param in card.params {
            assert!(kind["properties"][param.name].is_object(), "{} {}", card.name, param.name);
        }
        assert!(!card.help.is_empty());
    }
    assert!(NODES.windows(2).all(|pair| pair[0].name < pair[1].name));
}
