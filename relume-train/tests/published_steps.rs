//! Whole training steps against those of the original code: forward, losses, gradients, clipping,
//! Adam. Skipped where its numbers do not lie beside the repository.
#![cfg(feature = "burn")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![allow(clippy::print_stdout, reason = "a skipped test says so")]

use std::path::{Path, PathBuf};

use burn::tensor::Device;
use relume::models::{mirnet, zero_dce};
use relume_nn::{Graph, Tensor, Weights};
use relume_train::Recipe;
use relume_train::batch::Batch;
use relume_train::learn::{gradients, learn};
use relume_train::optimizer::{Gradients, Optimizer, trainable};
use relume_train::recipe::Stage;
use relume_train::tasks;
use relume_train::terms::Terms;
use serde_json::Value;

fn fixtures(what: &str) -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/fixtures").join(what);
    if !folder.exists() {
        println!("skipped: the numbers of {what} do not lie beside the repository");
    }
    folder.exists().then_some(folder)
}

fn arrays(path: &Path) -> Weights {
    Weights::read(&std::fs::read(path).unwrap()).unwrap()
}

fn tensor(arrays: &Weights, key: &str) -> Tensor {
    let array = arrays.get(key).unwrap_or_else(|| panic!("no {key}"));
    Tensor::new(array.shape.clone().try_into().unwrap(), array.values.clone())
}

/// The arrays whose keys begin with `prefix`, without it, where `graph` needs them.
fn under(arrays: &Weights, prefix: &str, graph: &Graph) -> Weights {
    let mut found = Weights::default();
    for (key, _) in graph.parameters() {
        let array = arrays.get(&format!("{prefix}{key}")).unwrap_or_else(|| panic!("no {key}"));
        found.insert(key, array.clone());
    }
    found
}

/// A run of a few steps on one batch.
struct Steps {
    graph: Graph,
    stage: Stage,
    terms: Terms,
    batch: Batch,
    state: Optimizer,
}

impl Steps {
    fn new(graph: Graph, recipe: &str, batch: Batch, weights: Weights) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("recipe.toml");
        let text = format!("seed = 1\nsteps = 3\n{recipe}\n[[data.sources]]\npath = \"photos\"\n");
        std::fs::write(&path, text).unwrap();
        let stage = Recipe::load(&path).unwrap().first().clone();
        let card = tasks::find(&graph, &stage).unwrap();
        let task = (card.build)(&graph, &stage).unwrap();
        let terms = Terms::new(&graph, &stage, card, task.as_ref()).unwrap();
        Self { graph, stage, terms, batch, state: Optimizer::new(weights) }
    }

    /// Loss and norm of the gradients of one step.
    fn go(&mut self) -> (f64, f64) {
        let open = trainable(&self.graph, &[]).unwrap();
        let device = Device::flex().autodiff();
        let how = (self.stage.optimizer.rate, &self.stage.optimizer);
        let done =
            learn(&self.graph, &mut self.state, (&open, &self.terms), &self.batch, how, &device);
        let report = done.unwrap();
        (f64::from(report.loss), f64::from(report.norm))
    }

    /// Loss and gradients, nothing changed.
    fn look(&self) -> (f64, Gradients) {
        let open = trainable(&self.graph, &[]).unwrap();
        let device = Device::flex().autodiff();
        let weights = &self.state.weights;
        let (report, found) =
            gradients(&self.graph, weights, &open, &self.batch, &self.terms, &device).unwrap();
        (f64::from(report.loss), found)
    }

    fn compare_gradients(&self, expected: &Weights, tolerance: impl Fn(f32) -> f32) {
        let (_, found) = self.look();
        for (key, array) in expected.iter() {
            let largest = array.values.iter().fold(0.0_f32, |most, v| most.max(v.abs()));
            let worst = worst(&found[key], &array.values);
            assert!(worst <= tolerance(largest), "{key}: off by {worst}, its largest is {largest}");
        }
    }
}

