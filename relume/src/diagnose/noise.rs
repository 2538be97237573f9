//! How strong the grain is: in every range of brightness, what the flattest places show.

use relume_media::{Image, Plane, Srgb};

use super::percentile;

/// Side of the blocks that are measured.
const BLOCK: usize = 8;
/// At most about this many blocks are looked at.
const BLOCKS: usize = 20_000;
/// Ranges of display brightness that are told apart: grain depends on light.
const RANGES: usize = 8;
/// In every range the deviation that this share of the blocks stays below is taken: the others
/// may show structure.
const FLAT_SHARE: f64 = 0.15;
/// Where there is nothing but grain, blocks deviate much alike; texture spreads. These shares of the
/// blocks, in every range, tell the two apart.
const SPREAD: [f64; 2] = [0.03, 0.3];
/// From that deviation to the whole picture's, measured on demosaiced noise and JPEGs.
const TO_WHOLE: f32 = 1.19;
/// No range is noisier than this many times the whole: what is, is structure.
const MOST: f32 = 1.5;
/// Blocks outside this range of display values say nothing about noise: it is clipped there.
const USABLE: std::ops::RangeInclusive<f32> = 0.012..=0.97;
/// The share of the blocks, flattest first, whose finest detail is measured.
const FINE_SHARE: f64 = 0.2;
/// Median absolute deviation to standard deviation, for a normal distribution.
const MAD: f32 = 1.4826;

/// Grain of a picture.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Noise {
    /// Standard deviation per channel (R, G, B) in display light, over the whole picture.
    pub sigma: [f32; 3],
    /// The same for each of eight ranges of display brightness, dark to bright, mean of the
    /// channels; none where the picture has no such brightness.
    pub by_brightness: Vec<Option<f32>>,
    /// Mean deviation divided by the brightness it was read at: what a brighter picture would show.
    pub relative: f32,
    /// What of the mean deviation is grain beyond doubt: less where fine texture may be taken for it.
    pub sure_sigma: f32,
    /// The part of the deviation that changes from pixel to pixel, mean of the channels.
    pub fine_sigma: f32,
    /// What the grain looks like.
    pub kind: NoiseKind,
    /// Number of blocks the figures come from; with few, they mean little.
    pub blocks: usize,
}

/// What grain looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum NoiseKind {
    /// Hardly any: less than rounding to 8 bits makes visible.
    None,
    /// From pixel to pixel, as a sensor makes it.
    Fine,
    /// In blotches, as demosaicing, noise reduction and JPEG leave it.
    Blotchy,
}

impl NoiseKind {
    /// Its name in words.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Fine => "fine",
            Self::Blotchy => "blotchy",
        }
    }
}

/// Below this deviation there is no grain worth a name.
const VISIBLE: f32 = 1.0 / 255.0;
/// With less than this share of it changing from pixel to pixel, grain is blotchy.
const FINE: f32 = 0.6;

/// One block of one channel.
struct Block {
    mean: f32,
    deviation: f32,
}

impl Noise {
    /// Measures a picture whose luma is known.
    pub(super) fn measure(image: &Image<Srgb>, luma: &Plane) -> Self {
        let mut sigma = [0.0; 3];
        let mut ranges = vec![Vec::new(); RANGES];
        let (mut relative, mut sure_sigma, mut blocks) = (0.0, 0.0, 0);
        for (channel, sigma) in sigma.iter_mut().enumerate() {
            let found = deviations(image.channel(channel), luma);
            blocks = found.len();
            let levels = by_brightness(&found, FLAT_SHARE);
            for (range, level) in levels.iter().enumerate() {
                let Some((level, count)) = *level else { continue };
                let level = TO_WHOLE * level;
                ranges[range].push(level);
                relative += count * level / (found.len() as f32 * middle(range)) / 3.0;
            }
            *sigma = TO_WHOLE * root_mean_square(&levels);
            let [low, high] = SPREAD.map(|share| root_mean_square(&by_brightness(&found, share)));
            sure_sigma += if high > 0.0 { low * low / high / 3.0 } else { 0.0 };
        }
        let mean = |levels: &Vec<f32>| match levels.len() {
            0 => None,
            count => Some(levels.iter().sum::<f32>() / count as f32),
        };
        let fine_sigma = fine_sigma(image, luma);
        let whole = sigma.iter().sum::<f32>() / 3.0;
        let kind = match whole {
            whole if whole < VISIBLE => NoiseKind::None,
            whole if fine_sigma < FINE * whole => NoiseKind::Blotchy,
            _ => NoiseKind::Fine,
        };
        let by_brightness = ranges.iter().map(mean).collect();
        Self { sigma, by_brightness, relative, sure_sigma, fine_sigma, kind, blocks }
    }

    /// Mean of the channels' deviations.
    pub fn mean_sigma(&self) -> f32 {
        self.sigma.iter().sum::<f32>() / 3.0
    }
}

/// Display brightness in the middle of a range.
fn middle(range: usize) -> f32 {
    (range as f32 + 0.5) / RANGES as f32
}

