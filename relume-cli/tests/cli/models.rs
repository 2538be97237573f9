//! Weights in and out.

use std::fs;
use std::path::Path;

use relume::models::{ModelCard, find};
use relume_nn::weights::Precision;
use relume_nn::{Array, Extent, Feeds, Layer, Tensor, Weights};

use crate::onnx_runtime::{Exported, check_folder, write_case};
use crate::run::{Outcome, folder, names, relume_with};

fn card() -> &'static ModelCard {
    find("lantern-s").unwrap()
}

/// A checkpoint that fits lantern-s, without our metadata, changed by `change`.
fn checkpoint(path: &Path, change: impl FnOnce(&mut Weights)) {
    let mut weights = Weights::initial(&(card().graph)().unwrap(), 7);
    change(&mut weights);
    fs::write(path, weights.to_safetensors(Precision::F32).unwrap()).unwrap();
}

fn without(weights: &Weights, keys: &[&str]) -> Weights {
    let mut fewer = Weights::default();
    for (key, array) in weights.iter().filter(|(key, _)| !keys.contains(&key.as_str())) {
        fewer.insert(key.clone(), array.clone());
    }
    fewer
}

fn models(folder: &Path, arguments: &[&str]) -> Outcome {
    relume_with(folder, &[], &[&["models"], arguments].concat())
}

fn said(outcome: &Outcome) -> &str {
    std::str::from_utf8(&outcome.out).unwrap()
}

#[test]
fn what_fits_is_imported_with_its_origin() {
    let folder = folder();
    checkpoint(&folder.path().join("net.pt"), |_| {});
    let outcome = models(folder.path(), &["import", "net.pt", "--as", "lantern-s"]);
    assert_eq!(outcome.code, 0, "{}", outcome.words);
    let count = (card().graph)().unwrap().parameters().len();
    assert!(said(&outcome).contains(&format!("applied      {count} of {count}")));

    let kept = folder.path().join("home/models/lantern-s.safetensors");
    let weights = Weights::from_safetensors(&fs::read(&kept).unwrap()).unwrap();
    assert_eq!(weights.metadata["modelspec.architecture"], "lantern-s");
    assert_eq!(weights.metadata["relume.source_file"], "net.pt");
    assert_eq!(weights.metadata["relume.source_sha256"].len(), 64);
    weights.check(&(card().graph)().unwrap()).unwrap();
    let source = Weights::read(&fs::read(folder.path().join("net.pt")).unwrap()).unwrap();
    assert!(source.iter().eq(weights.iter()));

    models(folder.path(), &["import", "net.pt", "--as", "lantern-s"])
        .assert_one_error(4, &["lantern-s.safetensors", "exists already"]);
    let show = models(folder.path(), &["show", "lantern-s"]);
    assert!(said(&show).contains(kept.to_str().unwrap()), "{}", said(&show));
    models(folder.path(), &["import", "net.pt", "--as", "lantern-s", "-o", "net.pt"])
        .assert_one_error(2, &["net.pt", ".safetensors"]);
}

#[test]
fn what_does_not_fit_is_reported_and_not_written() {
    let folder = folder();
    checkpoint(&folder.path().join("odd.pt"), |weights| {
        let head = weights.get("head.weight").unwrap().clone();
        *weights = without(weights, &["head.weight", "stem.bias"]);
        weights.insert("heads.weight", head);
        weights.insert("stem.bias", Array { shape: vec![3, 5], values: vec![0.0; 15] });
    });
    let arguments = ["import", "odd.pt", "--as", "lantern-s", "-o", "out.safetensors"];
    let outcome = models(folder.path(), &arguments);
    outcome.assert_one_error(5, &["odd.pt", "lantern-s", "nothing was written", "--as"]);
    for line in [
        "head.weight  did you mean heads.weight?",
        "stem.bias  is 3×5, expected 32",
        "  heads.weight",
    ] {
        assert!(said(&outcome).contains(line), "{}", said(&outcome));
    }
    let record = &models(folder.path(), &[&arguments[..], &["--json"]].concat()).records()[0];
    assert_eq!((&record["type"], &record["status"]), (&"import".into(), &"failed".into()));
    assert_eq!(record["missing"][0]["did_you_mean"], "heads.weight");
    assert_eq!(record["wrong_shape"][0]["found"], serde_json::json!([3, 5]));
    assert_eq!(names(folder.path()), ["odd.pt"]);
}

#[test]
fn what_is_left_over_is_dropped_only_when_asked() {
    let folder = folder();
    checkpoint(&folder.path().join("large.pt"), |weights| {
        weights.insert("middle.9.0.bias", Array { shape: vec![1], values: vec![0.0] });
    });
    let arguments = ["import", "large.pt", "--as", "lantern-s", "-o", "out.safetensors"];
    models(folder.path(), &arguments).assert_one_error(5, &["1 unused", "--drop-unused"]);
    assert_eq!(names(folder.path()), ["large.pt"]);
    let outcome = models(folder.path(), &[&arguments[..], &["--drop-unused"]].concat());
    assert_eq!(outcome.code, 0, "{}", outcome.words);
    let bytes = fs::read(folder.path().join("out.safetensors")).unwrap();
    let weights = Weights::from_safetensors(&bytes).unwrap();
    weights.check(&(card().graph)().unwrap()).unwrap();
}

