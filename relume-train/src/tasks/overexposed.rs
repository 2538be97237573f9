//! OX-Net: frames of a pan with a reference, and the light that was lost.

use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;
use relume::models::oxnet::{
    CLIPPING, EXPOSURE, FRAME, GUIDE, LIGHT, RECOVERED, REFERENCE, REFERENCE_LIGHT, TOP,
};
use relume::overexposed::{Signals, no_reference};
use relume_media::pan::{Pan, PanFrame, PanMotion, PanOptions, Scene};
use relume_media::{Image, Plane, Srgb};
use relume_nn::{Feeds, Tensor};

use super::{Run, Task, TaskCard, inputs};
use crate::batch::Batch;
use crate::datasets::Item;
use crate::recipe::PanRecipe;
use crate::{Error, Result};

/// Fed a frame and a reference; answers the light that the frame stood for.
pub(super) const CARD: TaskCard = TaskCard {
    name: "overexposed",
    help: "a frame of a virtual camera's pan and an earlier one -> linear light above the clip level, \
           and the motion between the two",
    fits: |graph| inputs(graph).contains(&FRAME) && inputs(graph).contains(&REFERENCE),
    typical: |graph| (CARD.fits)(graph),
    build: |_, stage| Ok(Box::new(Overexposed { pan: stage.pan.clone() })),
    losses: &[("log_light", 1.0, RECOVERED)],
};

/// Target: clipped pixels, `[n, 1, h, w]`.
const LOST: &str = "lost";
/// Targets: motion to the reference in pixels, `[n, 2, h, w]`, and where it is visible.
const MOTION: &str = "motion";
const VISIBLE: &str = "visible";
/// Targets: motion to the frame before, where it is visible (nowhere for the first of a pair), and the
/// stops by which this frame is exposed more.
const BEFORE: &str = "before";
const BEFORE_VISIBLE: &str = "before_visible";
const STEP: &str = "exposure_step";

/// Radians that a photograph spans.
const SPAN: f32 = 1.4;
/// Shares of clipped pixels between which a frame is worth learning from, and how often one is drawn.
const WORTH: std::ops::Range<f32> = 0.01..0.5;
const DRAWS: usize = 6;

struct Overexposed {
    pan: PanRecipe,
}

impl Task for Overexposed {
    fn wants_whole(&self) -> bool {
        true
    }

    fn examples(
        &self,
        view: Item,
        rng: &mut ChaCha8Rng,
        crops: usize,
        _side: usize,
    ) -> Result<Vec<Batch>> {
        let (scene, push) = self.scene(view, rng)?;
        let camera = PanOptions { push, ..self.pan.camera.clone() };
        let (mut pan, mut t) = (Pan::new(rng.random(), &scene, &camera), 0);
        for _ in 0..DRAWS {
            t = rng.random_range(pan.len() / 4..pan.len());
            if WORTH.contains(&pan.clipped(t)) {
                break;
            }
            pan = Pan::new(rng.random(), &scene, &camera);
        }
        if self.pan.consecutive {
            let t = t.max(2);
            let reference = self.reference(&pan, t - 1, rng)?;
            let first = sample(&pan, t - 1, reference.as_ref(), None)?;
            let second = sample(&pan, t, reference.as_ref(), Some(t - 1))?;
            return Ok(vec![first, second]);
        }
        let one = |i: usize| {
            let t = if i == 0 { t } else { rng.random_range(pan.len() / 4..pan.len()) };
            let reference = self.reference(&pan, t, rng)?;
            sample(&pan, t, reference.as_ref(), None)
        };
        (0..crops).map(one).collect()
    }

    fn output(&self) -> &str {
        RECOVERED
    }

    fn restore(
        &self,
        network: Run<'_>,
        picture: &Image<Srgb>,
    ) -> Result<Vec<(&'static str, Image<Srgb>)>> {
        let signals = Signals::of(picture);
        let feeds = told(&signals, None);
        let mut answer = network(&feeds, &[RECOVERED])?;
        let missing = || relume_nn::Error::Run(format!("the network gave no {RECOVERED}"));
        let light = answer.remove(RECOVERED).ok_or_else(missing)?;
        let darker =
            |image: Image<relume_media::Linear>| image.map(|v| (0.25 * v).min(1.0)).to_srgb();
        let before = signals.crop(&signals.light);
        Ok(vec![("two_stops_less", darker(before)), ("restored", darker(signals.crop(&light)))])
    }
}

/// An earlier frame, or one of another pan.
struct Reference {
    signals: Signals,
    exposure: f32,
    /// Its number in the pan it shares with the frame.
    number: Option<usize>,
    /// What is told of the motion, if something is.
    guide: Option<Guide>,
}

/// How far the true motion is trusted, and by how many pixels of 1/4 it is off.
#[derive(Clone, Copy)]
struct Guide {
    trust: f32,
    stray: [f32; 2],
}

impl Overexposed {
    /// What the camera looks at, and the stops it is pushed by.
    fn scene(&self, view: Item, rng: &mut ChaCha8Rng) -> Result<(Scene, f32)> {
        if rng.random::<f32>() < self.pan.procedural {
            return Ok((Scene::procedural(rng.random()), 0.0));
        }
        let span = SPAN * rng.random_range(0.8..1.4);
        match view {
            Item::Scene(light) => Ok((Scene::new(light, span), 0.0)),
            Item::Sharp(picture) => {
                let push = self.pan.push * rng.random::<f32>();
                Ok((Scene::new(picture.to_linear(), span), push))
            }
            _ => Err(Error::Setup("pans are made of clean pictures and scenes".into())),
        }
    }

