//! The loop. Read it from top to bottom: it is all there is to a training run.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::mpsc::sync_channel;
use std::time::{Duration, Instant};

use burn::tensor::Device;
use relume_media::Progress;
use relume_nn::weights::Precision;
use relume_nn::{Graph, Weights};
use serde_json::{Value, json};

use crate::batch::Batches;
use crate::checkpoint::{Best, State};
use crate::journal::Journal;
use crate::learn::{Report, learn};
use crate::optimizer::{Optimizer, trainable};
use crate::recipe::Stage;
use crate::sources::Sources;
use crate::tasks::{self, Task};
use crate::terms::Terms;
use crate::validation::Validation;
use crate::{Error, Recipe, Result, checkpoint, report};

/// How a run is started.
#[derive(Debug, Clone, Default)]
pub struct RunOptions {
    /// Go on from the checkpoint of the run folder.
    pub resume: bool,
    /// Start from these weights instead of random ones.
    pub start_from: Option<PathBuf>,
    /// Stop after this many steps of the whole run, with a validation, so that it can go on.
    pub stop_at: Option<usize>,
    /// Where to compute, as in [`crate::device::find`]; the CPU by default.
    pub device: Option<String>,
}

/// What every stage of a run shares.
struct Session<'a> {
    recipe: &'a Recipe,
    folder: &'a Path,
    graph: Graph,
    device: Device,
    state: State,
    journal: Journal,
    progress: &'a Progress<'a>,
}

/// Trains as `recipe` says; everything is written into `folder`.
///
/// # Errors
/// For a wrong recipe, missing data, an unwritable folder, a diverging loss, or a cancel.
pub fn run(
    recipe: &Recipe,
    folder: &Path,
    options: &RunOptions,
    progress: &Progress,
) -> Result<()> {
    let graph = (relume::models::find(&recipe.first().model)?.graph)()?;
    let device = crate::device::find(options.device.as_deref().unwrap_or("flex"))?.autodiff();
    let state = start(&graph, recipe, folder, options)?;
    checkpoint::write(&folder.join("recipe.toml"), recipe.text.as_bytes())?;
    let journal = Journal::open(folder, state.optimizer.step)?;
    let mut session = Session { recipe, folder, graph, device, state, journal, progress };

    let end = options.stop_at.unwrap_or(usize::MAX).min(recipe.steps());
    let mut first_step = 0;
    for stage in &recipe.stages {
        let steps = first_step..first_step + stage.steps;
        first_step = steps.end;
        if session.state.optimizer.step < steps.end.min(end) {
            let stopped_early = session.train(stage, &steps, steps.end.min(end))?;
            if stopped_early {
                break;
            }
        }
    }
    report::write(folder, &session.recipe.first().model)
}

