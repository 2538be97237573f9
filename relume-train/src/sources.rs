//! The datasets of a stage, drawn in proportion to their shares.

use rand::{Rng, RngExt as _};

use crate::datasets::{self, Augment, Item, OpenOptions, Views};
use crate::recipe::DataRecipe;
use crate::{Error, Result};

/// Where the pictures of a stage come from.
pub struct Sources {
    /// Each source with how often it is drawn; the shares add up to 1.
    sources: Vec<(f64, Views)>,
    augment: Augment,
}

impl Sources {
    /// Opens the sources of `data`; the second value holds the pictures kept for validation.
    ///
    /// # Errors
    /// [`Error::Dataset`] when one cannot be read or holds nothing of use.
    pub fn open(data: &DataRecipe) -> Result<(Self, Option<Views>)> {
        let manifest = data.manifest.clone();
        let cache = (data.cache_mib << 20) / data.sources.len().max(1);
        let (mut sources, mut held_out) = (Vec::new(), None);
        for (index, source) in data.sources.iter().enumerate() {
            let (split, except) = (source.split.clone(), source.except.clone());
            let options = OpenOptions { split, manifest: manifest.clone(), except };
            let set = datasets::open(&source.path, source.kind.as_deref(), &options)?;
            let mut views = Views::new(set, cache);
            if index == 0 && data.held_out > 0 && views.len() > 1 {
                let count = data.held_out.min(views.len() / 2);
                let (kept, held) = views.hold_out(count);
                (views, held_out) = (kept, Some(held));
            }
            if views.is_empty() {
                let message = "holds nothing to learn from".into();
                return Err(Error::Dataset { path: source.path.clone(), message });
            }
            sources.push((f64::from(source.share.unwrap_or(f32::NAN)), views));
        }
        share_out(&mut sources)?;
        let (scale, mirror, turn) = (data.augment.scale, data.augment.mirror, data.augment.turn);
        Ok((Self { sources, augment: Augment { scale, mirror, turn } }, held_out))
    }

    /// A random view of a random source.
    ///
    /// # Errors
    /// When too many pictures of the source cannot be read.
    pub fn random_view(&self, rng: &mut impl Rng, data: &DataRecipe) -> Result<Item> {
        self.random_source(rng).random_view(rng, data.view, data.crop, &self.augment)
    }

    /// A random picture of a random source, all of it.
    ///
    /// # Errors
    /// As [`random_view`](Self::random_view).
    pub fn random_whole(&self, rng: &mut impl Rng) -> Result<Item> {
        self.random_source(rng).random_whole(rng)
    }

    fn random_source(&self, rng: &mut impl Rng) -> &Views {
        let mut draw = rng.random::<f64>();
        let mut chosen = &self.sources[self.sources.len() - 1].1;
        for (share, views) in &self.sources {
            draw -= share;
            if draw < 0.0 {
                chosen = views;
                break;
            }
        }
        chosen
    }

    /// Pictures of all sources.
    pub fn len(&self) -> usize {
        self.sources.iter().map(|(_, views)| views.len()).sum()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Files that could not be read so far, with the cause.
    pub fn skipped(&self) -> Vec<String> {
        let all = self.sources.iter().flat_map(|(_, views)| views.skipped());
        all.map(|(path, cause)| format!("{}: {cause}", path.display())).collect()
    }
}

/// Turns shares into probabilities; without any share, every picture is as likely as any other.
fn share_out(sources: &mut [(f64, Views)]) -> Result<()> {
    if sources.iter().all(|(share, _)| share.is_nan()) {
        sources.iter_mut().for_each(|(share, views)| *share = views.len() as f64);
    }
    let sum: f64 = sources.iter().map(|(share, _)| share).sum();
    if !sum.is_finite() || sum <= 0.0 {
        let message = "give every source a share above 0, or none".into();
        return Err(Error::Setup(message));
    }
    sources.iter_mut().for_each(|(share, _)| *share /= sum);
    Ok(())
}
