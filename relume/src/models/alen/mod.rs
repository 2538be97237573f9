//! ALEN: a classifier says whether a picture is dark all over or in places; each is lit its own way,
//! and a colour network adds its share to both (Perez-Zarate et al. 2025).
//!
//! One graph holds all four networks. The classifier reads a view of the whole picture; its answer is
//! fed back as the shares of both routes, so that nothing flips where it is unsure. Beyond the view
//! everything is local, so strips are exact.

pub mod ge;
pub mod mcnet;
pub mod published;
pub mod route;
pub mod scnet;
pub mod slcformer;
pub mod view;

use relume_nn::{Extent, Graph, GraphBuilder, Layer, NodeId, Pointwise, Result, Weights};

use super::ModelCard;
use crate::Error;
pub use route::{Hysteresis, Route, Routing};
use slcformer::{LOGITS, Shape, VIEW, VIEW_SIDE};

/// Input: the picture, display light, `[n, 3, h, w]`.
pub const IMAGE: &str = "image";
/// Input: shares of the local and of the global route, 0 to 1, `[n, 2, 1, 1]`.
pub const ROUTING: &str = "routing";
/// Input: gain and white of the step that keeps highlights drawn, `[n, 2, 1, 1]`.
pub const HIGHLIGHTS: &str = "highlights";
/// Output: the picture by both routes, mixed by their shares, `[n, 3, h, w]`.
pub const ENHANCED: &str = "enhanced";
/// Output: the picture as one that is dark in places, `[n, 3, h, w]`.
pub const LOCAL: &str = "local";
/// Output: the picture as one that is dark all over, `[n, 3, h, w]`.
pub const GLOBAL: &str = "global";
/// Output: the value of the local route, at least 0, `[n, 1, h, w]`.
pub const LOCAL_VALUE: &str = "local_value";
/// Output: what GE makes, 0 to 1, `[n, 3, h, w]`.
pub const GLOBAL_RGB: &str = "global_rgb";
/// Output: what the colour network makes, 0 to 1, `[n, 3, h, w]`.
pub const COLOR: &str = "color";

/// Shares of the colour network and of the route's own picture.
pub(crate) const LOCAL_BLEND: [f32; 2] = [0.1, 1.0];
/// The same on the global route.
pub(crate) const GLOBAL_BLEND: [f32; 2] = [0.4, 0.9];

const SOURCE: &str = "Perez-Zarate et al. 2025, ALEN: A Dual-Approach for Uniform and Non-Uniform \
                      Low-Light Image Enhancement";

/// All of ALEN, for the authors' weights.
pub static PUBLISHED: ModelCard = ModelCard {
    name: "alen",
    help: "dark all over or in places, each lit its own way; large and slow, for the authors' weights",
    source: SOURCE,
    output: ENHANCED,
    graph: || build("alen", &Shape::PUBLISHED, scnet::WIDTH),
    weights: None,
};

/// All of ALEN at a quarter of the channels.
pub static SMALL: ModelCard = ModelCard {
    name: "alen-small",
    help: "dark all over or in places, each lit its own way; does not remove shake",
    source: SOURCE,
    output: ENHANCED,
    graph: || build("alen-small", &Shape::SMALL, SMALL_WIDTH),
    weights: Some(include_bytes!("../../../weights/alen-small.safetensors")),
};

/// The classifier alone.
pub static CLASSIFIER: ModelCard = ModelCard {
    name: "alen-classifier",
    help: "part of alen: is a picture dark all over or in places?",
    source: SOURCE,
    output: LOGITS,
    graph: || slcformer::build("alen-classifier", &Shape::PUBLISHED, (VIEW_SIDE, VIEW_SIDE)),
    weights: None,
};

/// SCNet of the local route alone.
pub static LOCAL_PART: ModelCard = ModelCard {
    name: "alen-local",
    help: "part of alen: light where it lacks",
    source: SOURCE,
    output: LOCAL,
    graph: build_local,
    weights: None,
};

/// GE of the global route alone.
pub static GLOBAL_PART: ModelCard = ModelCard {
    name: "alen-global",
    help: "part of alen: light for a picture that is dark all over",
    source: SOURCE,
    output: mcnet::MIXED,
    graph: || ge::build("alen-global", scnet::WIDTH),
    weights: None,
};

/// MCNet of both routes alone.
pub static COLOR_PART: ModelCard = ModelCard {
    name: "alen-color",
    help: "part of alen: the colours that both routes are given",
    source: SOURCE,
    output: mcnet::MIXED,
    graph: || mcnet::build("alen-color", mcnet::WIDTH),
    weights: None,
};

const SMALL_WIDTH: usize = 8;

/// The networks that are trained and published apart, and what their keys begin with in the whole.
pub const PARTS: [(&str, &ModelCard); 4] = [
    ("classifier.", &CLASSIFIER),
    ("local.", &LOCAL_PART),
    ("global.", &GLOBAL_PART),
    ("color.", &COLOR_PART),
];

