//! Shake and defocus, read from the spectrum by a small network.
//!
//! Blur takes fine detail away, along the path of the hand more than across it; the spectrum shows
//! how much of each frequency is left in each direction. A hidden layer of fixed random weights and
//! an output fitted by least squares (Huang et al. 2006, Extreme learning machine) turn that into
//! kind, length and direction. `relume/examples/diagnosis` fits and measures it.

use std::sync::OnceLock;

use relume_media::{Image, Plane, Size, Srgb};
use relume_nn::Weights;

use super::spectrum::{self, ANGLES, BANDS, Profile, Square};
use super::{Noise, Sharpness, VIEWED_SIDE, luma};

/// Numbers that blur is read from.
pub const CUES: usize = ANGLES * BANDS + 4;
/// Units of the hidden layer.
pub const HIDDEN: usize = 512;
/// Outputs: log₂ length, cosine and sine of twice the direction; sharp, shaken, out of focus; log₂
/// radius.
pub const OUTPUTS: usize = 7;
/// Ways to mirror and turn a picture that exchange the directions of the spectrum.
pub const SYMMETRIES: usize = 4;

/// Below this likelihood of being sharp a picture is called blurred.
const SHARP: f32 = 0.325;
/// So is one whose likelihood is below the first, if it has less fine detail than the second.
const DOUBTFUL: [f32; 2] = [0.4, 0.145];
/// Squares with structure that a quarter of the picture must have to be measured by itself.
const QUARTER: usize = 3;

/// What blurs a picture.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Blur {
    /// How likely it is sharp, 0 to 1; the three add up to 1.
    pub sharp: f32,
    /// How likely the camera shook.
    pub shaken: f32,
    /// How likely it is out of focus.
    pub defocused: f32,
    /// What it is called.
    pub kind: BlurKind,
    /// How the camera shook, if it did; none where the picture shows nothing.
    pub shake: Option<Shake>,
    /// Radius of the disc that a point becomes, in pixels, if it is out of focus.
    pub disc_px: Option<f32>,
}

/// Kinds of blur.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum BlurKind {
    /// None.
    Sharp,
    /// Of the camera that moved.
    Shaken,
    /// Of the lens.
    Defocused,
}

/// Shake of the camera.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Shake {
    /// Extent in pixels: the largest distance between two places of a point's smear.
    pub length_px: f32,
    /// Main direction in degrees, −90 to 90, from x to y.
    pub angle_deg: f32,
    /// How sure that is, 0 to 1.
    pub confidence: f32,
    /// Difference between the largest and the least extent in the quarters of the picture, as a
    /// share of the whole's; none where fewer than two quarters can be measured.
    pub variation: Option<f32>,
}

impl Blur {
    /// What is said of a picture that shows nothing: too small, or without structure.
    const UNKNOWN: Self = Self {
        sharp: 1.0,
        shaken: 0.0,
        defocused: 0.0,
        kind: BlurKind::Sharp,
        shake: None,
        disc_px: None,
    };

    /// Measures a picture.
    pub(super) fn measure(luma: &Plane, noise: &Noise, sharpness: &Sharpness) -> Self {
        let (Some(network), seen) = (network(), Seen::of(luma)) else { return Self::UNKNOWN };
        let rest = rest(noise, sharpness, seen.shrunk);
        let read = |squares: &mut dyn Iterator<Item = &Square>| {
            Some(network.read_all_ways(&Cues { profile: spectrum::mean(squares)?, rest }))
        };
        let Some(whole) = read(&mut seen.squares.iter()) else { return Self::UNKNOWN };
        let [sharp, shaken, defocused] = whole.likelihoods();
        let lost = sharpness.fine_detail.is_some_and(|detail| detail < DOUBTFUL[1]);
        let kind = match sharp < SHARP || (sharp < DOUBTFUL[0] && lost) {
            false => BlurKind::Sharp,
            true if shaken >= defocused => BlurKind::Shaken,
            true => BlurKind::Defocused,
        };
        let mut lengths: Vec<f32> = (0..4)
            .filter(|&quarter| seen.of_quarter(quarter).count() >= QUARTER)
            .filter_map(|quarter| Some(read(&mut seen.of_quarter(quarter))?.length()))
            .collect();
        lengths.sort_by(f32::total_cmp);
        let variation = match lengths[..] {
            [least, .., most] => Some((most - least) / whole.length()),
            _ => None,
        };
        let scale = seen.shrunk as f32;
        let shake = Some(Shake {
            length_px: scale * whole.length(),
            angle_deg: whole.angle_deg(),
            confidence: shaken * whole.agreement().min(1.0),
            variation,
        });
        let disc_px = Some(scale * whole.radius());
        Self { sharp, shaken, defocused, kind, shake, disc_px }
    }

    /// Whether it is called blurred.
    pub fn is_blurred(&self) -> bool {
        self.kind != BlurKind::Sharp
    }

