//! Pictures with known damage: every one follows from a photo, a kind and a seed.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use relume_media::degrade::{Degradation, DegradeOptions, FixedDegradation, Noise, Shake};
use relume_media::{Image, Limits, Linear, Photo, Rect, Size, Srgb};

use crate::Outcome;

/// Longer sides are cropped to this: the middle of the photo.
pub(crate) const SIDE: usize = 768;

/// What is done to a photo.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    /// Nothing but a JPEG of good quality.
    Fine,
    /// Light taken away, hardly any noise.
    Dark,
    /// Noise in good light.
    Noisy,
    /// Shake in good light.
    Shaken,
    /// Out of focus in good light.
    Defocused,
    /// Dark, noisy and shaken, by a random camera.
    Night,
    /// Shaken by one of Levin's kernels.
    Levin,
    /// Shaken along a walk that dwells here and there, as Levin's kernels do; for fitting.
    Walk,
}

impl Kind {
    /// Those that are measured.
    pub(crate) const ALL: [Self; 7] = [
        Self::Fine,
        Self::Dark,
        Self::Noisy,
        Self::Shaken,
        Self::Defocused,
        Self::Night,
        Self::Levin,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Fine => "fine",
            Self::Dark => "dark",
            Self::Noisy => "noisy",
            Self::Shaken => "shaken",
            Self::Defocused => "defocused",
            Self::Night => "night",
            Self::Levin => "levin",
            Self::Walk => "walk",
        }
    }
}

/// A picture and the truth about it.
pub(crate) struct Case {
    pub(crate) kind: Kind,
    pub(crate) image: Image<Srgb>,
    /// The good picture.
    pub(crate) truth: Image<Srgb>,
    /// Stops of light taken away.
    pub(crate) ev: f32,
    /// Mean log luminance of the exposed scene without noise, EV from middle grey.
    pub(crate) key_ev: f32,
    /// Extent of the shake in pixels, and its direction in degrees.
    pub(crate) shake_px: f32,
    pub(crate) angle_deg: f32,
    /// Radius of the disc of defocus in pixels.
    pub(crate) disc_px: f32,
    /// Standard deviation of the noise per channel, in display light.
    pub(crate) sigma: [f32; 3],
}

/// Numbers between 0 and 1 that follow from a seed.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0xD1B5_4A32_D192_ED03)
    }

    pub(crate) fn unit(&mut self) -> f32 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 40) as f32) / (1_u32 << 24) as f32
    }

    pub(crate) fn between(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.unit()
    }

    pub(crate) fn log_between(&mut self, low: f32, high: f32) -> f32 {
        self.between(low.ln(), high.ln()).exp()
    }

    /// About normal, with mean 0 and deviation 1.
    pub(crate) fn normal(&mut self) -> f32 {
        (0..12).map(|_| self.unit()).sum::<f32>() - 6.0
    }
}

/// The middle of a photo.
pub(crate) fn load(path: &Path, side: usize) -> Outcome<Image<Srgb>> {
    let image = Photo::load(path, &Limits::default())?.image;
    let size = Size::new(image.width().min(side), image.height().min(side));
    let (x, y) = ((image.width() - size.width) / 2, (image.height() - size.height) / 2);
    Ok(image.crop(Rect { x, y, size })?)
}

/// Photos of a folder, sorted.
pub(crate) fn photos(folder: &Path) -> Outcome<Vec<PathBuf>> {
    let mut files: Vec<_> =
        std::fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<Outcome<_>>()?;
    files.sort();
    Ok(files)
}

/// A kernel with its extent and direction.
#[derive(Clone)]
pub(crate) struct Kernel {
    side: [usize; 2],
    values: Vec<f32>,
    length_px: f32,
    angle_deg: f32,
}

impl Kernel {
    /// One of Levin et al. 2009.
    pub(crate) fn load(path: &Path) -> Outcome<Self> {
        let image = Photo::load(path, &Limits::default())?.image;
        let values = image.channel(0).to_vec();
        Ok(Self::of(values, [image.width(), image.height()]))
    }

