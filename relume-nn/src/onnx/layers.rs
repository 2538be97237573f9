//! Each layer as ONNX operators. A new layer is one arm in [`write`].

use super::messages::Attribute;
use super::{Writer, tokens, windows};
use crate::graph::{Node, NodeId};
use crate::layer::{Conv, Layer, Pointwise, UNSURE};
use crate::relight::KNEE;

/// Whether this layer can be written.
pub(super) fn is_known(layer: &Layer) -> bool {
    use Layer::{Correlate, Match, Propagate, Recover, Warp};
    !matches!(layer, Warp | Correlate(_) | Match { .. } | Propagate | Recover)
}

/// Adds the operators that make the value of `node`.
pub(super) fn write(w: &mut Writer<'_>, id: NodeId, node: &Node) {
    let inputs: Vec<String> = node.inputs.iter().map(|&id| w.value(id)).collect();
    let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
    let (out, name) = (w.value(id), node.name.as_str());
    if let Layer::Learned { samples, channels, length } = node.layer {
        return tokens::learned(w, node, [samples, channels, 1, length], &out);
    }
    let Some(&x) = inputs.first() else { return };
    match &node.layer {
        Layer::Input | Layer::Learned { .. } => {}
        Layer::Attention { heads, causal } => {
            tokens::attention(w, node, (*heads, *causal), x, &out)
        }
        Layer::Tokens { count, class } => tokens::row(w, node, (*count, *class), x, &out),
        Layer::Embed { .. } => tokens::embed(w, node, x, &out),
        Layer::Place(place) => part(w, x, [*place, place + 1, 3], &out),
        Layer::Conv(conv) => convolution(w, node, conv, x, &out),
        Layer::Pointwise(function) => pointwise(w, *function, x, &out),
        Layer::Prelu { shared } => {
            let count = if *shared { 1 } else { node.channels };
            let slopes = w.parameter(node, "weight", Some(&[count, 1, 1]));
            w.operator("PRelu", &[x, &slopes], &out, Vec::new());
        }
        Layer::LayerNorm { epsilon } => layer_norm(w, node, *epsilon, x, &out),
        Layer::Add => w.operator("Add", &inputs, &out, Vec::new()),
        Layer::BatchNorm { epsilon } => batch_norm(w, node, *epsilon, x, &out),
        Layer::Multiply => w.operator("Mul", &inputs, &out, Vec::new()),
        Layer::Divide => w.operator("Div", &inputs, &out, Vec::new()),
        Layer::Curve => curve(w, name, &inputs, &out),
        Layer::Modulate => modulate(w, node, x, inputs[1], &out),
        Layer::Concat => w.operator("Concat", &inputs, &out, vec![Attribute::int("axis", 1)]),
        Layer::Slice { from, to } => part(w, x, [*from, *to, 1], &out),
        Layer::PixelShuffle(r) => {
            let order = vec![Attribute::int("blocksize", *r), Attribute::text("mode", "CRD")];
            w.operator("DepthToSpace", &[x], &out, order);
        }
        Layer::PixelUnshuffle(r) => unshuffle(w, node, *r, x, &out),
        Layer::Enlarge(r) => {
            let scales = w.numbers(&[1.0, 1.0, *r as f32, *r as f32]);
            let how = vec![
                Attribute::text("mode", "linear"),
                Attribute::text("coordinate_transformation_mode", "half_pixel"),
            ];
            w.operator("Resize", &[x, "", &scales], &out, how);
        }
        Layer::BlurHalve => blur_halve(w, node, x, &out),
        Layer::ChannelPool => channel_pool(w, name, x, &out),
        Layer::Softmax { groups } => softmax(w, node, *groups, x, &out),
        Layer::GlobalPool => w.operator("GlobalAveragePool", &[x], &out, Vec::new()),
        Layer::GlobalMax => w.operator("GlobalMaxPool", &[x], &out, Vec::new()),
        Layer::AveragePool(r) => average_pool(w, *r, x, &out),
        // `export` refuses these.
        Layer::Warp
        | Layer::Correlate(_)
        | Layer::Match { .. }
        | Layer::Propagate
        | Layer::Recover => {}
        Layer::Relight => relight(w, name, x, inputs[1], &out),
        Layer::WindowAttention(shape) => windows::attention(w, node, *shape, x, &out),
        Layer::ToHsv => windows::to_hsv(w, name, x, &out),
        Layer::FromHsv => windows::from_hsv(w, name, x, &out),
    }
}

