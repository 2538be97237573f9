//! Which model is better, on which pictures, by how much, and how sure that is.
//!
//! Every contestant gets the same inputs; every table has the baselines that cost nothing: the
//! input itself, the gain and gamma that fit the truth best, CLAHE. Nothing is fitted to the truth
//! but the row that says so.

mod contestants;
mod report;
mod statistics;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;
use relume::metrics::{METRICS, MetricCard, Pristine, Shown, Subject};
use relume_media::{DegradeOptions, Image, Progress, Size, Srgb};
use serde::Serialize;

use crate::datasets::{Dataset, Item};
use crate::grid::middle;
use crate::tasks::{Damaged, pair};
use crate::{Error, Result};

pub use contestants::{BASELINES, Baseline, Contestant, Make};
pub use report::{json, markdown, write};
pub use statistics::Summary;

/// How an evaluation is made.
#[derive(Debug, Clone)]
pub struct Options {
    /// At most so many pictures, spread evenly over the set.
    pub pictures: Option<usize>,
    /// Only the middle of each picture, at most so many pixels wide and high.
    pub side: Option<usize>,
    /// Of the damage done to clean pictures, and of the bootstrap.
    pub seed: u64,
    /// What is measured, in the order of the columns.
    pub metrics: Vec<&'static MetricCard>,
    /// The simulated camera that damages clean pictures.
    pub degradation: DegradeOptions,
    /// Rows of the picture grid.
    pub shown: usize,
}

impl Default for Options {
    fn default() -> Self {
        let in_tables = |card: &&&MetricCard| card.shown <= Shown::InTables;
        Self {
            pictures: None,
            side: None,
            seed: 1,
            metrics: METRICS.iter().filter(in_tables).copied().collect(),
            degradation: DegradeOptions { untouched_share: 0.0, ..DegradeOptions::default() },
            shown: 6,
        }
    }
}

/// Scores by the name of the metric.
pub type Scores = BTreeMap<&'static str, f64>;

/// A file and the SHA-256 of its bytes.
#[derive(Debug, Clone, Serialize)]
pub struct Fingerprint {
    /// The file.
    pub path: PathBuf,
    /// Hexadecimal.
    pub sha256: String,
}

/// What all contestants made of one picture.
#[derive(Debug, Clone)]
pub struct PictureRow {
    /// Its name in the set.
    pub name: String,
    /// The files it was read from.
    pub files: Vec<Fingerprint>,
    /// Its size.
    pub size: Size,
    /// Scores of each contestant, in their order.
    pub scores: Vec<Scores>,
    /// Wall time of each contestant in seconds.
    pub seconds: Vec<f64>,
}

/// One contestant over all pictures.
#[derive(Debug, Clone)]
pub struct ContestantRow {
    /// Its name.
    pub name: String,
    /// What it is.
    pub help: String,
    /// Of the weights, for models.
    pub sha256: Option<String>,
    /// Mean and spread of each metric.
    pub scores: BTreeMap<&'static str, Summary>,
    /// Megapixels of input for each second of work; only for models.
    pub megapixels_per_second: Option<f64>,
}

/// The outcome.
#[derive(Debug, Clone)]
pub struct Evaluation {
    /// The set as it was named.
    pub data: PathBuf,
    /// How it was made.
    pub options: Options,
    /// Each contestant.
    pub contestants: Vec<ContestantRow>,
    /// Each picture.
    pub pictures: Vec<PictureRow>,
    /// Pictures that could not be scored, with the cause.
    pub skipped: Vec<(String, String)>,
    /// Rows of the grid: each contestant, truth.
    pub grid: Vec<Vec<Image<Srgb>>>,
}

/// A picture as all contestants get it.
struct Case {
    input: Image<Srgb>,
    truth: Option<Image<Srgb>>,
}