    /// A walk of the hand that dwells at places by chance.
    fn walk(dice: &mut Dice) -> Self {
        const SIDE: usize = 41;
        let extent = dice.log_between(6.0, 28.0);
        let (mut at, mut way) = ([0.0_f32; 2], [0.0_f32; 2]);
        let steps: Vec<([f32; 2], f32)> = (0..96)
            .map(|_| {
                way = way.map(|v| 0.92 * v + dice.normal());
                at = [at[0] + way[0], at[1] + way[1]];
                (at, (1.1 * dice.normal()).exp())
            })
            .collect();
        let span = |axis: usize| {
            let along = steps.iter().map(|(at, _)| at[axis]);
            [along.clone().fold(f32::MAX, f32::min), along.fold(f32::MIN, f32::max)]
        };
        let [x, y] = [span(0), span(1)];
        let scale = extent / (x[1] - x[0]).hypot(y[1] - y[0]).max(1e-3);
        let place =
            |v: f32, [low, high]: [f32; 2]| (SIDE / 2) as f32 + scale * (v - 0.5 * (low + high));
        let mut values = vec![0.0; SIDE * SIDE];
        for ([u, v], dwell) in steps {
            let (u, v) = (place(u, x), place(v, y));
            let (left, top) = (u as usize, v as usize);
            for (i, j) in [(0, 0), (1, 0), (0, 1), (1, 1)] {
                let share = |f: f32, i: usize| if i == 0 { 1.0 - f } else { f };
                let weight = share(u.fract(), i) * share(v.fract(), j);
                values[(top + j) * SIDE + left + i] += dwell * weight;
            }
        }
        Self::of(values, [SIDE; 2])
    }

    fn of(values: Vec<f32>, [width, height]: [usize; 2]) -> Self {
        let most = values.iter().copied().fold(0.0, f32::max);
        // What is darker than a twentieth of the peak is the scan's ground.
        let values: Vec<f32> =
            values.iter().map(|&v| if v > 0.05 * most { v } else { 0.0 }).collect();
        let sum: f32 = values.iter().sum();
        let values: Vec<f32> = values.iter().map(|v| v / sum).collect();
        let points: Vec<([f32; 2], f32)> = values
            .iter()
            .enumerate()
            .filter(|(_, v)| **v > 0.0)
            .map(|(i, &v)| ([(i % width) as f32, (i / width) as f32], v))
            .collect();
        let mean = |axis: usize| points.iter().map(|(p, v)| p[axis] * v).sum::<f32>();
        let (x, y) = (mean(0), mean(1));
        let [mut xx, mut xy, mut yy] = [0.0; 3];
        let mut length_px = 0.0_f32;
        for (p, v) in &points {
            let (dx, dy) = (p[0] - x, p[1] - y);
            xx += v * dx * dx;
            xy += v * dx * dy;
            yy += v * dy * dy;
            for (q, _) in &points {
                length_px = length_px.max((p[0] - q[0]).hypot(p[1] - q[1]));
            }
        }
        let angle_deg = (0.5 * (2.0 * xy).atan2(xx - yy)).to_degrees();
        Self { side: [width, height], values, length_px, angle_deg }
    }

    /// A disc of a radius, as an aperture out of focus makes it.
    fn disc(radius: f32) -> Self {
        let reach = radius.ceil() as isize;
        let side = (2 * reach + 1) as usize;
        let share = |i: usize| {
            let (x, y) = ((i % side) as f32 - reach as f32, (i / side) as f32 - reach as f32);
            (radius + 0.5 - x.hypot(y)).clamp(0.0, 1.0)
        };
        let values: Vec<f32> = (0..side * side).map(share).collect();
        let sum: f32 = values.iter().sum();
        let values = values.iter().map(|v| v / sum).collect();
        Self { side: [side; 2], values, length_px: 2.0 * radius, angle_deg: 0.0 }
    }

    /// A picture blurred by it in linear light.
    fn apply(&self, image: &Image<Srgb>) -> Image<Srgb> {
        let light = image.to_linear();
        let [across, down] = self.side;
        let taps: Vec<(isize, isize, f32)> = self
            .values
            .iter()
            .enumerate()
            .filter(|(_, v)| **v > 0.0)
            .map(|(i, &v)| {
                let x = (i % across) as isize - (across / 2) as isize;
                (x, (i / across) as isize - (down / 2) as isize, v)
            })
            .collect();
        let (width, height) = (image.width(), image.height());
        let mut blurred = light.clone();
        for c in 0..3 {
            let plane = light.channel(c).to_vec();
            let out = blurred.channel_mut(c);
            out.fill(0.0);
            for &(dx, dy, share) in &taps {
                for y in 0..height {
                    let from = (y as isize + dy).clamp(0, height as isize - 1) as usize * width;
                    for x in 0..width {
                        let at = (x as isize + dx).clamp(0, width as isize - 1) as usize;
                        out[y * width + x] += share * plane[from + at];
                    }
                }
            }
        }
        blurred.to_srgb()
    }
}

/// What is to be done to a photo before the camera sees it, and by the camera.
struct Plan<'a> {
    fixed: FixedDegradation,
    good: Image<Srgb>,
    disc_px: f32,
    kernel: Option<Cow<'a, Kernel>>,
}

