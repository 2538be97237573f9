//! Host tensors: what goes into a graph and what comes out.

use std::collections::BTreeMap;

/// Named inputs of a run.
pub type Feeds = BTreeMap<String, Tensor>;

/// A contiguous `f32` tensor `[n, c, h, w]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Tensor {
    /// Samples, channels, rows, columns.
    pub shape: [usize; 4],
    /// Row-major values.
    pub values: Vec<f32>,
}

impl Tensor {
    /// All zeros.
    pub fn zeros(shape: [usize; 4]) -> Self {
        Self { shape, values: vec![0.0; shape.iter().product()] }
    }

    /// A tensor from its values.
    ///
    /// # Panics
    /// When the number of values does not fit the shape: a mistake of the caller.
    pub fn new(shape: [usize; 4], values: Vec<f32>) -> Self {
        assert_eq!(values.len(), shape.iter().product::<usize>(), "values do not fill {shape:?}");
        Self { shape, values }
    }

    /// One sample of `values`, shape `[1, len, 1, 1]`: how scalars enter a graph.
    pub fn scalars(values: &[f32]) -> Self {
        Self::new([1, values.len(), 1, 1], values.to_vec())
    }

    /// The value at `[n, c, y, x]`.
    pub fn at(&self, n: usize, c: usize, y: usize, x: usize) -> f32 {
        let [_, channels, height, width] = self.shape;
        self.values[((n * channels + c) * height + y) * width + x]
    }

    /// Mutable access to the value at `[n, c, y, x]`.
    pub fn at_mut(&mut self, n: usize, c: usize, y: usize, x: usize) -> &mut f32 {
        let [_, channels, height, width] = self.shape;
        &mut self.values[((n * channels + c) * height + y) * width + x]
    }

    /// A tensor whose value at `[n, c, y, x]` is `f(n, c, y, x)`.
    pub fn from_fn(
        shape: [usize; 4],
        mut f: impl FnMut(usize, usize, usize, usize) -> f32,
    ) -> Self {
        let mut values = Vec::with_capacity(shape.iter().product());
        for n in 0..shape[0] {
            for c in 0..shape[1] {
                for y in 0..shape[2] {
                    for x in 0..shape[3] {
                        values.push(f(n, c, y, x));
                    }
                }
            }
        }
        Self { shape, values }
    }

    /// The largest absolute difference to `other`.
    ///
    /// # Panics
    /// When the shapes differ.
    pub fn max_difference(&self, other: &Self) -> f32 {
        assert_eq!(self.shape, other.shape);
        self.values.iter().zip(&other.values).fold(0.0, |worst, (a, b)| worst.max((a - b).abs()))
    }
}