fn worst(found: &[f32], expected: &[f32]) -> f32 {
    assert_eq!(found.len(), expected.len());
    found.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

#[test]
fn three_steps_of_sem() {
    let Some(folder) = fixtures("sem") else { return };
    let numbers = arrays(&folder.join("train_step/tensors.safetensors"));
    let text = std::fs::read_to_string(folder.join("losses/losses.json")).unwrap();
    let log: Value = serde_json::from_str(&text).unwrap();
    let graph = (zero_dce::FULL.graph)().unwrap();
    let feeds = [("image".to_owned(), tensor(&numbers, "batch"))].into();
    let recipe = "model = \"zero-dce\"\n[optimizer]\nkind = \"adam\"\nrate = 1e-4\n\
                  betas = [0.9, 0.999]\ndecay = 1e-4\ndecay_vectors = true\nclip = 0.1\n";
    let init = under(&numbers, "init.", &graph);
    let batch = Batch { feeds, ..Batch::default() };
    let mut steps = Steps::new(graph, recipe, batch, init);
    // A bias sums thousands of values in another order: 1.1e-6 instead of 1e-6.
    steps.compare_gradients(&under(&numbers, "grad0.", &steps.graph), |_| 2e-6);
    for row in log["train_step"]["log"].as_array().unwrap() {
        let (loss, norm) = steps.go();
        for (found, key) in [(loss, "total"), (norm, "grad_norm_before_clip")] {
            let expected = row[key].as_f64().unwrap();
            assert!((found - expected).abs() <= 1e-5 * expected, "{key}: {found}, not {expected}");
        }
    }
    for (key, array) in under(&numbers, "after3.", &steps.graph).iter() {
        let found = &steps.state.weights.get(key).unwrap().values;
        let worst = worst(found, &array.values);
        assert!(worst <= 1e-6, "{key}: off by {worst}");
    }
}

#[test]
fn three_steps_of_mirnet() {
    let Some(folder) = fixtures("mirnet") else { return };
    let numbers = arrays(&folder.join("mirnet_train.safetensors"));
    let graph = mirnet::build("mirnet", 8, 1, 1).unwrap();
    let whole = arrays(&folder.join("mirnet_tiny.weights.safetensors"));
    let batch = Batch {
        feeds: [("image".to_owned(), tensor(&numbers, "input"))].into(),
        targets: [("enhanced".to_owned(), tensor(&numbers, "target"))].into(),
    };
    let recipe = "model = \"mirnet\"\n[optimizer]\nkind = \"adam\"\nrate = 1e-4\n\
                  betas = [0.9, 0.999]\ndecay = 1e-8\ndecay_vectors = true\nclip = 0.0\n\
                  [[losses]]\nkind = \"charbonnier\"\nepsilon = 1e-8\n";
    let weights = under(&whole, "", &graph);
    let mut steps = Steps::new(graph, recipe, batch, weights);
    let expected = under(&numbers, "grad_step0.", &steps.graph);
    // Slopes whose contributions cancel (1e-7 of all gradients) keep fewer digits.
    steps.compare_gradients(&expected, |largest| 1e-5 * largest + 1e-10);
    let losses = &numbers.get("loss").unwrap().values;
    for &expected in &losses[..3] {
        let (loss, _) = steps.go();
        let expected = f64::from(expected);
        assert!((loss - expected).abs() <= 1e-5 * expected, "loss {loss}, not {expected}");
    }
    let after = steps.look().0;
    assert!((after - f64::from(losses[3])).abs() <= 1e-5 * after, "{after}, not {}", losses[3]);
    for (key, array) in under(&numbers, "param_after3.", &steps.graph).iter() {
        let found = &steps.state.weights.get(key).unwrap().values;
        let steep = |i: usize| expected.get(key).unwrap().values[i].abs() > 1e-6;
        for (i, (a, b)) in found.iter().zip(&array.values).enumerate() {
            // Adam's first steps are as long for the faintest gradient as for any.
            let allowed = if steep(i) { 1e-5 } else { 3e-4 };
            assert!((a - b).abs() <= allowed, "{key}[{i}]: {a}, not {b}");
        }
    }
}
