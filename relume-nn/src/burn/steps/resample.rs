//! Rows and columns made of mixtures of others: enlarging, and halving behind a blur.

use rayon::prelude::*;
use relume_kernels::vectorised;

use crate::burn::host::{Array, Gradient, INPUTS, Outer, Step, buffer};
use crate::reference::{enlarge_taps, halve_taps};

/// A linear map along rows and columns.
#[derive(Clone, Copy, Debug)]
pub(in crate::burn) enum Resample {
    /// Bilinear enlargement by a whole factor.
    Enlarge(usize),
    /// Half the size behind a blur.
    Halve,
}

/// For every pixel of an axis: the pixels it is made of, and their shares.
type Taps = Vec<[(usize, f32); 3]>;

impl Resample {
    fn taps(self, length: usize) -> Taps {
        match self {
            Self::Halve => (0..length / 2).map(|i| halve_taps(i, length)).collect(),
            Self::Enlarge(r) => (0..length * r)
                .map(|i| {
                    let (first, second, share) = enlarge_taps(i, r, length);
                    [(first, 1.0 - share), (second, share), (first, 0.0)]
                })
                .collect(),
        }
    }
}

/// `to = sum of shares times rows of from`, rows of `width` numbers.
fn down(rows: &Taps, width: usize, from: &[f32], to: &mut [f32]) {
    for (taps, to) in rows.iter().zip(to.chunks_exact_mut(width)) {
        let [a, b, c] = taps.map(|(row, _)| &from[row * width..][..width]);
        let [p, q, r] = taps.map(|(_, share)| share);
        for (i, to) in to.iter_mut().enumerate() {
            *to = p * a[i] + q * b[i] + r * c[i];
        }
    }
}

/// The adjoint of [`down`]; `to` is overwritten.
fn back_down(rows: &Taps, width: usize, from: &[f32], to: &mut [f32]) {
    to.fill(0.0);
    for (taps, from) in rows.iter().zip(from.chunks_exact(width)) {
        for &(row, share) in taps {
            let to = &mut to[row * width..][..width];
            to.iter_mut().zip(from).for_each(|(to, from)| *to += share * from);
        }
    }
}

impl Step for Resample {
    fn forward(&self, inputs: &[Array<'_>]) -> (Vec<f32>, [usize; 4]) {
        let x = inputs[0];
        let [n, c, h, w] = x.shape;
        let (rows, columns) = (self.taps(h), self.taps(w));
        let size = rows.len() * columns.len();
        let mut out = buffer(n * c * size);
        let planes = out.par_chunks_mut(size).zip(x.values.par_chunks(h * w));
        planes.for_each_init(Vec::new, |between, (out, x)| {
            between.resize(rows.len() * w, 0.0);
            vectorised(|| {
                down(&rows, w, x, between);
                for (from, to) in between.chunks_exact(w).zip(out.chunks_exact_mut(columns.len())) {
                    for (to, [(a, p), (b, q), (c, r)]) in to.iter_mut().zip(&columns) {
                        *to = p * from[*a] + q * from[*b] + r * from[*c];
                    }
                }
            });
        });
        (out, [n, c, rows.len(), columns.len()])
    }

    fn backward(&self, outer: &Outer<'_>) -> [Gradient; INPUTS] {
        let [_, _, h, w] = outer.inputs[0].shape;
        let (rows, columns) = (self.taps(h), self.taps(w));
        let size = rows.len() * columns.len();
        let mut dx = buffer(outer.inputs[0].values.len());
        let planes = dx.par_chunks_mut(h * w).zip(outer.gradient.par_chunks(size));
        planes.for_each_init(Vec::new, |between, (dx, dy)| {
            between.clear();
            between.resize(rows.len() * w, 0.0_f32);
            for (to, from) in between.chunks_exact_mut(w).zip(dy.chunks_exact(columns.len())) {
                for (from, taps) in from.iter().zip(&columns) {
                    taps.iter().for_each(|(at, share)| to[*at] += share * from);
                }
            }
            vectorised(|| back_down(&rows, w, between, dx));
        });
        [Gradient::Of(dx), Gradient::None, Gradient::None, Gradient::None]
    }
}
