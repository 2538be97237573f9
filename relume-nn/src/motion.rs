//! Layers that find one picture in another, fast: planar slices of one sample, all cores. The plain
//! loops they are compared with are in [`reference`](crate::reference).

use rayon::prelude::*;
use relume_kernels::vectorised;

use crate::graph::{Extent, Node};
use crate::layer::Layer;

/// Channels, rows and columns of a sample.
pub(crate) type Shape = (usize, usize, usize);

/// Shapes of the layers that look beyond any halo: all their inputs are of one fixed extent.
pub(crate) fn shape(
    layer: &Layer,
    inputs: &[&Node],
) -> std::result::Result<(usize, Extent), String> {
    let x = inputs[0];
    if !matches!(x.extent, Extent::Fixed { .. }) {
        return Err(format!("{} needs a fixed extent, {} has none", layer.kind(), x.name));
    }
    let c = x.channels;
    let (channels, wanted): (usize, &[usize]) = match layer {
        Layer::GlobalMax => return Ok((c, Extent::SCALAR)),
        Layer::Warp => (c, &[c, 2]),
        Layer::Correlate(r) => ((2 * r + 1) * (2 * r + 1), &[c, c]),
        Layer::Match { .. } => (3, &[c, c, 1]),
        Layer::Propagate => (3, &[c, c, 3]),
        _ => (3, &[3, 3, 3, 1, 4]),
    };
    match inputs
        .iter()
        .zip(wanted)
        .find(|(node, c)| (node.channels, node.extent) != (**c, x.extent))
    {
        None => Ok((channels, x.extent)),
        Some((node, wanted)) => Err(format!(
            "{} must have {wanted} channels of {:?}, it has {} of {:?}",
            node.name, x.extent, node.channels, node.extent
        )),
    }
}

/// `x` at the places that `motion`, `[2, h, w]`, points to; bilinear, 0 outside.
pub(crate) fn warp(x: &[f32], motion: &[f32], (channels, height, width): Shape) -> Vec<f32> {
    let area = height * width;
    let mut out = vec![0.0; channels * area];
    // For every pixel: its upper left neighbour in a plane with a border of one, and the shares.
    let taps: Vec<(u32, [f32; 2])> = (0..area)
        .into_par_iter()
        .with_min_len(1024)
        .map(|i| {
            let across = ((i % width) as f32 + motion[i]).clamp(-1.0, width as f32);
            let down = ((i / width) as f32 + motion[area + i]).clamp(-1.0, height as f32);
            let (left, top) = (across.floor(), down.floor());
            let first = (top + 1.0) as u32 * (width + 3) as u32 + (left + 1.0) as u32;
            (first, [across - left, down - top])
        })
        .collect();
    out.par_chunks_mut(area).zip(x.par_chunks(area)).for_each(|(out, x)| {
        let mut bordered = vec![0.0; (height + 3) * (width + 3)];
        let rows = bordered.chunks_exact_mut(width + 3).skip(1);
        rows.zip(x.chunks_exact(width)).for_each(|(to, from)| to[1..=width].copy_from_slice(from));
        for (to, &(first, [across, down])) in out.iter_mut().zip(&taps) {
            let row = |at: usize| bordered[at] * (1.0 - across) + bordered[at + 1] * across;
            let first = first as usize;
            *to = row(first) * (1.0 - down) + row(first + width + 3) * down;
        }
    });
    out
}

/// The pixels of an axis that have a neighbour `by` away, and where that begins.
pub(crate) fn overlap(length: usize, by: isize) -> (std::ops::Range<usize>, usize) {
    let start = (-by).clamp(0, length as isize) as usize;
    let end = (length as isize - by).clamp(start as isize, length as isize) as usize;
    if start == end { (0..0, 0) } else { (start..end, (start as isize + by) as usize) }
}

/// Mean over the channels of `a · b`, `b` moved by up to `radius` pixels: `[(2 radius + 1)², h, w]`.
pub(crate) fn correlate(
    (a, b): (&[f32], &[f32]),
    (channels, height, width): Shape,
    radius: usize,
    out: &mut [f32],
) {
    let (area, side) = (height * width, 2 * radius + 1);
    let share = 1.0 / channels as f32;
    out.par_chunks_mut(area).enumerate().for_each(|(place, out)| {
        let by = |at: usize| at as isize - radius as isize;
        let (rows, first_row) = overlap(height, by(place / side));
        let (columns, first) = overlap(width, by(place % side));
        out.fill(0.0);
        vectorised(|| {
            for c in 0..channels {
                for (y, other) in rows.clone().zip(first_row..) {
                    let to = &mut out[y * width..][columns.clone()];
                    let a = &a[c * area + y * width..][columns.clone()];
                    let b = &b[c * area + other * width + first..][..columns.len()];
                    to.iter_mut().zip(a.iter().zip(b)).for_each(|(to, (a, b))| *to += a * b);
                }
            }
            out.iter_mut().for_each(|to| *to *= share);
        });
    });
}

