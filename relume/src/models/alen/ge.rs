//! GE: the light of a picture that is dark all over. SCNet lights the value, half and half with what
//! was there; MCNet then looks at the colours.

use relume_nn::{Extent, Graph, GraphBuilder, Layer, NodeId, Pointwise, Result};

use super::{mcnet, scnet};

/// Input: hue, saturation and value, 0 to 1, `[n, 3, h, w]`.
pub const HSV: &str = "hsv";

/// A GE of its own, from display light.
///
/// # Errors
/// When `width` is 0.
pub fn build(name: &str, width: usize) -> Result<Graph> {
    let mut g = GraphBuilder::new(name);
    let image = g.input(super::IMAGE, 3, Extent::PICTURE);
    let hsv = g.layer("to_hsv", Layer::ToHsv, &[image]);
    let mixed = add(&mut g, "", width, hsv);
    g.output(mcnet::MIXED, mixed);
    g.finish()
}

/// As [`build`], from hue, saturation and value.
///
/// # Errors
/// As there.
pub fn build_from_hsv(name: &str, width: usize) -> Result<Graph> {
    let mut g = GraphBuilder::new(name);
    let hsv = g.input(HSV, 3, Extent::PICTURE);
    let mixed = add(&mut g, "", width, hsv);
    g.output(mcnet::MIXED, mixed);
    g.finish()
}

/// Adds a GE whose keys begin with `prefix`.
pub(super) fn add(g: &mut GraphBuilder, prefix: &str, width: usize, hsv: NodeId) -> NodeId {
    let name = |rest: &str| format!("{prefix}{rest}");
    let value = g.layer(&name("value"), Layer::Slice { from: 2, to: 3 }, &[hsv]);
    let lit = scnet::add(g, &name("scNet."), width, value);
    let sum = g.layer(&name("value.sum"), Layer::Add, &[lit, value]);
    let mean = g.layer(&name("value.mean"), Layer::Pointwise(Pointwise::Scale(0.5)), &[sum]);
    let lit = super::with_value(g, prefix, hsv, mean);
    mcnet::add(g, &name("mcNet."), width, lit)
}
