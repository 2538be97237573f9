//! Convolutions of single pixels: a matrix times a vector for every picture.

use super::ConvShape;
use crate::isa::vectorised;

/// Sums beside each other in a product of vectors.
const LANES: usize = 16;

/// Whether pictures have one pixel, and the kernel too.
pub(super) fn serves(shape: &ConvShape) -> bool {
    (shape.kernel, shape.padding, shape.height, shape.width) == (1, 0, 1, 1)
}

/// `out[n][c_out] = bias + sum over c_in of weight[c_out][c_in] * x[n][c_in]`.
pub(super) fn forward(
    shape: &ConvShape,
    x: &[f32],
    weight: &[f32],
    bias: Option<&[f32]>,
    out: &mut [f32],
) {
    vectorised(|| {
        for (x, out) in x.chunks_exact(shape.c_in).zip(out.chunks_exact_mut(shape.c_out)) {
            for (row, (out, weight)) in
                out.iter_mut().zip(weight.chunks_exact(shape.c_in)).enumerate()
            {
                *out = dot(x, weight) + bias.map_or(0.0, |bias| bias[row]);
            }
        }
    });
}

#[inline(always)]
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0_f32; LANES];
    let (whole_a, whole_b) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let rest = whole_a.remainder().iter().zip(whole_b.remainder());
    let rest = rest.map(|(a, b)| a * b).sum::<f32>();
    for (a, b) in whole_a.zip(whole_b) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum += a * b;
        }
    }
    sums.iter().sum::<f32>() + rest
}

/// `dx[n][c_in] = sum over c_out of dy[n][c_out] * weight[c_out][c_in]`.
pub(super) fn input_gradient(shape: &ConvShape, dy: &[f32], weight: &[f32], dx: &mut [f32]) {
    vectorised(|| {
        for (dy, dx) in dy.chunks_exact(shape.c_out).zip(dx.chunks_exact_mut(shape.c_in)) {
            dx.fill(0.0);
            for (&dy, weight) in dy.iter().zip(weight.chunks_exact(shape.c_in)) {
                dx.iter_mut().zip(weight).for_each(|(dx, weight)| *dx += dy * weight);
            }
        }
    });
}

/// `dweight[c_out][c_in] = sum over n of dy[n][c_out] * x[n][c_in]`.
pub(super) fn weight_gradient(shape: &ConvShape, x: &[f32], dy: &[f32], dweight: &mut [f32]) {
    vectorised(|| {
        dweight.fill(0.0);
        for (x, dy) in x.chunks_exact(shape.c_in).zip(dy.chunks_exact(shape.c_out)) {
            for (&dy, dweight) in dy.iter().zip(dweight.chunks_exact_mut(shape.c_in)) {
                dweight.iter_mut().zip(x).for_each(|(dweight, x)| *dweight += dy * x);
            }
        }
    });
}
