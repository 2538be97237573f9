//! What every earlier frame of a clip would be worth as the reference of every later one. Policies are
//! trained and compared on such tables, without the large network.

use relume_media::pan::Pan;
use relume_media::{Image, Linear};

use relume_nn::weights::Precision;
use relume_nn::{Array, Weights};

use super::network::{Encoded, OxNet};
use super::policy::{Glance, Policy, Shown, State};
use super::signals::Signals;
use crate::metrics::pu21::pu21_shown;
use crate::{Error, Result};

/// The code of 10,000 cd/m².
const WHITE: f64 = 595.393_92;

/// One clip: frames as policies see them, and rewards.
#[derive(Debug, Clone)]
pub struct Table {
    /// A glance at every frame.
    pub glances: Vec<Glance>,
    /// What frame `r` shows of frame `t`: `shown[t][r]`, `r < t`.
    pub shown: Vec<Vec<Shown>>,
    /// How much better frame `t` is restored with frame `r` than alone: `rewards[t][r]`, in percent of
    /// the brightest code, averaged over all pixels.
    pub rewards: Vec<Vec<f32>>,
}

/// What a policy made of a clip.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Played {
    /// Mean reward of a frame.
    pub reward: f32,
    /// Share of the frames that were adopted.
    pub adopted: f32,
}

impl Table {
    /// Every `step`-th frame of a pan, restored with every earlier one of them.
    ///
    /// # Errors
    /// When the network does not run.
    pub fn of(net: &OxNet, pan: &Pan<'_>, step: usize) -> Result<Self> {
        let mut table = Self { glances: Vec::new(), shown: Vec::new(), rewards: Vec::new() };
        let mut earlier: Vec<Encoded> = Vec::new();
        for t in (0..pan.len()).step_by(step.max(1)) {
            let frame = pan.frame(t)?;
            let signals = Signals::of(&frame.picture);
            let encoded = net.encode(signals, pan.exposure(t))?;
            let score = |light: &relume_nn::Tensor| {
                let light = encoded.signals.crop(light);
                distance(&light, &frame.truth, &encoded.signals)
            };
            let alone = score(&net.restore(&encoded, None)?.light);
            let (mut shown, mut rewards) = (Vec::new(), Vec::new());
            for reference in &earlier {
                let found = net.find(&encoded, reference)?;
                let with = score(&net.restore(&encoded, Some((reference, &found)))?.light);
                shown.push(Shown::of(&found));
                rewards.push((alone - with) as f32);
            }
            table.glances.push(Glance::of(&encoded.signals, encoded.exposure));
            table.shown.push(shown);
            table.rewards.push(rewards);
            earlier.push(encoded);
        }
        Ok(table)
    }

