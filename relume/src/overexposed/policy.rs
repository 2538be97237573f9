//! Which frame is kept as the reference: rules of thumb, a ring, and what was learned.

use relume_nn::cpu::Network;
use relume_nn::{Feeds, Tensor, Weights};

use super::network::Found;
use super::signals::Signals;
use crate::Result;
use crate::models::oxselect::{self, ADOPT, MAPS, NUMBERS};

/// Height and width of the maps that a selector sees.
pub const MAP: (usize, usize) = (16, 32);
const AREA: usize = MAP.0 * MAP.1;
/// Display luma of a highlight that is still drawn.
const DETAIL: std::ops::Range<f32> = 0.55..0.97;

/// How the reference is chosen. All but the ring keep a single one.
#[derive(Debug)]
pub enum Policy {
    /// None.
    Alone,
    /// Always the frame before.
    Previous,
    /// The first frame of a scene.
    First,
    /// One frame in so many.
    Every(usize),
    /// A rule with two numbers.
    Rule(Rule),
    /// The newest of one frame in so many, of which the one that shows most is used.
    Ring {
        /// Frames kept.
        slots: usize,
        /// Frames between two that are kept.
        every: usize,
    },
    /// A network decides.
    Learned(Box<Selector>),
}

impl Policy {
    /// What is used unless told otherwise: eight frames, one in eight. It needs no training.
    pub const RING: Self = Self::Ring { slots: 8, every: 8 };

    /// Frames kept at most.
    pub fn slots(&self) -> usize {
        match self {
            Self::Alone => 0,
            Self::Ring { slots, .. } => *slots,
            _ => 1,
        }
    }

    /// Whether the frame of a state is adopted.
    ///
    /// # Errors
    /// When a selector does not run.
    pub fn adopts(&self, state: &State<'_>) -> Result<bool> {
        Ok(match self {
            Self::Alone => false,
            _ if state.then.is_none() => true,
            Self::Previous => true,
            Self::First => false,
            Self::Every(n) | Self::Ring { every: n, .. } => state.age >= *n,
            Self::Rule(rule) => rule.adopts(state),
            Self::Learned(selector) => selector.score(state)? > 0.0,
        })
    }
}

/// Adopts a frame with less clipped than the reference, or one that is hardly clipped when the
/// reference is old.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rule {
    /// Clipped share relative to the reference's below which a frame is adopted.
    pub less: f32,
    /// Age in frames from which it may also have this much more than the reference.
    pub old: usize,
}

impl Rule {
    fn adopts(&self, state: &State<'_>) -> bool {
        let Some(then) = state.then else { return true };
        let (now, then) = (state.now.clipped, then.clipped);
        now < self.less * then + 1e-4 || (state.age >= self.old && now <= 1.5 * then + 0.01)
    }
}

/// A frame, small, as a selector sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct Glance {
    /// Display light (3) and clipped pixels (1), `[4, 16, 32]`.
    maps: Vec<f32>,
    /// Share of the frame that is clipped.
    pub clipped: f32,
    /// Share that is bright and drawn.
    pub detail: f32,
    /// Exposure in stops.
    pub exposure: f32,
}

impl Glance {
    /// The glance at a frame that was exposed by `exposure` stops.
    pub fn of(signals: &Signals, exposure: f32) -> Self {
        let size = signals.size;
        let channel = |c: usize| [3, 4, 5, 6][c];
        let part = |i: usize, of: usize, length: usize| {
            let start = i * length / of;
            start..((i + 1) * length / of).max(start + 1).min(length.max(start + 1))
        };
        let mut maps = Vec::with_capacity(4 * AREA);
        for c in 0..4 {
            for place in 0..AREA {
                let rows = part(place / MAP.1, MAP.0, size.height);
                let columns = part(place % MAP.1, MAP.1, size.width);
                let count = (rows.len() * columns.len()) as f32;
                let sum: f32 = rows
                    .flat_map(|y| columns.clone().map(move |x| (y, x)))
                    .map(|(y, x)| signals.frame.at(0, channel(c), y, x))
                    .sum();
                maps.push(sum / count);
            }
        }
        let luma =
            |i: usize| relume_media::light::luma([maps[i], maps[AREA + i], maps[2 * AREA + i]]);
        let bright = (0..AREA).filter(|&i| DETAIL.contains(&luma(i))).count();
        let clipped = signals.clipped;
        Self { clipped, detail: bright as f32 / AREA as f32, exposure, maps }
    }

    /// All of it in a row.
    pub(super) fn to_row(&self) -> Vec<f32> {
        let mut row = self.maps.clone();
        row.extend([self.clipped, self.detail, self.exposure]);
        row
    }

