//! The executor for training and GPUs: the graph interpreted on burn tensors, with autodiff.

mod host;
mod motion;
mod steps;
mod tokens;
mod windows;

use std::collections::BTreeMap;

use burn::tensor::module::conv2d;
use burn::tensor::ops::ConvOptions;
use burn::tensor::{Device, Tensor, TensorData, activation};
use rayon::prelude::*;

use crate::graph::{Graph, Node};
use crate::layer::{Conv, Layer, Pointwise, UNSURE};
use crate::relight::KNEE;
use crate::{Error, NodeId, Result, Weights};

pub use motion::warp;

/// Named tensors `[n, c, h, w]` on a device.
pub type Tensors = BTreeMap<String, Tensor<4>>;

/// Parameters by checkpoint key, flat, ready for gradients.
#[derive(Debug, Clone)]
pub struct Parameters(BTreeMap<String, Tensor<1>>);

impl Parameters {
    /// Moves `weights` to `device`; with `gradients` they can be trained.
    pub fn new(weights: &Weights, device: &Device, gradients: bool) -> Self {
        let flat = |values: &[f32]| {
            let data = TensorData::new(values.to_vec(), [values.len()]);
            let tensor = Tensor::<1>::from_data(data, device);
            if gradients { tensor.require_grad() } else { tensor }
        };
        let all: Vec<_> = weights.iter().collect();
        Self(all.into_par_iter().map(|(key, array)| (key.clone(), flat(&array.values))).collect())
    }

    /// The flat parameter under `key`.
    pub fn get(&self, key: &str) -> Option<&Tensor<1>> {
        self.0.get(key)
    }

    fn of(&self, node: &Node, suffix: &str) -> Result<Tensor<1>> {
        let key = format!("{}.{suffix}", node.key);
        self.0.get(&key).cloned().ok_or_else(|| Error::Run(format!("no parameter {key}")))
    }
}

/// Copies a host tensor to `device`.
pub fn upload(tensor: &crate::Tensor, device: &Device) -> Tensor<4> {
    Tensor::from_data(TensorData::new(tensor.values.clone(), tensor.shape), device)
}

/// Copies a device tensor to the host.
///
/// # Errors
/// [`Error::Run`] when the device does not give `f32` values back.
pub fn download(tensor: Tensor<4>) -> Result<crate::Tensor> {
    let shape = tensor.dims();
    let values = tensor.into_data().try_to_vec::<f32>();
    values
        .map(|values| crate::Tensor::new(shape, values))
        .map_err(|e| Error::Run(format!("reading a tensor back: {e:?}")))
}

/// Computes the `wanted` outputs of `graph` for whole pictures.
///
/// # Errors
/// [`Error::Run`] when an output, feed or parameter is missing.
pub fn run(
    graph: &Graph,
    parameters: &Parameters,
    feeds: &Tensors,
    wanted: &[&str],
) -> Result<Tensors> {
    let outputs = graph.find_outputs(wanted)?;
    let needed = graph.needed(&outputs);
    let mut values: Vec<Option<Tensor<4>>> = vec![None; graph.nodes().len()];
    let readers = readers(graph, &needed, &outputs);
    for (index, node) in graph.nodes().iter().enumerate() {
        let done = |index: usize| values[index].is_some();
        if !needed[index] || done(index) || readers[index].is_some_and(done) {
            continue;
        }
        if let Some((last, value)) = joined(graph, index, (&readers, &values), parameters)? {
            values[last] = Some(value);
            continue;
        }
        let value = if node.layer == Layer::Input {
            let missing = || Error::Run(format!("{} needs the input {}", graph.name(), node.name));
            feeds.get(&node.name).cloned().ok_or_else(missing)?
        } else {
            let inputs: Vec<_> = node.inputs.iter().filter_map(|id| values[id.0].clone()).collect();
            match on_host(node, parameters, &inputs)? {
                Some(value) => value,
                None => apply(node, parameters, inputs)?,
            }
        };
        values[index] = Some(value);
    }
    let take = |(name, id): (&&str, &NodeId)| {
        values[id.0].clone().map(|value| ((*name).to_owned(), value))
    };
    Ok(wanted.iter().zip(&outputs).filter_map(take).collect())
}