/// `x · (1 + scale) + shift`.
fn modulate(w: &mut Writer<'_>, node: &Node, x: &str, by: &str, out: &str) {
    let scale = slice(w, &node.name, by, 0, node.channels);
    let shift = slice(w, &node.name, by, node.channels, 2 * node.channels);
    let one = w.number(1.0);
    let factor = w.step(&node.name, "Add", &[&scale, &one], Vec::new());
    let scaled = w.step(&node.name, "Mul", &[x, &factor], Vec::new());
    w.operator("Add", &[&scaled, &shift], out, Vec::new());
}

/// Places from the first to before the second along an axis, the third.
fn part(w: &mut Writer<'_>, x: &str, places: [usize; 3], out: &str) {
    let parts = places.map(|place| w.places(&[place as i64]));
    w.operator("Slice", &[x, &parts[0], &parts[1], &parts[2]], out, Vec::new());
}

fn average_pool(w: &mut Writer<'_>, r: usize, x: &str, out: &str) {
    let sides = ["kernel_shape", "strides"].map(|name| Attribute::ints(name, &[r; 2]));
    w.operator("AveragePool", &[x], out, sides.into());
}

fn channel_pool(w: &mut Writer<'_>, name: &str, x: &str, out: &str) {
    let how = || vec![Attribute::ints("axes", &[1])];
    let most = w.step(name, "ReduceMax", &[x], how());
    let mean = w.step(name, "ReduceMean", &[x], how());
    w.operator("Concat", &[&most, &mean], out, vec![Attribute::int("axis", 1)]);
}

fn convolution(w: &mut Writer<'_>, node: &Node, conv: &Conv, x: &str, out: &str) {
    let shape = [conv.c_out, conv.c_in / conv.groups, conv.kernel, conv.kernel];
    let weight = w.parameter(node, "weight", Some(&shape));
    let bias = conv.bias.then(|| w.parameter(node, "bias", None));
    let mut inputs = vec![x, &weight];
    inputs.extend(bias.as_deref());
    let attributes = vec![
        Attribute::ints("kernel_shape", &[conv.kernel; 2]),
        Attribute::ints("strides", &[conv.stride; 2]),
        Attribute::ints("pads", &[conv.padding; 4]),
        Attribute::ints("dilations", &[conv.dilation; 2]),
        Attribute::int("group", conv.groups),
    ];
    w.operator("Conv", &inputs, out, attributes);
}

fn pointwise(w: &mut Writer<'_>, function: Pointwise, x: &str, out: &str) {
    match function {
        Pointwise::Relu => w.operator("Relu", &[x], out, Vec::new()),
        Pointwise::LeakyRelu(slope) => {
            w.operator("LeakyRelu", &[x], out, vec![Attribute::float("alpha", slope)]);
        }
        Pointwise::Sigmoid => w.operator("Sigmoid", &[x], out, Vec::new()),
        Pointwise::Tanh => w.operator("Tanh", &[x], out, Vec::new()),
        Pointwise::Log2 => {
            let natural = w.step(out, "Log", &[x], Vec::new());
            let factor = w.number(std::f32::consts::LOG2_E);
            w.operator("Mul", &[&natural, &factor], out, Vec::new());
        }
        Pointwise::Gelu => {
            let mut steps = Steps { w, node: out };
            let scaled = steps.with("Mul", x, std::f32::consts::FRAC_1_SQRT_2);
            let share = steps.w.step(out, "Erf", &[&scaled], Vec::new());
            let share = steps.with("Add", &share, 1.0);
            let half = steps.with("Mul", x, 0.5);
            w.operator("Mul", &[&half, &share], out, Vec::new());
        }
        Pointwise::Clamp(low, high) => {
            let (low, high) = (w.number(low), w.number(high));
            w.operator("Clip", &[x, &low, &high], out, Vec::new());
        }
        Pointwise::QuickGelu => {
            let factor = w.number(1.702);
            let steep = w.step(out, "Mul", &[x, &factor], Vec::new());
            let open = w.step(out, "Sigmoid", &[&steep], Vec::new());
            w.operator("Mul", &[x, &open], out, Vec::new());
        }
        Pointwise::Scale(factor) => {
            let factor = w.number(factor);
            w.operator("Mul", &[x, &factor], out, Vec::new());
        }
        Pointwise::LogLight(top) => {
            let mut steps = Steps { w, node: out };
            let light = steps.with("Max", x, 0.0);
            let scaled = steps.with("Mul", &light, 255.0);
            let shifted = steps.with("Add", &scaled, 1.0);
            let logarithm = w.step(out, "Log", &[&shifted], Vec::new());
            let factor = w.number(1.0 / (255.0 * top).ln_1p());
            w.operator("Mul", &[&logarithm, &factor], out, Vec::new());
        }
        Pointwise::Logit => {
            let (low, high, one) = (w.number(UNSURE), w.number(1.0 - UNSURE), w.number(1.0));
            let p = w.step(out, "Clip", &[x, &low, &high], Vec::new());
            let rest = w.step(out, "Sub", &[&one, &p], Vec::new());
            let odds = w.step(out, "Div", &[&p, &rest], Vec::new());
            w.operator("Log", &[&odds], out, Vec::new());
        }
    }
}

