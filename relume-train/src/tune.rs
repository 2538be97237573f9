//! Search for settings: random draws, the poor ones dropped early (successive halving, Jamieson and
//! Talwalkar 2016).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use relume_media::Progress;
use serde::{Deserialize, Serialize};
use serde_json::json;
use toml::Value;

use crate::checkpoint;
use crate::{Error, Recipe, Result, RunOptions};

/// A search as one TOML file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Search {
    /// The recipe whose keys are changed, relative to the search.
    pub recipe: PathBuf,
    /// Seed of the draws.
    pub seed: u64,
    /// Settings drawn.
    pub trials: usize,
    /// Of how many trials one goes on after each rung; 1 lets all run to the end.
    #[serde(default = "default_keep")]
    pub keep_one_of: usize,
    /// Steps of the first rung; the last rung is the recipe's own number of steps.
    pub first_rung: usize,
    /// What is drawn, by dotted key of the recipe.
    pub space: BTreeMap<String, Range>,
}

fn default_keep() -> usize {
    3
}

/// The values a key may take.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum Range {
    /// Evenly between two numbers.
    Uniform([f64; 2]),
    /// Evenly between the logarithms of two numbers above 0.
    Log([f64; 2]),
    /// Whole numbers from the first to the last.
    Whole([i64; 2]),
    /// One of these.
    Choice(Vec<Value>),
}

/// One setting and how it did.
#[derive(Debug, Clone, Serialize)]
pub struct Trial {
    /// Its number, from 0.
    pub number: usize,
    /// What was drawn, by dotted key.
    pub settings: Vec<(String, Value)>,
    /// Steps trained so far.
    pub steps: usize,
    /// The best watched score so far, higher is better; none if the run failed.
    pub score: Option<f64>,
}

impl Search {
    /// Reads a search file.
    ///
    /// # Errors
    /// [`Error::Recipe`] for unknown keys and empty ranges.
    pub fn load(path: &Path) -> Result<Self> {
        let wrong = |message: String| Error::Recipe { path: path.to_owned(), message };
        let text = std::fs::read_to_string(path).map_err(|e| wrong(e.to_string()))?;
        let mut search: Self = toml::from_str(&text).map_err(|e| wrong(e.to_string()))?;
        search.recipe = path.parent().unwrap_or(Path::new(".")).join(&search.recipe);
        if search.trials == 0 || search.first_rung == 0 || search.keep_one_of == 0 {
            return Err(wrong("trials, first_rung and keep_one_of start at 1".into()));
        }
        if let Some((key, _)) = search.space.iter().find(|(_, range)| !range.is_valid()) {
            return Err(wrong(format!("space.{key}: the range is empty or not above 0")));
        }
        Ok(search)
    }

    /// The settings of trial `number`: the same for the same seed.
    pub fn settings(&self, number: usize) -> Vec<(String, Value)> {
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        rng.set_stream(number as u64);
        self.space.iter().map(|(key, range)| (key.clone(), range.draw(&mut rng))).collect()
    }

    /// Steps after which trials are compared; the last is `steps`.
    pub fn rungs(&self, steps: usize) -> Vec<usize> {
        let grow = self.keep_one_of.max(2);
        let rungs = std::iter::successors(Some(self.first_rung), |rung| rung.checked_mul(grow));
        let before = rungs.take_while(|rung| *rung < steps && self.keep_one_of > 1);
        before.chain([steps]).collect()
    }
}

impl Range {
    fn is_valid(&self) -> bool {
        match self {
            Self::Uniform([low, high]) => low <= high,
            Self::Log([low, high]) => *low > 0.0 && low <= high,
            Self::Whole([low, high]) => low <= high,
            Self::Choice(values) => !values.is_empty(),
        }
    }

    fn draw(&self, rng: &mut ChaCha8Rng) -> Value {
        match self {
            Self::Uniform([low, high]) => Value::Float(low + (high - low) * rng.random::<f64>()),
            Self::Log([low, high]) => {
                let (low, high) = (low.ln(), high.ln());
                Value::Float((low + (high - low) * rng.random::<f64>()).exp())
            }
            Self::Whole([low, high]) => Value::Integer(rng.random_range(*low..=*high)),
            Self::Choice(values) => values[rng.random_range(0..values.len())].clone(),
        }
    }
}

/// Runs the search; every trial has a run folder in `folder`, `tune.json` holds the table. A search
/// that was stopped goes on where it was.
///
/// # Errors
/// For a wrong search or recipe, an unwritable folder, or a cancel; a trial whose loss diverges
/// only loses.
pub fn search(
    search: &Search,
    folder: &Path,
    device: Option<&str>,
    progress: &Progress,
) -> Result<Vec<Trial>> {
    std::fs::create_dir_all(folder).map_err(Error::folder(folder))?;
    let steps = Recipe::load(&search.recipe)?.steps();
    let trial = |number| Trial { number, settings: search.settings(number), steps: 0, score: None };
    let mut trials: Vec<Trial> = (0..search.trials).map(trial).collect();
    let mut alive: Vec<usize> = (0..search.trials).collect();
    let rungs = search.rungs(steps);
    let work = rungs.len() * search.trials;
    for (rung, &end) in rungs.iter().enumerate() {
        for (index, &number) in alive.iter().enumerate() {
            advance(search, &mut trials[number], folder, end, device)?;
            write_table(folder, &trials)?;
            progress.report((rung * search.trials + index + 1) as f32 / work as f32)?;
        }
        let score = |number: &usize| trials[*number].score.unwrap_or(f64::NEG_INFINITY);
        alive.sort_by(|a, b| score(b).total_cmp(&score(a)).then(a.cmp(b)));
        if end < steps {
            alive.truncate(alive.len().div_ceil(search.keep_one_of));
        }
    }
    Ok(ranked(trials))
}

/// Trains one trial up to step `end` and notes its score.
fn advance(
    search: &Search,
    trial: &mut Trial,
    folder: &Path,
    end: usize,
    device: Option<&str>,
) -> Result<()> {
    let folder = folder.join(format!("trial-{:03}", trial.number));
    let recipe = Recipe::load_with(&search.recipe, &trial.settings)?;
    let reached = |folder: &Path| {
        let exists = checkpoint::path(folder).exists();
        exists.then(|| checkpoint::load(folder)).transpose()
    };
    if reached(&folder)?.is_none_or(|state| state.optimizer.step < end) {
        let device = device.map(str::to_owned);
        let options = RunOptions { resume: true, start_from: None, stop_at: Some(end), device };
        match crate::run(&recipe, &folder, &options, &Progress::silent()) {
            Err(Error::Diverged { step, .. }) => {
                (trial.steps, trial.score) = (step, None);
                return Ok(());
            }
            run => run?,
        }
    }
    if let Some(state) = reached(&folder)? {
        (trial.steps, trial.score) = (state.optimizer.step, state.best.score);
    }
    Ok(())
}

/// Best first; those that got further come before those that were dropped.
fn ranked(mut trials: Vec<Trial>) -> Vec<Trial> {
    let key = |trial: &Trial| (trial.steps, trial.score.unwrap_or(f64::NEG_INFINITY));
    trials.sort_by(|a, b| {
        let (a, b) = (key(a), key(b));
        b.0.cmp(&a.0).then(b.1.total_cmp(&a.1))
    });
    trials
}

fn write_table(folder: &Path, trials: &[Trial]) -> Result<()> {
    let table = json!({ "trials": ranked(trials.to_vec()) });
    checkpoint::write(&folder.join("tune.json"), format!("{table:#}\n").as_bytes())
}
