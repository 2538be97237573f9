//! Pictures kept away from training, always damaged the same way: scores and picture grids.

use std::path::Path;

use burn::tensor::Device;
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;
use relume::metrics::{align, psnr, ssim};
use relume_media::atomic::Overwrite;
use relume_media::photo::SaveOptions;
use relume_media::{DegradeOptions, Image, Photo, Srgb};
use relume_nn::burn::Parameters;
use relume_nn::{Graph, Weights};
use serde_json::{Map, Value, json};

use crate::datasets::{self, Item, OpenOptions, Views};
use crate::grid::{grid, middle};
use crate::learn::infer;
use crate::recipe::{SetRecipe, Stage};
use crate::tasks::{Damaged, Task, pair};
use crate::{Error, Result};

/// Streams of the validation damage start here, far from those of training.
const STREAMS: u64 = 1 << 40;

/// Side in pixels of a picture in the grid.
const CELL: usize = 256;

/// The name of the set of held-out pictures.
const HELD_OUT: &str = "held_out";

struct Case {
    input: Image<Srgb>,
    truth: Option<Image<Srgb>>,
}

struct Set {
    name: String,
    cases: Vec<Case>,
}

/// The validation sets of a stage.
pub struct Validation {
    sets: Vec<Set>,
}

impl Validation {
    /// Reads the named sets of `stage` and damages what `held_out` holds.
    ///
    /// # Errors
    /// When a set cannot be read or a picture cannot be damaged.
    pub fn new(stage: &Stage, held_out: Option<&Views>) -> Result<Self> {
        let mut sets = Vec::new();
        if let Some(views) = held_out {
            let side = stage.data.view;
            let items = (0..views.len()).map(|index| views.middle_view(index, side));
            sets.push(Set::new(HELD_OUT, items, stage)?);
        }
        for SetRecipe { name, path, kind, split, pictures, side } in &stage.validation {
            let options = OpenOptions { split: split.clone(), ..OpenOptions::default() };
            let views = Views::new(datasets::open(path, kind.as_deref(), &options)?, 0);
            let count = (*pictures).min(views.len());
            let items = (0..count).map(|i| views.middle_view(i * views.len() / count, *side));
            sets.push(Set::new(name, items, stage)?);
        }
        Ok(Self { sets })
    }

    /// The score that chooses the best weights: `watch`, or the PSNR of the first set.
    ///
    /// # Errors
    /// [`Error::Setup`] when no set has the score that `watch` names.
    pub fn watched(&self, scores: &Value, watch: Option<&str>) -> Result<Option<f64>> {
        let (set, metric) = match watch {
            Some(watch) => watch.split_once('.').unwrap_or((watch, "psnr")),
            None => (self.sets.first().map_or("", |set| &set.name), "psnr"),
        };
        let score = scores[set][metric].as_f64();
        if score.is_none() && watch.is_some() {
            let message = format!("reports.watch: no score is called {set}.{metric} in {scores}");
            return Err(Error::Setup(message));
        }
        Ok(score)
    }

    /// Scores of every set: PSNR in dB of the input, of each stage and of the result, SSIM of the
    /// result; writes one grid per set (input, stages, truth) into `folder`.
    ///
    /// # Errors
    /// When the network does not run or a picture cannot be written.
    pub fn score(
        &self,
        graph: &Graph,
        weights: &Weights,
        task: &dyn Task,
        device: &Device,
        folder: &Path,
    ) -> Result<Value> {
        let device = device.clone().inner();
        let parameters = Parameters::new(weights, &device, false);
        let mut all = Map::new();
        for set in &self.sets {
            let (mut rows, mut sums) = (Vec::new(), Sums::default());
            for Case { input, truth } in &set.cases {
                let network = |feeds: &relume_nn::Feeds, outputs: &[&str]| {
                    infer(graph, &parameters, &device, feeds, outputs)
                };
                let stages = task.restore(&network, input)?;
                if let Some(truth) = truth {
                    sums.add("psnr_input", psnr(input, truth)?);
                    sums.add_all(&stages, truth)?;
                }
                let made = stages.into_iter().map(|(_, picture)| picture);
                let row = std::iter::once(input.clone()).chain(made).chain(truth.clone());
                let row = row.map(|picture| middle(&picture, CELL));
                rows.push(row.collect::<Result<Vec<_>>>()?);
            }
            let options = SaveOptions { overwrite: Overwrite::Always, ..SaveOptions::default() };
            let path = folder.join(format!("validation-{}.png", set.name));
            Photo::from_image(grid(&rows)).save(&path, &options)?;
            all.insert(set.name.clone(), sums.means(set.cases.len()));
        }
        Ok(Value::Object(all))
    }
}

impl Set {
    fn new(
        name: &str,
        items: impl Iterator<Item = Result<Option<Item>>>,
        stage: &Stage,
    ) -> Result<Self> {
        let harm = DegradeOptions { untouched_share: 0.0, ..stage.degradation.clone() };
        let case = |(index, item): (usize, Result<Option<Item>>)| {
            let mut rng = ChaCha8Rng::seed_from_u64(stage.seed);
            rng.set_stream(STREAMS + index as u64);
            let Some(item) = item? else { return Ok(None) };
            Ok(match item {
                Item::Alone(input) => Some(Case { input, truth: None }),
                item => pair(item, &mut rng, &harm)?
                    .map(|Damaged { input, target }| Case { input, truth: Some(target) }),
            })
        };
        let cases = items.enumerate().filter_map(|found| case(found).transpose());
        Ok(Self { name: name.to_owned(), cases: cases.collect::<Result<_>>()? })
    }
}

/// Sums of scores by name.
#[derive(Default)]
struct Sums(std::collections::BTreeMap<String, f64>);

impl Sums {
    fn add(&mut self, name: &str, score: f64) {
        *self.0.entry(name.to_owned()).or_default() += score;
    }

    fn add_all(&mut self, stages: &[(&str, Image<Srgb>)], truth: &Image<Srgb>) -> Result<()> {
        let Some(((_, result), before)) = stages.split_last() else { return Ok(()) };
        for (name, picture) in before {
            self.add(&format!("psnr_{name}"), psnr(picture, truth)?);
        }
        self.add("psnr", psnr(result, truth)?);
        self.add("psnr_aligned", psnr(&align(result, truth)?, truth)?);
        self.add("ssim", ssim(result, truth)?);
        Ok(())
    }

    fn means(self, count: usize) -> Value {
        let mut means = json!({ "pictures": count });
        for (name, sum) in self.0 {
            means[name] = json!(sum / count.max(1) as f64);
        }
        means
    }
}
