//! OX-Net at work: a frame is encoded once; as the reference of later frames its features are kept.

use relume_nn::cpu::Network;
use relume_nn::{Feeds, Graph, Tensor, Weights};

use super::affine::{Affine, Token};
use super::signals::Signals;
use super::whole::{Cells, Whole};
use crate::models::oxnet::{
    self, CLIPPING, EXPOSURE, FEATURES, FOUND, FRAME, GUIDE, LIGHT, MASK, OPEN, RECOVERED,
    REFERENCE_FEATURES, REFERENCE_LIGHT, SHARE, Widths,
};
use crate::{Error, Result};

/// Output of the decoder: refined motion.
const MOTION: &str = "motion_4";

/// Share of clipped pixels below which a frame is left as it is.
pub const TINY: f32 = 0.0005;
/// Most stops by which matched light may contradict the bookkeeping of exposures.
const CONTRADICTION: f32 = 1.5;
/// Fewest tokens that tell an exposure.
const FEWEST: usize = 20;
/// Stops by which a token must contradict the motion of the whole to move otherwise.
const OTHERWISE: f32 = 0.6;
/// Pixels of a token.
const TOKEN: usize = 16;

/// The network for frames of one size.
#[derive(Debug)]
pub struct OxNet {
    padded: (usize, usize),
    encoder: Network,
    matcher: Network,
    alone: Network,
    with_reference: Network,
}

/// A frame with everything that is kept of it.
#[derive(Debug, Clone)]
pub struct Encoded {
    /// What the network was told.
    pub signals: Signals,
    /// Exposure in stops; only differences matter.
    pub exposure: f32,
    /// Features at 1/2, 1/4, 1/8 and 1/16.
    features: [Tensor; 4],
    /// Means over tokens: light (3), clipped pixels (1), pixels inside and not clipped (1).
    tokens: Tensor,
    /// The frame, small, for the motion of the whole.
    cells: Cells,
}

/// A reference found again in a frame.
#[derive(Debug, Clone)]
pub struct Found {
    /// Motion in tokens and confidence, `[1, 3, h/16, w/16]`.
    pub motion: Tensor,
    /// The same as the network found it, before tokens followed the motion of the whole.
    pub learned: Tensor,
    /// Motion of the whole in pixels of 1/4, and how far it is trusted, `[1, 3, h/4, w/4]`.
    pub guide: Tensor,
    /// Stops by which the frame is exposed more, red, green, blue.
    pub exposure: [f32; 3],
    /// Share of the clipped area that the reference shows, by confidence.
    pub covered: f32,
    /// Clipped share of each token times what the reference shows of it, `[h/16 · w/16]`.
    pub shown: Vec<f32>,
    /// Mean confidence.
    pub sure: f32,
    /// Mean length of the motion relative to the width.
    pub moved: f32,
}

/// Light above the clip level.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Linear light `[1, 3, h, w]` in the exposure of the frame, at least what was measured.
    pub light: Tensor,
    /// Share of the lost light that was copied from the reference, `[1, 1, h, w]`; the rest is
    /// invented.
    pub share: Tensor,
}

impl OxNet {
    /// The network of the card called `name` for frames that are padded to `(height, width)`.
    ///
    /// # Errors
    /// [`Error::Model`] for another network, [`relume_nn::Error::Weights`] when the weights do not fit.
    pub fn new(name: &str, weights: &Weights, padded: (usize, usize)) -> Result<Self> {
        let widths = oxnet::widths(name)
            .ok_or_else(|| Error::Model(format!("{name} does not recover highlights")))?;
        let part = |build: fn(&Widths, (usize, usize)) -> relume_nn::Result<Graph>| {
            let graph = build(widths, padded)?;
            let keys: std::collections::HashSet<String> =
                graph.parameters().into_iter().map(|(key, _)| key).collect();
            let own = weights.clone().retaining(|key| keys.contains(key));
            Network::new(graph, own)
        };
        Ok(Self {
            padded,
            encoder: part(oxnet::encoder)?,
            matcher: part(oxnet::matcher)?,
            alone: part(oxnet::alone)?,
            with_reference: part(oxnet::with_reference)?,
        })
    }

    /// Height and width of the frames it takes.
    pub fn padded(&self) -> (usize, usize) {
        self.padded
    }

