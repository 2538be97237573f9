//! The same recipe on every back end: the same losses, up to rounding.
#![cfg(feature = "vulkan")]
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
fn vulkan_learns_what_the_cpu_learns() {
    if let Err(error) = device::find("vulkan") {
        println!("skipped: {error}");
        return;
    }
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
    let [cpu, gpu] = ["flex", "vulkan"].map(|device| losses(folder.path(), device));
    assert_eq!((cpu.len(), gpu.len()), (50, 50));
    assert!(cpu[49] < 0.9 * cpu[0], "it learns nothing: {} to {}", cpu[0], cpu[49]);
    let difference = (cpu[49] - gpu[49]).abs() / cpu[49];
    println!("step 50: {} on flex, {} on vulkan, {difference:.1e} apart", cpu[49], gpu[49]);
    assert!(difference <= 1e-4, "{} and {}", cpu[49], gpu[49]);
}
