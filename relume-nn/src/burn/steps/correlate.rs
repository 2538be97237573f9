//! Local correlation of two tensors.

use rayon::prelude::*;
use relume_kernels::vectorised;

use crate::burn::host::{Array, Gradient, INPUTS, Outer, Step, buffer};
use crate::motion::{correlate, overlap};

/// Products of the first input with the second moved by up to so many pixels.
#[derive(Debug)]
pub(in crate::burn) struct Correlate(pub(in crate::burn) usize);

impl Step for Correlate {
    fn forward(&self, inputs: &[Array<'_>]) -> (Vec<f32>, [usize; 4]) {
        let [n, c, h, w] = inputs[0].shape;
        let places = (2 * self.0 + 1) * (2 * self.0 + 1);
        let mut out = buffer(n * places * h * w);
        for (index, out) in out.chunks_exact_mut(places * h * w).enumerate() {
            let of = |input: Array<'_>| {
                index * c * h * w..input.values.len().min((index + 1) * c * h * w)
            };
            let (a, b) = (&inputs[0].values[of(inputs[0])], &inputs[1].values[of(inputs[1])]);
            correlate((a, b), (c, h, w), self.0, out);
        }
        (out, [n, places, h, w])
    }

    fn backward(&self, outer: &Outer<'_>) -> [Gradient; INPUTS] {
        let [a, b] = [0, 1].map(|i| outer.inputs[i].values);
        let [n, c, h, w] = outer.inputs[0].shape;
        let (side, share) = (2 * self.0 + 1, 1.0 / c as f32);
        let (mut da, mut db) = (buffer(a.len()), buffer(b.len()));
        let area = h * w;
        let planes = da.par_chunks_mut(area).zip(db.par_chunks_mut(area));
        debug_assert_eq!(a.len(), n * c * area);
        planes.enumerate().for_each(|(plane, (da, db))| {
            let gradient = &outer.gradient[plane / c * side * side * area..][..side * side * area];
            let (a, b) = (&a[plane * area..][..area], &b[plane * area..][..area]);
            da.fill(0.0);
            db.fill(0.0);
            vectorised(|| {
                for (place, gradient) in gradient.chunks_exact(area).enumerate() {
                    let by = |at: usize| at as isize - self.0 as isize;
                    let (rows, first_row) = overlap(h, by(place / side));
                    let (columns, first) = overlap(w, by(place % side));
                    for (y, other) in rows.zip(first_row..) {
                        let here = y * w + columns.start..y * w + columns.end;
                        let there = other * w + first..other * w + first + columns.len();
                        let dy = &gradient[here.clone()];
                        let to = da[here.clone()].iter_mut().zip(dy.iter().zip(&b[there.clone()]));
                        to.for_each(|(to, (dy, b))| *to += share * dy * b);
                        let to = db[there].iter_mut().zip(dy.iter().zip(&a[here]));
                        to.for_each(|(to, (dy, a))| *to += share * dy * a);
                    }
                }
            });
        });
        [Gradient::Of(da), Gradient::Of(db), Gradient::None, Gradient::None]
    }
}
