//! Batches: sharp views damaged by the simulated camera, each from a seed of its own.

use rand::{Rng, RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use relume::exposure::Thumbnail;
use relume::models::lantern::{EXPOSURE, IMAGE, LIGHT, THUMBNAIL, THUMBNAIL_SIDE};
use relume_media::degrade::{Degradation, Degraded};
use relume_media::{Image, Rect, Size, Srgb};
use relume_nn::Tensor;
use relume_nn::relight::{Exposure, encode};

use crate::datasets::hdr::Scenes;
use crate::datasets::photos::Photos;
use crate::{Recipe, Result};

/// What one optimiser step learns from, all `[n, …]`.
#[derive(Debug, Clone)]
pub struct Batch {
    /// Inputs of the network by name.
    pub feeds: relume_nn::Feeds,
    /// What the network should make, display light `[n, 3, h, w]`.
    pub truth: Tensor,
    /// Brightness the pictures were meant to have `[n, 1, 1, 1]`.
    pub brightness: Tensor,
}

/// One damaged view with everything that the network is told and should answer.
#[derive(Debug, Clone)]
pub struct Sample {
    /// What the camera wrote.
    pub image: Image<Srgb>,
    /// What it should become, at `exposure`.
    pub truth: Image<Srgb>,
    /// The neutral thumbnail `[3, side, side]` and its light.
    pub thumbnail: (Vec<f32>, f32),
    /// The exposure step the network is given.
    pub exposure: Exposure,
    /// Mean display luma of the undamaged picture.
    pub brightness: f32,
}

/// Makes batches out of the data of a recipe; a pure function of the step.
pub struct Batches<'a> {
    /// The run.
    pub recipe: &'a Recipe,
    /// Photographs to damage.
    pub photos: &'a Photos,
    /// Scene-linear pictures to damage.
    pub scenes: &'a Scenes,
}

/// How far the wanted brightness of a training sample strays from the natural one, in stops.
const BRIGHTNESS_SPREAD: f32 = 0.35;

impl Batches<'_> {
    /// The batch of `step`: the same for the same recipe, whatever the number of threads.
    ///
    /// # Errors
    /// When a picture cannot be cut or damaged.
    pub fn batch(&self, step: usize) -> Result<Batch> {
        let data = &self.recipe.data;
        let crops: Vec<Vec<Sample>> = (0..data.views)
            .into_par_iter()
            .map(|view| {
                let mut rng = ChaCha8Rng::seed_from_u64(self.recipe.seed);
                rng.set_stream((step * data.views + view) as u64 + 1);
                let sample = self.sample(&mut rng)?;
                (0..data.crops_per_view).map(|_| sample.crop(&mut rng, data.crop)).collect()
            })
            .collect::<Result<_>>()?;
        Ok(gather(&crops.concat()))
    }

    fn sample(&self, rng: &mut ChaCha8Rng) -> Result<Sample> {
        let data = &self.recipe.data;
        let options = &self.recipe.degradation.clone().for_crops();
        let side = Size::new(data.view, data.view);
        let degradation = Degradation::sample(rng.random(), side, options);
        let lit = !self.scenes.is_empty() && rng.random_bool(f64::from(data.hdr_share));
        let damaged = if lit && !degradation.untouched {
            degradation.apply_linear(&self.scenes.random_view(rng, data.view)?)?
        } else {
            degradation.apply(&self.photos.random_view(rng, data.view)?)?
        };
        let stray = BRIGHTNESS_SPREAD * (rng.random::<f32>() + rng.random::<f32>() - 1.0);
        Ok(Sample::of(damaged, stray))
    }
}

impl Sample {
    /// A sample whose wanted brightness is the natural one times `2^stray`; an untouched picture
    /// is wanted as it is.
    pub fn of(damaged: Degraded, stray: f32) -> Self {
        let Degraded { image, scene, record } = damaged;
        let thumbnail = Thumbnail::of(&image);
        let natural = luma(&scene.clone().map(|v| encode(v.min(1.0))));
        let exposure = if record.untouched {
            Exposure::NEUTRAL
        } else {
            thumbnail.expose_for((natural * stray.exp2()).clamp(0.03, 0.85))
        };
        let cut = (-record.ev).exp2();
        let truth = scene.map(|v| exposure.tone(cut * v)).to_srgb();
        Self { image, truth, thumbnail: thumbnail.neutral(), exposure, brightness: natural }
    }

    fn crop(&self, rng: &mut impl Rng, side: usize) -> Result<Self> {
        let size = self.image.size();
        let x = rng.random_range(0..=size.width - side);
        let y = rng.random_range(0..=size.height - side);
        let rect = Rect { x, y, size: Size::new(side, side) };
        let (image, truth) = (self.image.crop(rect)?, self.truth.crop(rect)?);
        Ok(Self { image, truth, ..self.clone() })
    }
}

/// Mean luma of display-encoded values.
fn luma<L: relume_media::Light>(image: &Image<L>) -> f32 {
    let mean = |c| {
        image.channel(c).iter().map(|&v| f64::from(v)).sum::<f64>() / image.size().pixels() as f64
    };
    (0.2126 * mean(0) + 0.7152 * mean(1) + 0.0722 * mean(2)) as f32
}

/// Puts samples of one size side by side.
pub fn gather(samples: &[Sample]) -> Batch {
    let n = samples.len();
    let size = samples.first().map_or(Size::new(0, 0), |sample| sample.image.size());
    let joined = |shape: [usize; 3], values: &dyn Fn(&Sample) -> Vec<f32>| {
        Tensor::new([n, shape[0], shape[1], shape[2]], samples.iter().flat_map(values).collect())
    };
    let picture = [3, size.height, size.width];
    let thumbnail = [3, THUMBNAIL_SIDE, THUMBNAIL_SIDE];
    let feeds = [
        (IMAGE, joined(picture, &|s| s.image.values().to_vec())),
        (THUMBNAIL, joined(thumbnail, &|s| s.thumbnail.0.clone())),
        (LIGHT, joined([1, 1, 1], &|s| vec![s.thumbnail.1])),
        (EXPOSURE, joined([2, 1, 1], &|s| vec![s.exposure.gain, s.exposure.white])),
    ];
    Batch {
        feeds: feeds.into_iter().map(|(name, tensor)| (name.to_owned(), tensor)).collect(),
        truth: joined(picture, &|s| s.truth.values().to_vec()),
        brightness: joined([1, 1, 1], &|s| vec![s.brightness]),
    }
}
