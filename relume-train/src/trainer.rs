//! The loop. Read it from top to bottom: it is all there is to a training run.

use std::path::{Path, PathBuf};
use std::sync::mpsc::sync_channel;
use std::time::Instant;

use burn::tensor::Device;
use relume::models::lantern::{BRIGHTNESS, RESTORED};
use relume_media::Progress;
use relume_nn::burn::{Parameters, run as forward, upload};
use relume_nn::weights::Precision;
use relume_nn::{Graph, Weights};
use serde_json::json;

use crate::batch::{Batch, Batches};
use crate::datasets::hdr::Scenes;
use crate::datasets::photos::Photos;
use crate::journal::Journal;
use crate::optimizer::{Gradients, Optimizer, rate};
use crate::recipe::LossRecipe;
use crate::validation::Validation;
use crate::{Error, Recipe, Result, checkpoint, losses};

/// How a run is started.
#[derive(Debug, Clone, Default)]
pub struct RunOptions {
    /// Go on from the checkpoint of the run folder.
    pub resume: bool,
    /// Start from these weights instead of random ones.
    pub start_from: Option<PathBuf>,
    /// Stop after this many steps of the whole run, as if killed.
    pub stop_at: Option<usize>,
}

/// Trains as `recipe` says; everything is written into `folder`.
///
/// # Errors
/// For a wrong recipe, missing data, an unwritable folder, a diverging loss, or a cancel.
pub fn run(recipe: &Path, folder: &Path, options: &RunOptions, progress: &Progress) -> Result<()> {
    let recipe = Recipe::load(recipe)?;
    let graph = (relume::models::find(&recipe.model)?.graph)()?;
    let mut state = start(&graph, &recipe, folder, options)?;
    let recipe_copy = folder.join("recipe.toml");
    checkpoint::write(&recipe_copy, recipe.text.as_bytes())?;

    let free = recipe.data.manifest.as_deref().map(crate::datasets::free_files).transpose()?;
    let mut photos = Photos::load(&recipe.data.photos, free.as_ref(), recipe.data.view)?;
    let scenes = Scenes::load(&recipe.data.hdr, free.as_ref())?;
    let held_out = photos.hold_out(recipe.reports.validation_pictures);
    let validation = Validation::new(&held_out, &recipe)?;
    let batches = Batches { recipe: &recipe, photos: &photos, scenes: &scenes };
    let mut journal = Journal::open(folder)?;
    journal.write(&json!({
        "step": state.step, "photos": photos.len(), "scenes": scenes.len(),
        "validation_photos": held_out.len(),
    }))?;

    let device = Device::flex().autodiff();
    let end = options.stop_at.unwrap_or(recipe.steps).min(recipe.steps);
    let first = state.step;
    std::thread::scope(|scope| {
        // The next batches are made while the network learns from this one.
        let (send, receive) = sync_channel(2);
        let producer = &batches;
        scope.spawn(move || {
            (first..end).try_for_each(|step| send.send(producer.batch(step)).map_err(drop))
        });
        let clock = Instant::now();
        for batch in receive {
            let report = learn(&graph, &mut state, &batch?, &recipe, &device)?;
            let step = state.step;
            if step % recipe.reports.journal == 0 || step == end {
                let seconds = clock.elapsed().as_secs_f64() / (step - first) as f64;
                let rate = rate(&recipe.optimizer, step, recipe.steps);
                journal.write(&json!({
                    "step": step, "loss": report.loss, "charbonnier": report.charbonnier,
                    "brightness": report.brightness, "gradient_norm": report.norm,
                    "rate": rate, "seconds_per_step": seconds,
                }))?;
            }
            if step % recipe.reports.checkpoint == 0 || step == end {
                checkpoint::save(folder, &state)?;
            }
            if step % recipe.reports.validation == 0 || step == recipe.steps {
                let scores = validation.score(&graph, &state.average, &device, folder, step)?;
                journal.write(&json!({ "step": step, "validation": scores }))?;
                save_model(folder, &recipe, &state, &scores)?;
            }
            progress.report(step as f32 / recipe.steps as f32)?;
        }
        Ok(())
    })
}

