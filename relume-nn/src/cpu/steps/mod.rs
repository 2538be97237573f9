//! Every step on windows of pictures. Convolutions run in the kernels; the rest is memory.

mod arrange;
mod filter;
mod motion;
mod pool;
mod rows;
mod tokens;
mod windows;

use std::ops::Range;

use relume_kernels::{Activation, Epilogue, PackedConv, Request, Window};

use super::program::Step;
use crate::graph::{Graph, Node};
use crate::hsv;
use crate::layer::{Conv, Layer, Pointwise};
use crate::reference::parameter;
use crate::weights::Weights;

pub(super) use rows::Relit;

/// Whether the kernels serve this layer.
pub(super) fn is_packed(node: &Node) -> bool {
    matches!(&node.layer, Layer::Conv(conv) if conv.groups == 1 && conv.dilation == 1)
}

/// Packs the weights of a convolution that the kernels serve; before a pixel-shuffle by a factor,
/// the channels of each subpixel together.
pub(super) fn pack(node: &Node, weights: &Weights, factor: Option<usize>) -> Option<PackedConv> {
    let Layer::Conv(conv) = &node.layer else { return None };
    if !is_packed(node) {
        return None;
    }
    let bias = conv.bias.then(|| parameter(weights, node, "bias"));
    let weight = parameter(weights, node, "weight");
    let Some(r) = factor else {
        return Some(PackedConv::new(
            conv.c_in,
            conv.c_out,
            conv.kernel,
            conv.stride,
            weight,
            bias,
        ));
    };
    let (channels, each) = (conv.c_out / (r * r), conv.c_in * conv.kernel * conv.kernel);
    let order = (0..conv.c_out).map(|to| to % channels * r * r + to / channels);
    let weight: Vec<f32> =
        order.clone().flat_map(|from| weight[from * each..][..each].iter().copied()).collect();
    let bias: Option<Vec<f32>> = bias.map(|bias| order.map(|from| bias[from]).collect());
    let (kernel, stride) = (conv.kernel, conv.stride);
    Some(PackedConv::new(conv.c_in, conv.c_out, kernel, stride, &weight, bias.as_deref()))
}

/// One step on the windows at hand.
pub(super) struct Work<'a> {
    pub(super) graph: &'a Graph,
    pub(super) weights: &'a Weights,
    pub(super) step: &'a Step,
    pub(super) inputs: Vec<&'a Window>,
    pub(super) residual: Option<&'a Window>,
    pub(super) modulation: Option<&'a Window>,
    /// Height and width of the first input's picture.
    pub(super) source: (usize, usize),
    /// Where Winograd's tiles begin: rows, columns.
    pub(super) phase: (usize, usize),
    /// The exposure step for this picture, where this is one.
    pub(super) relit: Option<&'a Relit>,
}

impl<'a> Work<'a> {
    fn node(&self) -> &'a Node {
        &self.graph.nodes()[self.step.node]
    }

    /// Parameters of this step's own layer.
    fn own(&self, suffix: &str) -> &'a [f32] {
        parameter(self.weights, self.node(), suffix)
    }

    /// Makes the rows `rows` of `out`, all its columns.
    pub(super) fn run(&self, rows: Range<usize>, out: &mut Window) {
        match &self.node().layer {
            Layer::Input => {}
            Layer::Conv(conv) => match &self.step.packed {
                Some(packed) => self.conv(conv, packed, rows, out),
                None => filter::grouped(self, conv, rows, out),
            },
            Layer::Concat => arrange::concat(self, rows, out),
            Layer::Slice { from, .. } => arrange::slice(self, *from, rows, out),
            Layer::PixelShuffle(r) => arrange::shuffle(self, *r, rows, out),
            Layer::PixelUnshuffle(r) => arrange::unshuffle(self, *r, rows, out),
            Layer::Enlarge(r) => filter::enlarge(self, *r, rows, out),
            Layer::BlurHalve => filter::blur_halve(self, rows, out),
            Layer::LayerNorm { epsilon } => pool::layer_norm(self, *epsilon, rows, out),
            Layer::ChannelPool => pool::channels(self, rows, out),
            Layer::Softmax { groups } => pool::softmax(self, *groups, rows, out),
            Layer::GlobalPool => pool::global(self, out),
            Layer::Warp
            | Layer::Correlate(_)
            | Layer::Match { .. }
            | Layer::Propagate
            | Layer::Recover => motion::apply(self, out),
            Layer::AveragePool(r) => filter::average_pool(self, *r, rows, out),
            Layer::GlobalMax
            | Layer::Attention { .. }
            | Layer::Tokens { .. }
            | Layer::Embed { .. }
            | Layer::Learned { .. }
            | Layer::Place(_) => tokens::apply(self, out),
            Layer::WindowAttention(shape) => windows::attention(self, *shape, out),
            Layer::ToHsv => windows::pixels(self, rows, out, hsv::from_rgb),
            Layer::FromHsv => windows::pixels(self, rows, out, hsv::to_rgb),
            Layer::Pointwise(_)
            | Layer::Prelu { .. }
            | Layer::BatchNorm { .. }
            | Layer::Add
            | Layer::Multiply
            | Layer::Divide
            | Layer::Curve
            | Layer::Modulate
            | Layer::Relight => rows::apply(self, rows, out),
        }
    }

    fn conv(&self, conv: &Conv, packed: &PackedConv, rows: Range<usize>, out: &mut Window) {
        let nodes = self.graph.nodes();
        let activation = self.step.activation.map(|index| (&nodes[index].layer, &nodes[index]));
        let activation = match activation {
            Some((Layer::Pointwise(Pointwise::Relu), _)) => Activation::Relu,
            Some((Layer::Pointwise(Pointwise::LeakyRelu(s)), _)) => Activation::LeakyRelu(*s),
            Some((Layer::Prelu { shared: false }, node)) => {
                Activation::PRelu(parameter(self.weights, node, "weight"))
            }
            Some((Layer::Prelu { shared: true }, node)) => {
                Activation::LeakyRelu(parameter(self.weights, node, "weight")[0])
            }
            _ => Activation::None,
        };
        let affine = self.modulation.map(modulation);
        let affine = affine.as_ref().map(|(factors, terms)| (&factors[..], &terms[..]));
        let request = Request {
            sources: &self.inputs,
            bounds: self.source,
            padding: conv.padding,
            rows,
            columns: out.columns(),
            phase: self.phase,
            epilogue: Epilogue { activation, affine, residual: self.residual },
        };
        packed.run(&request, out);
    }
}

/// Factors and terms of a modulation `x · (1 + scale) + shift`, from `[2c, 1, 1]`.
fn modulation(by: &Window) -> (Vec<f32>, Vec<f32>) {
    let all = by.to_planar();
    let (scale, shift) = all.split_at(all.len() / 2);
    (scale.iter().map(|scale| 1.0 + scale).collect(), shift.to_vec())
}
