//! By how many stops two consecutive frames are exposed differently, from their pixels alone.

use relume_nn::Tensor;

use super::signals::Signals;

/// Columns of the small frames that are compared.
const COLUMNS: usize = 80;
/// Largest shift in small pixels.
const SHIFT: isize = 8;
/// Light that both frames must show.
const SHOWN: std::ops::Range<f32> = 0.02..0.85;
/// Share of the small pixels that must be shown by both.
const ENOUGH: f32 = 0.1;
/// Distance of histograms above which a new scene begins.
const CUT: f32 = 0.35;

/// A small frame: luminance, row by row.
#[derive(Debug, Clone)]
struct Small {
    width: usize,
    light: Vec<f32>,
}

/// Adds up the exposure of frames, step by step.
#[derive(Debug, Clone, Default)]
pub struct Meter {
    last: Option<Small>,
    exposure: f32,
}

/// What the meter says of a frame.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reading {
    /// Stops relative to the first frame.
    pub exposure: f32,
    /// Whether a new scene begins.
    pub cut: bool,
}

impl Meter {
    /// Reads the next frame.
    pub fn next(&mut self, signals: &Signals) -> Reading {
        let small = Small::of(signals);
        let mut cut = false;
        if let Some(last) = &self.last {
            cut = small.distance(last) > CUT;
            if !cut {
                self.exposure += small.step_from(last);
            }
        }
        self.last = Some(small);
        Reading { exposure: self.exposure, cut }
    }
}

impl Small {
    fn of(signals: &Signals) -> Self {
        let side = signals.size.width.div_ceil(COLUMNS).max(1);
        let width = signals.size.width / side;
        let height = (signals.size.height / side).max(1);
        let area = (side * side) as f32;
        let mean = |light: &Tensor, c: usize, x: usize, y: usize| {
            let rows = y * side..((y + 1) * side).min(signals.size.height);
            let sum = |row| (x * side..(x + 1) * side).map(|i| light.at(0, c, row, i)).sum::<f32>();
            rows.map(sum).sum::<f32>() / area
        };
        let light = (0..width * height).map(|i| {
            let of = |c| mean(&signals.light, c, i % width, i / width);
            relume_media::light::luma([of(0), of(1), of(2)])
        });
        Self { width, light: light.collect() }
    }

    fn height(&self) -> usize {
        self.light.len() / self.width.max(1)
    }

    /// Log luminance less that of its surroundings: the same at any exposure.
    fn detail(&self) -> Vec<f32> {
        let (width, height) = (self.width as isize, self.height() as isize);
        let logs: Vec<f32> = self.light.iter().map(|v| (v.clamp(0.01, 0.9)).log2()).collect();
        let at = |x: isize, y: isize| {
            logs[(y.clamp(0, height - 1) * width + x.clamp(0, width - 1)) as usize]
        };
        let one = |i: usize| {
            let (x, y) = (i as isize % width, i as isize / width);
            at(x, y) - 0.25 * (at(x - 2, y) + at(x + 2, y) + at(x, y - 2) + at(x, y + 2))
        };
        (0..logs.len()).map(one).collect()
    }

    /// Pairs of values of both frames, `self` moved by a shift.
    fn pairs<'a>(
        &self,
        (mine, other): (&'a [f32], &'a [f32]),
        (dx, dy): (isize, isize),
    ) -> impl Iterator<Item = (f32, f32)> + use<'a> {
        let (width, height) = (self.width as isize, self.height() as isize);
        (0..mine.len()).filter_map(move |i| {
            let (x, y) = (i as isize % width + dx, i as isize / width + dy);
            let inside = (0..width).contains(&x) && (0..height).contains(&y);
            inside.then(|| (mine[i], other[(y * width + x) as usize]))
        })
    }

    /// Stops by which this frame is exposed more than `last`; 0 where too little is shown by both.
    fn step_from(&self, last: &Self) -> f32 {
        if (self.width, self.light.len()) != (last.width, last.light.len()) {
            return 0.0;
        }
        let (mine, other) = (self.detail(), last.detail());
        let mut best = ((0, 0), f32::NEG_INFINITY);
        for dy in -SHIFT / 2..=SHIFT / 2 {
            for dx in -SHIFT..=SHIFT {
                let mut sums = [1e-6_f32; 3];
                for (a, b) in self.pairs((&mine, &other), (dx, dy)) {
                    sums = [sums[0] + a * b, sums[1] + a * a, sums[2] + b * b];
                }
                let alike = sums[0] / (sums[1] * sums[2]).sqrt();
                if alike > best.1 {
                    best = ((dx, dy), alike);
                }
            }
        }
        let mut steps: Vec<f32> = self
            .pairs((&self.light, &last.light), best.0)
            .filter(|(a, b)| SHOWN.contains(a) && SHOWN.contains(b))
            .map(|(a, b)| (a / b).log2())
            .collect();
        if (steps.len() as f32) < ENOUGH * self.light.len() as f32 {
            return 0.0;
        }
        steps.sort_by(f32::total_cmp);
        steps[steps.len() / 2]
    }

    /// Distance of the histograms of log luminance, each about its own median, 0 to 1.
    fn distance(&self, other: &Self) -> f32 {
        let histogram = |small: &Self| {
            let mut logs: Vec<f32> = small.light.iter().map(|v| (v + 1e-3).log2()).collect();
            logs.sort_by(f32::total_cmp);
            let middle = logs.get(logs.len() / 2).copied().unwrap_or(0.0);
            let mut bins = [0.0_f32; 16];
            for log in &logs {
                bins[(8.0 + log - middle).clamp(0.0, 15.0) as usize] += 1.0 / logs.len() as f32;
            }
            bins
        };
        let (a, b) = (histogram(self), histogram(other));
        0.5 * a.iter().zip(b).map(|(a, b)| (a - b).abs()).sum::<f32>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use relume_media::pan::{Pan, PanOptions, Scene};

    #[test]
    fn it_follows_the_exposure_of_a_pan() {
        let scene = Scene::procedural(3);
        let options = PanOptions {
            width: 160,
            height: 96,
            frames: 30,
            curve_share: 0.0,
            jump_share: 0.0,
            thing_share: 0.0,
            locked: Some(false),
            ..PanOptions::default()
        };
        let (mut off, mut ranges) = (Vec::new(), 0.0_f32);
        for seed in 0..6 {
            let pan = Pan::new(seed, &scene, &options);
            let mut meter = Meter::default();
            let first = pan.exposure(0);
            for t in 0..pan.len() {
                let signals = Signals::of(&pan.frame(t).unwrap().picture);
                let reading = meter.next(&signals);
                off.push((reading.exposure - (pan.exposure(t) - first)).abs());
                ranges = ranges.max((pan.exposure(t) - first).abs());
            }
        }
        let mean = off.iter().sum::<f32>() / off.len() as f32;
        assert!(ranges > 0.5 && mean < 0.25, "off by {mean} stops of {ranges}");
    }

    #[test]
    fn a_scene_of_another_contrast_is_a_cut() {
        let options = PanOptions { width: 160, height: 96, frames: 4, ..PanOptions::default() };
        let scene = Scene::procedural(1);
        let pan = Pan::new(5, &scene, &options);
        let mut meter = Meter::default();
        for t in 0..3 {
            assert!(!meter.next(&Signals::of(&pan.frame(t).unwrap().picture)).cut);
        }
        let flat = relume_media::Image::from_fn(pan.size(), |_, _| [0.4; 3]);
        assert!(meter.next(&Signals::of(&flat)).cut);
    }
}
