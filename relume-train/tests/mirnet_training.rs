//! MIRNet's training: schedule, mixup, loss and score against the original's numbers; freezing,
//! early stopping and the choice of the best weights. What needs those numbers is skipped where
//! they do not lie beside the repository.
#![cfg(feature = "burn")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![allow(clippy::print_stdout, reason = "a skipped test says so")]

use std::path::{Path, PathBuf};

use burn::tensor::Device;
use relume_media::atomic::Overwrite;
use relume_media::photo::SaveOptions;
use relume_media::{Image, Photo, Progress, Size, Srgb};
use relume_nn::burn::{Parameters, Tensors, upload};
use relume_nn::{Feeds, Tensor, Weights};
use relume_train::batch::{Batch, blend};
use relume_train::learn::infer;
use relume_train::losses::{Given, build};
use relume_train::optimizer::trainable;
use relume_train::recipe::ScheduleRecipe;
use relume_train::{Recipe, RunOptions, run};
use serde_json::Value;

/// Numbers of the original's training; whole ones and 64-bit ones are read by hand.
struct Numbers {
    bytes: Vec<u8>,
    header: Value,
}

impl Numbers {
    fn open() -> Option<Self> {
        let path = "../../shared/fixtures/mirnet/mirnet_train.safetensors";
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
        let Ok(bytes) = std::fs::read(&path) else {
            println!("skipped: the numbers of mirnet do not lie beside the repository");
            return None;
        };
        let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
        let header = serde_json::from_slice(&bytes[8..8 + length]).unwrap();
        Some(Self { bytes: bytes[8 + length..].to_vec(), header })
    }

    fn values(&self, key: &str) -> Vec<f64> {
        let entry = &self.header[key];
        let end = |i: usize| entry["data_offsets"][i].as_u64().unwrap() as usize;
        let bytes = &self.bytes[end(0)..end(1)];
        match entry["dtype"].as_str().unwrap() {
            "F32" => {
                let words = bytes.chunks_exact(4);
                words.map(|b| f64::from(f32::from_le_bytes(b.try_into().unwrap()))).collect()
            }
            "F64" => {
                bytes.chunks_exact(8).map(|b| f64::from_le_bytes(b.try_into().unwrap())).collect()
            }
            _ => {
                let words = bytes.chunks_exact(8);
                words.map(|b| i64::from_le_bytes(b.try_into().unwrap()) as f64).collect()
            }
        }
    }

    fn tensor(&self, key: &str) -> Tensor {
        let shape: Vec<usize> = serde_json::from_value(self.header[key]["shape"].clone()).unwrap();
        let values = self.values(key).into_iter().map(|v| v as f32).collect();
        Tensor::new(shape.try_into().unwrap(), values)
    }
}

#[test]
fn the_learning_rate_falls_as_the_original_s() {
    let Some(numbers) = Numbers::open() else { return };
    let steps_an_epoch = 7;
    let schedule =
        ScheduleRecipe { warmup: 0, last: 0.5, hold: steps_an_epoch, ..Default::default() };
    for (rate, epochs, key) in [
        (1e-4, 100, "lr.base0.0001.T100"),
        (1e-3, 15, "lr.base0.001.T15"),
        (1e-5, 100, "lr.base1e-05.T100"),
        (1e-7, 100, "lr.base1e-07.T100"),
    ] {
        let table = numbers.values(key);
        assert_eq!(table.len(), epochs + 1);
        for (epoch, expected) in table.iter().enumerate() {
            for step in [epoch * steps_an_epoch, epoch * steps_an_epoch + 6] {
                let share = schedule.share(step, epochs * steps_an_epoch);
                let found = rate * f64::from(share);
                assert!((found - expected).abs() < 1e-6 * rate, "{key}: {found}, not {expected}");
            }
        }
    }
}

#[test]
fn samples_are_blended_as_the_original_blends_them() {
    let Some(numbers) = Numbers::open() else { return };
    let partners: Vec<usize> = numbers.values("mixup.perm").iter().map(|&p| p as usize).collect();
    let shares: Vec<f32> = numbers.values("mixup.lambda").iter().map(|&s| s as f32).collect();
    let mut batch = Batch {
        feeds: [("image".to_owned(), numbers.tensor("mixup.image_in"))].into(),
        targets: [("enhanced".to_owned(), numbers.tensor("mixup.target_in"))].into(),
    };
    blend(&mut batch, &partners, &shares);
    let off = batch.feeds["image"].max_difference(&numbers.tensor("mixup.image_out"));
    assert!(off < 1e-6, "images: {off}");
    let off = batch.targets["enhanced"].max_difference(&numbers.tensor("mixup.target_out"));
    assert!(off < 1e-6, "targets: {off}");
}

