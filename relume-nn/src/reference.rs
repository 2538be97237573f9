//! The truth: every layer as plain loops, one value after the other, sums in `f64`.
//!
//! Slow on purpose. The other executors are compared with this one.

pub(crate) mod motion;
pub(crate) mod tokens;

use std::collections::BTreeMap;

use crate::graph::{Graph, Node};
use crate::layer::{Conv, Layer};
use crate::relight::Exposure;
use crate::tensor::{Feeds, Tensor};
use crate::weights::Weights;
use crate::windows::attend;
use crate::{Error, Result, Windows, hsv};

/// Computes the `wanted` outputs of `graph` for whole pictures.
///
/// # Errors
/// [`Error::Run`] when an output or feed is missing or of the wrong shape, [`Error::Weights`] when
/// the weights do not fit.
pub fn run(
    graph: &Graph,
    weights: &Weights,
    feeds: &Feeds,
    wanted: &[&str],
) -> Result<BTreeMap<String, Tensor>> {
    weights.check(graph)?;
    let outputs = graph.find_outputs(wanted)?;
    let needed = graph.needed(&outputs);
    let mut values: Vec<Option<Tensor>> = vec![None; graph.nodes().len()];
    for (index, node) in graph.nodes().iter().enumerate() {
        if !needed[index] {
            continue;
        }
        let value = if node.layer == Layer::Input {
            feed(graph, node, feeds)?.clone()
        } else {
            let inputs: Vec<&Tensor> =
                node.inputs.iter().filter_map(|id| values[id.0].as_ref()).collect();
            apply(node, weights, &inputs)
        };
        values[index] = Some(value);
    }
    let take = |(name, id): (&&str, &crate::NodeId)| {
        values[id.0].clone().map(|value| ((*name).to_owned(), value))
    };
    Ok(wanted.iter().zip(&outputs).filter_map(take).collect())
}

/// The feed of an input node, its channels checked.
pub(crate) fn feed<'a>(graph: &Graph, node: &Node, feeds: &'a Feeds) -> Result<&'a Tensor> {
    let value = feeds
        .get(&node.name)
        .ok_or_else(|| Error::Run(format!("{} needs the input {}", graph.name(), node.name)))?;
    let [_, channels, height, width] = value.shape;
    let (m, fits) = (graph.multiple(), channels == node.channels);
    let fits = fits
        && match node.extent {
            crate::Extent::Picture { down } => (height * down) % m == 0 && (width * down) % m == 0,
            crate::Extent::Fixed { height: h, width: w } => (height, width) == (h, w),
        };
    if fits {
        return Ok(value);
    }
    Err(Error::Run(format!(
        "input {} is {:?}; {} takes {} channels of {:?}, sides a multiple of {m}",
        node.name,
        value.shape,
        graph.name(),
        node.channels,
        node.extent
    )))
}

/// Parameter `suffix` of `node`.
pub(crate) fn parameter<'a>(weights: &'a Weights, node: &Node, suffix: &str) -> &'a [f32] {
    weights.get(&format!("{}.{suffix}", node.key)).map_or(&[], |array| &array.values)
}

