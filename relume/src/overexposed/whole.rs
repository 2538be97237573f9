//! The motion of the whole picture, found without learning: a homography between small pictures in log
//! light, so that only an offset remains of the exposure. It serves tokens for which matching has no
//! sure answer.
//!
//! A shift is searched for everywhere, then refined by Gauss–Newton steps with weights that forget
//! outliers (Baker and Matthews 2004, Lucas-Kanade 20 years on).

use super::signals::Signals;

/// Columns of the small pictures.
const COLUMNS: usize = 64;
/// Light of a cell that tells something.
const SHOWN: std::ops::Range<f32> = 0.01..0.9;
/// Share of the cells that both pictures must show.
const OVERLAP: f32 = 0.15;
/// Errors in stops that count as explained, and the share that must be.
const NEAR: f32 = 0.25;
const ENOUGH: f32 = 0.6;
/// Numbers that are fitted: eight of the homography, one of the exposure.
const FITTED: usize = 9;

/// A small picture: log₂ luminance and how much of each cell is well exposed.
#[derive(Debug, Clone)]
pub(super) struct Cells {
    width: usize,
    height: usize,
    stops: Vec<f32>,
    weights: Vec<f32>,
}

/// Where places of one picture are in another: coordinates from −1 to 1 across the width.
#[derive(Debug, Clone, Copy)]
pub(super) struct Whole {
    h: [f32; 8],
    stops: f32,
    /// Share of what both show that it explains.
    pub(super) explained: f32,
}

impl Cells {
    pub(super) fn of(signals: &Signals) -> Self {
        let (rows, columns) = signals.padded();
        let side = (columns / COLUMNS).max(1);
        let (width, height) = (columns / side, rows / side);
        let area = rows * columns;
        let open = signals.open();
        let (mut stops, mut weights) = (Vec::new(), Vec::new());
        for cell in 0..width * height {
            let (mut sum, mut weight) = (0.0, 0.0);
            for i in 0..side * side {
                let (x, y) = (cell % width * side + i % side, cell / width * side + i / side);
                let at = y * columns + x;
                let color = [0, 1, 2].map(|c| signals.light.values[c * area + at]);
                let light = relume_media::light::luma(color);
                if SHOWN.contains(&light) {
                    sum += open[at] * light.log2();
                    weight += open[at];
                }
            }
            stops.push(if weight > 0.0 { sum / weight } else { 0.0 });
            weights.push(weight / (side * side) as f32);
        }
        Self { width, height, stops, weights }
    }

    /// Half as large.
    fn half(&self) -> Self {
        let (width, height) = (self.width / 2, self.height / 2);
        let (mut stops, mut weights) = (Vec::new(), Vec::new());
        for cell in 0..width * height {
            let at = [0, 1, self.width, self.width + 1]
                .map(|i| cell / width * 2 * self.width + cell % width * 2 + i);
            let weight: f32 = at.iter().map(|&i| self.weights[i]).sum();
            let sum: f32 = at.iter().map(|&i| self.weights[i] * self.stops[i]).sum();
            stops.push(if weight > 0.0 { sum / weight } else { 0.0 });
            weights.push(0.25 * weight);
        }
        Self { width, height, stops, weights }
    }

    /// Each cell less the mean of those around it: the same at any exposure.
    fn detail(&self) -> Vec<f32> {
        let (width, height) = (self.width as isize, self.height as isize);
        let one = |i: usize| {
            let (x, y) = (i as isize % width, i as isize / width);
            let (mut sum, mut weight) = (0.0, 1e-6);
            for row in (y - 2).max(0)..(y + 3).min(height) {
                for column in (x - 2).max(0)..(x + 3).min(width) {
                    let at = (row * width + column) as usize;
                    sum += self.weights[at] * self.stops[at];
                    weight += self.weights[at];
                }
            }
            self.stops[i] - sum / weight
        };
        (0..self.stops.len()).map(one).collect()
    }

    /// The shift in cells at which this picture is most like the other.
    fn shift_to(&self, other: &Self) -> (f32, f32) {
        let (mine, theirs) = (self.detail(), other.detail());
        let (width, height) = (self.width as isize, self.height as isize);
        let mut best = ((0, 0), f32::NEG_INFINITY);
        for dy in -2 * height / 3..=2 * height / 3 {
            for dx in -3 * width / 4..=3 * width / 4 {
                let (mut sums, mut overlap) = ([1e-6_f32; 3], 0.0);
                for y in (-dy).max(0)..(height - dy).min(height) {
                    for x in (-dx).max(0)..(width - dx).min(width) {
                        let (a, b) =
                            ((y * width + x) as usize, ((y + dy) * width + x + dx) as usize);
                        let weight = self.weights[a] * other.weights[b];
                        let (p, q) = (mine[a].clamp(-2.0, 2.0), theirs[b].clamp(-2.0, 2.0));
                        sums[0] += weight * p * q;
                        sums[1] += weight * p * p;
                        sums[2] += weight * q * q;
                        overlap += weight;
                    }
                }
                let share = overlap / (width * height) as f32;
                let alike = sums[0] / (sums[1] * sums[2]).sqrt() * (0.6 + 0.4 * share.sqrt());
                if share > 0.5 * OVERLAP && alike > best.1 {
                    best = ((dx, dy), alike);
                }
            }
        }
        (best.0.0 as f32, best.0.1 as f32)
    }