/// The only node that reads each value, where there is one and the value is not asked for.
fn readers(graph: &Graph, needed: &[bool], outputs: &[NodeId]) -> Vec<Option<usize>> {
    let mut readers = vec![Vec::new(); needed.len()];
    for (index, node) in graph.nodes().iter().enumerate().filter(|(index, _)| needed[*index]) {
        node.inputs.iter().for_each(|id| readers[id.0].push(index));
    }
    outputs.iter().for_each(|id| readers[id.0].clear());
    readers.into_iter().map(|all| <[usize; 1]>::try_from(all).ok().map(|[one]| one)).collect()
}

/// A convolution with the activation behind it, or with the sum it goes into, in one step: the node
/// that is computed, and its value. None where the convolution stands alone or is not ours.
fn joined(
    graph: &Graph,
    index: usize,
    (readers, values): (&[Option<usize>], &[Option<Tensor<4>>]),
    parameters: &Parameters,
) -> Result<Option<(usize, Tensor<4>)>> {
    let node = &graph.nodes()[index];
    if let Some((last, gate)) = gate(graph, index, readers) {
        let Some(x) = values[node.inputs[0].0].as_ref().filter(|x| host::is_here(x)) else {
            return Ok(None);
        };
        return Ok(Some((last, host::run(gate, &[x.clone().into_dispatch()]))));
    }
    let (Layer::Conv(conv), Some(last)) = (&node.layer, readers[index]) else { return Ok(None) };
    let ours = |x: &&Tensor<4>| steps::Convolve::serves(conv) && host::is_here(x);
    let Some(x) = values[node.inputs[0].0].as_ref().filter(ours) else { return Ok(None) };
    let reader = &graph.nodes()[last];
    let (slope, residual) = match reader.layer {
        Layer::Pointwise(Pointwise::Relu) => (Some(0.0), None),
        Layer::Pointwise(Pointwise::LeakyRelu(slope)) if slope >= 0.0 => (Some(slope), None),
        Layer::Add => {
            let other = reader.inputs.iter().find(|id| id.0 != index);
            match other.and_then(|id| values[id.0].as_ref()) {
                Some(other) => (None, Some(other.clone())),
                None => return Ok(None),
            }
        }
        _ => return Ok(None),
    };
    let mut inputs =
        vec![x.clone().into_dispatch(), parameters.of(node, "weight")?.into_dispatch()];
    if conv.bias {
        inputs.push(parameters.of(node, "bias")?.into_dispatch());
    }
    let step = steps::Convolve { conv: conv.clone(), slope, residual: residual.is_some() };
    inputs.extend(residual.map(Tensor::into_dispatch));
    Ok(Some((last, host::run(step, &inputs))))
}

/// The gate that a slice is the first part of: the product of two slices that nothing else reads.
fn gate(graph: &Graph, index: usize, readers: &[Option<usize>]) -> Option<(usize, steps::Gate)> {
    let node = &graph.nodes()[index];
    let last = readers[index]?;
    let reader = &graph.nodes()[last];
    let [first, second] = reader.inputs[..] else { return None };
    let of = |id: NodeId| match graph.node(id).layer {
        Layer::Slice { from, to } if graph.node(id).inputs == node.inputs => Some((from, to)),
        _ => None,
    };
    let (a, b) = (of(first)?, of(second)?);
    let apart = a.1 <= b.0 || b.1 <= a.0;
    let whole = reader.layer == Layer::Multiply && a.1 - a.0 == b.1 - b.0 && apart;
    let alone = readers[first.0] == Some(last) && readers[second.0] == Some(last);
    let step = steps::Gate { first: a.0, second: b.0, width: a.1 - a.0 };
    (whole && alone && first != second).then_some((last, step))
}

