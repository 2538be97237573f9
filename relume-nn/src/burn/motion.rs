//! Layers that find one picture in another, on tensors.

use burn::tensor::{Device, Int, Tensor, TensorData, activation};

use crate::recover::{GAIN_SHIFT, MOST_STOPS};

/// `x` at the places that `motion`, `[n, 2, h, w]` in pixels, points to; bilinear, 0 outside.
pub fn warp(x: Tensor<4>, motion: Tensor<4>) -> Tensor<4> {
    let [n, c, h, w] = x.dims();
    let place = |axis: usize| {
        let steps = if axis == 0 { [1, 1, 1, w] } else { [1, 1, h, 1] };
        motion.clone().narrow(1, axis, 1)
            + row(if axis == 0 { w } else { h }, &x.device()).reshape(steps)
    };
    let (across, down) = (place(0), place(1));
    let (left, top) = (across.clone().detach().floor(), down.clone().detach().floor());
    let (share_x, share_y) = (across - left.clone(), down - top.clone());
    let flat = x.reshape([n, c, h * w]);
    let corner = |right: f64, below: f64| {
        let (column, row) = (left.clone() + right, top.clone() + below);
        let inside = column
            .clone()
            .greater_equal_elem(0.0)
            .bool_and(column.clone().lower_elem(w as f64))
            .bool_and(row.clone().greater_equal_elem(0.0))
            .bool_and(row.clone().lower_elem(h as f64));
        let of = |share: &Tensor<4>, far: f64| match far > 0.0 {
            true => share.clone(),
            false => share.clone().neg() + 1.0,
        };
        let weight = of(&share_x, right) * of(&share_y, below) * inside.float();
        let column = column.clamp(0.0, (w - 1) as f64);
        let row = row.clamp(0.0, (h - 1) as f64);
        let index = (row * w as f64 + column).int().reshape([n, 1, h * w]).expand([n, c, h * w]);
        flat.clone().gather(2, index).reshape([n, c, h, w]) * weight
    };
    corner(0.0, 0.0) + corner(1.0, 0.0) + corner(0.0, 1.0) + corner(1.0, 1.0)
}

/// 0, 1, 2 … `length − 1`.
fn row(length: usize, device: &Device) -> Tensor<1> {
    let values: Vec<f32> = (0..length).map(|i| i as f32).collect();
    Tensor::from_data(TensorData::new(values, [length]), device)
}

/// Mean over the channels of `a · b`, `b` moved by up to `radius` pixels.
pub(super) fn correlate(a: Tensor<4>, b: Tensor<4>, radius: usize) -> Tensor<4> {
    let [n, c, h, w] = a.dims();
    let zeros = |h: usize, w: usize| Tensor::zeros([n, c, h, w], &a.device());
    let side = zeros(h, radius);
    let wide = Tensor::cat(vec![side.clone(), b, side], 3);
    let edge = zeros(radius, w + 2 * radius);
    let padded = Tensor::cat(vec![edge.clone(), wide, edge], 2);
    let side = 2 * radius + 1;
    let at = |place: usize| {
        let moved = padded.clone().narrow(2, place / side, h).narrow(3, place % side, w);
        (a.clone() * moved).mean_dim(1)
    };
    Tensor::cat((0..side * side).map(at).collect(), 1)
}

/// Column and row of every pixel, `[1, h · w, 2]`.
fn places(h: usize, w: usize, device: &Device) -> Tensor<3> {
    let values: Vec<f32> = (0..h * w).flat_map(|i| [(i % w) as f32, (i / w) as f32]).collect();
    Tensor::from_data(TensorData::new(values, [1, h * w, 2]), device)
}

/// Scaled dot products `[n, queries, keys]`.
fn scores(queries: Tensor<4>, keys: Tensor<4>) -> Tensor<3> {
    let [n, c, h, w] = queries.dims();
    let queries = queries.reshape([n, c, h * w]).swap_dims(1, 2);
    queries.matmul(keys.reshape([n, c, h * w])) / (c as f64).sqrt()
}

