//! The same recipe on every back end: the same losses, up to rounding.
#![cfg(any(feature = "wgpu", feature = "vulkan", feature = "metal"))]
#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![allow(clippy::print_stdout, reason = "a skipped test says so")]

use std::path::Path;

use relume_media::photo::SaveOptions;
use relume_media::{Image, Photo, Progress, Size};
use relume_train::{Recipe, RunOptions, device, run};
use serde_json::Value;

/// Losses of a run of 50 steps.
fn losses(folder: &Path, device: &str) -> Vec<f64> {
    let options = RunOptions { device: Some(device.to_owned()), ..RunOptions::default() };
    let recipe = Recipe::load(&folder.join("recipe.toml")).unwrap();
    run(&recipe, &folder.join(device), &options, &Progress::silent()).unwrap();
    let text = std::fs::read_to_string(folder.join(device).join("metrics.jsonl")).unwrap();
    let entries = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    entries.filter_map(|entry| entry["loss"].as_f64()).collect()
}

#[test]
fn every_back_end_learns_what_the_cpu_learns() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("photos")).unwrap();
    for picture in 0..4_usize {
        let image = Image::from_fn(Size::new(80, 64), |x, y| {
            let wave = |k: usize| 0.5 + 0.4 * ((x * (picture + k) + y * k) as f32 / 9.0).sin();
            [wave(1), wave(2), wave(3)]
        });
        let path = folder.path().join(format!("photos/{picture}.png"));
        Photo::from_image(image).save(&path, &SaveOptions::default()).unwrap();
    }
    let recipe = "model = \"zero-dce\"\ntask = \"paired\"\nseed = 3\nsteps = 50\n\
                  [data]\nview = 48\ncrop = 32\nviews = 2\nheld_out = 0\n\
                  [[data.sources]]\npath = \"photos\"\n\
                  [schedule]\nwarmup = 10\n\
                  [reports]\njournal = 1\ncheckpoint = 50\nvalidation = 50\n";
    std::fs::write(folder.path().join("recipe.toml"), recipe).unwrap();
    let cpu = losses(folder.path(), "flex");
    assert_eq!(cpu.len(), 50);
    assert!(cpu[49] < 0.9 * cpu[0], "it learns nothing: {} to {}", cpu[0], cpu[49]);
    for card in device::DEVICES.iter().filter(|card| card.is_built() && card.name != "flex") {
        if let Err(error) = device::find(card.name) {
            println!("skipped: {error}");
            continue;
        }
        let other = losses(folder.path(), card.name);
        assert_eq!(other.len(), 50, "{}", card.name);
        let difference = (cpu[49] - other[49]).abs() / cpu[49];
        let (a, b, name) = (cpu[49], other[49], card.name);
        println!("step 50: {a} on flex, {b} on {name}, {difference:.1e} apart");
        assert!(difference <= 1e-4, "{a} on flex, {b} on {name}");
    }
}
