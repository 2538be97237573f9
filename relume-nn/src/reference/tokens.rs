//! Layers that see their input as a row of tokens.

use crate::tensor::Tensor;

/// Scaled dot-product attention over all pixels, row by row; `x` is `[n, 3c, h, w]`.
pub(crate) fn attention(x: &Tensor, heads: usize, causal: bool) -> Tensor {
    let [n, all, h, w] = x.shape;
    let (channels, count) = (all / 3, h * w);
    let each = channels / heads;
    let at = |n, c, place: usize| f64::from(x.at(n, c, place / w, place % w));
    let mut out = Tensor::zeros([n, channels, h, w]);
    for sample in 0..n {
        for head in 0..heads {
            for query in 0..count {
                let seen = if causal { query + 1 } else { count };
                let score = |key: usize| {
                    let channels = head * each..(head + 1) * each;
                    let product = |c: usize| at(sample, c, query) * at(sample, all / 3 + c, key);
                    channels.map(product).sum::<f64>() / (each as f64).sqrt()
                };
                let scores: Vec<f64> = (0..seen).map(score).collect();
                let largest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                let shares: Vec<f64> = scores.iter().map(|s| (s - largest).exp()).collect();
                let sum: f64 = shares.iter().sum();
                for c in head * each..(head + 1) * each {
                    let value =
                        |(key, share): (usize, &f64)| share * at(sample, 2 * channels + c, key);
                    let mixed: f64 = shares.iter().enumerate().map(value).sum();
                    *out.at_mut(sample, c, query / w, query % w) = (mixed / sum) as f32;
                }
            }
        }
    }
    out
}

/// All pixels in one row behind the `class` token (none if empty), each with its offset of
/// `offsets`, `[count, c]`.
pub(crate) fn row(x: &Tensor, class: &[f32], offsets: &[f32]) -> Tensor {
    let [n, channels, _, w] = x.shape;
    let first = usize::from(!class.is_empty());
    Tensor::from_fn([n, channels, 1, offsets.len() / channels], |n, c, _, place| {
        let token = match place.checked_sub(first) {
            Some(pixel) => x.at(n, c, pixel / w, pixel % w),
            None => class[c],
        };
        token + offsets[place * channels + c]
    })
}

/// The vectors of `table`, `[words, width]`, for the numbers `[n, 1, 1, length]`; numbers beyond the
/// last word mean the last.
pub(crate) fn embed(x: &Tensor, table: &[f32], width: usize) -> Tensor {
    let last = table.len() / width - 1;
    Tensor::from_fn([x.shape[0], width, 1, x.shape[3]], |n, c, _, place| {
        table[(x.at(n, 0, 0, place) as usize).min(last) * width + c]
    })
}

/// One pixel of the only row.
pub(crate) fn place(x: &Tensor, place: usize) -> Tensor {
    Tensor::from_fn([x.shape[0], x.shape[1], 1, 1], |n, c, _, _| x.at(n, c, 0, place))
}
