//! Every layer on pieces in channel blocks. The fast paths are convolutions; the rest is memory.

use relume_kernels::{Activation, BLOCK, Blocked, Epilogue, PackedConv, Padding};

use super::pieces::Piece;
use crate::graph::Node;
use crate::layer::{Conv, Layer, Pointwise};
use crate::reference::{self, enlarge_taps, halve_taps, parameter};
use crate::region::{Region, conv_reads};
use crate::relight::Exposure;
use crate::weights::Weights;

/// Packs the weights of a convolution that the kernels serve.
pub(super) fn pack(node: &Node, weights: &Weights) -> Option<PackedConv> {
    let Layer::Conv(conv) = &node.layer else { return None };
    if conv.groups != 1 || conv.dilation != 1 {
        return None;
    }
    let bias = conv.bias.then(|| parameter(weights, node, "bias"));
    let weight = parameter(weights, node, "weight");
    Some(PackedConv::new(conv.c_in, conv.c_out, conv.kernel, conv.stride, weight, bias))
}

/// What is done while a convolution stores its result.
pub(super) struct Then<'a> {
    pub(super) activation: Option<&'a Node>,
    pub(super) residual: Option<&'a Piece>,
}

/// A convolution that makes `region` out of a picture of `source` rows and columns.
pub(super) fn conv(
    conv: &Conv,
    packed: &PackedConv,
    weights: &Weights,
    x: &Piece,
    region: Region,
    source: (usize, usize),
    then: Then<'_>,
) -> Piece {
    let (rows, vertical) = conv_reads(conv, region.rows, source.0);
    let (columns, horizontal) = conv_reads(conv, region.columns, source.1);
    let padding = Padding {
        top: vertical.before,
        bottom: vertical.after,
        left: horizontal.before,
        right: horizontal.after,
    };
    let activation = match then.activation.map(|node| (&node.layer, node)) {
        Some((Layer::Pointwise(Pointwise::Relu), _)) => Activation::Relu,
        Some((Layer::Pointwise(Pointwise::LeakyRelu(s)), _)) => Activation::LeakyRelu(*s),
        Some((Layer::Prelu { shared: false }, node)) => {
            Activation::PRelu(parameter(weights, node, "weight"))
        }
        Some((Layer::Prelu { shared: true }, node)) => {
            Activation::LeakyRelu(parameter(weights, node, "weight")[0])
        }
        _ => Activation::None,
    };
    let residual = then.residual.map(|piece| piece.cut(region));
    let epilogue = Epilogue { activation, residual: residual.as_ref().map(|piece| &piece.value) };
    let x = x.cut(Region { rows, columns });
    let mut value = Blocked::default();
    packed.run(&x.value, &mut value, padding, &epilogue);
    Piece { region, value }
}

/// Any other layer.
pub(super) fn apply(
    node: &Node,
    weights: &Weights,
    inputs: &[&Piece],
    region: Region,
    source: (usize, usize),
) -> Piece {
    let x = inputs[0];
    match &node.layer {
        Layer::Input => x.clone(),
        Layer::Pointwise(_)
        | Layer::Prelu { .. }
        | Layer::BatchNorm { .. }
        | Layer::Modulate
        | Layer::Relight => by_channel(node, weights, inputs, region),
        Layer::Multiply if inputs[1].value.height() == 1 && inputs[1].value.width() == 1 => {
            by_channel(node, weights, inputs, region)
        }
        Layer::Add => both(&x.cut(region), &inputs[1].cut(region), |a, b| *a += b),
        Layer::Multiply if inputs[1].value.channels() < node.channels => {
            spread_multiply(&x.cut(region), &inputs[1].cut(region))
        }
        Layer::Multiply => both(&x.cut(region), &inputs[1].cut(region), |a, b| *a *= b),
        // The lanes beyond the last channel are 0 in both and stay 0.
        Layer::Divide => both(&x.cut(region), &inputs[1].cut(region), |a, b| {
            *a = if b == 0.0 && *a == 0.0 { 0.0 } else { *a / b };
        }),
        Layer::Curve => {
            both(&x.cut(region), &inputs[1].cut(region), |a, r| *a += r * (*a * *a - *a))
        }
        Layer::Concat => concat(node.channels, inputs, region),
        Layer::Slice { from, .. } => {
            let mut out = Piece::zeros(node.channels, region);
            let x = x.cut(region);
            for c in 0..node.channels {
                copy_channel(&x.value, from + c, &mut out.value, c);
            }
            out
        }
        Layer::PixelShuffle(r) => shuffle(x, node.channels, region, *r),
        Layer::PixelUnshuffle(r) => unshuffle(x, node.channels, region, *r),
        Layer::Enlarge(r) => enlarge(x, region, source, *r),
        Layer::BlurHalve => blur_halve(x, region, source),
        // No fast path: the reference, on the pixels at hand.
        Layer::LayerNorm { .. } | Layer::ChannelPool | Layer::Softmax { .. } => {
            let tensor = x.cut(region).to_tensor();
            Piece { region, ..Piece::of_tensor(&reference::apply(node, weights, &[&tensor])) }
        }
        Layer::GlobalPool => {
            let tensor = x.to_tensor();
            Piece::of_tensor(&reference::apply(node, weights, &[&tensor]))
        }
        Layer::Conv(conv) => slow_conv(conv, node, weights, x, region, source),
    }
}

