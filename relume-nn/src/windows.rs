//! Attention within windows, every second time shifted by half a window (Liu et al. 2021, Swin).
//!
//! Queries, keys and values come as one tensor `[n, 3 · c, h, w]`, in this order, each with its heads
//! one after the other. One table of biases by relative place serves all heads, or each has its own.

use crate::Array;

/// Where attention looks: windows of `window` × `window` pixels, on a grid that divides the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Windows {
    /// Groups of channels with scores of their own.
    pub heads: usize,
    /// Side of a window in pixels.
    pub window: usize,
    /// Whether the picture is rolled by half a window first; what was torn apart does not mix.
    pub shifted: bool,
    /// Whether every head has a table of biases of its own, instead of one for all.
    pub own_tables: bool,
}

impl Windows {
    /// Pixels by which the picture is rolled up and to the left.
    pub fn shift(self) -> usize {
        if self.shifted { self.window / 2 } else { 0 }
    }

    /// Pixels of a window.
    pub fn area(self) -> usize {
        self.window * self.window
    }

    /// Side of the table of biases.
    pub fn table(self) -> usize {
        2 * self.window - 1
    }

    /// Shape of all tables of biases.
    pub fn table_shape(self) -> Vec<usize> {
        let one = [self.table(); 2];
        if self.own_tables { vec![self.heads, one[0], one[1]] } else { one.into() }
    }

    /// Tables of biases: one, or one for each head.
    pub fn tables(self) -> usize {
        if self.own_tables { self.heads } else { 1 }
    }

    /// Place in the table of biases for a query and a key, both counted row by row in the window.
    pub fn place(self, query: usize, key: usize) -> usize {
        let s = self.window;
        let (row, column) = (key / s + s - 1 - query / s, key % s + s - 1 - query % s);
        row * self.table() + column
    }

    /// The biases of every table for queries and keys, `[tables, area, area]`.
    pub(crate) fn biases(self, table: &[f32]) -> Vec<f32> {
        let (area, each) = (self.area(), self.table() * self.table());
        let of = |table: &[f32], i: usize| table[self.place(i / area, i % area)];
        let tables = table.chunks_exact(each);
        tables.flat_map(|table| (0..area * area).map(move |i| of(table, i))).collect()
    }

    /// Whether a query may see a key in the window at `row`, `column` of a grid of so many `rows`
    /// and `columns` of windows.
    pub fn sees(self, query: usize, key: usize, at: (usize, usize), grid: (usize, usize)) -> bool {
        let torn = |a: usize, b: usize| {
            let edge = self.window - self.shift();
            self.shifted && (a >= edge) != (b >= edge)
        };
        let s = self.window;
        let below = at.0 + 1 == grid.0 && torn(query / s, key / s);
        let beside = at.1 + 1 == grid.1 && torn(query % s, key % s);
        !below && !beside
    }

    /// What is added to the scores of the window at `at`, `[area, area]`: 0 or −∞.
    pub fn mask(self, at: (usize, usize), grid: (usize, usize)) -> Vec<f32> {
        let area = self.area();
        let one = |i: usize| {
            if self.sees(i / area, i % area, at, grid) { 0.0 } else { f32::NEG_INFINITY }
        };
        (0..area * area).map(one).collect()
    }

    /// The masks that published checkpoints hold beside the parameters: of the last row of windows
    /// and of the last column.
    pub fn constants(self) -> Vec<(&'static str, Array)> {
        if !self.shifted {
            return Vec::new();
        }
        let shape = vec![self.area(); 2];
        let array = |at| Array { shape: shape.clone(), values: self.mask(at, (2, 2)) };
        vec![("upper_lower_mask", array((1, 0))), ("left_right_mask", array((0, 1)))]
    }
}

/// Queries, keys and values of one head in one window, `[area, each]`.
pub(crate) struct Head {
    pub(crate) queries: Vec<f32>,
    pub(crate) keys: Vec<f32>,
    pub(crate) values: Vec<f32>,
}

impl Head {
    /// What each query takes of the values, `[area, each]`: `extra` is added to the scores
    /// `[area, area]`. Sums in `f64`.
    pub(crate) fn attend(&self, extra: &[f32]) -> Vec<f32> {
        let area = (extra.len() as f64).sqrt().round() as usize;
        let each = self.queries.len() / area;
        let scale = 1.0 / (each as f64).sqrt();
        let mut out = Vec::with_capacity(self.queries.len());
        for (query, extra) in self.queries.chunks_exact(each).zip(extra.chunks_exact(area)) {
            let dot = |key: &[f32]| -> f64 {
                query.iter().zip(key).map(|(q, k)| f64::from(*q) * f64::from(*k)).sum()
            };
            let scores = self.keys.chunks_exact(each).zip(extra);
            let scores: Vec<f64> =
                scores.map(|(key, extra)| dot(key) * scale + f64::from(*extra)).collect();
            let largest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let shares: Vec<f64> = scores.iter().map(|score| (score - largest).exp()).collect();
            let sum: f64 = shares.iter().sum();
            let mut mixed = vec![0.0_f64; each];
            for (value, share) in self.values.chunks_exact(each).zip(&shares) {
                mixed.iter_mut().zip(value).for_each(|(to, v)| *to += share * f64::from(*v));
            }
            out.extend(mixed.iter().map(|v| (v / sum) as f32));
        }
        out
    }
}

/// Runs attention over one sample: `at(c, y, x)` reads queries, keys and values, `put` takes the
/// result; `size` is height and width, `channels` those of the result.
pub(crate) fn attend(
    windows: Windows,
    table: &[f32],
    (channels, size): (usize, (usize, usize)),
    at: impl Fn(usize, usize, usize) -> f32,
    mut put: impl FnMut(usize, usize, usize, f32),
) {
    let Windows { heads, window, .. } = windows;
    let (grid, each) = ((size.0 / window, size.1 / window), channels / heads);
    let area = windows.area();
    let bias = windows.biases(table);
    for place in 0..grid.0 * grid.1 {
        let corner = (place / grid.1, place % grid.1);
        let mask = windows.mask(corner, grid);
        let extra: Vec<Vec<f32>> = bias
            .chunks_exact(area * area)
            .map(|bias| bias.iter().zip(&mask).map(|(bias, mask)| bias + mask).collect())
            .collect();
        let pixel = |token: usize| {
            let y = corner.0 * window + token / window + windows.shift();
            let x = corner.1 * window + token % window + windows.shift();
            (y % size.0, x % size.1)
        };
        for head in 0..heads {
            let part = |which: usize| -> Vec<f32> {
                let first = which * channels + head * each;
                (0..area * each)
                    .map(|i| {
                        let (y, x) = pixel(i / each);
                        at(first + i % each, y, x)
                    })
                    .collect()
            };
            let read = Head { queries: part(0), keys: part(1), values: part(2) };
            let extra = &extra[head % extra.len()];
            for (i, value) in read.attend(extra).into_iter().enumerate() {
                let (y, x) = pixel(i / each);
                put(head * each + i % each, y, x, value);
            }
        }
    }
}
