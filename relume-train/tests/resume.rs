//! A run that was stopped and resumed is, bit for bit, the run that was not.
#![cfg(feature = "burn")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::path::{Path, PathBuf};

use relume_media::atomic::Overwrite;
use relume_media::photo::SaveOptions;
use relume_media::{Image, Photo, Progress, Size};
use relume_train::{Recipe, RunOptions, run};

/// A folder with a few procedural photographs and a recipe that trains on them in seconds.
fn workshop(steps: usize) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let photos = folder.path().join("photos");
    std::fs::create_dir(&photos).unwrap();
    for picture in 0..5_usize {
        let image = Image::from_fn(Size::new(96, 80), |x, y| {
            let wave = |k: usize| 0.5 + 0.4 * ((x * (picture + k) + y * k) as f32 / 9.0).sin();
            [wave(1), wave(2), wave(3)]
        });
        let options = SaveOptions { overwrite: Overwrite::Always, ..SaveOptions::default() };
        let path = photos.join(format!("{picture}.png"));
        Photo::from_image(image).save(&path, &options).unwrap();
    }
    let recipe = folder.path().join("recipe.toml");
    let text = format!(
        "model = \"lantern-s\"\nseed = 5\nsteps = {steps}\n\
         [data]\nview = 64\ncrop = 32\nviews = 2\nheld_out = 1\n\
         [[data.sources]]\npath = \"photos\"\n\
         [schedule]\nwarmup = 2\n\
         [reports]\njournal = 1\ncheckpoint = 3\nvalidation = 3\n"
    );
    std::fs::write(&recipe, text).unwrap();
    (folder, recipe)
}

/// What a finished run leaves, bit for bit the same however often it was stopped.
const FILES: [&str; 4] =
    ["checkpoint.safetensors", "model.safetensors", "best.safetensors", "validation-held_out.png"];

fn train(recipe: &Path, folder: &Path, resume: bool, stop_at: Option<usize>) {
    let options = RunOptions { resume, stop_at, ..RunOptions::default() };
    run(&Recipe::load(recipe).unwrap(), folder, &options, &Progress::silent()).unwrap();
}

#[test]
fn resuming_is_exact() {
    let (folder, recipe) = workshop(6);
    let (whole, parts) = (folder.path().join("whole"), folder.path().join("parts"));
    train(&recipe, &whole, false, None);
    train(&recipe, &parts, false, Some(3));
    train(&recipe, &parts, true, None);
    for file in FILES {
        let read = |run: &Path| std::fs::read(run.join(file)).unwrap();
        assert!(read(&whole) == read(&parts), "{file} differs");
    }
}

#[test]
fn the_result_does_not_depend_on_the_number_of_threads() {
    let (folder, recipe) = workshop(3);
    let checkpoint = |threads: usize| {
        let run_folder = folder.path().join(threads.to_string());
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| train(&recipe, &run_folder, false, None));
        std::fs::read(run_folder.join("checkpoint.safetensors")).unwrap()
    };
    assert!(checkpoint(1) == checkpoint(3));
}

#[test]
fn a_finished_run_is_not_overwritten_by_accident() {
    let (folder, recipe) = workshop(1);
    let run_folder = folder.path().join("run");
    train(&recipe, &run_folder, false, None);
    let options = RunOptions::default();
    let error = run(&Recipe::load(&recipe).unwrap(), &run_folder, &options, &Progress::silent())
        .unwrap_err();
    assert!(error.to_string().contains("holds a run already"), "{error}");
}

#[test]
fn unknown_keys_and_wrong_values_are_named() {
    let (folder, recipe) = workshop(1);
    let text = std::fs::read_to_string(&recipe).unwrap();
    let refuse = |text: String, word: &str| {
        std::fs::write(&recipe, text).unwrap();
        let options = RunOptions::default();
        let refused = Recipe::load(&recipe)
            .and_then(|recipe| run(&recipe, folder.path(), &options, &Progress::silent()));
        let error = refused.unwrap_err();
        assert!(error.to_string().contains(word), "{error}");
    };
    refuse(text.replace("seed = 5", "seeds = 5"), "did you mean `seed`");
    refuse(text.replace("crop = 32", "crop = 65"), "larger than data.view");
    refuse(text.replace("lantern-s", "lantern-q"), "lantern-q");
}