/// Layers that change each value by numbers of its channel.
fn by_channel(node: &Node, weights: &Weights, inputs: &[&Piece], region: Region) -> Piece {
    let x = inputs[0].cut(region);
    match &node.layer {
        Layer::Pointwise(f) => {
            let f = *f;
            each(&x, |_, value| *value = f.apply(*value))
        }
        Layer::Prelu { .. } => {
            let slopes = parameter(weights, node, "weight");
            let slope = |c: usize| slopes[c % slopes.len()];
            each(&x, |c, v| *v = if *v > 0.0 { *v } else { slope(c) * *v })
        }
        Layer::BatchNorm { epsilon } => {
            let of = |suffix| parameter(weights, node, suffix);
            let (scale, shift) = (of("weight"), of("bias"));
            let (mean, variance) = (of("running_mean"), of("running_var"));
            each(&x, |c, v| {
                *v = (*v - mean[c]) / (variance[c] + epsilon).sqrt() * scale[c] + shift[c];
            })
        }
        Layer::Modulate => {
            let both = inputs[1].to_planar();
            let (scale, shift) = both.split_at(both.len() / 2);
            each(&x, |c, v| *v = *v * (1.0 + scale[c]) + shift[c])
        }
        Layer::Relight => {
            let told = inputs[1].to_planar();
            let exposure = Exposure { gain: told[0], white: told[1] };
            each(&x, |_, v| *v = exposure.relight(*v))
        }
        Layer::Multiply => {
            let factors = inputs[1].to_planar();
            each(&x, |c, v| *v *= factors[c])
        }
        _ => x.into_owned(),
    }
}

/// Grouped and dilated convolutions: the reference, on the pixels at hand with their zeros.
fn slow_conv(
    conv: &Conv,
    node: &Node,
    weights: &Weights,
    x: &Piece,
    region: Region,
    source: (usize, usize),
) -> Piece {
    let (rows, vertical) = conv_reads(conv, region.rows, source.0);
    let (columns, horizontal) = conv_reads(conv, region.columns, source.1);
    let tensor = x.cut(Region { rows, columns }).to_tensor();
    let [n, c, h, w] = tensor.shape;
    let padded =
        [n, c, h + vertical.before + vertical.after, w + horizontal.before + horizontal.after];
    let tensor = crate::Tensor::from_fn(padded, |n, c, y, i| {
        let inside = (vertical.before..vertical.before + h).contains(&y)
            && (horizontal.before..horizontal.before + w).contains(&i);
        if inside { tensor.at(n, c, y - vertical.before, i - horizontal.before) } else { 0.0 }
    });
    let bare = Node { layer: Layer::Conv(Conv { padding: 0, ..conv.clone() }), ..node.clone() };
    Piece { region, ..Piece::of_tensor(&reference::apply(&bare, weights, &[&tensor])) }
}

/// Every value changed by `f(channel, value)`.
fn each(x: &Piece, f: impl Fn(usize, &mut f32)) -> Piece {
    let mut out = x.clone();
    let (channels, area) = (x.value.channels(), x.value.height() * x.value.width());
    for (block, values) in out.value.data_mut().chunks_exact_mut(area * BLOCK).enumerate() {
        let lanes = (channels - block * BLOCK).min(BLOCK);
        for pixel in values.chunks_exact_mut(BLOCK) {
            for (lane, value) in pixel[..lanes].iter_mut().enumerate() {
                f(block * BLOCK + lane, value);
            }
        }
    }
    out
}

fn both(a: &Piece, b: &Piece, f: impl Fn(&mut f32, f32)) -> Piece {
    let mut out = a.clone();
    out.value.data_mut().iter_mut().zip(b.value.data()).for_each(|(a, &b)| f(a, b));
    out
}

/// Every channel of `a` times the only one of `b`.
fn spread_multiply(a: &Piece, b: &Piece) -> Piece {
    let mut out = a.clone();
    let area = a.value.height() * a.value.width() * BLOCK;
    for block in out.value.data_mut().chunks_exact_mut(area) {
        for (pixel, factor) in block.chunks_exact_mut(BLOCK).zip(b.value.data().chunks(BLOCK)) {
            pixel.iter_mut().for_each(|value| *value *= factor[0]);
        }
    }
    out
}