#[test]
fn loss_and_score_are_the_original_s() {
    let Some(numbers) = Numbers::open() else { return };
    let (pred, target) = (numbers.tensor("metric.pred"), numbers.tensor("metric.target"));
    let device = Device::flex();
    let named = |name: &str, tensor: &Tensor| -> Tensors {
        [(name.to_owned(), upload(tensor, &device))].into()
    };
    for (epsilon, key) in [(1e-8, "metric.charbonnier_1e-08"), (1e-3, "metric.charbonnier_0.001")] {
        let table = format!("epsilon = {epsilon:e}").parse().unwrap();
        let loss = build("charbonnier", &table, "enhanced").unwrap();
        let (outputs, targets) = (named("enhanced", &pred), named("enhanced", &target));
        let given = Given { outputs: &outputs, targets: &targets, feeds: &Tensors::new() };
        let found = f64::from(loss.value(&given).unwrap().into_scalar::<f32>());
        let expected = numbers.values(key)[0];
        assert!((found - expected).abs() < 1e-6, "{key}: {found}, not {expected}");
    }
    let length = pred.values.len() / 2;
    let picture = |tensor: &Tensor, n: usize| {
        let size = Size::new(tensor.shape[3], tensor.shape[2]);
        let values = tensor.values[n * length..(n + 1) * length].to_vec();
        Image::<Srgb>::from_planar(size, values).unwrap()
    };
    let mut sum = 0.0;
    for (n, expected) in numbers.values("metric.psnr_each").into_iter().enumerate() {
        let found = relume::metrics::psnr(&picture(&pred, n), &picture(&target, n)).unwrap();
        // Ours rounds to 8 bits first.
        assert!((found - expected).abs() < 0.01, "{found} dB, not {expected}");
        sum += found;
    }
    let expected = numbers.values("metric.psnr_batch")[0];
    assert!((sum / 2.0 - expected).abs() < 0.01, "{} dB, not {expected}", sum / 2.0);
}

#[test]
fn the_training_executor_computes_what_the_original_computes() {
    let Some(numbers) = Numbers::open() else { return };
    let file = "../../shared/fixtures/mirnet/mirnet_tiny.weights.safetensors";
    let whole = weights(&Path::new(env!("CARGO_MANIFEST_DIR")).join(file));
    let graph = relume::models::mirnet::build("mirnet", 8, 1, 1).unwrap();
    let device = Device::flex();
    let parameters = Parameters::new(&whole, &device, false);
    let feeds: Feeds = [("image".to_owned(), numbers.tensor("input"))].into();
    let found = infer(&graph, &parameters, &device, &feeds, &["enhanced"]).unwrap();
    let off = found["enhanced"].max_difference(&numbers.tensor("output_step0"));
    assert!(off < 1e-5, "off by {off}");
}

/// A folder with dark and well lit pictures and a recipe that ends in `more`.
fn workshop(more: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    for picture in 0..4_usize {
        let good = Image::from_fn(Size::new(40, 36), |x, y| {
            let wave = |k: usize| 0.5 + 0.4 * ((x * (picture + k) + y * k) as f32 / 9.0).sin();
            [wave(1), wave(2), wave(3)]
        });
        let dark = good.clone().map(|v| 0.2 * v);
        for (place, image) in [("imgs", dark), ("targets", good)] {
            let options = SaveOptions { overwrite: Overwrite::Always, ..SaveOptions::default() };
            std::fs::create_dir_all(folder.path().join("pairs").join(place)).unwrap();
            let path = folder.path().join("pairs").join(place).join(format!("{picture}.png"));
            Photo::from_image(image).save(&path, &options).unwrap();
        }
    }
    let recipe = folder.path().join("recipe.toml");
    let text = format!(
        "model = \"mirnet-small\"\nseed = 5\nsteps = 12\n{more}\n\
         [data]\nview = 32\ncrop = 16\nviews = 1\ncrops_per_view = 1\nheld_out = 1\n\
         [[data.sources]]\npath = \"pairs\"\n"
    );
    std::fs::write(&recipe, text).unwrap();
    (folder, recipe)
}

fn train(recipe: &Path, folder: &Path) {
    run(&Recipe::load(recipe).unwrap(), folder, &RunOptions::default(), &Progress::silent())
        .unwrap();
}

fn weights(path: &Path) -> Weights {
    Weights::read(&std::fs::read(path).unwrap()).unwrap()
}