    /// The table as a safetensors file.
    ///
    /// # Errors
    /// When the format cannot hold it.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let mut file = Weights::default();
        let mut put = |name: &str, rows: usize, values: Vec<f32>| {
            let shape = vec![rows, values.len() / rows.max(1)];
            file.insert(name, Array { shape, values });
        };
        let pairs = self.rewards.iter().map(Vec::len).sum();
        put("glances", self.len(), self.glances.iter().flat_map(Glance::to_row).collect());
        put("shown", pairs, self.shown.iter().flatten().flat_map(Shown::to_row).collect());
        put("rewards", pairs, self.rewards.iter().flatten().copied().collect());
        Ok(file.to_safetensors(Precision::F32)?)
    }

    /// Reads what [`to_bytes`](Self::to_bytes) made.
    ///
    /// # Errors
    /// [`Error::Model`] when the file is no table.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let file = Weights::from_safetensors(bytes)?;
        let wrong = || Error::Model("this file is no table of rewards".into());
        let rows = |name: &str| {
            let array = file.get(name).filter(|array| array.shape.len() == 2).ok_or_else(wrong)?;
            let each = array.shape[1].max(1);
            Ok::<_, Error>(array.values.chunks_exact(each).map(<[f32]>::to_vec).collect::<Vec<_>>())
        };
        let glances = rows("glances")?.into_iter().map(|row| Glance::from_row(&row));
        let glances: Vec<Glance> = glances.collect::<Option<_>>().ok_or_else(wrong)?;
        let shown = rows("shown")?.into_iter().map(|row| Shown::from_row(&row));
        let shown: Option<Vec<Shown>> = shown.collect();
        let (mut shown, mut values) = (shown.ok_or_else(wrong)?, rows("rewards")?.concat());
        let count = glances.len();
        if shown.len() != values.len() || 2 * shown.len() != count * count.saturating_sub(1) {
            return Err(wrong());
        }
        let mut table = Self { glances, shown: Vec::new(), rewards: Vec::new() };
        for t in 0..count {
            let (later, rest) = (shown.split_off(t), values.split_off(t));
            table.shown.push(std::mem::replace(&mut shown, later));
            table.rewards.push(std::mem::replace(&mut values, rest));
        }
        Ok(table)
    }

    /// Number of frames.
    pub fn len(&self) -> usize {
        self.glances.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.glances.is_empty()
    }

    /// The state in which it is decided on frame `t` while frame `r` is the reference.
    pub fn state(&self, t: usize, r: usize) -> State<'_> {
        let before = t.saturating_sub(4);
        let moved = |t: usize| self.shown[t].get(r).map(|shown| shown.moved);
        State {
            now: &self.glances[t],
            then: Some(&self.glances[r]),
            shown: self.shown[t].get(r),
            age: t - r,
            exposure_change: self.glances[t].exposure - self.glances[before].exposure,
            motion_change: moved(t).zip(moved(t.saturating_sub(3))).map_or(0.0, |(a, b)| a - b),
        }
    }

    /// Plays a policy: frame 0 is adopted, and what is adopted serves from the next frame on.
    ///
    /// # Errors
    /// When a selector does not run.
    pub fn play(&self, policy: &Policy) -> Result<Played> {
        let slots = policy.slots();
        if slots == 0 || self.len() < 2 {
            return Ok(Played::default());
        }
        let mut held = vec![0];
        let (mut sum, mut adopted) = (0.0, 0);
        for t in 1..self.len() {
            let shows = |r: &usize| self.shown[t][*r].covered;
            let best = held.iter().copied().max_by(|a, b| shows(a).total_cmp(&shows(b)));
            sum += self.rewards[t][best.unwrap_or(0)];
            let newest = held[held.len() - 1];
            if policy.adopts(&self.state(t, newest))? {
                held.push(t);
                adopted += 1;
                if held.len() > slots {
                    held.remove(0);
                }
            }
        }
        let frames = (self.len() - 1) as f32;
        Ok(Played { reward: sum / frames, adopted: adopted as f32 / frames })
    }

    /// The best that one slot can do when the future is known (Bellman 1957).
    pub fn oracle(&self) -> Played {
        let count = self.len();
        if count < 2 {
            return Played::default();
        }
        // best[r]: the most from frame t on with frame r as its reference, and adoptions on the way.
        let mut best: Vec<(f32, usize)> = vec![(0.0, 0); count];
        for t in (1..count).rev() {
            let adopt = best[t];
            for (slot, reward) in best[..t].iter_mut().zip(&self.rewards[t]) {
                let keep = *slot;
                let (later, more) = if adopt.0 > keep.0 { (adopt.0, adopt.1 + 1) } else { keep };
                *slot = (reward + later, more);
            }
        }
        let frames = (count - 1) as f32;
        Played { reward: best[0].0 / frames, adopted: best[0].1 as f32 / frames }
    }

    /// The best earlier frame of every frame: what memory without end would give.
    pub fn best_of_all(&self) -> f32 {
        let best = |row: &Vec<f32>| row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let sum: f32 = self.rewards.iter().skip(1).map(best).sum();
        sum / (self.len().max(2) - 1) as f32
    }
}

/// Percent of the brightest code by which the clipped pixels are off, averaged over all pixels.
fn distance(light: &Image<Linear>, truth: &Image<Linear>, signals: &Signals) -> f64 {
    let (area, width) = (light.size().pixels(), light.width());
    let stride = signals.padded().1;
    let mut sum = 0.0;
    for (i, (a, b)) in light.values().iter().zip(truth.values()).enumerate() {
        let (x, y) = (i % area % width, i % area / width);
        let lost = signals.mask()[y * stride + x];
        if lost > 0.0 {
            sum += f64::from(lost) * (pu21_shown(*a) - pu21_shown(*b)).abs();
        }
    }
    100.0 * sum / WHITE / (3 * area) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(count: usize) -> Table {
        let mut seed = 7_u32;
        let mut draw = || {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (seed >> 8) as f32 / (1 << 24) as f32
        };
        let rewards = (0..count).map(|t| (0..t).map(|_| draw() - 0.2).collect()).collect();
        Table { glances: Vec::new(), shown: Vec::new(), rewards }
    }

    #[test]
    fn the_oracle_is_the_best_of_all_choices() {
        let mut table = table(9);
        table.glances = vec![Glance::of_numbers(0.1, 0.2, 0.0); 9];
        let mut best = f32::NEG_INFINITY;
        for choices in 0..1_u32 << 8 {
            let (mut reference, mut sum) = (0, 0.0);
            for t in 1..9 {
                sum += table.rewards[t][reference];
                if choices >> (t - 1) & 1 == 1 {
                    reference = t;
                }
            }
            best = best.max(sum / 8.0);
        }
        assert!((table.oracle().reward - best).abs() < 1e-6);
        let nothing =
            super::Shown::from_row(&vec![0.0; super::super::MAP.0 * super::super::MAP.1 + 3]);
        table.shown = (0..9).map(|t| vec![nothing.clone().unwrap(); t]).collect();
        let read = Table::from_bytes(&table.to_bytes().unwrap()).unwrap();
        assert_eq!((read.rewards, read.glances), (table.rewards.clone(), table.glances.clone()));
        assert!(table.best_of_all() >= best);
    }
}
