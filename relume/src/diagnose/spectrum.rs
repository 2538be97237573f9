//! How the power of a picture falls with frequency, direction by direction: what blur leaves of it.

use rayon::prelude::*;
use relume_media::Plane;

/// Side of the squares whose spectra are averaged, a power of two.
const SIDE: usize = 128;
/// Squares at most.
const SQUARES: usize = 48;
/// Directions, over half a turn.
pub(super) const ANGLES: usize = 8;
/// Edges of the frequency bands, in cycles a square.
const EDGES: [f32; 10] = [2.5, 3.5, 5.0, 7.0, 10.0, 14.0, 20.0, 28.0, 40.0, 56.0];
/// Frequency bands.
pub(super) const BANDS: usize = EDGES.len() - 1;
/// Least standard deviation of a square that says anything, in display light.
const STRUCTURE: f32 = 0.01;
/// Power that counts as none: rounding to 8 bits has more.
const FLOOR: f32 = 1e-7;

/// Mean log power by direction and band, less that of the lowest band: `[angle][band]`.
pub(super) type Profile = [[f32; BANDS]; ANGLES];

/// A part of the picture and its profile, not yet compared with the lowest band.
pub(super) struct Square {
    corner: (usize, usize),
    profile: Profile,
}

impl Square {
    /// Its middle pixel: column, row.
    pub(super) fn middle(&self) -> [usize; 2] {
        [self.corner.0 + SIDE / 2, self.corner.1 + SIDE / 2]
    }
}

/// The mean profile of squares; none without squares.
pub(super) fn mean(squares: &mut dyn Iterator<Item = &Square>) -> Option<Profile> {
    let (mut sum, mut count) = ([[0.0; BANDS]; ANGLES], 0.0_f32);
    for square in squares {
        for (sum, bands) in sum.iter_mut().zip(&square.profile) {
            sum.iter_mut().zip(bands).for_each(|(sum, value)| *sum += value);
        }
        count += 1.0;
    }
    let lowest = sum.iter().map(|bands| bands[0]).sum::<f32>() / ANGLES as f32;
    (count > 0.0).then(|| sum.map(|bands| bands.map(|value| (value - lowest) / count)))
}

/// The squares with the most structure; none in a picture that is too small or has none.
pub(super) fn squares(luma: &Plane) -> Vec<Square> {
    let fourier = Fourier::new();
    let measure = |corner: (usize, usize)| Square {
        corner,
        profile: square_profile(luma, corner.0, corner.1, &fourier),
    };
    corners(luma).into_par_iter().map(measure).collect()
}

/// Corners of the squares with the most structure.
fn corners(luma: &Plane) -> Vec<(usize, usize)> {
    let (width, height) = (luma.size.width, luma.size.height);
    if width < SIDE || height < SIDE {
        return Vec::new();
    }
    let places = |length: usize| {
        let count = ((length - SIDE) / (SIDE / 2) + 1).min(24);
        let place = move |i: usize| i * (length - SIDE) / (count - 1).max(1);
        (0..count).map(place).collect::<Vec<_>>()
    };
    let (columns, rows) = (places(width), places(height));
    let mut found: Vec<(f32, (usize, usize))> = rows
        .iter()
        .flat_map(|&y| columns.iter().map(move |&x| (x, y)))
        .map(|(x, y)| (structure(luma, x, y), (x, y)))
        .filter(|(structure, _)| *structure > STRUCTURE)
        .collect();
    found.sort_by(|a, b| b.0.total_cmp(&a.0));
    found.truncate(SQUARES.min(found.len().div_ceil(2).max(8)));
    found.into_iter().map(|(_, place)| place).collect()
}

/// Standard deviation of means of four by four pixels: grain hardly counts.
fn structure(luma: &Plane, x: usize, y: usize) -> f32 {
    const CELL: usize = 4;
    let cells = SIDE / CELL;
    let mut means = vec![0.0_f32; cells * cells];
    for dy in 0..SIDE {
        let row = &luma.row(y + dy)[x..x + SIDE];
        for (dx, value) in row.iter().enumerate() {
            means[dy / CELL * cells + dx / CELL] += value / (CELL * CELL) as f32;
        }
    }
    let count = means.len() as f32;
    let mean = means.iter().sum::<f32>() / count;
    (means.iter().map(|v| (v - mean).powi(2)).sum::<f32>() / count).sqrt()
}