/// Scores `contestants` on the pictures of `set`, which was read from `data`.
///
/// # Errors
/// [`Error::Dataset`] when no picture could be scored; when a network does not run or the caller
/// cancels. A picture that cannot be read is left out and named.
pub fn evaluate(
    data: &Path,
    set: &dyn Dataset,
    contestants: &[Contestant],
    options: &Options,
    progress: &Progress<'_>,
) -> Result<Evaluation> {
    let pristine = relume::metrics::Pristine::ours()?;
    let count = options.pictures.unwrap_or(usize::MAX).min(set.len());
    let (mut pictures, mut skipped, mut grid) = (Vec::new(), Vec::new(), Vec::new());
    let mut hashed = BTreeMap::new();
    for place in 0..count {
        progress.report(place as f32 / count as f32)?;
        let index = place * set.len() / count;
        let case = match Case::read(set, index, options) {
            Ok(case) => case,
            Err(error) => {
                skipped.push((set.name(index), error.to_string()));
                continue;
            }
        };
        let (row, made) = score(&case, contestants, options, &pristine)?;
        // A shard holds many pictures: it is hashed once.
        let print = |path: PathBuf| {
            hashed.entry(path.clone()).or_insert_with(|| Fingerprint::of(&path)).clone()
        };
        let files = set.files(index).into_iter().map(print).collect();
        pictures.push(PictureRow { name: set.name(index), files, ..row });
        if grid.len() < options.shown {
            grid.push(made.into_iter().chain(case.truth).collect());
        }
    }
    if pictures.is_empty() {
        let cause = skipped.first().map_or("it holds none", |(_, cause)| cause);
        let message = format!("no picture could be scored: {cause}");
        return Err(Error::Dataset { path: data.to_owned(), message });
    }
    let rows = contestants.iter().enumerate();
    let rows = rows.map(|(index, one)| summarise(index, one, &pictures, options)).collect();
    let (data, options) = (data.to_owned(), options.clone());
    Ok(Evaluation { data, options, contestants: rows, pictures, skipped, grid })
}

/// What each contestant makes of a case, and its scores.
fn score(
    case: &Case,
    contestants: &[Contestant],
    options: &Options,
    pristine: &Pristine,
) -> Result<(PictureRow, Vec<Image<Srgb>>)> {
    let (mut scores, mut seconds, mut made) = (Vec::new(), Vec::new(), Vec::new());
    for contestant in contestants {
        let clock = Instant::now();
        let picture = contestant.run(&case.input, case.truth.as_ref())?;
        seconds.push(clock.elapsed().as_secs_f64());
        let subject = Subject { picture: &picture, truth: case.truth.as_ref(), pristine };
        let mut found = Scores::new();
        for card in &options.metrics {
            if case.truth.is_some() || !card.needs_truth() {
                // A picture too small for a metric has no value of it.
                if let Ok(value) = card.evaluate(&subject) {
                    found.insert(card.name, value);
                }
            }
        }
        scores.push(found);
        made.push(picture);
    }
    let size = case.input.size();
    Ok((PictureRow { name: String::new(), files: Vec::new(), size, scores, seconds }, made))
}

fn summarise(
    index: usize,
    contestant: &Contestant,
    pictures: &[PictureRow],
    options: &Options,
) -> ContestantRow {
    let mut scores = BTreeMap::new();
    for card in &options.metrics {
        let values = pictures.iter().filter_map(|row| row.scores[index].get(card.name).copied());
        if let Some(summary) = Summary::of(&values.collect::<Vec<_>>(), options.seed) {
            scores.insert(card.name, summary);
        }
    }
    let pixels: f64 = pictures.iter().map(|row| row.size.megapixels()).sum();
    let seconds: f64 = pictures.iter().map(|row| row.seconds[index]).sum();
    ContestantRow {
        name: contestant.name().to_owned(),
        help: contestant.help().to_owned(),
        sha256: contestant.sha256().map(str::to_owned),
        scores,
        megapixels_per_second: contestant.sha256().map(|_| pixels / seconds.max(1e-9)),
    }
}

impl Case {
    /// Reads an item and damages it if it is clean; the damage depends on the seed and the item's
    /// place alone.
    fn read(set: &dyn Dataset, index: usize, options: &Options) -> Result<Self> {
        let mut rng = ChaCha8Rng::seed_from_u64(options.seed);
        rng.set_stream(index as u64);
        let case = match set.read(index)? {
            Item::Alone(input) => Self { input, truth: None },
            Item::Series { target: None, exposures } => {
                let input = exposures.into_iter().next();
                let message = || "a series without pictures".into();
                Self { input: input.ok_or_else(|| Error::Setup(message()))?, truth: None }
            }
            item => match pair(item, &mut rng, &options.degradation)? {
                Some(Damaged { input, target }) => Self { input, truth: Some(target) },
                None => return Err(Error::Setup("it cannot be made into a pair".into())),
            },
        };
        Ok(match options.side {
            Some(side) => Self {
                input: middle(&case.input, side)?,
                truth: case.truth.map(|truth| middle(&truth, side)).transpose()?,
            },
            None => case,
        })
    }
}

impl Fingerprint {
    /// Of a file; empty when it cannot be read any more.
    fn of(path: &Path) -> Self {
        let sha256 = std::fs::read(path).map(|bytes| contestants::sha256(&bytes));
        Self { path: path.to_owned(), sha256: sha256.unwrap_or_default() }
    }
}