    /// The inverse of [`to_row`](Self::to_row).
    pub(super) fn from_row(row: &[f32]) -> Option<Self> {
        let (maps, numbers) = row.split_at_checked(4 * AREA)?;
        let [clipped, detail, exposure] = *numbers else { return None };
        Some(Self { maps: maps.to_vec(), clipped, detail, exposure })
    }

    /// A glance at nothing, with these numbers.
    #[cfg(test)]
    pub(super) fn of_numbers(clipped: f32, detail: f32, exposure: f32) -> Self {
        Self { maps: vec![0.0; 4 * AREA], clipped, detail, exposure }
    }
}

/// What a reference shows of a frame, small.
#[derive(Debug, Clone, PartialEq)]
pub struct Shown {
    /// Share of the clipped area that is shown.
    pub covered: f32,
    /// Mean confidence.
    pub sure: f32,
    /// Mean motion relative to the width.
    pub moved: f32,
    /// Where clipped pixels are shown, `[16, 32]`.
    map: Vec<f32>,
}

impl Shown {
    /// The summary of what was found.
    pub fn of(found: &Found) -> Self {
        let [_, _, height, width] = found.motion.shape;
        let at = |place: usize| {
            let y = ((place / MAP.1) as f32 + 0.5) / MAP.0 as f32 * height as f32;
            let x = ((place % MAP.1) as f32 + 0.5) / MAP.1 as f32 * width as f32;
            found.shown[(y as usize).min(height - 1) * width + (x as usize).min(width - 1)]
        };
        let map = (0..AREA).map(at).collect();
        Self { covered: found.covered, sure: found.sure, moved: found.moved, map }
    }

    /// All of it in a row.
    pub(super) fn to_row(&self) -> Vec<f32> {
        let mut row = self.map.clone();
        row.extend([self.covered, self.sure, self.moved]);
        row
    }

    /// The inverse of [`to_row`](Self::to_row).
    pub(super) fn from_row(row: &[f32]) -> Option<Self> {
        let (map, numbers) = row.split_at_checked(AREA)?;
        let [covered, sure, moved] = *numbers else { return None };
        Some(Self { map: map.to_vec(), covered, sure, moved })
    }
}

/// What is known when a frame was restored and it is decided whether it becomes the reference.
#[derive(Debug, Clone, Copy)]
pub struct State<'a> {
    /// The frame.
    pub now: &'a Glance,
    /// The reference.
    pub then: Option<&'a Glance>,
    /// What the reference shows of the frame.
    pub shown: Option<&'a Shown>,
    /// Frames since the reference.
    pub age: usize,
    /// Change of exposure over four frames, in stops.
    pub exposure_change: f32,
    /// Change of the mean motion over three frames.
    pub motion_change: f32,
}

impl State<'_> {
    /// The inputs of a selector.
    pub fn feeds(&self) -> Feeds {
        let mut maps = self.now.maps.clone();
        match self.then {
            Some(then) => maps.extend_from_slice(&then.maps),
            None => maps.resize(8 * AREA, 0.0),
        }
        match self.shown {
            Some(shown) => maps.extend_from_slice(&shown.map),
            None => maps.resize(9 * AREA, 0.0),
        }
        let then = |of: fn(&Glance) -> f32| self.then.map_or(0.0, of);
        let shown = |of: fn(&Shown) -> f32| self.shown.map_or(0.0, of);
        let numbers = [
            self.now.clipped,
            then(|glance| glance.clipped),
            shown(|shown| shown.covered),
            shown(|shown| shown.sure),
            self.then.map_or(0.0, |then| (self.now.exposure - then.exposure) / 4.0),
            self.exposure_change,
            (1.0 + self.age as f32).ln() / 4.0,
            shown(|shown| shown.moved),
            self.motion_change,
            self.now.detail,
            then(|glance| glance.detail),
            f32::from(u8::from(self.then.is_none())),
        ];
        let maps = Tensor::new([1, 9, MAP.0, MAP.1], maps);
        [(MAPS.to_owned(), maps), (NUMBERS.to_owned(), Tensor::scalars(&numbers))].into()
    }
}

/// The learned decision.
#[derive(Debug)]
pub struct Selector(Network);

impl Selector {
    /// A selector with trained weights.
    ///
    /// # Errors
    /// [`relume_nn::Error::Weights`] when they do not fit.
    pub fn new(weights: Weights) -> Result<Self> {
        Ok(Self(Network::new(oxselect::build(MAP)?, weights)?))
    }

    /// Above 0 the frame is adopted.
    ///
    /// # Errors
    /// When the network does not run.
    pub fn score(&self, state: &State<'_>) -> Result<f32> {
        Ok(self.0.run_fixed(&state.feeds(), &[ADOPT])?[ADOPT].values[0])
    }
}