    /// The shake, if the picture is called shaken.
    pub fn found_shake(&self) -> Option<&Shake> {
        self.shake.as_ref().filter(|_| self.kind == BlurKind::Shaken)
    }

    /// In words: `shaken by about 14 pixels along 30°, 80 % sure`.
    pub fn in_words(&self) -> String {
        match (self.kind, &self.shake) {
            (BlurKind::Shaken, Some(Shake { length_px, angle_deg, confidence, .. })) => format!(
                "shaken by about {length_px:.0} pixels along {angle_deg:.0}°, {:.0} % sure",
                100.0 * confidence
            ),
            (BlurKind::Defocused, _) => format!(
                "out of focus by about {:.1} pixels, {:.0} % sure",
                self.disc_px.unwrap_or(0.0),
                100.0 * self.defocused
            ),
            _ => "sharp".to_owned(),
        }
    }
}

/// What is looked at: squares of the picture at the size it is viewed at.
struct Seen {
    squares: Vec<Square>,
    size: Size,
    /// How many times smaller than the picture.
    shrunk: usize,
}

impl Seen {
    fn of(luma: &Plane) -> Self {
        let long = luma.size.width.max(luma.size.height);
        let shrunk = ((long as f32 / VIEWED_SIDE as f32).round() as usize).max(1);
        let seen = if shrunk > 1 { &shrink(luma, shrunk) } else { luma };
        Self { squares: spectrum::squares(seen), size: seen.size, shrunk }
    }

    fn of_quarter(&self, quarter: usize) -> impl Iterator<Item = &Square> {
        let Size { width, height } = self.size;
        self.squares.iter().filter(move |square| {
            let [x, y] = square.middle();
            usize::from(2 * x >= width) + 2 * usize::from(2 * y >= height) == quarter
        })
    }
}

/// Means of blocks of `times` × `times` values.
fn shrink(luma: &Plane, times: usize) -> Plane {
    let size = Size::new(luma.size.width / times, luma.size.height / times);
    let mut small = Plane::filled(size, 0.0);
    for y in 0..size.height * times {
        let row = luma.row(y);
        let out = &mut small.values[y / times * size.width..][..size.width];
        for (value, block) in out.iter_mut().zip(row.chunks_exact(times)) {
            *value += block.iter().sum::<f32>() / (times * times) as f32;
        }
    }
    small
}

/// What blur is read from.
#[derive(Debug, Clone, PartialEq)]
pub struct Cues {
    profile: Profile,
    /// Fine detail, edge widths and grain, as logarithms.
    rest: [f32; 4],
}

impl Cues {
    /// The cues of a picture; none when it is too small or has no structure.
    pub fn of(image: &Image<Srgb>) -> Option<Self> {
        let luma = luma(image);
        let noise = Noise::measure(image, &luma);
        let sharpness = Sharpness::measure(&luma, &noise);
        let seen = Seen::of(&luma);
        let rest = rest(&noise, &sharpness, seen.shrunk);
        Some(Self { profile: spectrum::mean(&mut seen.squares.iter())?, rest })
    }

    /// The cues of the picture as it is (0), mirrored (1), transposed and mirrored (2), turned (3).
    pub fn symmetric(&self, symmetry: usize) -> Self {
        let from = |angle: usize| match symmetry {
            0 => angle,
            1 => (ANGLES - angle) % ANGLES,
            2 => (ANGLES + ANGLES / 2 - angle) % ANGLES,
            _ => (angle + ANGLES / 2) % ANGLES,
        };
        Self { profile: std::array::from_fn(|angle| self.profile[from(angle)]), rest: self.rest }
    }

    /// All of them, [`CUES`] numbers.
    pub fn values(&self) -> Vec<f32> {
        self.profile.iter().flatten().chain(&self.rest).copied().collect()
    }
}

/// What happens to cosine and sine of twice a direction under a symmetry.
pub fn turn(symmetry: usize, [cos, sin]: [f32; 2]) -> [f32; 2] {
    match symmetry {
        0 => [cos, sin],
        1 => [cos, -sin],
        2 => [-cos, sin],
        _ => [-cos, -sin],
    }
}

fn rest(noise: &Noise, sharpness: &Sharpness, shrunk: usize) -> [f32; 4] {
    let edge = |width: Option<f32>| (width.unwrap_or(4.0 * shrunk as f32) / shrunk as f32).ln();
    [
        (sharpness.fine_detail.unwrap_or(0.3) + 0.01).ln(),
        edge(sharpness.edge_width_x),
        edge(sharpness.edge_width_y),
        (noise.fine_sigma + 0.002).ln(),
    ]
}

/// The network's outputs.
struct Reading([f32; OUTPUTS]);

impl Reading {
    fn length(&self) -> f32 {
        self.0[0].clamp(0.0, 6.0).exp2()
    }

    fn angle_deg(&self) -> f32 {
        (0.5 * self.0[2].atan2(self.0[1])).to_degrees()
    }