/// One layer on whole inputs.
pub(crate) fn apply(node: &Node, weights: &Weights, inputs: &[&Tensor]) -> Tensor {
    if let Layer::Learned { samples, channels, length } = node.layer {
        let values = parameter(weights, node, "weight").to_vec();
        return Tensor::new([samples, channels, 1, length], values);
    }
    let x = inputs[0];
    match &node.layer {
        Layer::Input | Layer::Learned { .. } => x.clone(),
        Layer::Attention { heads, causal } => tokens::attention(x, *heads, *causal),
        Layer::Tokens { .. } => {
            let class = parameter(weights, node, "class_embedding");
            tokens::row(x, class, parameter(weights, node, "positional_embedding"))
        }
        Layer::Embed { .. } => tokens::embed(x, parameter(weights, node, "weight"), node.channels),
        Layer::Place(place) => tokens::place(x, *place),
        Layer::Conv(conv) => {
            let bias = parameter(weights, node, "bias");
            convolve(conv, x, parameter(weights, node, "weight"), bias)
        }
        Layer::Pointwise(function) => {
            Tensor::new(x.shape, x.values.iter().map(|&v| function.apply(v)).collect())
        }
        Layer::Prelu { .. } => prelu(x, parameter(weights, node, "weight")),
        Layer::BatchNorm { epsilon } => batch_norm(node, weights, *epsilon, x),
        Layer::LayerNorm { epsilon } => layer_norm(node, weights, *epsilon, x),
        Layer::Add => both(x, inputs[1], |a, b| a + b),
        Layer::Multiply => multiply(x, inputs[1]),
        Layer::Divide => both(x, inputs[1], |a, b| a / b),
        Layer::Curve => both(x, inputs[1], |v, r| v + r * (v * v - v)),
        Layer::Modulate => modulate(x, inputs[1]),
        Layer::Concat => concat(inputs),
        Layer::Slice { from, to } => {
            let shape = [x.shape[0], to - from, x.shape[2], x.shape[3]];
            Tensor::from_fn(shape, |n, c, y, i| x.at(n, from + c, y, i))
        }
        Layer::PixelShuffle(r) => shuffle(x, *r),
        Layer::PixelUnshuffle(r) => unshuffle(x, *r),
        Layer::Enlarge(r) => enlarge(x, *r),
        Layer::BlurHalve => blur_halve(x),
        Layer::ChannelPool => channel_pool(x),
        Layer::Softmax { groups } => softmax(x, *groups),
        Layer::GlobalPool => global_pool(x),
        Layer::GlobalMax => global_max(x),
        Layer::AveragePool(r) => average_pool(x, *r),
        Layer::Warp
        | Layer::Correlate(_)
        | Layer::Match { .. }
        | Layer::Propagate
        | Layer::Recover => motion::apply(node, weights, inputs),
        Layer::WindowAttention(windows) => {
            attention(*windows, x, parameter(weights, node, "pos_embedding"))
        }
        Layer::ToHsv => pixels(x, hsv::from_rgb),
        Layer::FromHsv => pixels(x, hsv::to_rgb),
        Layer::Relight => relight(x, inputs[1]),
    }
}

/// Value by value with another of the same shape.
fn both(x: &Tensor, other: &Tensor, f: impl Fn(f32, f32) -> f32) -> Tensor {
    Tensor::new(x.shape, x.values.iter().zip(&other.values).map(|(&a, &b)| f(a, b)).collect())
}

fn prelu(x: &Tensor, slopes: &[f32]) -> Tensor {
    Tensor::from_fn(x.shape, |n, c, y, column| {
        let v = x.at(n, c, y, column);
        if v > 0.0 { v } else { slopes[c % slopes.len()] * v }
    })
}

fn multiply(x: &Tensor, by: &Tensor) -> Tensor {
    let [_, channels, rows, columns] = by.shape;
    Tensor::from_fn(x.shape, |n, c, y, i| {
        x.at(n, c, y, i) * by.at(n, c % channels, y % rows, i % columns)
    })
}

fn relight(x: &Tensor, exposure: &Tensor) -> Tensor {
    Tensor::from_fn(x.shape, |n, c, y, i| {
        let (gain, white) = (exposure.at(n, 0, 0, 0), exposure.at(n, 1, 0, 0));
        Exposure { gain, white }.relight(x.at(n, c, y, i))
    })
}

fn convolve(conv: &Conv, x: &Tensor, weight: &[f32], bias: &[f32]) -> Tensor {
    let [n, _, height, width] = x.shape;
    let shape = [n, conv.c_out, conv.out_length(height), conv.out_length(width)];
    let (group_in, group_out) = (conv.c_in / conv.groups, conv.c_out / conv.groups);
    Tensor::from_fn(shape, |n, c_out, y, column| {
        let mut sum = bias.get(c_out).map_or(0.0, |&b| f64::from(b));
        for c in 0..group_in {
            let c_in = c_out / group_out * group_in + c;
            for ky in 0..conv.kernel {
                for kx in 0..conv.kernel {
                    let row = y * conv.stride + ky * conv.dilation;
                    let col = column * conv.stride + kx * conv.dilation;
                    let inside = (conv.padding..height + conv.padding).contains(&row)
                        && (conv.padding..width + conv.padding).contains(&col);
                    if inside {
                        let tap = ((c_out * group_in + c) * conv.kernel + ky) * conv.kernel + kx;
                        let value = x.at(n, c_in, row - conv.padding, col - conv.padding);
                        sum += f64::from(weight[tap]) * f64::from(value);
                    }
                }
            }
        }
        sum as f32
    })
}