fn start(graph: &Graph, recipe: &Recipe, folder: &Path, options: &RunOptions) -> Result<Optimizer> {
    std::fs::create_dir_all(folder).map_err(Error::folder(folder))?;
    let state = match (checkpoint::path(folder).exists(), options.resume) {
        (true, true) => checkpoint::load(folder)?,
        (true, false) => {
            let message = "holds a run already; resume it or choose another folder".into();
            return Err(Error::RunFolder { path: folder.to_owned(), message });
        }
        _ => Optimizer::new(match &options.start_from {
            Some(path) => {
                let bytes = std::fs::read(path).map_err(Error::folder(path))?;
                let mut weights = Weights::read(&bytes)?;
                weights.metadata.clear();
                weights
            }
            None => Weights::initial(graph, recipe.seed),
        }),
    };
    state.weights.check(graph)?;
    Ok(state)
}

/// What one step reports.
struct Report {
    loss: f32,
    charbonnier: f32,
    brightness: f32,
    norm: f32,
}

/// One step: forward, loss, backward, update.
fn learn(
    graph: &Graph,
    state: &mut Optimizer,
    batch: &Batch,
    recipe: &Recipe,
    device: &Device,
) -> Result<Report> {
    let parameters = Parameters::new(&state.weights, device, true);
    let feeds = batch.feeds.iter().map(|(name, t)| (name.clone(), upload(t, device))).collect();
    let mut outputs = forward(graph, &parameters, &feeds, &[RESTORED, BRIGHTNESS])?;
    let mut output = |name: &str, truth| {
        let found = outputs
            .remove(name)
            .ok_or_else(|| relume_nn::Error::Run(format!("{} has no output {name}", graph.name())));
        found.map(|output| output - upload(truth, device))
    };
    let difference = output(RESTORED, &batch.truth)?;
    let brightness = output(BRIGHTNESS, &batch.brightness)?;

    let LossRecipe { charbonnier, gradient, coarse, brightness: weight } = recipe.losses;
    let pixels = losses::charbonnier(difference.clone());
    let light = losses::charbonnier(brightness);
    let loss = pixels.clone() * charbonnier
        + losses::gradient(difference.clone()) * gradient
        + losses::coarse(difference) * coarse
        + light.clone() * weight;
    let value = loss.clone().into_scalar::<f32>();
    if !value.is_finite() {
        return Err(Error::Diverged { step: state.step, loss: value });
    }
    let found = loss.backward();
    let mut gradients = Gradients::new();
    for (key, _) in state.weights.iter() {
        if let Some(gradient) = parameters.get(key).and_then(|p| p.grad(&found)) {
            let values = gradient.into_data().try_to_vec::<f32>();
            let values = values.map_err(|e| relume_nn::Error::Run(format!("{key}: {e:?}")))?;
            gradients.insert(key.clone(), values);
        }
    }
    let norm = state.step(&gradients, &recipe.optimizer, recipe.steps);
    let (charbonnier, brightness) = (pixels.into_scalar::<f32>(), light.into_scalar::<f32>());
    Ok(Report { loss: value, charbonnier, brightness, norm })
}

/// Writes the averaged weights as the model, with its card.
fn save_model(
    folder: &Path,
    recipe: &Recipe,
    state: &Optimizer,
    scores: &serde_json::Value,
) -> Result<()> {
    let mut model = state.average.clone();
    let entries = [
        ("modelspec.architecture", recipe.model.clone()),
        ("relume.recipe", recipe.text.clone()),
        ("relume.seed", recipe.seed.to_string()),
        ("relume.steps", state.step.to_string()),
        ("relume.validation", scores.to_string()),
    ];
    let card = recipe.card.iter().map(|(key, value)| (format!("modelspec.{key}"), value.clone()));
    let facts = entries.into_iter().map(|(key, value)| (key.to_owned(), value));
    model.metadata = card.chain(facts).collect();
    let path = folder.join("model.safetensors");
    checkpoint::write(&path, &model.to_safetensors(Precision::F16)?)
}