/// Step and watched score of every validation of a run.
fn validations(run: &Path) -> Vec<(u64, f64)> {
    let text = std::fs::read_to_string(run.join("metrics.jsonl")).unwrap();
    let entries = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let scored = entries.filter(|entry| !entry["validation"].is_null());
    let of = |entry: Value| {
        let score = entry["validation"]["held_out"]["psnr"].as_f64().unwrap();
        (entry["step"].as_u64().unwrap(), score)
    };
    scored.map(of).collect()
}

/// The layers that fine-tuning leaves as they are, as in `mirnet-event.toml`.
const FROZEN: &str = "freeze = [\"conv_start\", \"*.dual_attention_units.*\", \"*.down.*\", \
                      \"*.skff_blocks.*\"]";

#[test]
fn fine_tuning_changes_only_what_is_not_frozen() {
    let (folder, recipe) = workshop(&format!(
        "{FROZEN}\n[optimizer]\naverage = 0.0\nclip = 0.0\n\
         [reports]\nvalidation = 12\ncheckpoint = 12"
    ));
    let run = folder.path().join("run");
    train(&recipe, &run);
    let graph = (relume::models::mirnet::SMALL.graph)().unwrap();
    let before = Weights::initial(&graph, 5);
    let after = weights(&run.join("checkpoint.safetensors"));
    let freeze = &Recipe::load(&recipe).unwrap().first().freeze.clone();
    let open = trainable(&graph, freeze).unwrap();
    let (mut moved, mut kept) = (0, 0);
    for (key, array) in before.iter() {
        let now = after.get(&format!("weights/{key}")).unwrap();
        match open.contains(key) {
            true => moved += usize::from(now != array),
            false => {
                assert_eq!(now, array, "{key} is frozen but changed");
                kept += 1;
            }
        }
    }
    assert_eq!((moved, moved + kept), (open.len(), before.iter().count()), "some did not move");
    let is_open = |key: &String| {
        ["up.", "out_conv", "conv_end", "blocks.1."].iter().any(|part| key.contains(part))
    };
    assert!(open.iter().all(is_open), "{open:?}");
    assert!(kept > 20 && moved > 20, "{kept} kept, {moved} moved");
}

#[test]
fn a_run_that_gets_no_better_stops() {
    let (folder, recipe) = workshop(
        "[optimizer]\nrate = 0.0\n[reports]\nvalidation = 2\ncheckpoint = 4\npatience = 3",
    );
    let run = folder.path().join("run");
    train(&recipe, &run);
    // The first counts as the best; three more without a better one end it.
    let steps: Vec<u64> = validations(&run).into_iter().map(|(step, _)| step).collect();
    assert_eq!(steps, [2, 4, 6, 8]);
}

#[test]
fn the_best_weights_are_those_of_the_best_validation() {
    // Steps so long that the score goes up and down.
    let (folder, recipe) = workshop(
        "[optimizer]\nrate = 0.02\naverage = 0.0\n\
         [schedule]\nkind = \"constant\"\nwarmup = 0\n\
         [reports]\nvalidation = 1\ncheckpoint = 12",
    );
    let run = folder.path().join("run");
    train(&recipe, &run);
    let scores = validations(&run);
    let best = scores.iter().copied().reduce(|a, b| if b.1 > a.1 { b } else { a }).unwrap();
    assert!(best.0 < 12, "the last is the best: the test shows nothing; {scores:?}");
    let kept = weights(&run.join("best.safetensors"));
    assert_eq!(kept.metadata["relume.steps"], best.0.to_string(), "{scores:?}");
    let recorded: Value = serde_json::from_str(&kept.metadata["relume.validation"]).unwrap();
    assert_eq!(recorded["held_out"]["psnr"].as_f64(), Some(best.1));
    let last = weights(&run.join("model.safetensors"));
    assert_eq!(last.metadata["relume.steps"], "12");
}

#[test]
fn the_shipped_recipes_name_layers_that_exist() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("recipes");
    for name in ["mirnet-lol.toml", "mirnet-event.toml", "mirnet-small-lol.toml"] {
        let recipe = Recipe::load(&folder.join(name)).unwrap();
        let stage = recipe.first();
        let graph = (relume::models::find(&stage.model).unwrap().graph)().unwrap();
        trainable(&graph, &stage.freeze).unwrap();
    }
    // The original freezes 45 % of the released network.
    let recipe = Recipe::load(&folder.join("mirnet-event.toml")).unwrap();
    let graph = (relume::models::mirnet::CARD.graph)().unwrap();
    let open = trainable(&graph, &recipe.first().freeze).unwrap();
    let parameters = graph.parameters();
    let frozen = parameters.iter().filter(|(key, _)| !open.contains(key));
    let count: usize = frozen.map(|(_, p)| p.shape.iter().product::<usize>()).sum();
    assert_eq!(count, 14_577_852);
}