fn apply(node: &Node, parameters: &Parameters, mut inputs: Vec<Tensor<4>>) -> Result<Tensor<4>> {
    let second = (inputs.len() == 2).then(|| inputs[1].clone());
    let second = || second.clone().ok_or_else(|| Error::Run(format!("{} reads two", node.name)));
    if node.layer == Layer::Concat {
        return Ok(Tensor::cat(inputs, 1));
    }
    if let Layer::Match { .. } | Layer::Propagate | Layer::Recover = node.layer {
        return several(node, parameters, inputs);
    }
    if let Layer::Learned { samples, channels, length } = node.layer {
        return Ok(parameters.of(node, "weight")?.reshape([samples, channels, 1, length]));
    }
    let x = inputs.swap_remove(0);
    let c = x.dims()[1];
    Ok(match &node.layer {
        Layer::Input | Layer::Concat | Layer::Learned { .. } => x,
        Layer::Match { .. } | Layer::Propagate | Layer::Recover => x,
        Layer::Attention { heads, causal } => tokens::attention(x, *heads, *causal),
        Layer::Tokens { count, class } => {
            let offsets = parameters.of(node, "positional_embedding")?.reshape([*count, c]);
            let token = class.then(|| parameters.of(node, "class_embedding")).transpose()?;
            tokens::row(x, token, offsets)
        }
        Layer::Embed { vocabulary, width } => {
            tokens::embed(x, parameters.of(node, "weight")?.reshape([*vocabulary, *width]))
        }
        Layer::Place(place) => x.narrow(3, *place, 1),
        Layer::Conv(conv) => convolve(conv, node, parameters, x)?,
        Layer::Pointwise(function) => pointwise(*function, x),
        Layer::Prelu { shared } => {
            let count = if *shared { 1 } else { c };
            prelu(x, parameters.of(node, "weight")?.reshape([1, count, 1, 1]))
        }
        Layer::LayerNorm { .. } | Layer::BatchNorm { .. } => normalise(node, parameters, x)?,
        Layer::Add => x + second()?,
        Layer::Multiply => x * second()?,
        Layer::Divide => x / second()?,
        Layer::Curve => x.clone() + second()? * (x.clone() * x.clone() - x),
        Layer::Modulate => modulate(x, second()?),
        Layer::Slice { from, to } => x.narrow(1, *from, to - from),
        Layer::PixelShuffle(r) => shuffle(x, *r),
        Layer::PixelUnshuffle(r) => unshuffle(x, *r),
        Layer::Enlarge(r) => enlarge(enlarge(x, 2, *r), 3, *r),
        Layer::BlurHalve => blur_halve(x),
        Layer::ChannelPool => Tensor::cat(vec![x.clone().max_dim(1), x.mean_dim(1)], 1),
        Layer::Softmax { groups } => softmax(x, *groups),
        Layer::GlobalPool => x.mean_dim(2).mean_dim(3),
        Layer::GlobalMax => x.max_dim(2).max_dim(3),
        Layer::AveragePool(r) => average_pool(x, *r),
        Layer::Warp => motion::warp(x, second()?),
        Layer::Correlate(radius) => motion::correlate(x, second()?, *radius),
        Layer::Relight => relight(x, second()?),
        Layer::WindowAttention(shape) => {
            windows::attend(*shape, x, parameters.of(node, "pos_embedding")?)
        }
        Layer::ToHsv => windows::to_hsv(x),
        Layer::FromHsv => windows::from_hsv(x),
    })
}

/// A layer of three inputs or more.
fn several(node: &Node, parameters: &Parameters, inputs: Vec<Tensor<4>>) -> Result<Tensor<4>> {
    let wrong = || Error::Run(format!("{} lacks an input", node.name));
    if node.layer == Layer::Recover {
        return motion::recover(inputs).ok_or_else(wrong);
    }
    let inputs = <[_; 3]>::try_from(inputs).map_err(|_| wrong())?;
    let number = |suffix| parameters.of(node, suffix);
    match node.layer {
        Layer::Match { radius } => {
            let numbers = [number("burnt")?, number("certain")?, number("cycle")?];
            Ok(motion::find(inputs, radius, numbers))
        }
        _ => Ok(motion::propagate(inputs, number("reach")?)),
    }
}