    /// A reference for frame `t`, or none.
    fn reference(
        &self,
        pan: &Pan<'_>,
        t: usize,
        rng: &mut ChaCha8Rng,
    ) -> Result<Option<Reference>> {
        let draw: f32 = rng.random();
        if t == 0 || draw < self.pan.without {
            return Ok(None);
        }
        let longest = self.pan.longest_lag.min(t).max(1) as f32;
        let lag =
            |rng: &mut ChaCha8Rng| (longest.powf(rng.random::<f32>()).round() as usize).clamp(1, t);
        let mut number = t - lag(rng);
        if rng.random::<f32>() < self.pan.chosen {
            for _ in 0..3 {
                let other = t - lag(rng);
                if pan.shows(t, other) > pan.shows(t, number) {
                    number = other;
                }
            }
        }
        let stranger = draw < self.pan.without + self.pan.stranger;
        let PanFrame { picture, .. } = if stranger {
            let scene = Scene::procedural(rng.random());
            let camera = PanOptions { frames: 2, ..self.pan.camera.clone() };
            Pan::new(rng.random(), &scene, &camera).frame(0)?
        } else {
            pan.frame(number)?
        };
        let exposure = pan.exposure(number);
        let number = (!stranger).then_some(number);
        let told = number.is_some() && rng.random::<f32>() < self.pan.guided;
        let guide = told.then(|| Guide {
            trust: rng.random_range(0.7..1.0),
            stray: [0, 1].map(|_| rng.random_range(-0.6..0.6)),
        });
        Ok(Some(Reference { signals: Signals::of(&picture), exposure, number, guide }))
    }
}

/// Frame `t` with its reference, and what should become of it; `before` is the frame it follows.
fn sample(
    pan: &Pan<'_>,
    t: usize,
    reference: Option<&Reference>,
    before: Option<usize>,
) -> Result<Batch> {
    let PanFrame { picture, truth } = pan.frame(t)?;
    let signals = Signals::of(&picture);
    let exposure = reference.map(|reference| pan.exposure(t) - reference.exposure);
    let mut feeds = told(&signals, reference.zip(exposure).map(|(r, e)| (&r.signals, e)));
    let shape = |channels| [1, channels, signals.padded().0, signals.padded().1];
    let (motion, visible) = match reference.and_then(|reference| reference.number) {
        Some(number) => tensors(&pan.motion(t, number), signals.padded()),
        None => (Tensor::zeros(shape(2)), Tensor::zeros(shape(1))),
    };
    if let Some(Guide { trust, stray }) = reference.and_then(|reference| reference.guide) {
        let guide = Tensor::from_fn(feeds[GUIDE].shape, |_, c, y, x| match c {
            2 => trust,
            c => 0.25 * motion.at(0, c, 4 * y + 1, 4 * x + 1) + stray[c],
        });
        feeds.insert(GUIDE.into(), guide);
    }
    let (back, seen) = match before {
        Some(before) => tensors(&pan.motion(t, before), signals.padded()),
        None => (Tensor::zeros(shape(2)), Tensor::zeros(shape(1))),
    };
    let step = before.map_or(0.0, |before| pan.exposure(t) - pan.exposure(before));
    let light = truth.map(|v| v.min(TOP));
    let planes = [0, 1, 2].map(|c| Plane { size: light.size(), values: light.channel(c).to_vec() });
    let targets = [
        (RECOVERED, laid(&planes.each_ref(), signals.padded())),
        (LOST, Tensor::new(shape(1), signals.mask().to_vec())),
        (MOTION, motion),
        (VISIBLE, visible),
        (BEFORE, back),
        (BEFORE_VISIBLE, seen),
        (STEP, Tensor::scalars(&[step])),
    ];
    let targets = targets.map(|(name, tensor)| (name.to_owned(), tensor)).into();
    Ok(Batch { feeds, targets })
}

/// The inputs of the network.
fn told(signals: &Signals, reference: Option<(&Signals, f32)>) -> Feeds {
    let (frame, light, exposure) = match reference {
        None => (no_reference(signals.padded()), Tensor::zeros(signals.light.shape), 0.0),
        Some((other, exposure)) => {
            let by = exposure.exp2();
            let light = other.light.values.iter().map(|v| v * by).collect();
            (other.frame.clone(), Tensor::new(other.light.shape, light), exposure)
        }
    };
    let feeds = [
        (FRAME, signals.frame.clone()),
        (LIGHT, signals.light.clone()),
        (CLIPPING, signals.clipping.clone()),
        (REFERENCE, frame),
        (REFERENCE_LIGHT, light),
        (EXPOSURE, Tensor::scalars(&[exposure])),
        (GUIDE, Tensor::zeros([1, 3, signals.padded().0 / 4, signals.padded().1 / 4])),
    ];
    feeds.map(|(name, tensor)| (name.to_owned(), tensor)).into()
}

/// Motion and visibility, nothing outside the picture.
fn tensors(motion: &PanMotion, padded: (usize, usize)) -> (Tensor, Tensor) {
    (laid(&[&motion.right, &motion.down], padded), laid(&[&motion.visible], padded))
}

/// Planes in the upper left corner of zeros.
fn laid(planes: &[&Plane], (height, width): (usize, usize)) -> Tensor {
    Tensor::from_fn([1, planes.len(), height, width], |_, c, y, x| {
        let size = planes[c].size;
        if x < size.width && y < size.height { planes[c].row(y)[x] } else { 0.0 }
    })
}