/// Channels `from..to`, as a step of `node`.
pub(super) fn slice(w: &mut Writer<'_>, node: &str, x: &str, from: usize, to: usize) -> String {
    let [from, to, axis] = [from, to, 1].map(|place| w.places(&[place as i64]));
    w.step(node, "Slice", &[x, &from, &to, &axis], Vec::new())
}

fn batch_norm(w: &mut Writer<'_>, node: &Node, epsilon: f32, x: &str, out: &str) {
    let stored = ["weight", "bias", "running_mean", "running_var"]
        .map(|suffix| w.parameter(node, suffix, None));
    let [scale, shift, mean, variance] = stored.each_ref().map(String::as_str);
    let how = vec![Attribute::float("epsilon", epsilon)];
    w.operator("BatchNormalization", &[x, scale, shift, mean, variance], out, how);
}

/// `x + r (x² − x)`.
fn curve(w: &mut Writer<'_>, name: &str, inputs: &[&str], out: &str) {
    let square = w.step(name, "Mul", &[inputs[0], inputs[0]], Vec::new());
    let bend = w.step(name, "Sub", &[&square, inputs[0]], Vec::new());
    let bend = w.step(name, "Mul", &[inputs[1], &bend], Vec::new());
    w.operator("Add", &[inputs[0], &bend], out, Vec::new());
}

/// ONNX normalises over the last axes: the channels go there and come back.
fn layer_norm(w: &mut Writer<'_>, node: &Node, epsilon: f32, x: &str, out: &str) {
    let (scale, shift) = (w.parameter(node, "weight", None), w.parameter(node, "bias", None));
    let order = |order: [usize; 4]| vec![Attribute::ints("perm", &order)];
    let last = w.step(&node.name, "Transpose", &[x], order([0, 2, 3, 1]));
    let how = vec![Attribute::signed("axis", -1), Attribute::float("epsilon", epsilon)];
    let unit = w.step(&node.name, "LayerNormalization", &[&last, &scale, &shift], how);
    w.operator("Transpose", &[&unit], out, order([0, 3, 1, 2]));
}

/// Mirrored by one pixel, then a depthwise convolution with the fixed blur.
fn blur_halve(w: &mut Writer<'_>, node: &Node, x: &str, out: &str) {
    let edges = w.places(&[0, 0, 1, 1, 0, 0, 1, 1]);
    let mirrored = vec![Attribute::text("mode", "reflect")];
    let padded = w.step(&node.name, "Pad", &[x, &edges], mirrored);
    let taps = [1.0, 2.0, 1.0, 2.0, 4.0, 2.0, 1.0, 2.0, 1.0].map(|tap| tap / 16.0);
    let blur = w.numbers(&taps.repeat(node.channels));
    let shape = w.places(&[node.channels as i64, 1, 3, 3]);
    let blur = w.step(&node.name, "Reshape", &[&blur, &shape], Vec::new());
    let attributes = vec![
        Attribute::ints("kernel_shape", &[3, 3]),
        Attribute::ints("strides", &[2, 2]),
        Attribute::int("group", node.channels),
    ];
    w.operator("Conv", &[&padded, &blur], out, attributes);
}

/// The groups go to an axis of their own and come back.
fn softmax(w: &mut Writer<'_>, node: &Node, groups: usize, x: &str, out: &str) {
    let shape = w.step(&node.name, "Shape", &[x], Vec::new());
    let apart = w.places(&[0, groups as i64, (node.channels / groups) as i64, -1]);
    let apart = w.step(&node.name, "Reshape", &[x, &apart], Vec::new());
    let shares = w.step(&node.name, "Softmax", &[&apart], vec![Attribute::int("axis", 1)]);
    w.operator("Reshape", &[&shares, &shape], out, Vec::new());
}

