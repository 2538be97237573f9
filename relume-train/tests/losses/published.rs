//! Numbers that the original code of SEM produced; skipped where they do not lie beside the
//! repository.

use std::path::{Path, PathBuf};

use relume_nn::{Tensor, Weights};
use relume_train::losses::build;
use serde_json::Value;

use crate::case::{Plane, Planes, differentiate};

/// The fixtures of SEM; nothing, and a line that says so, where there are none.
fn fixtures() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/fixtures/sem");
    if !folder.is_dir() {
        println!("skipped: the numbers of SEM do not lie beside the repository");
    }
    folder.is_dir().then_some(folder)
}

fn arrays(path: &Path) -> Weights {
    Weights::read(&std::fs::read(path).unwrap()).unwrap()
}

/// The array `key` of 2 or 4 axes, as `[n, c, h, w]`.
fn plane(arrays: &Weights, key: &str) -> Plane {
    let array = arrays.get(key).unwrap_or_else(|| panic!("no {key}"));
    let side = |axis: usize| array.shape.get(axis).copied().unwrap_or(1);
    let values = array.values.iter().map(|&v| f64::from(v)).collect();
    Plane { shape: [0, 1, 2, 3].map(side), values }
}

fn close(what: &str, found: f64, expected: f64) {
    assert!((found - expected).abs() <= 1e-5 * expected.abs(), "{what}: {found}, not {expected}");
}

/// Kind, its name in the fixtures, its weight there, what it looks at.
const TERMS: [(&str, &str, f64, &str); 4] = [
    ("color_constancy", "L_color", 5.0, "enhanced"),
    ("spatial_consistency", "L_spa", 1.0, "enhanced"),
    ("exposure", "L_exp", 10.0, "enhanced"),
    ("illumination_smoothness", "L_TV", 200.0, "A"),
];

#[test]
fn the_zero_reference_losses_are_those_of_sem() {
    let Some(folder) = fixtures() else { return };
    let tensors = arrays(&folder.join("losses/tensors.safetensors"));
    let text = std::fs::read_to_string(folder.join("losses/losses.json")).unwrap();
    let numbers: Value = serde_json::from_str(&text).unwrap();
    let mut gradients = 0;
    for case in ["a_2x32x48", "b_odd_1x37x50", "c_grey_1x32x32", "d_minimum_1x16x16"] {
        let of = |what: &str| plane(&tensors, &format!("{case}.{what}"));
        let outputs = Planes::from([("enhanced", of("enhanced")), ("curves", of("A"))]);
        let feeds = Planes::from([("image", of("low"))]);
        for (kind, name, weight, looks_at) in TERMS {
            let loss = build(kind, &toml::Table::new(), "enhanced").unwrap();
            let (value, found) = differentiate(loss.as_ref(), &outputs, &Planes::new(), &feeds);
            let expected = &numbers["cases"][case]["unweighted_f64"][name];
            close(&format!("{case} {kind}"), value, expected.as_f64().unwrap());
            let key = format!("{case}.grad_{looks_at}.{name}");
            if tensors.get(&key).is_some() {
                let looks_at = if looks_at == "A" { "curves" } else { looks_at };
                compare(&key, &found[looks_at], &plane(&tensors, &key), weight);
                gradients += 1;
            }
        }
    }
    assert_eq!(gradients, 8);
}

/// Gradients of the weighted loss; the fixture may be cut to the first samples and channels.
fn compare(key: &str, found: &Tensor, expected: &Plane, weight: f64) {
    let largest = expected.values.iter().fold(1.0_f64, |most, v| most.max(v.abs()));
    for ([n, c, y, x], wanted) in expected.places() {
        let difference = (f64::from(found.at(n, c, y, x)) * weight - wanted).abs();
        assert!(difference <= 1e-6 * largest, "{key} at {n},{c},{y},{x}: off by {difference}");
    }
}

#[test]
fn the_contrastive_losses_are_those_of_sem() {
    let Some(folder) = fixtures() else { return };
    let text = std::fs::read_to_string(folder.join("losses/losses.json")).unwrap();
    let numbers: Value = serde_json::from_str(&text).unwrap();
    let rows: Vec<Vec<f64>> =
        serde_json::from_value(numbers["contrastive"]["logits_per_image"].clone()).unwrap();
    let count = rows.len();
    // Texts along the axes; images with the wanted cosines, and what is missing to length 1.
    let texts = Plane::from_fn([count, count + 1, 1, 1], |[n, c, ..]| f64::from(u8::from(n == c)));
    let images = Plane::from_fn([count, count + 1, 1, 1], |[n, c, ..]| {
        let rest: f64 = rows[n].iter().map(|logit| (logit / 100.0).powi(2)).sum();
        rows[n].get(c).map_or((1.0 - rest).sqrt(), |logit| logit / 100.0)
    });
    let outputs = Planes::from([("image_features", images)]);
    let targets = Planes::from([("text_features", texts)]);
    let names = [
        (
            "columns = true",
            "LCLIP_img_txt_finetuned_content (image and text direction, mean of the two)",
        ),
        ("columns = false", "LCLIP_img_txt_finetuned_context (image direction only)"),
    ];
    for (table, name) in names {
        let loss = build("contrastive", &table.parse().unwrap(), "restored").unwrap();
        let (value, _) = differentiate(loss.as_ref(), &outputs, &targets, &Planes::new());
        let expected = numbers["contrastive"][name].as_f64().unwrap();
        assert!((value - expected).abs() < 1e-4 * expected, "{table}: {value}, not {expected}");
    }
}

#[test]
fn the_prompt_loss_is_that_of_sem() {
    let Some(folder) = fixtures() else { return };
    let values = arrays(&folder.join("clip_mini/values.safetensors"));
    let text = std::fs::read_to_string(folder.join("losses/losses.json")).unwrap();
    let numbers: Value = serde_json::from_str(&text).unwrap();
    let outputs = Planes::from([("image_features", plane(&values, "image_features"))]);
    let targets = Planes::from([("prompt_features", plane(&values, "prompt_text_features"))]);
    let loss = build("prompt", &"label = 1".parse().unwrap(), "restored").unwrap();
    let (value, _) = differentiate(loss.as_ref(), &outputs, &targets, &Planes::new());
    close("prompt", value, numbers["prompt_loss_mini_clip"]["value"].as_f64().unwrap());
}