/// Pixels as rows `[n, h · w, c]` to planes.
fn planes(x: Tensor<3>, h: usize, w: usize) -> Tensor<4> {
    let [n, _, c] = x.dims();
    x.swap_dims(1, 2).reshape([n, c, h, w])
}

/// Motion and confidence: see [`Layer::Match`](crate::Layer::Match). `numbers` are burnt, certain and
/// cycle.
pub(super) fn find(
    [queries, keys, burnt]: [Tensor<4>; 3],
    radius: usize,
    numbers: [Tensor<1>; 3],
) -> Tensor<4> {
    let [n, _, h, w] = queries.dims();
    let (count, device) = (h * w, queries.device());
    let [burns, certain, cycle] = numbers;
    let penalty = burnt.reshape([n, 1, count]) * burns.abs().reshape([1, 1, 1]);
    let scores = scores(queries, keys) - penalty;
    let best: Tensor<3, Int> = scores.clone().detach().argmax(2);
    let best = best.float();
    let best_row = (best.clone() / w as f64).floor();
    let best_column = best - best_row.clone() * w as f64;
    let own = places(h, w, &device);
    let axis = |which: usize| own.clone().narrow(2, which, 1).swap_dims(1, 2);
    let far = |axis: Tensor<3>, best: Tensor<3>| (axis - best).abs().greater_elem(radius as f64);
    let out = far(axis(0), best_column).bool_or(far(axis(1), best_row));
    let local = scores.clone().mask_fill(out, -1e30);
    let shares = activation::softmax(local, 2);
    let there = shares.clone().matmul(own.clone().expand([n, count, 2]));
    let back = activation::softmax(scores, 1).swap_dims(1, 2);
    let back = back.matmul(own.clone().expand([n, count, 2]));
    let home = shares.matmul(back) - own.clone();
    let missed = ((home.clone() * home).sum_dim(2) + 1e-6).sqrt();
    let sure = certain.reshape([1, 1, 1]) - missed * cycle.abs().reshape([1, 1, 1]);
    let all = Tensor::cat(vec![there - own, activation::sigmoid(sure)], 2);
    planes(all, h, w)
}

/// Motion borrowed from like, near and sure pixels.
pub(super) fn propagate([queries, keys, motion]: [Tensor<4>; 3], reach: Tensor<1>) -> Tensor<4> {
    let [n, _, h, w] = queries.dims();
    let (count, device) = (h * w, queries.device());
    let apart: Vec<f32> = (0..count * count)
        .map(|i| {
            let (q, k) = (i / count, i % count);
            let (dx, dy) = ((k % w).abs_diff(q % w), (k / w).abs_diff(q / w));
            (dx * dx + dy * dy) as f32
        })
        .collect();
    let apart = Tensor::<3>::from_data(TensorData::new(apart, [1, count, count]), &device);
    let spread = ((reach * -2.0).exp() * 0.5).reshape([1, 1, 1]);
    let rows = motion.reshape([n, 3, count]).swap_dims(1, 2);
    let sure = (rows.clone().narrow(2, 2, 1).swap_dims(1, 2) + 1e-4).log();
    let scores = scores(queries, keys) - apart * spread + sure;
    planes(activation::softmax(scores, 2).matmul(rows), h, w)
}

/// Light above the clip level: see [`recover`](crate::recover).
pub(super) fn recover(inputs: Vec<Tensor<4>>) -> Option<Tensor<4>> {
    let [light, clipping, copied, validity, decisions] = <[_; 5]>::try_from(inputs).ok()?;
    let gain = activation::sigmoid(decisions.clone().narrow(1, 0, 3) - f64::from(GAIN_SHIFT));
    let stops = gain * clipping.clone() * f64::from(MOST_STOPS * std::f32::consts::LN_2);
    let invented = light.clone() * stops.exp();
    let share = activation::sigmoid(decisions.narrow(1, 3, 1)) * validity;
    let copied = copied.max_pair(light.clone());
    let lost = copied * share.clone() + invented * (share.neg() + 1.0);
    let mixed = (clipping.clone().neg() + 1.0) * light.clone() + clipping * lost;
    Some(mixed.max_pair(light))
}