fn plan<'a>(
    kind: Kind,
    photo: &Image<Srgb>,
    seed: u64,
    dice: &mut Dice,
    kernels: &'a [Kernel],
) -> Plan<'a> {
    let mut fixed = FixedDegradation::default();
    let quality = dice.between(78.0, 97.0) as u8;
    fixed.jpeg_quality = (dice.unit() < 0.8).then_some(quality);
    let (mut good, mut disc_px, mut kernel) = (photo.clone(), 0.0, None);
    match kind {
        Kind::Fine => fixed.jpeg_quality = (dice.unit() < 0.5).then_some(quality.max(88)),
        Kind::Dark => {
            fixed.ev = dice.between(2.5, 5.0);
            fixed.iso = Some(100.0);
        }
        Kind::Noisy => fixed.iso = Some(dice.log_between(3200.0, 25_600.0)),
        Kind::Shaken => {
            fixed.shake_px = dice.log_between(5.0, 32.0);
            fixed.iso = Some(dice.log_between(100.0, 800.0));
        }
        Kind::Defocused => {
            disc_px = dice.between(2.0, 7.0);
            good = Kernel::disc(disc_px).apply(photo);
            fixed.iso = Some(dice.log_between(100.0, 800.0));
        }
        Kind::Night => {}
        Kind::Levin => {
            let chosen = &kernels[(seed % kernels.len() as u64) as usize];
            good = chosen.apply(photo);
            kernel = Some(Cow::Borrowed(chosen));
            fixed.iso = Some(dice.log_between(100.0, 400.0));
        }
        Kind::Walk => {
            let walk = Kernel::walk(dice);
            good = walk.apply(photo);
            kernel = Some(Cow::Owned(walk));
            fixed.iso = Some(dice.log_between(100.0, 800.0));
        }
    }
    Plan { fixed, good, disc_px, kernel }
}

/// Dark, noisy and shaken, by a random camera.
fn night(seed: u64, size: Size, dice: &mut Dice) -> Degradation {
    let shake = dice.log_between(5.0, 26.0);
    let options = DegradeOptions {
        exposure_cut_ev: [1.5, 4.5],
        shake_px: [shake, shake],
        shake_long_side: None,
        misjudged_share: 0.0,
        untouched_share: 0.0,
        ..DegradeOptions::default()
    };
    Degradation::sample(seed, size, &options)
}

/// Makes one case; without `with_noise` its noise is not told.
pub(crate) fn make(
    kind: Kind,
    photo: &Image<Srgb>,
    seed: u64,
    kernels: &[Kernel],
    with_noise: bool,
) -> Outcome<Case> {
    let mut dice = Dice::new(seed);
    let Plan { fixed, good, disc_px, kernel } = plan(kind, photo, seed, &mut dice, kernels);
    let mut done = match kind {
        Kind::Night => night(seed, good.size(), &mut dice),
        _ => Degradation::fixed(seed, good.size(), &fixed),
    };
    if kind == Kind::Fine {
        done.shake = Shake::still(good.size());
    }
    let applied = done.apply(&good)?;
    let sigma = match with_noise {
        true => {
            let clean = Degradation { noise: Noise::none(), ..done.clone() }.apply(&good)?;
            difference(&applied.image, &clean.image)
        }
        false => [0.0; 3],
    };
    let key_ev = key(&applied.scene, applied.record.ev);
    let shake = (done.shake.length_px, done.shake.angle_deg);
    let (shake_px, angle_deg) = kernel.map_or(shake, |kernel| (kernel.length_px, kernel.angle_deg));
    let (ev, truth) = (applied.record.ev, photo.clone());
    let image = match (kind, fixed.jpeg_quality) {
        (Kind::Fine, None) => photo.clone(),
        _ => applied.image,
    };
    Ok(Case { kind, image, truth, ev, key_ev, shake_px, angle_deg, disc_px, sigma })
}

/// Mean log luminance of a scene after a cut, in EV from middle grey.
fn key(scene: &Image<Linear>, ev: f32) -> f32 {
    let luminance = scene.luminance();
    let stop =
        |v: &f32| f64::from((v.clamp(0.0, 1.0) * (-ev).exp2()).max(0.18 / 4096.0) / 0.18).log2();
    (luminance.values.iter().map(stop).sum::<f64>() / luminance.values.len() as f64) as f32
}

/// Standard deviation of what noise adds, per channel.
fn difference(noisy: &Image<Srgb>, clean: &Image<Srgb>) -> [f32; 3] {
    std::array::from_fn(|c| {
        let pairs = noisy.channel(c).iter().zip(clean.channel(c));
        let inside = pairs.filter(|(_, clean)| (0.004..0.99).contains(*clean));
        let (sum, count) =
            inside.fold((0.0_f64, 0), |(s, n), (a, b)| (s + f64::from((a - b).powi(2)), n + 1));
        (sum / f64::from(count.max(1))).sqrt() as f32
    })
}
