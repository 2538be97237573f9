//! How strong the grain is, read where the picture is flat.

use relume_media::{Image, Plane, Srgb};

use super::percentile;

/// Side of the blocks that are told flat or busy.
const BLOCK: usize = 12;
/// The flattest share of the blocks is measured.
const FLAT_SHARE: f64 = 0.2;
/// At most about this many blocks are looked at.
const BLOCKS: usize = 6000;
/// Blocks outside this range of display luma say nothing about noise: it is clipped there.
const USABLE: std::ops::RangeInclusive<f32> = 0.012..=0.97;
/// Median absolute deviation to standard deviation, for a normal distribution.
const MAD: f32 = 1.4826;

/// Grain of a picture.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Noise {
    /// Standard deviation per channel (R, G, B) in display light.
    pub sigma: [f32; 3],
    /// Mean deviation divided by the mean display value of the places it was read at: what a
    /// brighter picture would show.
    pub relative: f32,
    /// Number of flat blocks the figures come from; with few, they mean little.
    pub blocks: usize,
}

impl Noise {
    /// Measures a picture whose luma is known.
    pub(super) fn measure(image: &Image<Srgb>, luma: &Plane) -> Self {
        let flat = flat_blocks(luma);
        let mut sigma = [0.0; 3];
        let mut level = 0.0;
        for (channel, sigma) in sigma.iter_mut().enumerate() {
            let mut details = Vec::with_capacity(flat.len() * (BLOCK - 2) * (BLOCK - 2));
            let mut values = Vec::with_capacity(flat.len());
            for &(x, y) in &flat {
                let plane = image.channel(channel);
                values.push(details_of(plane, image.width(), x, y, &mut details));
            }
            *sigma = MAD * percentile(&mut details, 0.5);
            level += percentile(&mut values, 0.5) / 3.0;
        }
        let mean = sigma.iter().sum::<f32>() / 3.0;
        Self { sigma, relative: if level > 0.0 { mean / level } else { 0.0 }, blocks: flat.len() }
    }
}

/// Left top corners of the flattest blocks that are neither black nor white.
fn flat_blocks(luma: &Plane) -> Vec<(usize, usize)> {
    let (columns, rows) = (luma.size.width / BLOCK, luma.size.height / BLOCK);
    let step = (columns * rows / BLOCKS) | 1;
    let mut blocks: Vec<(f32, (usize, usize))> = (0..columns * rows)
        .step_by(step)
        .map(|i| (i % columns * BLOCK, i / columns * BLOCK))
        .filter_map(|(x, y)| Some((busyness(luma, x, y)?, (x, y))))
        .collect();
    blocks.sort_by(|a, b| a.0.total_cmp(&b.0));
    blocks.truncate((blocks.len() as f64 * FLAT_SHARE).ceil() as usize);
    blocks.into_iter().map(|block| block.1).collect()
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

/// Appends the block's absolute details, scaled to the deviation of white noise (Immerkær 1996);
/// gives the block's mean.
fn details_of(plane: &[f32], width: usize, x: usize, y: usize, details: &mut Vec<f32>) -> f32 {
    let mut sum = 0.0;
    for v in y + 1..y + BLOCK - 1 {
        for u in x + 1..x + BLOCK - 1 {
            let at = |du: usize, dv: usize| plane[(v + dv - 1) * width + u + du - 1];
            let corners = at(0, 0) + at(2, 0) + at(0, 2) + at(2, 2);
            let sides = at(1, 0) + at(0, 1) + at(2, 1) + at(1, 2);
            details.push((corners - 2.0 * sides + 4.0 * at(1, 1)).abs() / 6.0);
            sum += at(1, 1);
        }
    }
    sum / ((BLOCK - 2) * (BLOCK - 2)) as f32
}