/// ONNX puts the place in the block before the channel, we the channel before the place.
fn unshuffle(w: &mut Writer<'_>, node: &Node, r: usize, x: &str, out: &str) {
    let size = vec![Attribute::int("blocksize", r)];
    let blocks = w.step(&node.name, "SpaceToDepth", &[x], size);
    let channels = node.channels / (r * r);
    let order: Vec<i64> = (0..channels)
        .flat_map(|c| (0..r * r).map(move |place| (place * channels + c) as i64))
        .collect();
    let order = w.places(&order);
    w.operator("Gather", &[&blocks, &order], out, vec![Attribute::int("axis", 1)]);
}

/// The exposure step, as [`Exposure::relight`](crate::relight::Exposure::relight) computes it.
fn relight(w: &mut Writer<'_>, node: &str, x: &str, exposure: &str, out: &str) {
    let gain = slice(w, node, exposure, 0, 1);
    let white = slice(w, node, exposure, 1, 2);
    let mut steps = Steps { w, node };
    let linear = steps.decode(x);
    let exposed = steps.two("Mul", &gain, &linear);
    let toned = steps.shoulder(&exposed, &white);
    steps.encode(&toned, out);
}

/// Arithmetic on whole tensors, one operator a call.
pub(super) struct Steps<'w, 'a> {
    pub(super) w: &'w mut Writer<'a>,
    pub(super) node: &'w str,
}

impl Steps<'_, '_> {
    pub(super) fn two(&mut self, kind: &str, a: &str, b: &str) -> String {
        self.w.step(self.node, kind, &[a, b], Vec::new())
    }

    pub(super) fn with(&mut self, kind: &str, a: &str, number: f32) -> String {
        let number = self.w.number(number);
        self.two(kind, a, &number)
    }

    /// `yes` where it holds, `no` elsewhere.
    pub(super) fn choose(&mut self, holds: &str, yes: &str, no: &str) -> String {
        self.w.step(self.node, "Where", &[holds, yes, no], Vec::new())
    }

    /// `low` where `x` is at most `knee`, `high` elsewhere.
    fn below(&mut self, x: &str, knee: f32, low: &str, high: &str) -> String {
        let is_low = self.with("LessOrEqual", x, knee);
        self.w.step(self.node, "Where", &[&is_low, low, high], Vec::new())
    }

    fn decode(&mut self, x: &str) -> String {
        let straight = self.with("Div", x, 12.92);
        let straight = self.with("Max", &straight, 0.0);
        let curve = self.with("Add", x, 0.055);
        let curve = self.with("Div", &curve, 1.055);
        let curve = self.with("Pow", &curve, 2.4);
        self.below(x, 0.040_45, &straight, &curve)
    }

    fn shoulder(&mut self, exposed: &str, white: &str) -> String {
        let span = 1.0 - KNEE;
        let top = self.with("Max", white, 1.0);
        let top = self.with("Sub", &top, KNEE);
        let top = self.with("Div", &top, span);
        let top = self.two("Mul", &top, &top);
        let above = self.with("Sub", exposed, KNEE);
        let above = self.with("Div", &above, span);
        let bend = self.two("Div", &above, &top);
        let bend = self.with("Add", &bend, 1.0);
        let rise = self.two("Mul", &above, &bend);
        let rise = self.with("Mul", &rise, span);
        let fall = self.with("Add", &above, 1.0);
        let curve = self.two("Div", &rise, &fall);
        let curve = self.with("Add", &curve, KNEE);
        let curve = self.with("Min", &curve, 1.0);
        self.below(exposed, KNEE, exposed, &curve)
    }

    fn encode(&mut self, linear: &str, out: &str) {
        let straight = self.with("Mul", linear, 12.92);
        let straight = self.with("Max", &straight, 0.0);
        let curve = self.with("Pow", linear, 1.0 / 2.4);
        let curve = self.with("Mul", &curve, 1.055);
        let curve = self.with("Sub", &curve, 0.055);
        let is_low = self.with("LessOrEqual", linear, 0.003_130_8);
        self.w.operator("Where", &[&is_low, &straight, &curve], out, Vec::new());
    }
}