fn copy_channel(from: &Blocked, source: usize, to: &mut Blocked, target: usize) {
    let area = from.height() * from.width() * BLOCK;
    let from = &from.data()[source / BLOCK * area..(source / BLOCK + 1) * area];
    let to = &mut to.data_mut()[target / BLOCK * area..(target / BLOCK + 1) * area];
    for (to, from) in to.chunks_exact_mut(BLOCK).zip(from.chunks_exact(BLOCK)) {
        to[target % BLOCK] = from[source % BLOCK];
    }
}

fn concat(channels: usize, inputs: &[&Piece], region: Region) -> Piece {
    let mut out = Piece::zeros(channels, region);
    let mut first = 0;
    for input in inputs {
        let input = input.cut(region);
        for c in 0..input.value.channels() {
            copy_channel(&input.value, c, &mut out.value, first + c);
        }
        first += input.value.channels();
    }
    out
}

/// Start of the values of channel `c` of pixel (y, x).
fn place(value: &Blocked, c: usize, y: usize, x: usize) -> usize {
    ((c / BLOCK * value.height() + y) * value.width() + x) * BLOCK + c % BLOCK
}

fn shuffle(x: &Piece, channels: usize, region: Region, r: usize) -> Piece {
    let mut out = Piece::zeros(channels, region);
    for c in 0..channels {
        for (row, y) in (region.rows.start..region.rows.end).enumerate() {
            let source_row = y / r - x.region.rows.start;
            let to = place(&out.value, c, row, 0);
            let to = &mut out.value.data_mut()[to..];
            for (i, column) in (region.columns.start..region.columns.end).enumerate() {
                let source = (c * r + y % r) * r + column % r;
                let from = place(&x.value, source, source_row, column / r - x.region.columns.start);
                to[i * BLOCK] = x.value.data()[from];
            }
        }
    }
    out
}

fn unshuffle(x: &Piece, channels: usize, region: Region, r: usize) -> Piece {
    let mut out = Piece::zeros(channels, region);
    for c in 0..channels {
        let (source, dy, dx) = (c / (r * r), c / r % r, c % r);
        for (row, y) in (region.rows.start..region.rows.end).enumerate() {
            let source_row = y * r + dy - x.region.rows.start;
            let source_column = region.columns.start * r + dx - x.region.columns.start;
            let from = &x.value.data()[place(&x.value, source, source_row, source_column)..];
            let to = place(&out.value, c, row, 0);
            let to = &mut out.value.data_mut()[to..];
            for i in 0..region.columns.len() {
                to[i * BLOCK] = from[i * r * BLOCK];
            }
        }
    }
    out
}

fn enlarge(x: &Piece, region: Region, source: (usize, usize), r: usize) -> Piece {
    let mut out = Piece::zeros(x.value.channels(), region);
    let columns = region.columns;
    for block in 0..x.value.blocks() {
        for (row, y) in (region.rows.start..region.rows.end).enumerate() {
            let (top, bottom, down) = enlarge_taps(y, r, source.0);
            for (i, column) in (columns.start..columns.end).enumerate() {
                let (left, right, across) = enlarge_taps(column, r, source.1);
                let at = |y: usize, x_: usize, lane: usize| {
                    let (y, x_) = (y - x.region.rows.start, x_ - x.region.columns.start);
                    x.value.data()[place(&x.value, block * BLOCK + lane, y, x_)]
                };
                let to = place(&out.value, block * BLOCK, row, i);
                for lane in 0..BLOCK {
                    let line = |y| at(y, left, lane) * (1.0 - across) + at(y, right, lane) * across;
                    out.value.data_mut()[to + lane] =
                        line(top) * (1.0 - down) + line(bottom) * down;
                }
            }
        }
    }
    out
}

fn blur_halve(x: &Piece, region: Region, source: (usize, usize)) -> Piece {
    let mut out = Piece::zeros(x.value.channels(), region);
    let (rows, columns) = (region.rows, region.columns);
    for block in 0..x.value.blocks() {
        for (row, y) in (rows.start..rows.end).enumerate() {
            for (i, column) in (columns.start..columns.end).enumerate() {
                let to = place(&out.value, block * BLOCK, row, i);
                for (from_row, down) in halve_taps(y, source.0) {
                    for (from_column, across) in halve_taps(column, source.1) {
                        let y = from_row - x.region.rows.start;
                        let from_column = from_column - x.region.columns.start;
                        let from = place(&x.value, block * BLOCK, y, from_column);
                        let from = &x.value.data()[from..from + BLOCK];
                        let to = &mut out.value.data_mut()[to..to + BLOCK];
                        to.iter_mut().zip(from).for_each(|(t, f)| *t += down * across * f);
                    }
                }
            }
        }
    }
    out
}
