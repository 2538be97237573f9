//! SCI: a tiny network estimates the light that lies on the scene; the picture is divided by it.

use relume_nn::{Conv, Extent, Graph, GraphBuilder, Initial, Layer, NodeId, Pointwise, Result};

use super::ModelCard;

/// SCI with the estimator that is left after its training.
pub static CARD: ModelCard = ModelCard {
    name: "sci",
    help: "dark photos without noise: divides the picture by the light it estimates",
    source: "Ma et al. 2022, Toward Fast, Flexible, and Robust Low-Light Image Enhancement",
    output: "enhanced",
    graph: build,
    weights: None,
};

const EPSILON: f32 = 1e-5;

fn build() -> Result<Graph> {
    let mut g = GraphBuilder::new(CARD.name);
    let image = g.input("image", 3, Extent::PICTURE);
    let x = conv(&mut g, "enhance.in_conv.0", image);
    let x = g.pointwise(x, Pointwise::Relu);
    let y = conv(&mut g, "enhance.conv.0", x);
    let y = g.layer("enhance.conv.1", Layer::BatchNorm { epsilon: EPSILON }, &[y]);
    let y = g.pointwise(y, Pointwise::Relu);
    let x = g.layer("enhance.sum", Layer::Add, &[x, y]);
    let x = conv(&mut g, "enhance.out_conv.0", x);
    let x = g.pointwise(x, Pointwise::Sigmoid);
    let light = g.layer("light", Layer::Add, &[x, image]);
    let light = g.pointwise(light, Pointwise::Clamp(1e-4, 1.0));
    g.output("light", light);
    let enhanced = g.layer("divided", Layer::Divide, &[image, light]);
    let enhanced = g.pointwise(enhanced, Pointwise::Clamp(0.0, 1.0));
    g.output(CARD.output, enhanced);
    // What only its training uses, and second names.
    g.spare(&["enhance.blocks.*", "calibrate.*"]);
    g.finish()
}

fn conv(g: &mut GraphBuilder, key: &str, x: NodeId) -> NodeId {
    g.conv(key, x, Conv::new(3, 3, 3).initial(Initial::Even))
}