/// The weights of the whole out of those of its [`PARTS`], in their order.
///
/// # Errors
/// [`Error::Library`](crate::Error) naming what does not fit.
pub fn join(parts: [&Weights; 4]) -> crate::Result<Weights> {
    let mut whole = Weights::default();
    for ((prefix, card), weights) in PARTS.iter().zip(parts) {
        let graph = (card.graph)()?;
        weights.check(&graph)?;
        for (key, parameter) in graph.parameters() {
            let missing = || Error::Model(format!("{} lacks {key}", card.name));
            let values = weights.get(&key).ok_or_else(missing)?.values.clone();
            let array = relume_nn::Array { shape: parameter.shape, values };
            whole.insert(format!("{prefix}{key}"), array);
        }
    }
    Ok(whole)
}

/// All four networks and both blends in one graph, enhancers with `width` channels at first.
///
/// # Errors
/// When a shape does not make a graph.
pub fn build(name: &str, shape: &Shape, width: usize) -> Result<Graph> {
    let mut g = GraphBuilder::new(name);
    let view = g.input(VIEW, 3, Extent::Fixed { height: VIEW_SIDE, width: VIEW_SIDE });
    let logits = slcformer::add(&mut g, "classifier.", shape, view);
    g.output(LOGITS, logits);

    let image = g.input(IMAGE, 3, Extent::PICTURE);
    let routing = g.input(ROUTING, 2, Extent::SCALAR);
    let highlights = g.input(HIGHLIGHTS, 2, Extent::SCALAR);
    let hsv = g.layer("hsv", Layer::ToHsv, &[image]);
    let color = mcnet::add(&mut g, "color.", width, image);
    let value = g.layer("local.value", Layer::Slice { from: 2, to: 3 }, &[hsv]);
    let value = scnet::add(&mut g, "local.", width, value);
    let lit = with_value(&mut g, "local.", hsv, value);
    let local = blend(&mut g, "local.", LOCAL_BLEND, color, lit);
    let lit = ge::add(&mut g, "global.", width, hsv);
    let global = blend(&mut g, "global.", GLOBAL_BLEND, color, lit);
    let outputs = [(COLOR, color), (LOCAL_VALUE, value), (GLOBAL_RGB, lit)];
    outputs.into_iter().for_each(|(name, id)| g.output(name, id));

    let shares = [(0, local), (1, global)].map(|(index, picture)| {
        let share = Layer::Slice { from: index, to: index + 1 };
        let share = g.layer(&format!("share.{index}"), share, &[routing]);
        // The same share for all three colours.
        let share = g.layer(&format!("share.{index}.rgb"), Layer::Concat, &[share; 3]);
        g.layer(&format!("part.{index}"), Layer::Multiply, &[picture, share])
    });
    let mixed = g.layer("mixed", Layer::Add, &shares);
    for (name, picture) in [(LOCAL, local), (GLOBAL, global), (ENHANCED, mixed)] {
        let shown = g.layer(&format!("{name}.shown"), Layer::Relight, &[picture, highlights]);
        g.output(name, shown);
    }
    g.finish()
}

/// SCNet of the local route from picture to picture.
fn build_local() -> Result<Graph> {
    let mut g = GraphBuilder::new(LOCAL_PART.name);
    let image = g.input(IMAGE, 3, Extent::PICTURE);
    let hsv = g.layer("hsv", Layer::ToHsv, &[image]);
    let value = g.layer("value", Layer::Slice { from: 2, to: 3 }, &[hsv]);
    let value = scnet::add(&mut g, "", scnet::WIDTH, value);
    let lit = with_value(&mut g, "", hsv, value);
    g.output(LOCAL, lit);
    g.finish()
}

/// The colours of `hsv` with another value, as RGB.
fn with_value(g: &mut GraphBuilder, prefix: &str, hsv: NodeId, value: NodeId) -> NodeId {
    let tone = Layer::Slice { from: 0, to: 2 };
    let tone = g.layer(&format!("{prefix}tone"), tone, &[hsv]);
    let lit = g.layer(&format!("{prefix}lit"), Layer::Concat, &[tone, value]);
    g.layer(&format!("{prefix}rgb"), Layer::FromHsv, &[lit])
}

/// A route's picture with its share of the colour network; may exceed 1.
fn blend(
    g: &mut GraphBuilder,
    prefix: &str,
    shares: [f32; 2],
    color: NodeId,
    picture: NodeId,
) -> NodeId {
    let parts = [(0, color), (1, picture)].map(|(index, id)| {
        let share = Layer::Pointwise(Pointwise::Scale(shares[index]));
        g.layer(&format!("{prefix}blend.{index}"), share, &[id])
    });
    g.layer(&format!("{prefix}blend"), Layer::Add, &parts)
}
