//! Layers that find one picture in another, and what is made of that, as plain loops.

use crate::graph::Node;
use crate::layer::Layer;
use crate::recover::recover_pixel;
use crate::reference::parameter;
use crate::tensor::Tensor;
use crate::weights::Weights;

/// One of these layers on whole inputs.
pub(crate) fn apply(node: &Node, weights: &Weights, inputs: &[&Tensor]) -> Tensor {
    let number = |suffix| parameter(weights, node, suffix)[0];
    match node.layer {
        Layer::Warp => warp(inputs[0], inputs[1]),
        Layer::Correlate(radius) => correlate(inputs[0], inputs[1], radius),
        Layer::Match { radius } => find(inputs, radius, ["burnt", "certain", "cycle"].map(number)),
        Layer::Propagate => propagate(inputs, number("reach")),
        _ => recover(inputs),
    }
}

/// `x` at the places that `motion` points to; bilinear, 0 outside.
pub(crate) fn warp(x: &Tensor, motion: &Tensor) -> Tensor {
    let [_, _, height, width] = x.shape;
    Tensor::from_fn(x.shape, |n, c, y, i| {
        let (across, down) = (i as f32 + motion.at(n, 0, y, i), y as f32 + motion.at(n, 1, y, i));
        let (left, top) = (across.floor(), down.floor());
        let corner = |row: f32, column: f32| {
            let inside =
                row >= 0.0 && column >= 0.0 && row < height as f32 && column < width as f32;
            if inside { x.at(n, c, row as usize, column as usize) } else { 0.0 }
        };
        let (share_x, share_y) = (across - left, down - top);
        let row =
            |row: f32| corner(row, left) * (1.0 - share_x) + corner(row, left + 1.0) * share_x;
        row(top) * (1.0 - share_y) + row(top + 1.0) * share_y
    })
}

/// Mean over the channels of `a · b`, `b` moved by up to `radius` pixels.
pub(crate) fn correlate(a: &Tensor, b: &Tensor, radius: usize) -> Tensor {
    let [n, channels, height, width] = a.shape;
    let side = 2 * radius + 1;
    Tensor::from_fn([n, side * side, height, width], |n, place, y, i| {
        let (row, column) =
            ((y + place / side).wrapping_sub(radius), (i + place % side).wrapping_sub(radius));
        if row >= height || column >= width {
            return 0.0;
        }
        let product = |c| f64::from(a.at(n, c, y, i)) * f64::from(b.at(n, c, row, column));
        ((0..channels).map(product).sum::<f64>() / channels as f64) as f32
    })
}

/// Shares that add up to 1, in the order of the scores.
fn softmax(scores: &[f64]) -> Vec<f64> {
    let largest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let shares: Vec<f64> = scores.iter().map(|score| (score - largest).exp()).collect();
    let sum: f64 = shares.iter().sum();
    shares.into_iter().map(|share| share / sum).collect()
}

/// Scaled dot products of every query (rows) with every key (columns) of sample `n`.
fn scores(queries: &Tensor, keys: &Tensor, n: usize) -> Vec<Vec<f64>> {
    let [_, channels, height, width] = queries.shape;
    let count = height * width;
    let at = |x: &Tensor, c, place: usize| f64::from(x.at(n, c, place / width, place % width));
    let score = |q: usize, k: usize| {
        let product = |c| at(queries, c, q) * at(keys, c, k);
        (0..channels).map(product).sum::<f64>() / (channels as f64).sqrt()
    };
    (0..count).map(|q| (0..count).map(|k| score(q, k)).collect()).collect()
}