fn modulate(x: &Tensor, by: &Tensor) -> Tensor {
    Tensor::from_fn(x.shape, |n, c, y, i| {
        let (scale, shift) = (by.at(n, c, 0, 0), by.at(n, x.shape[1] + c, 0, 0));
        x.at(n, c, y, i) * (1.0 + scale) + shift
    })
}

fn layer_norm(node: &Node, weights: &Weights, epsilon: f32, x: &Tensor) -> Tensor {
    let [scale, shift] = ["weight", "bias"].map(|suffix| parameter(weights, node, suffix));
    let channels = x.shape[1];
    let mut out = x.clone();
    for n in 0..x.shape[0] {
        for y in 0..x.shape[2] {
            for i in 0..x.shape[3] {
                let of = |c| f64::from(x.at(n, c, y, i));
                let mean = (0..channels).map(of).sum::<f64>() / channels as f64;
                let variance =
                    (0..channels).map(|c| (of(c) - mean).powi(2)).sum::<f64>() / channels as f64;
                for c in 0..channels {
                    let unit = (of(c) - mean) / (variance + f64::from(epsilon)).sqrt();
                    *out.at_mut(n, c, y, i) = unit as f32 * scale[c] + shift[c];
                }
            }
        }
    }
    out
}

fn batch_norm(node: &Node, weights: &Weights, epsilon: f32, x: &Tensor) -> Tensor {
    let [scale, shift, mean, variance] = ["weight", "bias", "running_mean", "running_var"]
        .map(|suffix| parameter(weights, node, suffix));
    Tensor::from_fn(x.shape, |n, c, y, i| {
        let deviation = (f64::from(variance[c]) + f64::from(epsilon)).sqrt();
        let unit = (f64::from(x.at(n, c, y, i)) - f64::from(mean[c])) / deviation;
        (unit * f64::from(scale[c]) + f64::from(shift[c])) as f32
    })
}

/// The three pixels and their shares that make pixel `i` of an axis of `length` pixels halved.
pub(crate) fn halve_taps(i: usize, length: usize) -> [(usize, f32); 3] {
    let (before, after) = ((2 * i).abs_diff(1), 2 * i + 1);
    let after = if after < length { after } else { (2 * i).saturating_sub(1) };
    [(before.min(length - 1), 0.25), (2 * i, 0.5), (after, 0.25)]
}

fn blur_halve(x: &Tensor) -> Tensor {
    let [n, c, h, w] = x.shape;
    Tensor::from_fn([n, c, h / 2, w / 2], |n, c, y, i| {
        let mut sum = 0.0;
        for (row, down) in halve_taps(y, h) {
            for (column, across) in halve_taps(i, w) {
                sum += f64::from(down * across) * f64::from(x.at(n, c, row, column));
            }
        }
        sum as f32
    })
}

fn global_max(x: &Tensor) -> Tensor {
    let area = x.shape[2] * x.shape[3];
    let most = |plane: &[f32]| plane.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    Tensor::new([x.shape[0], x.shape[1], 1, 1], x.values.chunks(area).map(most).collect())
}

fn average_pool(x: &Tensor, r: usize) -> Tensor {
    let [n, c, h, w] = x.shape;
    Tensor::from_fn([n, c, h / r, w / r], |n, c, y, i| {
        let at = |k: usize| f64::from(x.at(n, c, y * r + k / r, i * r + k % r));
        ((0..r * r).map(at).sum::<f64>() / (r * r) as f64) as f32
    })
}

