//! lantern: brightness is told, so that it is judged apart from noise and shake.

use rand::{Rng, RngExt as _};
use rand_chacha::ChaCha8Rng;
use relume::exposure::Thumbnail;
use relume::models::lantern::{BRIGHTNESS, EXPOSURE, IMAGE, LIGHT, RESTORED};
use relume::models::lantern::{THUMBNAIL, THUMBNAIL_SIDE};
use relume_media::degrade::Degraded;
use relume_media::{Image, Srgb};
use relume_nn::relight::{Exposure, encode};
use relume_nn::{Feeds, Tensor};

use super::{Run, Task, TaskCard};
use super::{damage, inputs, mirrored, pair, random_square, tensor, unmirrored};
use crate::batch::Batch;
use crate::datasets::Item;
use crate::recipe::Stage;
use crate::{Error, Result};

/// Fed a damaged crop, its thumbnail and a wanted exposure; answers the crop and a brightness.
pub(super) const CARD: TaskCard = TaskCard {
    name: "lantern",
    help: "a damaged crop with its thumbnail and a wanted exposure -> the crop restored at that \
           exposure, and the brightness it was meant to have",
    fits: |graph| inputs(graph).contains(&THUMBNAIL) && inputs(graph).contains(&EXPOSURE),
    typical: |graph| (CARD.fits)(graph),
    build: |graph, stage| {
        Ok(Box::new(Lantern { stage: stage.clone(), multiple: graph.multiple() }))
    },
    losses: &[
        ("charbonnier", 1.0, RESTORED),
        ("gradient", 0.5, RESTORED),
        ("coarse", 0.5, RESTORED),
        ("charbonnier", 0.2, BRIGHTNESS),
    ],
};

/// How far the wanted brightness of a training sample strays from the natural one, in stops.
const BRIGHTNESS_SPREAD: f32 = 0.35;

struct Lantern {
    stage: Stage,
    /// What the sides of a picture must be a multiple of.
    multiple: usize,
}

/// One damaged view with everything that the network is told and should answer.
struct Sample {
    /// What the camera wrote.
    image: Image<Srgb>,
    /// What it should become, at `exposure`.
    truth: Image<Srgb>,
    /// The neutral thumbnail `[3, side, side]` and its light.
    thumbnail: (Vec<f32>, f32),
    /// The exposure step the network is given.
    exposure: Exposure,
    /// Mean display luma of the undamaged picture.
    brightness: f32,
}

impl Task for Lantern {
    fn examples(
        &self,
        view: Item,
        rng: &mut ChaCha8Rng,
        crops: usize,
        side: usize,
    ) -> Result<Vec<Batch>> {
        let sample = self.sample(view, rng)?;
        (0..crops).map(|_| sample.example(rng, side)).collect()
    }

    fn output(&self) -> &str {
        RESTORED
    }

    fn restore(
        &self,
        network: Run<'_>,
        picture: &Image<Srgb>,
    ) -> Result<Vec<(&'static str, Image<Srgb>)>> {
        let thumbnail = Thumbnail::of(picture);
        let padded = mirrored(picture, self.multiple);
        let mut feeds = told(&padded, &thumbnail.neutral(), Exposure::NEUTRAL);
        let missing = |name| relume_nn::Error::Run(format!("the network gave no {name}"));
        let mut answer = network(&feeds, &[BRIGHTNESS])?;
        let brightness = answer.remove(BRIGHTNESS).ok_or_else(|| missing(BRIGHTNESS))?.values[0];
        let exposure = thumbnail.expose_for(brightness);
        let scalars = Tensor::scalars(&[exposure.gain, exposure.white]);
        feeds.insert(EXPOSURE.into(), scalars);
        let mut answer = network(&feeds, &[RESTORED])?;
        let restored = answer.remove(RESTORED).ok_or_else(|| missing(RESTORED))?;
        let restored = unmirrored(restored, picture.size())?;
        let exposed = picture.clone().map(|v| exposure.relight(v));
        Ok(vec![("exposed", exposed), ("restored", restored)])
    }
}

impl Lantern {
    fn sample(&self, view: Item, rng: &mut ChaCha8Rng) -> Result<Sample> {
        if matches!(view, Item::Sharp(_) | Item::Scene(_)) {
            let damaged = damage(view, rng, &self.stage.degradation)?;
            let stray = BRIGHTNESS_SPREAD * (rng.random::<f32>() + rng.random::<f32>() - 1.0);
            return damaged.map(|damaged| Sample::of(damaged, stray)).ok_or_else(useless);
        }
        let pair = pair(view, rng, &self.stage.degradation)?.ok_or_else(useless)?;
        let thumbnail = Thumbnail::of(&pair.input);
        let brightness = luma(&pair.target);
        let exposure = thumbnail.expose_for(brightness.clamp(0.03, 0.85));
        let thumbnail = thumbnail.neutral();
        Ok(Sample { image: pair.input, truth: pair.target, thumbnail, exposure, brightness })
    }
}

fn useless() -> Error {
    Error::Setup("lantern learns from clean pictures, scenes and pairs, not lone pictures".into())
}

impl Sample {
    /// A sample whose wanted brightness is the natural one times `2^stray`; an untouched picture
    /// is wanted as it is.
    fn of(damaged: Degraded, stray: f32) -> Self {
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

    fn example(&self, rng: &mut impl Rng, side: usize) -> Result<Batch> {
        let square = random_square(self.image.size(), side, rng);
        let targets = [
            (RESTORED, tensor(&self.truth.crop(square)?)),
            (BRIGHTNESS, Tensor::scalars(&[self.brightness])),
        ];
        Ok(Batch {
            feeds: told(&self.image.crop(square)?, &self.thumbnail, self.exposure),
            targets: targets.map(|(name, tensor)| (name.to_owned(), tensor)).into(),
        })
    }
}

/// The inputs of the network for one picture.
fn told(picture: &Image<Srgb>, thumbnail: &(Vec<f32>, f32), exposure: Exposure) -> Feeds {
    let side = [1, 3, THUMBNAIL_SIDE, THUMBNAIL_SIDE];
    let feeds = [
        (IMAGE, tensor(picture)),
        (THUMBNAIL, Tensor::new(side, thumbnail.0.clone())),
        (LIGHT, Tensor::scalars(&[thumbnail.1])),
        (EXPOSURE, Tensor::scalars(&[exposure.gain, exposure.white])),
    ];
    feeds.map(|(name, tensor)| (name.to_owned(), tensor)).into()
}

/// Mean luma of display-encoded values.
fn luma<L: relume_media::Light>(image: &Image<L>) -> f32 {
    let pixels = image.size().pixels() as f64;
    let mean = |c| image.channel(c).iter().map(|&v| f64::from(v)).sum::<f64>() / pixels;
    relume_media::light::luma([mean(0) as f32, mean(1) as f32, mean(2) as f32])
}