/// Motion and confidence: see [`Layer::Match`](crate::Layer::Match). `inputs` are queries, keys and
/// burnt keys.
pub(crate) fn find(inputs: &[&Tensor], radius: usize, [burnt, certain, cycle]: [f32; 3]) -> Tensor {
    let [samples, _, height, width] = inputs[0].shape;
    let count = height * width;
    let place = |i: usize| [(i % width) as f64, (i / width) as f64];
    let mut out = Tensor::zeros([samples, 3, height, width]);
    for n in 0..samples {
        let mut scores = scores(inputs[0], inputs[1], n);
        for row in &mut scores {
            for (k, score) in row.iter_mut().enumerate() {
                *score -= f64::from(burnt.abs() * inputs[2].at(n, 0, k / width, k % width));
            }
        }
        // Where each key would be found.
        let back: Vec<[f64; 2]> = (0..count)
            .map(|k| {
                let column: Vec<f64> = scores.iter().map(|row| row[k]).collect();
                expected(&softmax(&column), place)
            })
            .collect();
        for (q, row) in scores.iter().enumerate() {
            let best = (0..count).fold(0, |best, k| if row[k] > row[best] { k } else { best });
            let near = |k: usize| {
                let (dx, dy) =
                    ((k % width).abs_diff(best % width), (k / width).abs_diff(best / width));
                dx <= radius && dy <= radius
            };
            let local: Vec<f64> =
                (0..count).map(|k| if near(k) { row[k] } else { f64::NEG_INFINITY }).collect();
            let shares = softmax(&local);
            let (there, home) = (expected(&shares, place), expected(&shares, |k| back[k]));
            let own = place(q);
            let missed = ((home[0] - own[0]).powi(2) + (home[1] - own[1]).powi(2) + 1e-6).sqrt();
            let sure = f64::from(certain) - f64::from(cycle.abs()) * missed;
            let values = [there[0] - own[0], there[1] - own[1], 1.0 / (1.0 + (-sure).exp())];
            for (c, value) in values.into_iter().enumerate() {
                *out.at_mut(n, c, q / width, q % width) = value as f32;
            }
        }
    }
    out
}

/// The mean of what `at` says of each, by its share.
fn expected(shares: &[f64], at: impl Fn(usize) -> [f64; 2]) -> [f64; 2] {
    let add = |sum: [f64; 2], (i, share): (usize, &f64)| {
        let value = at(i);
        [sum[0] + share * value[0], sum[1] + share * value[1]]
    };
    shares.iter().enumerate().fold([0.0; 2], add)
}

/// Motion borrowed from like, near and sure pixels. `inputs` are queries, keys and motion.
pub(crate) fn propagate(inputs: &[&Tensor], reach: f32) -> Tensor {
    let motion = inputs[2];
    let [samples, _, height, width] = motion.shape;
    let count = height * width;
    let spread = 2.0 * (2.0 * f64::from(reach)).exp();
    let mut out = Tensor::zeros(motion.shape);
    for n in 0..samples {
        for (q, row) in scores(inputs[0], inputs[1], n).into_iter().enumerate() {
            let score = |(k, score): (usize, f64)| {
                let (dx, dy) = ((k % width).abs_diff(q % width), (k / width).abs_diff(q / width));
                let sure = f64::from(motion.at(n, 2, k / width, k % width)) + 1e-4;
                score - (dx * dx + dy * dy) as f64 / spread + sure.ln()
            };
            let shares = softmax(&row.into_iter().enumerate().map(score).collect::<Vec<_>>());
            for c in 0..3 {
                let at = |k: usize| f64::from(motion.at(n, c, k / width, k % width));
                let mean: f64 = (0..count).map(|k| shares[k] * at(k)).sum();
                *out.at_mut(n, c, q / width, q % width) = mean as f32;
            }
        }
    }
    out
}

/// Light above the clip level, pixel by pixel. `inputs` are light, clipping, another picture's light,
/// its validity, and the decisions.
pub(crate) fn recover(inputs: &[&Tensor]) -> Tensor {
    let [light, clipping, copied, validity, decisions] = inputs else { return inputs[0].clone() };
    Tensor::from_fn(light.shape, |n, c, y, i| {
        let of = |x: &Tensor, c| x.at(n, c, y, i);
        let share = crate::recover::copied_share(of(decisions, 3), of(validity, 0));
        recover_pixel(of(light, c), of(clipping, c), of(copied, c), share, of(decisions, c))
    })
}
