//! The online loop: one pass, no frame of the future, memory that does not grow.

use std::collections::VecDeque;

use relume_media::{Image, Linear, Plane, Srgb};
use relume_nn::Weights;

use super::metering::Meter;
use super::network::{Encoded, Found, OxNet, TINY};
use super::policy::{Glance, Policy, Shown, State};
use super::signals::Signals;
use crate::Result;
use crate::models::ModelCard;

/// Mean confidence below which a reference is of no use, and for how many frames in a row it may be.
const LOST: f32 = 0.1;
const PATIENCE: usize = 3;
/// Frames over which changes are told to a selector.
const MEMORY: usize = 5;

/// Recovers highlights of a video, frame by frame.
#[derive(Debug)]
pub struct Recovery {
    name: &'static str,
    weights: Weights,
    policy: Policy,
    net: Option<OxNet>,
    meter: Meter,
    held: VecDeque<Held>,
    number: usize,
    exposures: VecDeque<f32>,
    /// Mean motions to the newest reference, the latest last.
    motions: VecDeque<f32>,
    lost: usize,
}

/// A reference.
#[derive(Debug)]
struct Held {
    number: usize,
    frame: Encoded,
    glance: Glance,
}

/// A frame with its highlights.
#[derive(Debug, Clone)]
pub struct Recovered {
    /// Linear light, the clip level at 1, nowhere less than the frame's.
    pub light: Image<Linear>,
    /// Clipped pixels, 0 to 1.
    pub clipped: Plane,
    /// Of what was lost there, the share that was copied; the rest is invented.
    pub copied: Plane,
    /// Number of the frame that was copied from.
    pub reference: Option<usize>,
    /// Exposure in stops since the scene began.
    pub exposure: f32,
    /// Whether a new scene begins.
    pub cut: bool,
}

impl Recovery {
    /// A loop with the weights of `card`.
    pub fn new(card: &'static ModelCard, weights: Weights, policy: Policy) -> Self {
        Self {
            name: card.name,
            weights,
            policy,
            net: None,
            meter: Meter::default(),
            held: VecDeque::new(),
            number: 0,
            exposures: VecDeque::new(),
            motions: VecDeque::new(),
            lost: 0,
        }
    }

    /// Bytes of all references.
    pub fn bytes(&self) -> usize {
        self.held.iter().map(|held| held.frame.bytes()).sum()
    }

    /// The next frame.
    ///
    /// # Errors
    /// When the weights do not fit or the network does not run.
    pub fn next(&mut self, picture: &Image<Srgb>) -> Result<Recovered> {
        let signals = Signals::of(picture);
        let reading = self.meter.next(&signals);
        let glance = Glance::of(&signals, reading.exposure);
        let padded = signals.padded();
        if self.net.as_ref().is_none_or(|net| net.padded() != padded) {
            self.net = Some(OxNet::new(self.name, &self.weights, padded)?);
            self.forget();
        }
        if reading.cut {
            self.forget();
        }
        self.exposures.push_back(reading.exposure);
        if self.exposures.len() > MEMORY {
            self.exposures.pop_front();
        }
        let Some(net) = self.net.as_ref() else { return Ok(unchanged(&signals, reading.cut)) };
        let tiny = signals.clipped < TINY;
        // The learned selector looks at the reference even where nothing is clipped.
        let encodes = !tiny || self.held.is_empty() || matches!(self.policy, Policy::Learned(_));
        if !encodes {
            let recovered = unchanged(&signals, reading.cut);
            if self.adopts(&glance, None)? {
                let frame = net.encode(signals, reading.exposure)?;
                self.hold(frame, glance);
            }
            self.number += 1;
            return Ok(Recovered { exposure: reading.exposure, ..recovered });
        }
        let frame = net.encode(signals, reading.exposure)?;
        let found = self.best(net, &frame)?;
        let with = found.as_ref().map(|(held, found)| (&self.held[*held].frame, found));
        let answer = net.restore(&frame, with)?;
        let size = frame.signals.size;
        let width = frame.signals.padded().1;
        let plane = |values: &[f32]| Plane {
            size,
            values: (0..size.pixels())
                .map(|i| values[i / size.width * width + i % size.width])
                .collect(),
        };
        let recovered = Recovered {
            light: frame.signals.crop(&answer.light),
            clipped: plane(frame.signals.mask()),
            copied: plane(&answer.share.values),
            reference: found.as_ref().map(|(held, _)| self.held[*held].number),
            exposure: reading.exposure,
            cut: reading.cut,
        };
        let shown = found.as_ref().map(|(_, found)| Shown::of(found));
        self.note(found.as_ref().map(|(_, found)| found));
        if self.lost >= PATIENCE {
            self.forget();
        }
        if self.adopts(&glance, shown.as_ref())? {
            self.hold(frame, glance);
        }
        self.number += 1;
        Ok(recovered)
    }

    /// The reference that shows most of what is clipped.
    fn best(&self, net: &OxNet, frame: &Encoded) -> Result<Option<(usize, Found)>> {
        let mut best: Option<(usize, Found)> = None;
        for (index, held) in self.held.iter().enumerate() {
            let found = net.find(frame, &held.frame)?;
            if best.as_ref().is_none_or(|(_, other)| found.covered > other.covered) {
                best = Some((index, found));
            }
        }
        Ok(best)
    }

    /// Keeps in mind how sure and how far the motion was.
    fn note(&mut self, found: Option<&Found>) {
        let Some(found) = found else { return };
        self.lost = if found.sure < LOST { self.lost + 1 } else { 0 };
        self.motions.push_back(found.moved);
        if self.motions.len() > MEMORY {
            self.motions.pop_front();
        }
    }