    /// Length of the direction's vector: near 1 where all cues agree.
    fn agreement(&self) -> f32 {
        self.0[1].hypot(self.0[2])
    }

    fn likelihoods(&self) -> [f32; 3] {
        let kept = [self.0[3], self.0[4], self.0[5]].map(|v| v.max(0.0));
        let sum: f32 = kept.iter().sum();
        if sum > 0.0 { kept.map(|v| v / sum) } else { [1.0, 0.0, 0.0] }
    }

    fn radius(&self) -> f32 {
        self.0[6].clamp(0.0, 5.0).exp2()
    }
}

/// Standardised cues, hidden layer, and the outputs that read both.
struct Network {
    mean: Vec<f32>,
    deviation: Vec<f32>,
    hidden: Vec<f32>,
    bias: Vec<f32>,
    /// `[OUTPUTS, HIDDEN + CUES + 1]`
    output: Vec<f32>,
}

/// What the outputs read: hidden units, standardised cues, and 1. For fitting.
pub fn design(
    cues: &[f32],
    mean: &[f32],
    deviation: &[f32],
    hidden: &[f32],
    bias: &[f32],
) -> Vec<f32> {
    let standard: Vec<f32> =
        cues.iter().zip(mean.iter().zip(deviation)).map(|(v, (m, d))| (v - m) / d).collect();
    let unit = |(weights, bias): (&[f32], &f32)| {
        let sum: f32 = weights.iter().zip(&standard).map(|(w, v)| w * v).sum();
        libm::tanhf(sum + bias)
    };
    let mut all: Vec<f32> = hidden.chunks_exact(CUES).zip(bias).map(unit).collect();
    all.extend(standard);
    all.push(1.0);
    all
}

impl Network {
    fn read(&self, cues: &Cues) -> Reading {
        let all = design(&cues.values(), &self.mean, &self.deviation, &self.hidden, &self.bias);
        let row = |i: usize| &self.output[i * all.len()..(i + 1) * all.len()];
        Reading(std::array::from_fn(|i| row(i).iter().zip(&all).map(|(w, v)| w * v).sum()))
    }

    /// The mean over all symmetries, turned back.
    fn read_all_ways(&self, cues: &Cues) -> Reading {
        let mut mean = [0.0; OUTPUTS];
        for symmetry in 0..SYMMETRIES {
            let Reading(mut said) = self.read(&cues.symmetric(symmetry));
            // Each is its own inverse.
            let [cos, sin] = turn(symmetry, [said[1], said[2]]);
            (said[1], said[2]) = (cos, sin);
            mean.iter_mut().zip(said).for_each(|(mean, v)| *mean += v / SYMMETRIES as f32);
        }
        Reading(mean)
    }
}

/// The network with the weights that the program carries; none if they do not fit, which a test
/// rules out.
fn network() -> Option<&'static Network> {
    static NETWORK: OnceLock<Option<Network>> = OnceLock::new();
    let load = || {
        let bytes = include_bytes!("../../weights/blur.safetensors");
        let weights = Weights::from_safetensors(bytes).ok()?;
        let take = |key: &str, count: usize| {
            let values = weights.get(key)?.values.clone();
            (values.len() == count).then_some(values)
        };
        Some(Network {
            mean: take("cues.mean", CUES)?,
            deviation: take("cues.deviation", CUES)?,
            hidden: take("hidden.weight", HIDDEN * CUES)?,
            bias: take("hidden.bias", HIDDEN)?,
            output: take("output.weight", OUTPUTS * (HIDDEN + CUES + 1))?,
        })
    };
    NETWORK.get_or_init(load).as_ref()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_weights_fit() {
        assert!(network().is_some());
    }

    #[test]
    fn symmetries_of_pictures_are_those_of_cues() {
        let picture = Image::<Srgb>::from_fn(Size::new(128, 128), |x, y| {
            let v = ((x * 7 + y * 3) % 31) as f32 / 31.0 + ((x * x + 5 * y) % 17) as f32 / 17.0;
            [0.1 + 0.4 * v; 3]
        });
        let cues = Cues::of(&picture).unwrap();
        let near = |a: &Cues, b: &Cues| {
            let off = a.profile.iter().flatten().zip(b.profile.iter().flatten());
            // The mean over the bands: a band of few frequencies counts its axes twice.
            off.map(|(a, b)| (a - b).abs()).sum::<f32>() / ((ANGLES * BANDS) as f32) < 0.1
        };
        let mirrored = Cues::of(&picture.clone().flip_horizontal()).unwrap();
        assert!(near(&mirrored, &cues.symmetric(1)) && !near(&mirrored, &cues));
        let transposed = Cues::of(&picture.transpose()).unwrap();
        assert!(near(&transposed, &cues.symmetric(2)));
        let turned = Cues::of(&picture.transpose().flip_horizontal()).unwrap();
        assert!(near(&turned, &cues.symmetric(3)));
    }
}
