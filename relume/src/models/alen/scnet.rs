//! SCNet: one channel in, the same channel lit; every convolution ends in a ReLU, the last one too.

use relume_nn::{Conv, Extent, Graph, GraphBuilder, Initial, Layer, NodeId, Pointwise, Result};

/// Channels of the first layer as published.
pub const WIDTH: usize = 32;
/// Input: one channel, 0 to 1, `[n, 1, h, w]`.
pub const VALUE: &str = "value";
/// Output: the channel lit, at least 0, `[n, 1, h, w]`; it may exceed 1.
pub const LIT: &str = "lit";

/// An SCNet of its own.
///
/// # Errors
/// When `width` is 0.
pub fn build(name: &str, width: usize) -> Result<Graph> {
    let mut g = GraphBuilder::new(name);
    let value = g.input(VALUE, 1, Extent::PICTURE);
    let lit = add(&mut g, "", width, value);
    g.output(LIT, lit);
    g.finish()
}

/// Adds an SCNet whose keys begin with `prefix`.
pub(super) fn add(g: &mut GraphBuilder, prefix: &str, width: usize, value: NodeId) -> NodeId {
    let layer = |g: &mut GraphBuilder, index: usize, x: NodeId, to: usize, kernel: usize| {
        let conv = Conv::new(g.channels(x), to, kernel).initial(Initial::Even);
        let x = g.conv(&format!("{prefix}conv{index}"), x, conv);
        g.pointwise(x, Pointwise::Relu)
    };
    let join = |g: &mut GraphBuilder, index: usize, skip, x| {
        g.layer(&format!("{prefix}join{index}"), Layer::Concat, &[skip, x])
    };
    let x1 = layer(g, 1, value, width, 3);
    let x2 = layer(g, 2, x1, 2 * width, 3);
    let x3 = layer(g, 3, x2, 4 * width, 3);
    let x4 = layer(g, 4, x3, 8 * width, 3);
    let x5 = layer(g, 5, x4, 4 * width, 1);
    let joined = join(g, 6, x3, x5);
    let x7 = layer(g, 6, joined, 2 * width, 1);
    let joined = join(g, 7, x2, x7);
    let x9 = layer(g, 7, joined, width, 1);
    let joined = join(g, 8, x1, x9);
    layer(g, 8, joined, 1, 1)
}