    fn adopts(&self, glance: &Glance, shown: Option<&Shown>) -> Result<bool> {
        let newest = self.held.back();
        let back = |values: &VecDeque<f32>, frames: usize| {
            let last = values.back().copied().unwrap_or(0.0);
            last - values.iter().rev().nth(frames).or(values.front()).copied().unwrap_or(last)
        };
        let state = State {
            now: glance,
            then: newest.map(|held| &held.glance),
            shown,
            age: newest.map_or(0, |held| self.number - held.number),
            exposure_change: back(&self.exposures, 4),
            motion_change: back(&self.motions, 3),
        };
        self.policy.adopts(&state)
    }

    fn hold(&mut self, frame: Encoded, glance: Glance) {
        self.held.push_back(Held { number: self.number, frame: frame.as_reference(), glance });
        while self.held.len() > self.policy.slots() {
            self.held.pop_front();
        }
        self.motions.clear();
    }

    fn forget(&mut self) {
        self.held.clear();
        self.motions.clear();
        self.lost = 0;
    }
}

/// A frame in which nothing is lost.
fn unchanged(signals: &Signals, cut: bool) -> Recovered {
    let nothing = Plane::filled(signals.size, 0.0);
    Recovered {
        light: signals.crop(&signals.light),
        clipped: nothing.clone(),
        copied: nothing,
        reference: None,
        exposure: 0.0,
        cut,
    }
}

/// Recovers the highlights of one picture, with a second one of the same scene as a reference if
/// there is one, whose exposure lies `stops` below.
///
/// # Errors
/// When the weights do not fit, or the pictures differ in size.
pub fn recover_picture(
    card: &ModelCard,
    weights: &Weights,
    picture: &Image<Srgb>,
    reference: Option<(&Image<Srgb>, f32)>,
) -> Result<Image<Linear>> {
    let signals = Signals::of(picture);
    if signals.clipped < TINY {
        return Ok(signals.crop(&signals.light));
    }
    let net = OxNet::new(card.name, weights, signals.padded())?;
    let frame = net.encode(signals, 0.0)?;
    let other = match reference {
        None => None,
        Some((picture, stops)) => {
            let other = net.encode(Signals::of(picture), -stops)?;
            let found = net.find(&frame, &other)?;
            Some((other, found))
        }
    };
    let answer = net.restore(&frame, other.as_ref().map(|(frame, found)| (frame, found)))?;
    Ok(frame.signals.crop(&answer.light))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::oxnet;
    use relume_media::Size;
    use relume_media::pan::{Pan, PanOptions, Scene};

    /// Starting weights whose heads are not silent.
    fn weights() -> Weights {
        Weights::initial(&oxnet::build("ox-net-s", &oxnet::SMALL, (128, 128)).unwrap(), 3)
    }

    fn clip(frames: usize) -> Vec<Image<Srgb>> {
        let scene = Scene::procedural(9);
        let options = PanOptions { width: 96, height: 64, frames, ..PanOptions::default() };
        let pan = Pan::sample(4, &scene, &options);
        (0..frames).map(|t| pan.frame(t).unwrap().picture).collect()
    }

    #[test]
    fn what_was_measured_stays_to_the_bit_and_nothing_gets_darker() {
        let mut recovery = Recovery::new(&oxnet::S, weights(), Policy::RING);
        let mut changed = 0;
        for picture in clip(10) {
            let (light, recovered) = (picture.to_linear(), recovery.next(&picture).unwrap());
            let signals = Signals::of(&picture);
            for y in 0..64 {
                for x in 0..96 {
                    for c in 0..3 {
                        let (before, after) = (light.get(x, y)[c], recovered.light.get(x, y)[c]);
                        if signals.clipping.at(0, c, y, x) == 0.0 {
                            assert_eq!(before.to_bits(), after.to_bits());
                        }
                        assert!(after >= before, "{before} became {after}");
                        changed += usize::from(after > before);
                    }
                }
            }
        }
        assert!(changed > 100, "{changed}");
    }

    #[test]
    fn the_past_does_not_depend_on_the_future() {
        let frames = clip(8);
        for policy in [|| Policy::RING, || Policy::Previous] {
            let run = |frames: &[Image<Srgb>]| {
                let mut recovery = Recovery::new(&oxnet::S, weights(), policy());
                let next = |frame| recovery.next(frame).unwrap().light;
                frames.iter().map(next).collect::<Vec<_>>()
            };
            let mut altered = frames.clone();
            for frame in &mut altered[5..] {
                *frame = frame.clone().map(|v| 1.0 - v);
            }
            let (first, second) = (run(&frames), run(&altered));
            assert!(first[..5] == second[..5]);
            assert!(first[5] != second[5]);
        }
    }

    #[test]
    fn memory_does_not_grow() {
        let frames = clip(6);
        let mut recovery = Recovery::new(&oxnet::S, weights(), Policy::Ring { slots: 2, every: 1 });
        let mut after = Vec::new();
        for frame in frames.iter().cycle().take(14) {
            recovery.next(frame).unwrap();
            after.push(recovery.bytes());
        }
        let full = after[3..].iter().max().unwrap();
        assert!(after[3..].iter().all(|bytes| bytes <= full) && *full <= 2 * after[0]);
        assert!(recovery.exposures.len() <= MEMORY && recovery.motions.len() <= MEMORY);
    }

    #[test]
    fn a_picture_without_clipping_is_itself() {
        let picture = Image::from_fn(Size::new(50, 40), |x, _| [x as f32 / 80.0; 3]);
        let recovered = recover_picture(&oxnet::S, &weights(), &picture, None).unwrap();
        assert_eq!(recovered, picture.to_linear());
    }
}