    /// Encodes a frame that was exposed by `exposure` stops.
    ///
    /// # Errors
    /// When the frame is of another size.
    pub fn encode(&self, signals: Signals, exposure: f32) -> Result<Encoded> {
        let feeds = feeds([(FRAME, signals.frame.clone())]);
        let mut made = self.encoder.run_fixed(&feeds, &FEATURES)?;
        let take = |name: &str| {
            let missing = || relume_nn::Error::Run(format!("the encoder gave no {name}"));
            made.remove(name).ok_or_else(missing)
        };
        let [a, b, c, d] = FEATURES.map(take);
        let (tokens, cells) = (tokens(&signals), Cells::of(&signals));
        Ok(Encoded { signals, exposure, features: [a?, b?, c?, d?], tokens, cells })
    }

    /// Finds the reference in the frame.
    ///
    /// # Errors
    /// When they are of different sizes.
    pub fn find(&self, frame: &Encoded, reference: &Encoded) -> Result<Found> {
        let burnt = plane(&reference.tokens, 3);
        let feeds = feeds([
            (FEATURES[3], frame.features[3].clone()),
            (REFERENCE_FEATURES[2], reference.features[3].clone()),
            (MASK, burnt),
        ]);
        let made = self.matcher.run_fixed(&feeds, &[FOUND])?.remove(FOUND);
        let missing = || relume_nn::Error::Run(format!("the matcher gave no {FOUND}"));
        let mut motion = made.ok_or_else(missing)?;
        let learned = motion.clone();
        let guide = follow_the_whole(&mut motion, frame, reference);
        let exposure = exposure_between(frame, reference, &motion);
        let [_, _, height, width] = motion.shape;
        let (mut shown, mut covered, mut lost, mut moved) = (Vec::new(), 0.0, 1e-6, 0.0);
        for y in 0..height {
            for x in 0..width {
                let [right, down, sure] = [0, 1, 2].map(|c| motion.at(0, c, y, x));
                let open = bilinear(&reference.tokens, 4, x as f32 + right, y as f32 + down);
                let clipped = frame.tokens.at(0, 3, y, x);
                shown.push(clipped * sure * open);
                covered += clipped * sure * open;
                lost += clipped;
                moved += right.hypot(down) / width as f32;
            }
        }
        let count = (height * width) as f32;
        let sure = motion.values[2 * height * width..].iter().sum::<f32>() / count;
        Ok(Found {
            motion,
            learned,
            guide,
            exposure,
            covered: covered / lost,
            shown,
            sure,
            moved: moved / count,
        })
    }

    /// The light of a frame, with a reference where one was found.
    ///
    /// # Errors
    /// When they are of different sizes.
    pub fn restore(
        &self,
        frame: &Encoded,
        reference: Option<(&Encoded, &Found)>,
    ) -> Result<Answer> {
        let signals = &frame.signals;
        if signals.clipped < TINY {
            let [_, _, height, width] = signals.light.shape;
            let share = Tensor::zeros([1, 1, height, width]);
            return Ok(Answer { light: signals.light.clone(), share });
        }
        let (network, told) = self.told(frame, reference);
        let mut made = network.run_fixed(&told, &[RECOVERED, SHARE])?;
        let mut take = |name: &str| {
            let missing = || relume_nn::Error::Run(format!("the decoder gave no {name}"));
            made.remove(name).ok_or_else(missing)
        };
        Ok(Answer { light: take(RECOVERED)?, share: take(SHARE)? })
    }

    /// The refined motion to a reference, `[1, 2, h/4, w/4]`, in pixels of that size.
    ///
    /// # Errors
    /// When they are of different sizes.
    pub fn motion(&self, frame: &Encoded, reference: (&Encoded, &Found)) -> Result<Tensor> {
        let (network, told) = self.told(frame, Some(reference));
        let missing = || relume_nn::Error::Run(format!("the decoder gave no {MOTION}"));
        Ok(network.run_fixed(&told, &[MOTION])?.remove(MOTION).ok_or_else(missing)?)
    }