/// Scaled dot products of every query (rows) with every key (columns).
fn scores(queries: &[f32], keys: &[f32], (channels, height, width): Shape) -> Vec<f32> {
    let count = height * width;
    let scale = 1.0 / (channels as f32).sqrt();
    let mut scores = vec![0.0; count * count];
    scores.par_chunks_mut(count).enumerate().for_each(|(q, row)| {
        vectorised(|| {
            for c in 0..channels {
                let by = scale * queries[c * count + q];
                let keys = &keys[c * count..][..count];
                row.iter_mut().zip(keys).for_each(|(to, key)| *to += by * key);
            }
        });
    });
    scores
}

/// Columns that one task takes.
const COLUMNS: usize = 256;

/// Where each key would be found among the queries: `[x, y]`.
fn ways_back(scores: &[f32], (count, width): (usize, usize)) -> Vec<[f32; 2]> {
    let strip = |start: usize| {
        let columns = start..(start + COLUMNS).min(count);
        let rows = || scores.chunks_exact(count).map(|row| &row[columns.clone()]);
        let mut largest = vec![f32::NEG_INFINITY; columns.len()];
        for row in rows() {
            largest.iter_mut().zip(row).for_each(|(most, score)| *most = most.max(*score));
        }
        let mut sums = vec![[0.0_f32; 3]; columns.len()];
        for (q, row) in rows().enumerate() {
            let (x, y) = ((q % width) as f32, (q / width) as f32);
            for ((sum, most), score) in sums.iter_mut().zip(&largest).zip(row) {
                let share = (score - most).exp();
                *sum = [sum[0] + share, sum[1] + share * x, sum[2] + share * y];
            }
        }
        sums.into_iter().map(|[all, x, y]| [x / all, y / all]).collect::<Vec<_>>()
    };
    (0..count).into_par_iter().step_by(COLUMNS).flat_map_iter(strip).collect()
}

/// Motion and confidence `[3, h, w]`: see [`Layer::Match`](crate::Layer::Match).
pub(crate) fn find(
    [queries, keys, burnt]: [&[f32]; 3],
    shape @ (_, height, width): Shape,
    radius: usize,
    numbers: [f32; 3],
) -> Vec<f32> {
    let count = height * width;
    let mut scores = scores(queries, keys, shape);
    scores.par_chunks_mut(count).for_each(|row| {
        row.iter_mut().zip(burnt).for_each(|(to, burnt)| *to -= numbers[0].abs() * burnt);
    });
    let back = ways_back(&scores, (count, width));
    let one = |(q, row): (usize, &[f32])| {
        let mut best = 0;
        row.iter().enumerate().for_each(|(k, score)| {
            if *score > row[best] {
                best = k
            }
        });
        let (x, y) = (best % width, best / width);
        let columns = x.saturating_sub(radius)..(x + radius + 1).min(width);
        let rows = y.saturating_sub(radius)..(y + radius + 1).min(height);
        let mut sums = [0.0_f32; 5];
        for row_of_keys in rows {
            for column in columns.clone() {
                let k = row_of_keys * width + column;
                let share = (row[k] - row[best]).exp();
                let values = [1.0, column as f32, row_of_keys as f32, back[k][0], back[k][1]];
                sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += share * value);
            }
        }
        let [x, y, home_x, home_y] = [1, 2, 3, 4].map(|i| sums[i] / sums[0]);
        let own = [(q % width) as f32, (q / width) as f32];
        let missed = ((home_x - own[0]).powi(2) + (home_y - own[1]).powi(2) + 1e-6).sqrt();
        let sure = numbers[1] - numbers[2].abs() * missed;
        [x - own[0], y - own[1], 1.0 / (1.0 + (-sure).exp())]
    };
    planes(scores.par_chunks(count).enumerate().map(one).collect())
}

/// Three values of each pixel as planes.
fn planes(pixels: Vec<[f32; 3]>) -> Vec<f32> {
    (0..3).flat_map(|c| pixels.iter().map(move |pixel| pixel[c])).collect()
}

/// Motion borrowed from like, near and sure pixels `[3, h, w]`.
pub(crate) fn propagate(
    [queries, keys, motion]: [&[f32]; 3],
    shape @ (_, height, width): Shape,
    reach: f32,
) -> Vec<f32> {
    let count = height * width;
    let spread = 1.0 / (2.0 * (2.0 * reach).exp());
    let sure: Vec<f32> = motion[2 * count..].iter().map(|c| (c + 1e-4).ln()).collect();
    let mut scores = scores(queries, keys, shape);
    let one = |(q, row): (usize, &mut [f32])| {
        let (x, y) = (q % width, q / width);
        for (k, score) in row.iter_mut().enumerate() {
            let (dx, dy) = ((k % width).abs_diff(x), (k / width).abs_diff(y));
            *score += sure[k] - (dx * dx + dy * dy) as f32 * spread;
        }
        let largest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let mut sums = [0.0_f32; 4];
        for (k, score) in row.iter().enumerate() {
            let share = (score - largest).exp();
            let values = [1.0, motion[k], motion[count + k], motion[2 * count + k]];
            sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += share * value);
        }
        [1, 2, 3].map(|i| sums[i] / sums[0])
    };
    planes(scores.par_chunks_mut(count).enumerate().map(one).collect())
}