/// Log power of one square, by direction and band.
fn square_profile(luma: &Plane, x: usize, y: usize, fourier: &Fourier) -> Profile {
    let mut values = vec![[0.0_f32; 2]; SIDE * SIDE];
    let rows: Vec<&[f32]> = (0..SIDE).map(|dy| &luma.row(y + dy)[x..x + SIDE]).collect();
    let sum: f32 = rows.iter().map(|row| row.iter().sum::<f32>()).sum();
    let mean = sum / (SIDE * SIDE) as f32;
    for (dy, row) in rows.iter().enumerate() {
        for (dx, value) in row.iter().enumerate() {
            values[dy * SIDE + dx][0] = (value - mean) * fourier.window[dx] * fourier.window[dy];
        }
    }
    fourier.square(&mut values);
    let mut sums = [[0.0_f32; BANDS]; ANGLES];
    let mut counts = [[0_u32; BANDS]; ANGLES];
    let half = SIDE / 2;
    let frequency = |i: usize| if i < half { i as f32 } else { i as f32 - SIDE as f32 };
    for v in 0..SIDE {
        for u in 0..half {
            let (fx, fy) = (frequency(u), frequency(v));
            let radius = fx.hypot(fy);
            let Some(band) = EDGES.windows(2).position(|e| (e[0]..e[1]).contains(&radius)) else {
                continue;
            };
            let turn = fy.atan2(fx) / std::f32::consts::PI * ANGLES as f32;
            let angle = (turn.round() as isize).rem_euclid(ANGLES as isize) as usize;
            let [re, im] = values[v * SIDE + u];
            sums[angle][band] += re * re + im * im;
            counts[angle][band] += 1;
        }
    }
    let log = |angle: usize, band: usize| {
        (sums[angle][band] / counts[angle][band].max(1) as f32 / (SIDE * SIDE) as f32 + FLOOR).ln()
    };
    std::array::from_fn(|angle| std::array::from_fn(|band| log(angle, band)))
}

/// Window and roots of unity for squares.
struct Fourier {
    window: Vec<f32>,
    roots: Vec<[f32; 2]>,
}

impl Fourier {
    fn new() -> Self {
        let turn = |i: usize| std::f32::consts::TAU * i as f32 / SIDE as f32;
        let window = (0..SIDE).map(|i| 0.5 - 0.5 * turn(i).cos()).collect();
        let roots = (0..SIDE / 2).map(|i| [turn(i).cos(), -turn(i).sin()]).collect();
        Self { window, roots }
    }

    /// The transform of a square in place.
    fn square(&self, values: &mut [[f32; 2]]) {
        values.chunks_exact_mut(SIDE).for_each(|row| self.line(row));
        let mut column = [[0.0; 2]; SIDE];
        for x in 0..SIDE {
            for (y, value) in column.iter_mut().enumerate() {
                *value = values[y * SIDE + x];
            }
            self.line(&mut column);
            for (y, value) in column.iter().enumerate() {
                values[y * SIDE + x] = *value;
            }
        }
    }

    /// The transform of `SIDE` values in place (Cooley and Tukey 1965).
    fn line(&self, values: &mut [[f32; 2]]) {
        let bits = SIDE.trailing_zeros();
        for i in 0..SIDE {
            let j = i.reverse_bits() >> (usize::BITS - bits);
            if i < j {
                values.swap(i, j);
            }
        }
        let mut half = 1;
        while half < SIDE {
            let stride = SIDE / 2 / half;
            for block in values.chunks_exact_mut(2 * half) {
                let (low, high) = block.split_at_mut(half);
                for (i, (a, b)) in low.iter_mut().zip(high).enumerate() {
                    let [c, s] = self.roots[i * stride];
                    let turned = [b[0] * c - b[1] * s, b[0] * s + b[1] * c];
                    *b = [a[0] - turned[0], a[1] - turned[1]];
                    *a = [a[0] + turned[0], a[1] + turned[1]];
                }
            }
            half *= 2;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_transform_is_that_of_the_plain_sum() {
        let fourier = Fourier::new();
        let signal: Vec<[f32; 2]> =
            (0..SIDE).map(|i| [((i * 37 % 101) as f32) / 101.0, ((i * 17) % 7) as f32]).collect();
        let mut fast = signal.clone();
        fourier.line(&mut fast);
        for k in [0, 1, 5, 64, 127] {
            let mut sum = [0.0_f64; 2];
            for (i, [re, im]) in signal.iter().enumerate() {
                let turn = -std::f64::consts::TAU * (k * i) as f64 / SIDE as f64;
                let (s, c) = turn.sin_cos();
                sum[0] += f64::from(*re) * c - f64::from(*im) * s;
                sum[1] += f64::from(*re) * s + f64::from(*im) * c;
            }
            assert!((f64::from(fast[k][0]) - sum[0]).abs() < 1e-2, "{k}");
            assert!((f64::from(fast[k][1]) - sum[1]).abs() < 1e-2, "{k}");
        }
    }
}
