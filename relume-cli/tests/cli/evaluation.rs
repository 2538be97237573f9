//! Comparing models: tables, baselines, and what is left out.

use std::fs;
use std::path::Path;

use crate::run::{folder, picture, relume};
use serde_json::Value;

#[test]
fn a_model_is_compared_with_what_costs_nothing() {
    let folder = folder();
    for name in ["a.png", "b.png"] {
        picture(&folder.path().join("pairs/high").join(name));
        picture(&folder.path().join("pairs/low").join(name));
    }
    fs::write(folder.path().join("pairs/low/c.png"), "no picture").unwrap();
    fs::write(folder.path().join("pairs/high/c.png"), "no picture").unwrap();
    let arguments = ["eval", "--model", "lantern-s", "--data", "pairs", "-o", "out", "--json"];
    let outcome = relume(folder.path(), &arguments);
    assert_eq!(outcome.code, 1, "one picture could not be read: {}", outcome.words);
    let report: Value = outcome.records().remove(0);
    assert_eq!(report["pictures"].as_array().unwrap().len(), 2);
    assert_eq!(report["skipped"][0][0], "c");
    let names: Vec<_> =
        report["contestants"].as_array().unwrap().iter().map(|c| &c["name"]).collect();
    assert_eq!(names, ["input", "oracle gamma", "CLAHE", "lantern-s"]);
    // Input and truth are the same picture here.
    let input = &report["contestants"][0]["scores"];
    assert_eq!(input["psnr"]["mean"], "inf");
    assert_eq!(input["ssim"]["mean"], 1.0);
    assert!(report["contestants"][3]["megapixels_per_second"].as_f64().unwrap() > 0.0);
    assert_eq!(report["contestants"][3]["sha256"].as_str().unwrap().len(), 64);
    assert_eq!(report["pictures"][0]["files"].as_array().unwrap().len(), 2);
    for file in ["report.md", "report.json", "grid.png"] {
        assert!(folder.path().join("out").join(file).exists(), "{file}");
    }
    // A second run does not replace the first unasked.
    relume(folder.path(), &arguments).assert_one_error(4, &["report.md", "--overwrite"]);
}

#[test]
fn clean_pictures_are_damaged_the_same_way_every_time() {
    let folder = folder();
    picture(&folder.path().join("photos/a.png"));
    let scores = |out: &str, seed: &str| {
        let outcome = relume(
            folder.path(),
            &[
                "eval",
                "--model",
                "lantern-s",
                "--data",
                "photos",
                "-o",
                out,
                "--seed",
                seed,
                "--json",
            ],
        );
        assert_eq!(outcome.code, 0, "{}", outcome.words);
        outcome.records().remove(0)["contestants"][0]["scores"]["psnr"]["mean"].clone()
    };
    let first = scores("1", "5");
    assert_eq!(first, scores("2", "5"));
    assert_ne!(first, scores("3", "6"));
}

#[test]
fn what_cannot_be_compared_is_named() {
    let folder = folder();
    fs::create_dir(folder.path().join("empty")).unwrap();
    picture(&folder.path().join("photos/a.png"));
    let eval = |model: &str, data: &str| {
        relume(folder.path(), &["eval", "--model", model, "--data", data, "-o", "out"])
    };
    eval("lantern-s", "nowhere").assert_one_error(3, &["nowhere", "does not exist"]);
    eval("lantern-s", "empty").assert_one_error(3, &["empty"]);
    eval("lanten-s", "photos").assert_one_error(5, &["lanten-s", "lantern-s"]);
    eval("missing.safetensors", "photos").assert_one_error(5, &["missing.safetensors"]);
    eval("zero-dce", "photos").assert_one_error(5, &["zero-dce", "no weights"]);
    assert!(!folder.path().join("out").exists());
}

#[test]
fn metrics_are_those_of_public_implementations() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let pairs = root.join("../shared/data/test/lol_v1_eval15");
    if !pairs.is_dir() {
        println!("skipped: the pairs to compare do not lie beside the repository");
        return;
    }
    let (low, high) = (pairs.join("low"), pairs.join("high"));
    let program = assert_cmd::cargo::cargo_bin("relume");
    let statistics = root.join("relume/weights/niqe-pristine.safetensors");
    let arguments = [&program, &low, &high, &statistics].map(|path| path.as_os_str());
    crate::onnx_runtime::python(&root.join("relume-cli/tests/metrics_check.py"), &arguments);
}