/// A layer on tensors in host memory, where it has a step of its own.
fn on_host(
    node: &Node,
    parameters: &Parameters,
    inputs: &[Tensor<4>],
) -> Result<Option<Tensor<4>>> {
    if !inputs.first().is_some_and(host::is_here) {
        return Ok(None);
    }
    let mut all: Vec<_> = inputs.iter().map(|input| input.clone().into_dispatch()).collect();
    let mut with = |suffix: &str| -> Result<()> {
        all.push(parameters.of(node, suffix)?.into_dispatch());
        Ok(())
    };
    match &node.layer {
        Layer::Prelu { .. } => with("weight")?,
        Layer::LayerNorm { .. } => ["weight", "bias"].into_iter().try_for_each(with)?,
        Layer::Conv(conv) => {
            with("weight")?;
            if conv.bias {
                with("bias")?;
            }
        }
        _ => {}
    }
    Ok(Some(match &node.layer {
        Layer::Conv(conv) if steps::Convolve::serves(conv) => {
            host::run(steps::Convolve { conv: conv.clone(), slope: None, residual: false }, &all)
        }
        Layer::Conv(conv) if steps::Depthwise::serves(conv) => {
            host::run(steps::Depthwise(conv.clone()), &all)
        }
        Layer::Pointwise(function) => host::run(*function, &all),
        Layer::Correlate(radius) => host::run(steps::Correlate(*radius), &all),
        Layer::Prelu { .. } => host::run(steps::Prelu, &all),
        Layer::LayerNorm { epsilon } => host::run(steps::LayerNorm { epsilon: *epsilon }, &all),
        Layer::Add if inputs[0].dims() == inputs[1].dims() => host::run(steps::Sum, &all),
        Layer::Multiply => host::run(steps::Multiply, &all),
        Layer::Curve => host::run(steps::Curve, &all),
        Layer::Modulate => host::run(steps::Modulate, &all),
        Layer::Concat if inputs.len() <= host::INPUTS => host::run(steps::Join, &all),
        Layer::Slice { from, to } => host::run(steps::Part { from: *from, to: *to }, &all),
        Layer::PixelShuffle(r) => host::run(steps::Shuffle(*r), &all),
        Layer::PixelUnshuffle(r) => host::run(steps::Unshuffle(*r), &all),
        Layer::Enlarge(r) => host::run(steps::Resample::Enlarge(*r), &all),
        Layer::BlurHalve => host::run(steps::Resample::Halve, &all),
        Layer::GlobalPool => host::run(steps::GlobalPool, &all),
        Layer::Relight => host::run(steps::Relight, &all),
        _ => return Ok(None),
    }))
}

fn convolve(conv: &Conv, node: &Node, parameters: &Parameters, x: Tensor<4>) -> Result<Tensor<4>> {
    let shape = [conv.c_out, conv.c_in / conv.groups, conv.kernel, conv.kernel];
    let weight = parameters.of(node, "weight")?.reshape(shape);
    let bias = if conv.bias { Some(parameters.of(node, "bias")?) } else { None };
    let options =
        ConvOptions::new([conv.stride; 2], [conv.padding; 2], [conv.dilation; 2], conv.groups);
    Ok(conv2d(x, weight, bias, options))
}

fn normalise(node: &Node, parameters: &Parameters, x: Tensor<4>) -> Result<Tensor<4>> {
    let of = |suffix| Ok(parameters.of(node, suffix)?.reshape([1, node.channels, 1, 1]));
    let unit = match &node.layer {
        Layer::BatchNorm { epsilon } => {
            let deviation = (of("running_var")?.detach() + *epsilon).sqrt();
            (x - of("running_mean")?.detach()) / deviation
        }
        Layer::LayerNorm { epsilon } => {
            let centred = x.clone() - x.mean_dim(1);
            let variance = (centred.clone() * centred.clone()).mean_dim(1);
            centred / (variance + *epsilon).sqrt()
        }
        _ => x,
    };
    Ok(unit * of("weight")? + of("bias")?)
}

fn pointwise(function: Pointwise, x: Tensor<4>) -> Tensor<4> {
    match function {
        Pointwise::Relu => activation::relu(x),
        Pointwise::LeakyRelu(slope) => activation::leaky_relu(x, f64::from(slope)),
        Pointwise::Sigmoid => activation::sigmoid(x),
        Pointwise::Tanh => activation::tanh(x),
        Pointwise::Log2 => x.log() * std::f32::consts::LOG2_E,
        Pointwise::Gelu => activation::gelu(x),
        Pointwise::Clamp(low, high) => x.clamp(low, high),
        Pointwise::QuickGelu => x.clone() * activation::sigmoid(x * 1.702),
        Pointwise::Scale(factor) => x * factor,
        Pointwise::LogLight(top) => {
            (x.clamp_min(0.0) * 255.0).log1p() / (255.0 * f64::from(top)).ln_1p()
        }
        Pointwise::Logit => {
            let p = x.clamp(UNSURE, 1.0 - UNSURE);
            (p.clone() / (p.neg() + 1.0)).log()
        }
    }
}

fn shuffle(x: Tensor<4>, r: usize) -> Tensor<4> {
    let [n, c, h, w] = x.dims();
    x.reshape([n, c / (r * r), r, r, h, w]).permute([0, 1, 4, 2, 5, 3]).reshape([
        n,
        c / (r * r),
        h * r,
        w * r,
    ])
}