    /// The decoder for this case, and its inputs.
    fn told(&self, frame: &Encoded, reference: Option<(&Encoded, &Found)>) -> (&Network, Feeds) {
        let signals = &frame.signals;
        let area = signals.frame.shape[2] * signals.frame.shape[3];
        let map = |values: Vec<f32>| {
            Tensor::new([1, 1, signals.frame.shape[2], signals.frame.shape[3]], values)
        };
        let mut told = feeds([
            (LIGHT, signals.light.clone()),
            (CLIPPING, signals.clipping.clone()),
            (MASK, map(signals.mask().to_vec())),
        ]);
        for (name, features) in FEATURES.iter().zip(&frame.features) {
            told.insert((*name).to_owned(), features.clone());
        }
        let network = match reference {
            None => &self.alone,
            Some((other, found)) => {
                let mut light = other.signals.light.clone();
                for (values, stops) in light.values.chunks_mut(area).zip(found.exposure) {
                    let by = stops.exp2();
                    values.iter_mut().for_each(|v| *v *= by);
                }
                let stops = found.exposure.iter().sum::<f32>() / 3.0;
                told.extend(feeds([
                    (REFERENCE_LIGHT, light),
                    (OPEN, map(other.signals.open())),
                    (EXPOSURE, Tensor::scalars(&[stops])),
                    ("inside", map(signals.inside().to_vec())),
                    (FOUND, found.motion.clone()),
                    (GUIDE, found.guide.clone()),
                ]));
                for (name, features) in REFERENCE_FEATURES.iter().zip(&other.features[1..]) {
                    told.insert((*name).to_owned(), features.clone());
                }
                &self.with_reference
            }
        };
        (network, told)
    }
}

impl Encoded {
    /// Bytes that a memory slot takes.
    pub fn bytes(&self) -> usize {
        let tensors =
            [&self.signals.frame, &self.signals.light, &self.signals.clipping, &self.tokens];
        let all = tensors.into_iter().chain(&self.features);
        4 * all.map(|tensor| tensor.values.len()).sum::<usize>()
    }

    /// Forgets what a reference does not need: features at 1/2 and how far values are clipped.
    #[must_use]
    pub fn as_reference(mut self) -> Self {
        self.features[0] = Tensor::zeros([1, 1, 1, 1]);
        self.signals.clipping = Tensor::zeros([1, 1, 1, 1]);
        self
    }
}

fn feeds<const N: usize>(all: [(&str, Tensor); N]) -> Feeds {
    all.map(|(name, tensor)| (name.to_owned(), tensor)).into()
}

/// One channel as a tensor of its own.
fn plane(x: &Tensor, channel: usize) -> Tensor {
    let [_, _, height, width] = x.shape;
    let area = height * width;
    Tensor::new([1, 1, height, width], x.values[channel * area..][..area].to_vec())
}

/// Means of light, clipped and open pixels over blocks of 16 × 16.
fn tokens(signals: &Signals) -> Tensor {
    let (height, width) = signals.padded();
    let open = signals.open();
    let area = height * width;
    let plane = |c: usize| match c {
        0..3 => &signals.light.values[c * area..][..area],
        3 => signals.mask(),
        _ => &open,
    };
    Tensor::from_fn([1, 5, height / TOKEN, width / TOKEN], |_, c, y, x| {
        let plane = plane(c);
        let row =
            |i: usize| plane[(y * TOKEN + i) * width + x * TOKEN..][..TOKEN].iter().sum::<f32>();
        (0..TOKEN).map(row).sum::<f32>() / (TOKEN * TOKEN) as f32
    })
}

/// A value between pixels; 0 outside.
fn bilinear(map: &Tensor, channel: usize, x: f32, y: f32) -> f32 {
    let [_, _, height, width] = map.shape;
    let (left, top) = (x.floor(), y.floor());
    let at = |x: f32, y: f32| {
        let inside = x >= 0.0 && y >= 0.0 && x < width as f32 && y < height as f32;
        if inside { map.at(0, channel, y as usize, x as usize) } else { 0.0 }
    };
    let row = |y: f32| at(left, y) * (1.0 - (x - left)) + at(left + 1.0, y) * (x - left);
    row(top) * (1.0 - (y - top)) + row(top + 1.0) * (y - top)
}

