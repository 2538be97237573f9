//! Fits the network that reads blur: outputs by least squares on a hidden layer drawn from a seed.

use std::collections::BTreeMap;
use std::path::Path;

use rayon::prelude::*;
use relume::diagnose::Cues;
use relume::diagnose::blur::{CUES, HIDDEN, OUTPUTS, SYMMETRIES, design, turn};
use relume_nn::Weights;
use relume_nn::weights::{Array, Precision};

use crate::cases::{self, Dice, Kind};
use crate::{Outcome, fitting};

/// Seed of the pictures and of the hidden layer.
const SEED: u64 = 20_261_125;
/// Side of the pictures fitted on.
const SIDE: usize = 384;
/// Pictures a photo, by kind; Levin's kernels are kept for measuring.
const REPEATS: [(Kind, u64); 7] = [
    (Kind::Fine, 3),
    (Kind::Dark, 2),
    (Kind::Noisy, 2),
    (Kind::Shaken, 3),
    (Kind::Defocused, 2),
    (Kind::Night, 3),
    (Kind::Walk, 3),
];
/// Weight of the penalty on large weights.
const PENALTY: f64 = 10.0;
/// A shorter shake is too short to learn from, a longer one than the second is one.
const SHAKES: [f32; 2] = [0.5, 3.0];

/// Cues of a picture, and what is true of it.
struct Sample {
    cues: Cues,
    length_px: f32,
    angle_deg: f32,
    disc_px: f32,
    /// Whether it went along one line more than others.
    directed: bool,
}

pub(crate) fn run(data: &Path) -> Outcome<()> {
    let photos = fitting(data)?;
    let samples: Vec<Vec<Sample>> = photos
        .par_iter()
        .enumerate()
        .map(|(number, path)| samples(path, number as u64))
        .collect::<Outcome<_>>()?;
    let samples: Vec<Sample> = samples.into_iter().flatten().collect();
    eprintln!("{} photos, {} pictures", photos.len(), samples.len());
    let weights = fit(&samples, photos.len())?;
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("weights/blur.safetensors");
    std::fs::write(&path, weights.to_safetensors(Precision::F16)?)?;
    Ok(())
}

fn samples(path: &Path, number: u64) -> Outcome<Vec<Sample>> {
    let photo = cases::load(path, SIDE)?;
    let mut samples = Vec::new();
    for (k, (kind, repeats)) in REPEATS.into_iter().enumerate() {
        for repeat in 0..repeats {
            let seed = SEED + 1_000_000 * (repeat + 1) + 100 * number + k as u64;
            let case = cases::make(kind, &photo, seed, &[], false)?;
            samples.extend(Cues::of(&case.image).map(|cues| Sample {
                cues,
                length_px: case.shake_px,
                angle_deg: case.angle_deg,
                disc_px: case.disc_px,
                directed: kind != Kind::Walk,
            }));
        }
    }
    Ok(samples)
}

fn fit(samples: &[Sample], photos: usize) -> Outcome<Weights> {
    let all: Vec<Vec<f32>> = samples
        .iter()
        .flat_map(|s| (0..SYMMETRIES).map(|symmetry| s.cues.symmetric(symmetry).values()))
        .collect();
    let count = all.len() as f32;
    let mean: Vec<f32> = (0..CUES).map(|i| all.iter().map(|v| v[i]).sum::<f32>() / count).collect();
    let square = |i: usize| all.iter().map(|v| (v[i] - mean[i]).powi(2)).sum::<f32>() / count;
    let deviation: Vec<f32> = (0..CUES).map(|i| square(i).sqrt().max(1e-6)).collect();
    let mut dice = Dice::new(SEED);
    let spread = 1.0 / (CUES as f32).sqrt();
    let hidden: Vec<f32> = (0..HIDDEN * CUES).map(|_| spread * dice.normal()).collect();
    let bias: Vec<f32> = (0..HIDDEN).map(|_| 0.5 * dice.normal()).collect();
    let rows: Vec<Vec<f32>> =
        all.par_iter().map(|cues| design(cues, &mean, &deviation, &hidden, &bias)).collect();
    let sample = |row: usize| (&samples[row / SYMMETRIES], row % SYMMETRIES);
    let is_shaken = |s: &Sample| s.length_px >= SHAKES[1] && s.disc_px == 0.0;
    let length = |row: usize| {
        let (s, _) = sample(row);
        is_shaken(s).then(|| vec![s.length_px.log2()])
    };
    let direction = |row: usize| {
        let (s, symmetry) = sample(row);
        let (sin, cos) = (2.0 * s.angle_deg).to_radians().sin_cos();
        (is_shaken(s) && s.directed).then(|| turn(symmetry, [cos, sin]).to_vec())
    };
    let kind = |row: usize| {
        let (s, _) = sample(row);
        let one = |is: bool| f32::from(u8::from(is));
        let (long, disc) = (s.length_px >= SHAKES[1], s.disc_px > 0.0);
        let doubtful = (SHAKES[0]..SHAKES[1]).contains(&s.length_px);
        (!doubtful).then(|| vec![one(!long && !disc), one(long && !disc), one(disc)])
    };
    let radius = |row: usize| {
        let (s, _) = sample(row);
        (s.disc_px > 0.0).then(|| vec![s.disc_px.log2()])
    };
    let mut output = solve(&rows, 1, &length);
    output.extend(solve(&rows, 2, &direction));
    output.extend(solve(&rows, 3, &kind));
    output.extend(solve(&rows, 1, &radius));
    let mut weights = Weights::default();
    weights.metadata = card(samples.len(), photos);
    let width = HIDDEN + CUES + 1;
    for (key, shape, values) in [
        ("cues.mean", vec![CUES], mean),
        ("cues.deviation", vec![CUES], deviation),
        ("hidden.weight", vec![HIDDEN, CUES], hidden),
        ("hidden.bias", vec![HIDDEN], bias),
        ("output.weight", vec![OUTPUTS, width], output),
    ] {
        weights.insert(key, Array { shape, values });
    }
    Ok(weights)
}

