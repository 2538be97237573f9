//! ALEN's four checkpoints in, a picture out by the route that was asked for.

use std::fs;

use relume::models::alen;
use relume_nn::Weights;
use relume_nn::weights::Precision;

use crate::run::{folder, picture, relume_with};

#[test]
fn four_checkpoints_make_one_model() {
    let folder = folder();
    let run = |arguments: &[&str]| relume_with(folder.path(), &[], arguments);
    picture(&folder.path().join("a.png"));
    let restore = ["restore", "a.png", "--model", "alen", "--always", "--json", "--overwrite"];
    run(&restore).assert_one_error(5, &["alen-classifier", "relume models import"]);
    for (_, card) in alen::PARTS {
        let graph = (card.graph)().unwrap();
        let mut weights = Weights::initial(&graph, 3);
        // As published: linear layers without the kernel's sides, masks beside the parameters.
        for (key, array) in weights.iter_mut() {
            let linear = ["linear", "to_qkv", "to_out", "MLP.", "finalStage.1"];
            if array.shape.len() == 4 && linear.iter().any(|name| key.contains(name)) {
                array.shape = vec![array.shape[0], array.shape[1..].iter().product()];
            }
        }
        graph.constants().into_iter().for_each(|(key, array)| weights.insert(key, array));
        let bytes = weights.to_safetensors(Precision::F32).unwrap();
        fs::write(folder.path().join("part.safetensors"), bytes).unwrap();
        let outcome = run(&["models", "import", "part.safetensors", "--as", card.name]);
        assert_eq!(outcome.code, 0, "{}", outcome.words);
    }
    for (route, share) in [("local", Some(1.0)), ("global", Some(0.0)), ("published", None)] {
        let outcome = run(&[&restore[..], &["--route", route]].concat());
        assert_eq!(outcome.code, 0, "{}", outcome.words);
        let routing = &outcome.records()[0]["report"]["routing"];
        assert_eq!(routing["route"], route, "{routing}");
        assert!(share.is_none_or(|share| routing["share_local"] == share), "{routing}");
        let said = if route == "local" { "local route" } else { " route)" };
        assert!(outcome.words.contains(said), "{}", outcome.words);
    }
    run(&["restore", "a.png", "--route", "local", "--overwrite"])
        .assert_one_error(2, &["lantern-s knows no routes"]);
    let outcome = run(&[&restore[..], &["--route", "both"]].concat());
    assert!(outcome.code == 2 && outcome.words.contains("give auto, local"), "{}", outcome.words);
}