/// Where most of the picture moves as one, tokens follow that but for those that surely move otherwise.
/// What the picture shows decides; where that is too little, what was surely found does.
/// Gives the motion of the whole at 1/4, with the trust that it deserves.
fn follow_the_whole(motion: &mut Tensor, frame: &Encoded, reference: &Encoded) -> Tensor {
    let [_, _, height, width] = motion.shape;
    let count = height * width;
    let mut guide = Tensor::zeros([1, 3, 4 * height, 4 * width]);
    let place = |i: usize| [(i % width) as f64, (i / width) as f64];
    let mut put = |i: usize, values: [f32; 3]| {
        values.into_iter().enumerate().for_each(|(c, v)| motion.values[c * count + i] = v);
    };
    if let Some(whole) = Whole::between(&frame.cells, &reference.cells) {
        let half = 0.5 * width as f32;
        for i in 0..count {
            let (x, y) = ((i % width) as f32 + 0.5, (i / width) as f32 + 0.5);
            let here = [x / half - 1.0, (y - 0.5 * height as f32) / half];
            let otherwise = whole.error_at(&frame.cells, &reference.cells, here);
            let sure = frame.tokens.at(0, 4, i / width, i % width) > 0.5;
            if sure && otherwise.is_some_and(|stops| stops.abs() > OTHERWISE) {
                continue;
            }
            let there = whole.at(here);
            let right = (there[0] + 1.0) * half - x;
            let down = there[1] * half + 0.5 * height as f32 - y;
            put(i, [right, down, whole.explained]);
            for row in 4 * (i / width)..4 * (i / width) + 4 {
                for column in 4 * (i % width)..4 * (i % width) + 4 {
                    *guide.at_mut(0, 2, row, column) = whole.explained;
                }
            }
        }
        let half = 4.0 * half;
        for i in 0..16 * count {
            let (column, row) = (i % (4 * width), i / (4 * width));
            let (x, y) = (column as f32 + 0.5, row as f32 + 0.5);
            let there = whole.at([x / half - 1.0, (y - 2.0 * height as f32) / half]);
            *guide.at_mut(0, 0, row, column) = (there[0] + 1.0) * half - x;
            *guide.at_mut(0, 1, row, column) = there[1] * half + 2.0 * height as f32 - y;
        }
        return guide;
    }
    let token = |i: usize| {
        let [right, down, sure] = [0, 1, 2].map(|c| f64::from(motion.values[c * count + i]));
        Token { place: place(i), motion: [right, down], sure }
    };
    let all: Vec<Token> = (0..count).map(token).collect();
    let Some(fit) = Affine::fit(&all) else { return guide };
    for (i, _) in all.iter().enumerate().filter(|(_, token)| token.sure < 0.5) {
        let there = fit.at(place(i));
        let values = [there[0], there[1], fit.explained];
        for (c, value) in values.into_iter().enumerate() {
            motion.values[c * count + i] = value as f32;
        }
    }
    guide
}

/// Stops between two frames for each colour: the median over tokens that both show well, where that
/// does not contradict the bookkeeping.
fn exposure_between(frame: &Encoded, reference: &Encoded, motion: &Tensor) -> [f32; 3] {
    let kept = frame.exposure - reference.exposure;
    let [_, _, height, width] = motion.shape;
    let mut steps: [Vec<f32>; 3] = Default::default();
    for y in 0..height {
        for x in 0..width {
            let [right, down, sure] = [0, 1, 2].map(|c| motion.at(0, c, y, x));
            let there = [x as f32 + right, y as f32 + down];
            let open = bilinear(&reference.tokens, 4, there[0], there[1]);
            if sure < 0.5 || frame.tokens.at(0, 4, y, x) < 0.98 || open < 0.98 {
                continue;
            }
            for (c, steps) in steps.iter_mut().enumerate() {
                let now = frame.tokens.at(0, c, y, x);
                let then = bilinear(&reference.tokens, c, there[0], there[1]);
                if now > 0.004 && then > 0.004 {
                    steps.push((now / then).log2());
                }
            }
        }
    }
    steps.map(|mut steps| {
        if steps.len() < FEWEST {
            return kept;
        }
        steps.sort_by(f32::total_cmp);
        let median = steps[steps.len() / 2];
        if (median - kept).abs() <= CONTRADICTION { median } else { kept }
    })
}