impl Session<'_> {
    /// Trains one stage, of which `steps` of the run are a part, up to `end`; tells whether it
    /// stopped early.
    fn train(&mut self, stage: &Stage, steps: &std::ops::Range<usize>, end: usize) -> Result<bool> {
        let card = tasks::find(&self.graph, stage)?;
        let task = (card.build)(&self.graph, stage)?;
        let task = task.as_ref();
        let terms = Terms::new(&self.graph, stage, card, task)?;
        let open = trainable(&self.graph, &stage.freeze).map_err(Error::Setup)?;
        let (sources, held_out) = Sources::open(&stage.data)?;
        let validation = Validation::new(stage, held_out.as_ref())?;
        let first = self.state.optimizer.step;
        self.journal.write(&json!({
            "step": first, "stage": stage.name, "task": card.name, "pictures": sources.len(),
            "held_out": held_out.as_ref().map_or(0, crate::datasets::Views::len),
        }))?;
        let batches = Batches { stage, task, sources: &sources };
        std::thread::scope(|scope| {
            // The next batches are made while the network learns from this one.
            let (send, receive) = sync_channel(stage.data.ahead);
            let start = steps.start;
            scope.spawn(move || {
                (first..end)
                    .try_for_each(|step| send.send(batches.batch(step, step - start)).map_err(drop))
            });
            let mut clock = Clock::start(first);
            loop {
                let Some(batch) = clock.wait(|| receive.recv().ok()) else { return Ok(false) };
                let report = self.learn(stage, steps, (&open, &terms), &batch?)?;
                let step = self.state.optimizer.step;
                if step.is_multiple_of(stage.reports.journal) || step == end {
                    self.note(&report, stage, steps, &clock)?;
                }
                let validate = step.is_multiple_of(stage.reports.validation) || step == end;
                let stop = validate && self.validate(stage, task, &validation, &sources)?;
                if validate || step.is_multiple_of(stage.reports.checkpoint) {
                    checkpoint::save(self.folder, &self.state)?;
                }
                self.progress.report(step as f32 / self.recipe.steps() as f32)?;
                if stop {
                    return Ok(true);
                }
            }
        })
    }

    fn learn(
        &mut self,
        stage: &Stage,
        steps: &std::ops::Range<usize>,
        open: (&BTreeSet<String>, &Terms),
        batch: &crate::batch::Batch,
    ) -> Result<Report> {
        let at = self.state.optimizer.step - steps.start;
        let rate = stage.optimizer.rate * stage.schedule.share(at, stage.steps);
        let optimizer = &mut self.state.optimizer;
        learn(&self.graph, optimizer, open, batch, (rate, &stage.optimizer), &self.device)
    }

    /// Writes a journal line about the step just done.
    fn note(
        &mut self,
        report: &Report,
        stage: &Stage,
        steps: &std::ops::Range<usize>,
        clock: &Clock,
    ) -> Result<()> {
        let step = self.state.optimizer.step;
        let at = step - 1 - steps.start;
        let (seconds, waited) = clock.per_step(step);
        self.journal.write(&json!({
            "step": step, "loss": report.loss, "terms": report.terms,
            "gradient_norm": report.norm,
            "rate": stage.optimizer.rate * stage.schedule.share(at, stage.steps),
            "seconds_per_step": seconds, "waited_for_data": waited,
        }))
    }

    /// Scores the averaged weights and saves them as the model, and as the best one if they are;
    /// tells whether it is time to stop.
    fn validate(
        &mut self,
        stage: &Stage,
        task: &dyn Task,
        validation: &Validation,
        sources: &Sources,
    ) -> Result<bool> {
        let step = self.state.optimizer.step;
        let average = &self.state.optimizer.average;
        let scores = validation.score(&self.graph, average, task, &self.device, self.folder)?;
        let score = validation.watched(&scores, stage.reports.watch.as_deref())?;
        self.journal.write(&json!({
            "step": step, "validation": scores, "skipped_files": sources.skipped(),
        }))?;
        let model = self.model(stage, &scores)?;
        checkpoint::write(&self.folder.join("model.safetensors"), &model)?;
        let best = &mut self.state.best;
        if score.is_none() || score > best.score {
            *best = Best { score, step, since: 0 };
            checkpoint::write(&self.folder.join("best.safetensors"), &model)?;
        } else {
            best.since += 1;
        }
        Ok(stage.reports.patience > 0 && best.since >= stage.reports.patience)
    }

    /// The averaged weights with their card, as a safetensors file.
    fn model(&self, stage: &Stage, scores: &Value) -> Result<Vec<u8>> {
        let mut model = self.state.optimizer.average.clone();
        let entries = [
            ("modelspec.architecture", stage.model.clone()),
            ("relume.recipe", self.recipe.text.clone()),
            ("relume.seed", stage.seed.to_string()),
            ("relume.steps", self.state.optimizer.step.to_string()),
            ("relume.validation", scores.to_string()),
        ];
        let card = stage.card.iter();
        let card = card.map(|(key, value)| (format!("modelspec.{key}"), value.clone()));
        let facts = entries.into_iter().map(|(key, value)| (key.to_owned(), value));
        model.metadata = card.chain(facts).collect();
        Ok(model.to_safetensors(Precision::F16)?)
    }
}

fn start(graph: &Graph, recipe: &Recipe, folder: &Path, options: &RunOptions) -> Result<State> {
    std::fs::create_dir_all(folder).map_err(Error::folder(folder))?;
    let from = options.start_from.as_ref().or(recipe.first().from.as_ref());
    let state = match (checkpoint::path(folder).exists(), options.resume) {
        (true, true) => checkpoint::load(folder)?,
        (true, false) => {
            let message = "holds a run already; resume it or choose another folder".into();
            return Err(Error::RunFolder { path: folder.to_owned(), message });
        }
        _ => {
            let weights = match from {
                Some(from) => starting_weights(from, &recipe.first().model)?,
                None => Weights::initial(graph, recipe.first().seed),
            };
            State { optimizer: Optimizer::new(weights), best: Best::default() }
        }
    };
    state.optimizer.weights.check(graph)?;
    Ok(state)
}

/// The weights of a file, or those that the program carries for a model of that name.
fn starting_weights(from: &Path, model: &str) -> Result<Weights> {
    let name = from.to_string_lossy();
    let mut weights = if !relume::models::means_a_file(&name) {
        relume::models::find(&name)?.load_weights()?
    } else {
        let wrong = |cause: String| {
            relume::Error::Model(format!("{}: {cause}; {model} starts from it", from.display()))
        };
        let bytes = std::fs::read(from).map_err(|cause| wrong(cause.to_string()))?;
        Weights::read(&bytes).map_err(|cause| wrong(cause.to_string()))?
    };
    weights.metadata.clear();
    Ok(weights)
}

/// Measures how long steps take, and how long the network had to wait for data.
struct Clock {
    first: usize,
    started: Instant,
    waited: Duration,
}

impl Clock {
    fn start(first: usize) -> Self {
        Self { first, started: Instant::now(), waited: Duration::ZERO }
    }

    fn wait<T>(&mut self, work: impl FnOnce() -> T) -> T {
        let before = Instant::now();
        let done = work();
        self.waited += before.elapsed();
        done
    }

    /// Seconds per step, and the share of them spent waiting for data.
    fn per_step(&self, step: usize) -> (f64, f64) {
        let whole = self.started.elapsed().as_secs_f64();
        (whole / (step - self.first).max(1) as f64, self.waited.as_secs_f64() / whole.max(1e-9))
    }
}