fn channel_pool(x: &Tensor) -> Tensor {
    let [n, channels, h, w] = x.shape;
    Tensor::from_fn([n, 2, h, w], |n, which, y, i| {
        let all = (0..channels).map(|c| x.at(n, c, y, i));
        if which == 0 {
            all.fold(f32::NEG_INFINITY, f32::max)
        } else {
            (all.map(f64::from).sum::<f64>() / channels as f64) as f32
        }
    })
}

fn softmax(x: &Tensor, groups: usize) -> Tensor {
    let each = x.shape[1] / groups;
    Tensor::from_fn(x.shape, |n, c, y, i| {
        let of = |group: usize| f64::from(x.at(n, group * each + c % each, y, i));
        let largest = (0..groups).map(of).fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = (0..groups).map(|group| (of(group) - largest).exp()).sum();
        ((of(c / each) - largest).exp() / sum) as f32
    })
}

fn concat(inputs: &[&Tensor]) -> Tensor {
    let [n, _, h, w] = inputs[0].shape;
    let channels = inputs.iter().map(|t| t.shape[1]).sum();
    let mut out = Tensor::zeros([n, channels, h, w]);
    for sample in 0..n {
        let mut first = 0;
        for input in inputs {
            for c in 0..input.shape[1] {
                for y in 0..h {
                    for i in 0..w {
                        *out.at_mut(sample, first + c, y, i) = input.at(sample, c, y, i);
                    }
                }
            }
            first += input.shape[1];
        }
    }
    out
}

/// The two source pixels and the weight of the second for pixel `i` of an axis enlarged by `r`.
pub(crate) fn enlarge_taps(i: usize, r: usize, length: usize) -> (usize, usize, f32) {
    let source = ((i as f32 + 0.5) / r as f32 - 0.5).max(0.0);
    let first = (source as usize).min(length - 1);
    (first, (first + 1).min(length - 1), source - first as f32)
}

fn enlarge(x: &Tensor, r: usize) -> Tensor {
    let [n, c, h, w] = x.shape;
    Tensor::from_fn([n, c, h * r, w * r], |n, c, y, i| {
        let (top, bottom, down) = enlarge_taps(y, r, h);
        let (left, right, across) = enlarge_taps(i, r, w);
        let row = |row| x.at(n, c, row, left) * (1.0 - across) + x.at(n, c, row, right) * across;
        row(top) * (1.0 - down) + row(bottom) * down
    })
}

fn shuffle(x: &Tensor, r: usize) -> Tensor {
    let [n, c, h, w] = x.shape;
    Tensor::from_fn([n, c / (r * r), h * r, w * r], |n, c, y, i| {
        x.at(n, (c * r + y % r) * r + i % r, y / r, i / r)
    })
}

fn unshuffle(x: &Tensor, r: usize) -> Tensor {
    let [n, c, h, w] = x.shape;
    Tensor::from_fn([n, c * r * r, h / r, w / r], |n, c, y, i| {
        x.at(n, c / (r * r), y * r + c / r % r, i * r + c % r)
    })
}

fn attention(windows: Windows, x: &Tensor, table: &[f32]) -> Tensor {
    let [n, channels, height, width] = x.shape;
    let mut out = Tensor::zeros([n, channels / 3, height, width]);
    for sample in 0..n {
        let read = |c, y, i| x.at(sample, c, y, i);
        let put = |c, y, i, value| *out.at_mut(sample, c, y, i) = value;
        attend(windows, table, (channels / 3, (height, width)), read, put);
    }
    out
}

/// Three numbers of each pixel made into three others.
fn pixels(x: &Tensor, make: impl Fn([f32; 3]) -> [f32; 3]) -> Tensor {
    Tensor::from_fn(x.shape, |n, c, y, i| make([0, 1, 2].map(|c| x.at(n, c, y, i)))[c])
}

fn global_pool(x: &Tensor) -> Tensor {
    let area = x.shape[2] * x.shape[3];
    let mean =
        |plane: &[f32]| (plane.iter().map(|&v| f64::from(v)).sum::<f64>() / area as f64) as f32;
    Tensor::new([x.shape[0], x.shape[1], 1, 1], x.values.chunks(area).map(mean).collect())
}