    /// Stops and weight at a place in coordinates from −1 to 1; weight 0 outside.
    fn at(&self, [x, y]: [f32; 2]) -> (f32, f32) {
        let scale = 0.5 * self.width as f32;
        let (x, y) = (x * scale + scale - 0.5, y * scale + 0.5 * self.height as f32 - 0.5);
        let (left, top) = (x.floor(), y.floor());
        if left < 0.0
            || top < 0.0
            || left + 1.0 >= self.width as f32
            || top + 1.0 >= self.height as f32
        {
            return (0.0, 0.0);
        }
        let (across, down) = (x - left, y - top);
        let first = top as usize * self.width + left as usize;
        let (mut sum, mut weight) = (0.0, 0.0);
        for (i, share) in [
            (first, (1.0 - across) * (1.0 - down)),
            (first + 1, across * (1.0 - down)),
            (first + self.width, (1.0 - across) * down),
            (first + self.width + 1, across * down),
        ] {
            sum += share * self.weights[i] * self.stops[i];
            weight += share * self.weights[i];
        }
        if weight > 0.0 { (sum / weight, weight) } else { (0.0, 0.0) }
    }

    fn places(&self) -> impl Iterator<Item = (usize, [f32; 2])> + '_ {
        let scale = 0.5 * self.width as f32;
        let place = move |i: usize| {
            let (x, y) = ((i % self.width) as f32 + 0.5, (i / self.width) as f32 + 0.5);
            (i, [x / scale - 1.0, (y - 0.5 * self.height as f32) / scale])
        };
        (0..self.stops.len()).map(place)
    }
}

impl Whole {
    /// The motion from `here` to `there`, where one explains most of what both show.
    pub(super) fn between(here: &Cells, there: &Cells) -> Option<Self> {
        let (small, other) = (here.half(), there.half());
        let (dx, dy) = small.shift_to(&other);
        let scale = 2.0 / small.width as f32;
        let mut found = Self { h: [0.0; 8], stops: 0.0, explained: 0.0 };
        (found.h[2], found.h[5]) = (dx * scale, dy * scale);
        found.stops = found.offset(&small, &other)?;
        for (fitted, rounds, reach) in [(6, 6, 1.5), (6, 6, 0.8)] {
            found.refine(&small, &other, (fitted, rounds, reach))?;
        }
        for (fitted, rounds, reach) in [(6, 4, 0.8), (8, 10, 0.6)] {
            found.refine(here, there, (fitted, rounds, reach))?;
        }
        let (mut near, mut all) = (0.0, 1e-6);
        for (error, weight) in found.errors(here, there) {
            all += weight;
            near += if error.abs() < NEAR { weight } else { 0.0 };
        }
        found.explained = near / all;
        let enough = all > OVERLAP * here.stops.len() as f32 && found.explained > ENOUGH;
        enough.then_some(found)
    }

    /// Where a place is in the other picture.
    pub(super) fn at(&self, [x, y]: [f32; 2]) -> [f32; 2] {
        let h = &self.h;
        let z = (1.0 + h[6] * x + h[7] * y).max(0.1);
        [((1.0 + h[0]) * x + h[1] * y + h[2]) / z, (h[3] * x + (1.0 + h[4]) * y + h[5]) / z]
    }

    /// How far the pictures differ at a place, in stops; none where one shows nothing.
    pub(super) fn error_at(&self, here: &Cells, there: &Cells, place: [f32; 2]) -> Option<f32> {
        let ((mine, w), (theirs, v)) = (here.at(place), there.at(self.at(place)));
        (w > 0.3 && v > 0.3).then_some(theirs + self.stops - mine)
    }