#[test]
fn hostile_checkpoints_are_one_clear_error() {
    let folder = folder();
    checkpoint(&folder.path().join("whole.pt"), |_| {});
    let whole = fs::read(folder.path().join("whole.pt")).unwrap();
    // A pickle of `torch.save` before 1.6 whose first object calls os.system.
    let calling = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.\x80\x02}.\
        \x80\x02cos\nsystem\nq\x00X\x09\x00\x00\x00touch ran\x85q\x01R.";
    let huge = b"{\"a\":{\"dtype\":\"F32\",\"shape\":[4294967295,4294967295],\
        \"data_offsets\":[0,18446744065119617025]}}";
    let huge = [&(huge.len() as u64).to_le_bytes()[..], huge].concat();
    let endless = [&u64::MAX.to_le_bytes()[..], b"{\"a\":"].concat();
    let cases: [(&str, &[u8]); 7] = [
        ("cut.pt", &whole[..whole.len() / 2]),
        ("words.pt", b"These are words."),
        ("page.pt", b"<!DOCTYPE html><html>"),
        ("empty.pt", b""),
        ("calls.pt", calling),
        ("huge.pt", &huge),
        ("endless.pt", &endless),
    ];
    for (name, bytes) in cases {
        fs::write(folder.path().join(name), bytes).unwrap();
        models(folder.path(), &["import", name, "--as", "lantern-s"]).assert_one_error(3, &[name]);
    }
    models(folder.path(), &["import", "calls.pt", "--as", "lantern-s"])
        .assert_one_error(3, &["os.system", "refused"]);
    models(folder.path(), &["import", "none.pt", "--as", "lantern-s"])
        .assert_one_error(3, &["none.pt"]);
    models(folder.path(), &["import", ".", "--as", "lantern-s"]).assert_one_error(3, &["no file"]);
    models(folder.path(), &["import", "whole.pt", "--as", "lamp"])
        .assert_one_error(5, &["lamp", "lantern-s"]);
    assert!(!folder.path().join("home").exists() && !folder.path().join("ran").exists());
}

#[test]
fn safetensors_are_exported_as_stored_or_in_16_bits() {
    let folder = folder();
    let export = |more: &[&str]| models(folder.path(), &[&["export", "lantern-s"], more].concat());
    assert_eq!(export(&["-o", "a.safetensors"]).code, 0);
    let bytes = fs::read(folder.path().join("a.safetensors")).unwrap();
    assert!(Some(&bytes[..]) == card().weights);
    export(&["-o", "a.safetensors"]).assert_one_error(4, &["a.safetensors", "exists already"]);
    export(&["-o", "a.pth"]).assert_one_error(2, &[".onnx", ".safetensors"]);

    checkpoint(&folder.path().join("net.pt"), |_| {});
    assert_eq!(export(&["-o", "b.safetensors", "--weights", "net.pt", "--f16"]).code, 0);
    let half = fs::read(folder.path().join("b.safetensors")).unwrap();
    let weights = Weights::from_safetensors(&half).unwrap();
    assert_eq!(weights.metadata["modelspec.architecture"], "lantern-s");
    let whole = fs::metadata(folder.path().join("net.pt")).unwrap().len();
    assert!((half.len() as u64) < whole * 6 / 10);
}

/// Something to feed a lantern: a picture of 64 × 48 and all that goes with it.
fn feeds() -> Feeds {
    let graph = (card().graph)().unwrap();
    let inputs = graph.nodes().iter().filter(|node| node.layer == Layer::Input);
    let feed = |node: &relume_nn::Node| {
        let (height, width) = match node.extent {
            Extent::Fixed { height, width } => (height, width),
            Extent::Picture { down } => (64 / down, 48 / down),
        };
        let count = node.channels * height * width;
        let values = (0..count).map(|i| 0.1 + (i * 7919 % 997) as f32 / 1200.0).collect();
        (node.name.clone(), Tensor::new([1, node.channels, height, width], values))
    };
    inputs.map(feed).collect()
}

#[test]
fn an_exported_lantern_computes_the_same_in_onnx_runtime() {
    let folder = folder();
    let weights = card().load_weights().unwrap();
    let graph = (card().graph)().unwrap();
    let case = Exported { name: "lantern-s".into(), graph, weights, feeds: feeds() };
    let place = folder.path().join("cases/lantern-s");
    write_case(&place, &case, Precision::F32);
    fs::remove_file(place.join("model.onnx")).unwrap();
    let arguments = ["export", "lantern-s", "-o", "cases/lantern-s/model.onnx"];
    let outcome = models(folder.path(), &arguments);
    assert_eq!(outcome.code, 0, "{}", outcome.words);
    check_folder(&folder.path().join("cases"), 1, 1e-4);
}
