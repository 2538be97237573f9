//! Zero-DCE and its light relatives: seven small convolutions predict the maps of a curve that is
//! applied to the picture eight times. Made to be taught without targets.

use relume_nn::{Conv, Extent, Graph, GraphBuilder, Initial, Layer, NodeId, Pointwise, Result};

use super::ModelCard;

/// Input: the picture, display light, `[n, 3, h, w]`.
pub const IMAGE: &str = "image";
/// Output: the enhanced picture, display light, `[n, 3, h, w]`.
pub const ENHANCED: &str = "enhanced";
/// Output: the curve maps, −1 to 1, `[n, 24, h, w]`, or `[n, 3, h, w]` where all steps share one.
pub const CURVES: &str = "curves";

/// Zero-DCE as published.
pub static FULL: ModelCard = ModelCard {
    name: "zero-dce",
    help: "dark photos without noise: eight steps of a curve with maps of its own for each",
    source: "Guo et al. 2020, Zero-Reference Deep Curve Estimation for Low-Light Image Enhancement",
    output: ENHANCED,
    graph: || curve_network("zero-dce", 3 * STEPS, ordinary, None),
    weights: None,
};

/// Zero-DCE++ at full resolution; SGZ's published weights have the same layers.
pub static LIGHT: ModelCard = ModelCard {
    name: "zero-dce-light",
    help: "as zero-dce with an eighth of the parameters: depthwise layers, one map for all steps",
    source: "Li et al. 2021, Learning to Enhance Low-Light Image via Zero-Reference Deep Curve \
             Estimation (Zero-DCE++); Zheng and Gupta 2022 (SGZ)",
    output: ENHANCED,
    graph: || curve_network("zero-dce-light", 3, separable, None),
    weights: None,
};

const WIDTH: usize = 32;
pub(super) const STEPS: usize = 8;

/// Names of the inputs of a gate: factors of the curve maps, and a modulation of the brightest
/// channel that gives the factor of each pixel.
pub(super) type GateInputs<'a> = (&'a str, &'a str);

type MakeConv = fn(&mut GraphBuilder, &str, NodeId, usize) -> NodeId;

/// A curve network with `maps` curve maps, built of the convolutions that `conv` makes, its maps
/// scaled from outside if there is a `gate`.
pub(super) fn curve_network(
    name: &str,
    maps: usize,
    conv: MakeConv,
    gate: Option<GateInputs<'_>>,
) -> Result<Graph> {
    let mut g = GraphBuilder::new(name);
    let image = g.input(IMAGE, 3, Extent::PICTURE);
    let curves = curves(&mut g, image, maps, conv);
    let curves = match gate {
        Some(inputs) => gated(&mut g, image, curves, inputs),
        None => curves,
    };
    g.output(CURVES, curves);

    let mut y = image;
    for step in 0..STEPS {
        let map = if maps == 3 {
            curves
        } else {
            let part = Layer::Slice { from: 3 * step, to: 3 * step + 3 };
            g.layer(&format!("map.{step}"), part, &[curves])
        };
        y = g.layer(&format!("curve.{step}"), Layer::Curve, &[y, map]);
    }
    g.output(ENHANCED, y);
    g.finish()
}

/// Seven convolutions from the picture to its curve maps.
fn curves(g: &mut GraphBuilder, image: NodeId, maps: usize, conv: MakeConv) -> NodeId {
    let layer = |g: &mut GraphBuilder, key: &str, x: NodeId| {
        let x = conv(g, key, x, WIDTH);
        g.pointwise(x, Pointwise::Relu)
    };
    let x1 = layer(g, "e_conv1", image);
    let x2 = layer(g, "e_conv2", x1);
    let x3 = layer(g, "e_conv3", x2);
    let x4 = layer(g, "e_conv4", x3);
    let both = g.layer("x3_x4", Layer::Concat, &[x3, x4]);
    let x5 = layer(g, "e_conv5", both);
    let both = g.layer("x2_x5", Layer::Concat, &[x2, x5]);
    let x6 = layer(g, "e_conv6", both);
    let both = g.layer("x1_x6", Layer::Concat, &[x1, x6]);
    let maps = conv(g, "e_conv7", both, maps);
    g.pointwise(maps, Pointwise::Tanh)
}

/// Curve maps times the amount, times what the brightest channel of each pixel leaves of it.
fn gated(
    g: &mut GraphBuilder,
    image: NodeId,
    curves: NodeId,
    (amount, protection): GateInputs<'_>,
) -> NodeId {
    let amount = g.input(amount, g.channels(curves), Extent::SCALAR);
    let protection = g.input(protection, 2, Extent::SCALAR);
    let pooled = g.layer("gate.pool", Layer::ChannelPool, &[image]);
    let brightest = g.layer("gate.brightest", Layer::Slice { from: 0, to: 1 }, &[pooled]);
    let kept = g.layer("gate.protect", Layer::Modulate, &[brightest, protection]);
    let kept = g.pointwise(kept, Pointwise::Clamp(0.0, 1.0));
    let scaled = g.layer("gate.amount", Layer::Multiply, &[curves, amount]);
    g.layer("gate", Layer::Multiply, &[scaled, kept])
}

/// How the paper starts them: a normal distribution of deviation 0.02.
fn start(conv: Conv) -> Conv {
    let fan_in = conv.c_in / conv.groups * conv.kernel * conv.kernel;
    conv.initial(Initial::Normal { gain: 0.02 * (fan_in as f32).sqrt() })
}

pub(super) fn ordinary(g: &mut GraphBuilder, key: &str, x: NodeId, channels: usize) -> NodeId {
    let conv = start(Conv::new(g.channels(x), channels, 3));
    g.conv(key, x, conv)
}

fn separable(g: &mut GraphBuilder, key: &str, x: NodeId, channels: usize) -> NodeId {
    let c = g.channels(x);
    let x = g.conv(&format!("{key}.depth_conv"), x, start(Conv::new(c, c, 3).groups(c)));
    g.conv(&format!("{key}.point_conv"), x, start(Conv::new(c, channels, 1)))
}