/// The deviation that `share` of the blocks stay below and the number of blocks, in every range.
fn by_brightness(blocks: &[Block], share: f64) -> Vec<Option<(f32, f32)>> {
    let low = |blocks: &mut dyn Iterator<Item = &Block>| {
        let mut deviations: Vec<f32> = blocks.map(|block| block.deviation).collect();
        let count = deviations.len() as f32;
        (percentile(&mut deviations, share), count)
    };
    let range = |block: &Block| ((block.mean * RANGES as f32) as usize).min(RANGES - 1);
    let (whole, _) = low(&mut blocks.iter());
    (0..RANGES)
        .map(|i| {
            let (level, count) = low(&mut blocks.iter().filter(|block| range(block) == i));
            (count > 0.0).then_some((level.min(MOST * whole), count))
        })
        .collect()
}

fn root_mean_square(levels: &[Option<(f32, f32)>]) -> f32 {
    let known = levels.iter().flatten();
    let (sum, count) =
        known.fold((0.0, 0.0_f32), |(s, n), (level, count)| (s + count * level * level, n + count));
    (sum / count.max(1.0)).sqrt()
}

/// Deviations of the usable blocks of one channel, slopes taken out.
fn deviations(plane: &[f32], luma: &Plane) -> Vec<Block> {
    let width = luma.size.width;
    places(luma)
        .map(|(x, y)| block(plane, width, x, y))
        .filter(|block| USABLE.contains(&block.mean))
        .collect()
}

/// Left top corners of blocks all over the picture.
fn places(luma: &Plane) -> impl Iterator<Item = (usize, usize)> {
    let (columns, rows) = (luma.size.width / BLOCK, luma.size.height / BLOCK);
    // An odd step does not fall in with the usual even widths.
    let step = (columns * rows / BLOCKS) | 1;
    (0..columns * rows).step_by(step).map(move |i| (i % columns * BLOCK, i / columns * BLOCK))
}

/// Mean of a block, and its deviation from the plane that fits it best.
fn block(plane: &[f32], width: usize, x: usize, y: usize) -> Block {
    const HALF: f32 = (BLOCK as f32 - 1.0) / 2.0;
    const COUNT: f32 = (BLOCK * BLOCK) as f32;
    const SLOPE: f32 = COUNT * (BLOCK * BLOCK - 1) as f32 / 12.0;
    let first = plane[y * width + x];
    let (mut sum, mut across, mut down, mut squares) = (0.0_f32, 0.0_f32, 0.0_f32, 0.0_f32);
    for v in 0..BLOCK {
        for u in 0..BLOCK {
            // Against the first value, so that small deviations keep their digits.
            let value = plane[(y + v) * width + x + u] - first;
            sum += value;
            across += value * (u as f32 - HALF);
            down += value * (v as f32 - HALF);
            squares += value * value;
        }
    }
    let rest = squares - sum * sum / COUNT - (across * across + down * down) / SLOPE;
    Block { mean: first + sum / COUNT, deviation: (rest.max(0.0) / (COUNT - 3.0)).sqrt() }
}

/// Deviation of white noise with as much detail from pixel to pixel (Immerkær 1996) as the
/// flattest blocks have.
fn fine_sigma(image: &Image<Srgb>, luma: &Plane) -> f32 {
    let mut flat: Vec<(f32, (usize, usize))> =
        places(luma).filter_map(|(x, y)| Some((busyness(luma, x, y)?, (x, y)))).collect();
    flat.sort_by(|a, b| a.0.total_cmp(&b.0));
    flat.truncate((flat.len() as f64 * FINE_SHARE).ceil() as usize);
    let mut sum = 0.0;
    for channel in 0..3 {
        let mut details = Vec::with_capacity(flat.len() * (BLOCK - 2) * (BLOCK - 2));
        for &(_, (x, y)) in &flat {
            details_of(image.channel(channel), image.width(), x, y, &mut details);
        }
        sum += MAD * percentile(&mut details, 0.5) / 3.0;
    }
    sum
}

/// Spread of the block's four-by-four-pixel means: structure counts, grain hardly does.
fn busyness(luma: &Plane, x: usize, y: usize) -> Option<f32> {
    const CELL: usize = 4;
    let mut means = [0.0_f32; (BLOCK / CELL) * (BLOCK / CELL)];
    for dy in 0..BLOCK {
        let row = &luma.row(y + dy)[x..x + BLOCK];
        for (dx, value) in row.iter().enumerate() {
            means[dy / CELL * (BLOCK / CELL) + dx / CELL] += value / (CELL * CELL) as f32;
        }
    }
    let mean = means.iter().sum::<f32>() / means.len() as f32;
    let spread = means.iter().map(|m| (m - mean).powi(2)).sum::<f32>();
    // Relative to the light: dark places are not flat only for being dark.
    USABLE.contains(&mean).then(|| spread.sqrt() / mean)
}

/// Appends the block's absolute details, scaled to the deviation of white noise.
fn details_of(plane: &[f32], width: usize, x: usize, y: usize, details: &mut Vec<f32>) {
    for v in y + 1..y + BLOCK - 1 {
        for u in x + 1..x + BLOCK - 1 {
            let at = |du: usize, dv: usize| plane[(v + dv - 1) * width + u + du - 1];
            let corners = at(0, 0) + at(2, 0) + at(0, 2) + at(2, 2);
            let sides = at(1, 0) + at(0, 1) + at(2, 1) + at(1, 2);
            details.push((corners - 2.0 * sides + 4.0 * at(1, 1)).abs() / 6.0);
        }
    }
}
