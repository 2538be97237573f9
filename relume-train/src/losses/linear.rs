//! Linear maps along rows and columns, as matrices: differentiable and fast on every back end.

use burn::tensor::{Tensor, TensorData};

/// A matrix `[out, in]`.
pub(super) struct Matrix {
    shape: [usize; 2],
    values: Vec<f32>,
}

impl Matrix {
    /// The matrix with `f(row, column)`, `out` rows and `length` columns.
    pub(super) fn from_fn(out: usize, length: usize, f: impl Fn(usize, usize) -> f64) -> Self {
        let at = |i: usize| f(i / length, i % length) as f32;
        Self { shape: [out, length], values: (0..out * length).map(at).collect() }
    }

    /// `self · other`, in `f64`.
    pub(super) fn times(&self, other: &Self) -> Self {
        let ([out, inner], [_, length]) = (self.shape, other.shape);
        Self::from_fn(out, length, |i, j| {
            let product = |k: usize| {
                f64::from(self.values[i * inner + k]) * f64::from(other.values[k * length + j])
            };
            (0..inner).map(product).sum()
        })
    }

    /// Maps every column of the pictures `[n, c, in, w]` to `[n, c, out, w]`.
    pub(super) fn down(&self, x: Tensor<4>) -> Tensor<4> {
        let [out, length] = self.shape;
        let data = TensorData::new(self.values.clone(), [1, 1, out, length]);
        Tensor::from_data(data, &x.device()).matmul(x)
    }

    /// Maps every row of the pictures `[n, c, h, in]` to `[n, c, h, out]`.
    pub(super) fn across(&self, x: Tensor<4>) -> Tensor<4> {
        let [out, length] = self.shape;
        let transposed = Self::from_fn(length, out, |j, i| self.values[i * length + j].into());
        let data = TensorData::new(transposed.values, [1, 1, length, out]);
        let matrix = Tensor::from_data(data, &x.device());
        x.matmul(matrix)
    }
}

/// Maps rows and columns by the matrix that `make` gives for their length.
pub(super) fn both(x: Tensor<4>, make: impl Fn(usize) -> Matrix) -> Tensor<4> {
    let [_, _, h, w] = x.dims();
    let x = make(h).down(x);
    make(w).across(x)
}

/// Means of `side` × `side` blocks; rows and columns that fill no block are left out.
pub(super) fn pool(x: Tensor<4>, side: usize) -> Tensor<4> {
    if side == 1 {
        return x;
    }
    let [n, c, h, w] = x.dims();
    let (rows, columns) = (h / side, w / side);
    let x = x.narrow(2, 0, rows * side).narrow(3, 0, columns * side);
    let blocks = x.reshape([n, c, rows, side, columns, side]);
    blocks.mean_dim(5).mean_dim(3).reshape([n, c, rows, columns])
}

/// Differences of neighbours along `axis`, one fewer than there are values.
pub(super) fn steps(x: Tensor<4>, axis: usize) -> Tensor<4> {
    let length = x.dims()[axis] - 1;
    x.clone().narrow(axis, 1, length) - x.narrow(axis, 0, length)
}

/// A Gaussian of standard deviation `sigma` over `window` values, the valid area only.
pub(super) fn gaussian_valid(length: usize, window: usize, sigma: f64) -> Matrix {
    let middle = (window / 2) as f64;
    let weight = |i: usize| (-(i as f64 - middle).powi(2) / (2.0 * sigma * sigma)).exp();
    let sum: f64 = (0..window).map(weight).sum();
    Matrix::from_fn(length + 1 - window, length, |row, column| {
        let tap = column.wrapping_sub(row);
        if tap < window { weight(tap) / sum } else { 0.0 }
    })
}

/// A Gaussian of standard deviation `sigma` over the whole length; at the borders what is there
/// counts for what is not.
pub(super) fn gaussian_same(length: usize, sigma: f64) -> Matrix {
    let weight =
        |a: usize, b: usize| (-(a as f64 - b as f64).powi(2) / (2.0 * sigma * sigma)).exp();
    let sums: Vec<f64> =
        (0..length).map(|row| (0..length).map(|column| weight(row, column)).sum()).collect();
    Matrix::from_fn(length, length, |row, column| weight(row, column) / sums[row])
}
