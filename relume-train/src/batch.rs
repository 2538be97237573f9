//! Batches: examples side by side, each from random numbers of its own.

use std::collections::BTreeMap;

use rand::RngExt as _;
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use relume_nn::{Feeds, Tensor};

use crate::recipe::{MixupRecipe, Stage};
use crate::sources::Sources;
use crate::tasks::Task;
use crate::{Error, Result};

/// What the network is fed and should answer, by name, `[n, c, h, w]` each.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Batch {
    /// Inputs of the network.
    pub feeds: Feeds,
    /// What its outputs are compared with.
    pub targets: Feeds,
}

/// Makes the batches of a stage; a pure function of the step.
pub struct Batches<'a> {
    /// The stage.
    pub stage: &'a Stage,
    /// What turns pictures into examples.
    pub task: &'a dyn Task,
    /// Where the pictures come from.
    pub sources: &'a Sources,
}

/// Random numbers of mixup come from streams beyond those of all views.
const MIXUP_STREAMS: u64 = 1 << 48;

impl Batches<'_> {
    /// The batch of `step` of the run: the same for the same recipe, whatever the number of
    /// threads.
    ///
    /// # Errors
    /// When a picture cannot be cut or damaged, or too many cannot be read.
    pub fn batch(&self, step: usize, step_of_stage: usize) -> Result<Batch> {
        let data = &self.stage.data;
        let examples: Vec<Vec<Batch>> = (0..data.views)
            .into_par_iter()
            .map(|view| {
                let mut rng = ChaCha8Rng::seed_from_u64(self.stage.seed);
                rng.set_stream((step * data.views + view) as u64 + 1);
                let item = match self.task.wants_whole() {
                    true => self.sources.random_whole(&mut rng)?,
                    false => self.sources.random_view(&mut rng, data)?,
                };
                self.task.examples(item, &mut rng, data.crops_per_view, data.crop)
            })
            .collect::<Result<_>>()?;
        let mut batch = stack(&examples.concat())?;
        if let Some(mixup) = self.stage.mixup.as_ref().filter(|m| step_of_stage >= m.start) {
            let mut rng = ChaCha8Rng::seed_from_u64(self.stage.seed);
            rng.set_stream(MIXUP_STREAMS + step as u64);
            blend_at_random(&mut batch, mixup, &mut rng)?;
        }
        Ok(batch)
    }
}

/// Puts examples of one shape side by side.
///
/// # Errors
/// [`relume_nn::Error::Run`] when names or shapes differ.
pub fn stack(examples: &[Batch]) -> Result<Batch> {
    Ok(Batch {
        feeds: stack_each(examples, |example| &example.feeds)?,
        targets: stack_each(examples, |example| &example.targets)?,
    })
}

fn stack_each<'a>(examples: &'a [Batch], part: impl Fn(&'a Batch) -> &'a Feeds) -> Result<Feeds> {
    let Some(first) = examples.first() else { return Ok(Feeds::new()) };
    let join = |(name, one): (&String, &Tensor)| {
        let [n, c, h, w] = one.shape;
        let mut values = Vec::with_capacity(examples.len() * one.values.len());
        for example in examples {
            let tensor = part(example).get(name).filter(|tensor| tensor.shape == one.shape);
            let message = || format!("examples of one batch differ in {name}");
            let tensor = tensor.ok_or_else(|| relume_nn::Error::Run(message()))?;
            values.extend_from_slice(&tensor.values);
        }
        Ok((name.clone(), Tensor::new([n * examples.len(), c, h, w], values)))
    };
    part(first).iter().map(join).collect()
}

/// Blends every sample with another: permutation and Beta-distributed shares from `rng`.
fn blend_at_random(batch: &mut Batch, mixup: &MixupRecipe, rng: &mut ChaCha8Rng) -> Result<()> {
    let n = batch.feeds.values().next().map_or(0, |tensor| tensor.shape[0]);
    let mut partners: Vec<usize> = (0..n).collect();
    for last in (1..n).rev() {
        partners.swap(last, rng.random_range(0..=last));
    }
    let beta = rand_distr::Beta::new(mixup.alpha, mixup.alpha);
    let beta = beta.map_err(|e| Error::Library(relume::Error::Model(format!("mixup: {e}"))))?;
    let shares: Vec<f32> = (0..n).map(|_| rng.sample(beta)).collect();
    blend(batch, &partners, &shares);
    Ok(())
}

/// Mixup (Zhang et al. 2018): sample `i` of every tensor becomes
/// `shares[i] · xᵢ + (1 − shares[i]) · x` of its partner.
pub fn blend(batch: &mut Batch, partners: &[usize], shares: &[f32]) {
    let mix = |tensors: &mut BTreeMap<String, Tensor>| {
        for tensor in tensors.values_mut() {
            let length = tensor.values.len() / tensor.shape[0].max(1);
            let old = tensor.values.clone();
            for (i, sample) in tensor.values.chunks_mut(length.max(1)).enumerate() {
                let partner = &old[partners[i] * length..][..length];
                for (x, &y) in sample.iter_mut().zip(partner) {
                    *x = shares[i] * *x + (1.0 - shares[i]) * y;
                }
            }
        }
    };
    mix(&mut batch.feeds);
    mix(&mut batch.targets);
}