/// What travels in the file.
fn card(pictures: usize, photos: usize) -> BTreeMap<String, String> {
    let text = |key: &str, value: String| (format!("modelspec.{key}"), value);
    BTreeMap::from([
        text("title", "relume blur: kind, length and direction from the spectrum".into()),
        text("license", "MIT OR Apache-2.0".into()),
        text("data", format!("{photos} freely licensed clean photographs, {pictures} pictures")),
        text("recipe", "relume/examples/diagnosis, command fit".into()),
        text("seed", SEED.to_string()),
    ])
}

/// Weights `[outputs, width]` that predict `targets` best, by the normal equations.
fn solve(
    rows: &[Vec<f32>],
    outputs: usize,
    targets: &(dyn Fn(usize) -> Option<Vec<f32>> + Sync),
) -> Vec<f32> {
    let width = rows[0].len();
    let parts: Vec<(Vec<f64>, Vec<f64>)> = (0..rows.len())
        .collect::<Vec<_>>()
        .par_chunks(1024)
        .map(|chunk| {
            let (mut a, mut b) = (vec![0.0; width * width], vec![0.0; width * outputs]);
            for &row in chunk {
                let Some(target) = targets(row) else { continue };
                for (i, &x) in rows[row].iter().enumerate() {
                    for (j, &y) in rows[row][..=i].iter().enumerate() {
                        a[i * width + j] += f64::from(x) * f64::from(y);
                    }
                    for (o, &t) in target.iter().enumerate() {
                        b[o * width + i] += f64::from(x) * f64::from(t);
                    }
                }
            }
            (a, b)
        })
        .collect();
    let mut a = vec![0.0; width * width];
    let mut b = vec![0.0; width * outputs];
    for (part_a, part_b) in parts {
        a.iter_mut().zip(part_a).for_each(|(sum, v)| *sum += v);
        b.iter_mut().zip(part_b).for_each(|(sum, v)| *sum += v);
    }
    (0..width).for_each(|i| a[i * width + i] += PENALTY);
    cholesky(&mut a, width);
    b.chunks_exact_mut(width).for_each(|column| substitute(&a, width, column));
    b.into_iter().map(|v| v as f32).collect()
}

/// The lower triangle L with L·Lᵀ = A, in place.
fn cholesky(a: &mut [f64], n: usize) {
    for i in 0..n {
        for j in 0..=i {
            let dot: f64 = (0..j).map(|k| a[i * n + k] * a[j * n + k]).sum();
            let rest = a[i * n + j] - dot;
            a[i * n + j] = if i == j { rest.sqrt() } else { rest / a[j * n + j] };
        }
    }
}

/// Solves L·Lᵀ·x = b, in place.
fn substitute(l: &[f64], n: usize, b: &mut [f64]) {
    for i in 0..n {
        let dot: f64 = (0..i).map(|k| l[i * n + k] * b[k]).sum();
        b[i] = (b[i] - dot) / l[i * n + i];
    }
    for i in (0..n).rev() {
        let dot: f64 = (i + 1..n).map(|k| l[k * n + i] * b[k]).sum();
        b[i] = (b[i] - dot) / l[i * n + i];
    }
}
