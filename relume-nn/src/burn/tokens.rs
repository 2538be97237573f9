//! Layers that see their input as a row of tokens.

use burn::tensor::{Int, Tensor, TensorData, activation};

/// Scaled dot-product attention over all pixels; `x` is `[n, 3c, h, w]`.
pub(super) fn attention(x: Tensor<4>, heads: usize, causal: bool) -> Tensor<4> {
    let [n, all, h, w] = x.dims();
    let (channels, count) = (all / 3, h * w);
    let each = channels / heads;
    // [n, heads, place, channel]
    let part = |index: usize| {
        let part = x.clone().narrow(1, index * channels, channels);
        part.reshape([n, heads, each, count]).swap_dims(2, 3)
    };
    let (queries, keys, values) = (part(0), part(1), part(2));
    let mut scores = queries.matmul(keys.swap_dims(2, 3)) / (each as f64).sqrt();
    if causal {
        let later = |i: usize| if i % count > i / count { -1e9 } else { 0.0 };
        let mask: Vec<f32> = (0..count * count).map(later).collect();
        let mask = TensorData::new(mask, [1, 1, count, count]);
        scores = scores + Tensor::from_data(mask, &x.device());
    }
    let mixed = activation::softmax(scores, 3).matmul(values);
    mixed.swap_dims(2, 3).reshape([n, channels, h, w])
}

/// All pixels in one row behind the `class` token, each with its offset of `offsets`, `[count, c]`.
pub(super) fn row(x: Tensor<4>, class: Option<Tensor<1>>, offsets: Tensor<2>) -> Tensor<4> {
    let [n, channels, h, w] = x.dims();
    let [count, _] = offsets.dims();
    let mut row = x.reshape([n, channels, 1, h * w]);
    if let Some(class) = class {
        let class = class.reshape([1, channels, 1, 1]).expand([n, channels, 1, 1]);
        row = Tensor::cat(vec![class, row], 3);
    }
    row + offsets.swap_dims(0, 1).reshape([1, channels, 1, count])
}

/// The vectors of `table`, `[words, width]`, for the numbers `[n, 1, 1, length]`; numbers beyond the
/// last word mean the last.
pub(super) fn embed(x: Tensor<4>, table: Tensor<2>) -> Tensor<4> {
    let [n, _, _, length] = x.dims();
    let [words, width] = table.dims();
    let numbers: Tensor<1, Int> = x.reshape([n * length]).clamp(0.0, (words - 1) as f64).int();
    let vectors = table.select(0, numbers).reshape([n, length, width]);
    vectors.swap_dims(1, 2).reshape([n, width, 1, length])
}