fn unshuffle(x: Tensor<4>, r: usize) -> Tensor<4> {
    let [n, c, h, w] = x.dims();
    x.reshape([n, c, h / r, r, w / r, r]).permute([0, 1, 3, 5, 2, 4]).reshape([
        n,
        c * r * r,
        h / r,
        w / r,
    ])
}

fn prelu(x: Tensor<4>, slopes: Tensor<4>) -> Tensor<4> {
    x.clone().clamp_min(0.0) + x.clamp_max(0.0) * slopes
}

fn average_pool(x: Tensor<4>, r: usize) -> Tensor<4> {
    let [n, c, h, w] = x.dims();
    let blocks = x.reshape([n * c, h / r, r, w / r, r]);
    blocks.mean_dim(4).mean_dim(2).reshape([n, c, h / r, w / r])
}

fn softmax(x: Tensor<4>, groups: usize) -> Tensor<4> {
    let [n, c, h, w] = x.dims();
    let x = x.reshape([n, groups, c / groups * h, w]);
    activation::softmax(x, 1).reshape([n, c, h, w])
}

fn modulate(x: Tensor<4>, by: Tensor<4>) -> Tensor<4> {
    let c = x.dims()[1];
    let scale = by.clone().narrow(1, 0, c);
    x * (scale + 1.0) + by.narrow(1, c, c)
}

fn blur_halve(x: Tensor<4>) -> Tensor<4> {
    let taps = [2, 3].map(|axis| (axis, x.dims()[axis]));
    let along = |x, (axis, length): (usize, usize)| {
        resample(x, axis, length / 2, |i| crate::reference::halve_taps(i, length))
    };
    along(along(x, taps[0]), taps[1])
}

/// Bilinear enlargement along one axis.
fn enlarge(x: Tensor<4>, axis: usize, r: usize) -> Tensor<4> {
    let length = x.dims()[axis];
    resample(x, axis, length * r, |i| {
        let (first, second, share) = crate::reference::enlarge_taps(i, r, length);
        [(first, 1.0 - share), (second, share)]
    })
}

/// One axis made of `count` mixtures of its pixels, as a product with the matrix of `taps`.
fn resample<const N: usize>(
    x: Tensor<4>,
    axis: usize,
    count: usize,
    taps: impl Fn(usize) -> [(usize, f32); N],
) -> Tensor<4> {
    let length = x.dims()[axis];
    let mut matrix = vec![0.0_f32; length * count];
    for i in 0..count {
        taps(i).into_iter().for_each(|(from, share)| matrix[from * count + i] += share);
    }
    let data = TensorData::new(matrix, [1, 1, length, count]);
    let matrix = Tensor::<4>::from_data(data, &x.device());
    match axis {
        2 => x.swap_dims(2, 3).matmul(matrix).swap_dims(2, 3),
        _ => x.matmul(matrix),
    }
}

/// [`Exposure::relight`](crate::relight::Exposure::relight) on tensors.
fn relight(x: Tensor<4>, exposure: Tensor<4>) -> Tensor<4> {
    let dims = x.dims();
    let gain = exposure.clone().narrow(1, 0, 1);
    let span = 1.0 - KNEE;
    let top = (exposure.narrow(1, 1, 1).clamp_min(1.0) - KNEE) / span;
    let dark = x.clone().lower_equal_elem(0.040_45);
    let bright = ((x.clone().clamp_min(0.0) + 0.055) / 1.055).powf_scalar(2.4);
    let exposed = bright.mask_where(dark, x.clamp_min(0.0) / 12.92) * gain;
    let above = ((exposed.clone() - KNEE) / span).clamp_min(0.0);
    let bend = (above.clone() / (top.clone() * top) + 1.0) / (above.clone() + 1.0);
    let shoulder = (above * bend * span + KNEE).expand(dims);
    let low = exposed.clone().lower_equal_elem(KNEE);
    let toned = shoulder.mask_where(low, exposed).clamp_max(1.0);
    let dark = toned.clone().lower_equal_elem(0.003_130_8);
    let encoded = toned.clone().clamp_min(1e-6).powf_scalar(1.0 / 2.4) * 1.055 - 0.055;
    encoded.mask_where(dark, toned * 12.92)
}
