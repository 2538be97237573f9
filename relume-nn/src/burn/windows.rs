//! Attention within windows, and hue, saturation and value, on tensors.

use burn::tensor::{Int, Tensor, TensorData, activation};

use crate::windows::Windows;

/// `[n, 3 c, h, w]` to `[n, c, h, w]`; `table` is flat.
pub(super) fn attend(windows: Windows, x: Tensor<4>, table: Tensor<1>) -> Tensor<4> {
    let Windows { heads, window, .. } = windows;
    let (shift, area) = (windows.shift(), windows.area());
    let [n, channels, h, w] = x.dims();
    let channels = channels / 3;
    let (rows, columns) = (h / window, w / window);
    let (count, each) = (rows * columns, channels / heads);
    // A window becomes a sample, its pixels the last axis.
    let apart = roll(roll(x, 2, shift), 3, shift)
        .reshape([n, 3 * channels, rows, window, columns, window])
        .permute([0, 2, 4, 1, 3, 5])
        .reshape([n * count, 3 * heads, each, area]);
    let part = |which: usize| apart.clone().narrow(1, which * heads, heads);
    let scores = part(0).swap_dims(2, 3).matmul(part(1)) / (each as f64).sqrt();
    let device = scores.device();
    let (tables, length) = (windows.tables(), windows.table() * windows.table());
    let place = |i: usize| windows.place(i % (area * area) / area, i % area);
    let places: Vec<i64> =
        (0..tables * area * area).map(|i| (i / (area * area) * length + place(i)) as i64).collect();
    let places = TensorData::new(places, [tables * area * area]);
    let places = Tensor::<1, Int>::from_data(places, &device);
    let scores = scores + table.select(0, places).reshape([1, tables, area, area]);
    let mask = (0..count).flat_map(|i| windows.mask((i / columns, i % columns), (rows, columns)));
    let mask = TensorData::new(mask.collect::<Vec<f32>>(), [1, count, area * area]);
    let mask = Tensor::<3>::from_data(mask, &device).expand([n, count, area * area]);
    let scores = scores + mask.reshape([n * count, 1, area, area]);
    let mixed = part(2).matmul(activation::softmax(scores, 3).swap_dims(2, 3));
    let together = mixed
        .reshape([n, rows, columns, channels, window, window])
        .permute([0, 3, 1, 4, 2, 5])
        .reshape([n, channels, h, w]);
    roll(roll(together, 2, h - shift), 3, w - shift)
}

/// What comes first along an axis goes to its end.
fn roll(x: Tensor<4>, axis: usize, by: usize) -> Tensor<4> {
    let length = x.dims()[axis];
    match by % length {
        0 => x,
        by => {
            let first = x.clone().narrow(axis, 0, by);
            Tensor::cat(vec![x.narrow(axis, by, length - by), first], axis)
        }
    }
}

/// [`hsv::from_rgb`](crate::hsv::from_rgb).
pub(super) fn to_hsv(x: Tensor<4>) -> Tensor<4> {
    let [r, g, b] = [0, 1, 2].map(|c| x.clone().narrow(1, c, 1));
    let most = x.clone().max_dim(1);
    let span = most.clone() - x.min_dim(1);
    let grey = span.clone().equal_elem(0.0);
    let below = span.clone().mask_fill(grey.clone(), 1.0);
    let red = (g.clone() - b.clone()) / below.clone();
    let red = red.clone().mask_where(red.clone().lower_elem(0.0), red + 6.0);
    let green = (b.clone() - r.clone()) / below.clone() + 2.0;
    let blue = (r.clone() - g.clone()) / below + 4.0;
    let hue = blue.mask_where(g.equal(most.clone()), green);
    let hue = hue.mask_where(r.equal(most.clone()), red).mask_fill(grey, 0.0) / 6.0;
    let black = most.clone().equal_elem(0.0);
    let saturation = span / most.clone().mask_fill(black, 1.0);
    Tensor::cat(vec![hue, saturation, most], 1)
}

/// [`hsv::to_rgb`](crate::hsv::to_rgb), as one formula for all sextants.
pub(super) fn from_hsv(x: Tensor<4>) -> Tensor<4> {
    let [hue, saturation, value] = [0, 1, 2].map(|c| x.clone().narrow(1, c, 1));
    let chroma = value.clone() * saturation;
    let channel = |first: f64| {
        let place = (hue.clone() * 6.0 + first).remainder_scalar(6.0);
        let fall = place.clone().min_pair(place.neg() + 4.0).clamp(0.0, 1.0);
        value.clone() - chroma.clone() * fall
    };
    Tensor::cat(vec![channel(5.0), channel(3.0), channel(1.0)], 1)
}