    fn errors<'a>(
        &'a self,
        here: &'a Cells,
        there: &'a Cells,
    ) -> impl Iterator<Item = (f32, f32)> + 'a {
        here.places().map(move |(i, place)| {
            let (theirs, weight) = there.at(self.at(place));
            (theirs + self.stops - here.stops[i], weight * here.weights[i])
        })
    }

    /// The median offset of exposure.
    fn offset(&self, here: &Cells, there: &Cells) -> Option<f32> {
        let shown = self.errors(here, there).filter(|(_, weight)| *weight > 0.2);
        let mut offsets: Vec<f32> = shown.map(|(error, _)| self.stops - error).collect();
        offsets.sort_by(f32::total_cmp);
        offsets.get(offsets.len() / 2).copied()
    }

    /// Gauss–Newton steps for the first `fitted` numbers of the homography and the offset.
    fn refine(
        &mut self,
        here: &Cells,
        there: &Cells,
        (fitted, rounds, reach): (usize, usize, f32),
    ) -> Option<()> {
        let step = 1.0 / there.width as f32;
        for _ in 0..rounds {
            let (mut a, mut b) = ([[0.0_f64; FITTED]; FITTED], [0.0_f64; FITTED]);
            for (i, place) in here.places().filter(|(i, _)| here.weights[*i] > 0.2) {
                let [u, v] = self.at(place);
                let (theirs, weight) = there.at([u, v]);
                if weight < 0.2 {
                    continue;
                }
                let slope = |a: [f32; 2], b: [f32; 2]| {
                    let ((p, w), (q, v)) = (there.at(a), there.at(b));
                    if w > 0.1 && v > 0.1 { (p - q) / (2.0 * step) } else { 0.0 }
                };
                let across = slope([u + step, v], [u - step, v]);
                let down = slope([u, v + step], [u, v - step]);
                let error = theirs + self.stops - here.stops[i];
                let part = (error / reach).powi(2);
                if part >= 1.0 {
                    continue;
                }
                let weight = f64::from(weight * here.weights[i] * (1.0 - part).powi(2));
                let [x, y] = place;
                let z = (1.0 + self.h[6] * x + self.h[7] * y).max(0.1);
                let (ax, dn) = (across / z, down / z);
                let both = -(ax * u + dn * v);
                let mut row = [ax * x, ax * y, ax, dn * x, dn * y, dn, both * x, both * y, 1.0];
                row[fitted..8].fill(0.0);
                for j in 0..FITTED {
                    b[j] -= weight * f64::from(row[j] * error);
                    (0..FITTED).for_each(|k| a[j][k] += weight * f64::from(row[j] * row[k]));
                }
            }
            for (j, row) in a.iter_mut().enumerate() {
                row[j] = row[j] * 1.001 + 1e-6;
            }
            let change = solve(a, b)?;
            self.h.iter_mut().zip(change).for_each(|(h, change)| *h += change as f32);
            self.stops += change[FITTED - 1] as f32;
        }
        (self.h.iter().all(|h| h.is_finite()) && self.h[6].hypot(self.h[7]) < 0.8).then_some(())
    }
}

/// Gauss's elimination with pivots; none where the numbers do not determine each other.
fn solve(mut a: [[f64; FITTED]; FITTED], mut b: [f64; FITTED]) -> Option<[f64; FITTED]> {
    for column in 0..FITTED {
        let pivot =
            (column..FITTED).max_by(|&i, &j| a[i][column].abs().total_cmp(&a[j][column].abs()))?;
        a.swap(column, pivot);
        b.swap(column, pivot);
        if a[column][column].abs() < 1e-12 {
            return None;
        }
        for row in column + 1..FITTED {
            let by = a[row][column] / a[column][column];
            (column..FITTED).for_each(|k| a[row][k] -= by * a[column][k]);
            b[row] -= by * b[column];
        }
    }
    let mut x = [0.0; FITTED];
    for row in (0..FITTED).rev() {
        let rest: f64 = (row + 1..FITTED).map(|k| a[row][k] * x[k]).sum();
        x[row] = (b[row] - rest) / a[row][row];
    }
    Some(x)
}

#[cfg(test)]
mod tests {
    use super::*;
    use relume_media::pan::{Pan, PanOptions, Scene};

    #[test]
    fn it_finds_the_turn_of_a_camera() {
        let options = PanOptions {
            width: 256,
            height: 128,
            frames: 40,
            field_deg: [50.0, 85.0],
            curve_share: 0.0,
            thing_share: 0.3,
            ..PanOptions::default()
        };
        let (mut near, mut all, mut refused) = (0, 0, 0);
        for seed in 0..10 {
            let scene = Scene::procedural(30 + seed);
            let pan = Pan::new(seed, &scene, &options);
            let cells = |t: usize| Cells::of(&Signals::of(&pan.frame(t).unwrap().picture));
            for (t, r) in [(30, 22), (38, 8)] {
                let motion = pan.motion(t, r);
                let visible: f32 = motion.visible.values.iter().sum();
                if visible < 0.3 * 256.0 * 128.0 {
                    continue;
                }
                let Some(whole) = Whole::between(&cells(t), &cells(r)) else {
                    refused += 1;
                    continue;
                };
                for i in (0..256 * 128).step_by(97).filter(|i| motion.visible.values[*i] > 0.5) {
                    let (x, y) = ((i % 256) as f32 + 0.5, (i / 256) as f32 + 0.5);
                    let there = whole.at([x / 128.0 - 1.0, (y - 64.0) / 128.0]);
                    let right = (there[0] + 1.0) * 128.0 - x - motion.right.values[i];
                    let down = there[1] * 128.0 + 64.0 - y - motion.down.values[i];
                    near += usize::from(right.hypot(down) < 4.0);
                    all += 1;
                }
            }
        }
        assert!(
            all > 1000 && 10 * near > 8 * all && refused <= 6,
            "{near} of {all}, {refused} refused"
        );
    }
}
