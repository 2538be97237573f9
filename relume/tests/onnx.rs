//! Every network in ONNX Runtime computes what the reference computes.
#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![allow(clippy::print_stdout, reason = "a skipped test says so")]

#[path = "../../relume-nn/tests/executors/onnx_runtime.rs"]
mod onnx_runtime;

use onnx_runtime::Exported;
use relume::models::clip::{self, Sizes};
use relume::models::{MODELS, mirnet};
use relume_nn::weights::Precision;
use relume_nn::{Extent, Feeds, Graph, Layer, Tensor, Weights};

/// A CLIP that plain loops compute in a moment.
const CLIP: Sizes = Sizes {
    side: 64,
    patch: 32,
    image: [16, 2, 1],
    text: [16, 2, 1],
    vocabulary: 512,
    context: 20,
    joint: 8,
};

/// A picture-like wave for every input of a graph; exposures are a gain and a white above 1.
fn feeds(graph: &Graph) -> Feeds {
    let inputs = graph.nodes().iter().filter(|node| node.layer == Layer::Input);
    let side = |length: usize| length.next_multiple_of(graph.multiple());
    let tensor = |node: &relume_nn::graph::Node| {
        let (height, width) = node.extent.size(side(48), side(64));
        let scalar = node.extent == Extent::SCALAR;
        let value = |_, c: usize, y: usize, x: usize| match scalar {
            true => 1.5 + 0.5 * c as f32,
            false => 0.25 + 0.2 * ((x * (c + 2) + 3 * y) as f32 / 11.0).sin(),
        };
        (node.name.clone(), Tensor::from_fn([1, node.channels, height, width], value))
    };
    inputs.map(tensor).collect()
}

/// Starting weights, made large enough for every layer to matter.
fn lively(graph: &Graph) -> Weights {
    let mut weights = Weights::initial(graph, 1);
    for (_, array) in weights.iter_mut().filter(|(_, array)| array.shape.len() == 4) {
        if array.values.iter().all(|v| *v == 0.0) {
            array.values.iter_mut().enumerate().for_each(|(i, v)| *v = (i % 7) as f32 - 3.0);
        }
        let fan_in: usize = array.shape[1..].iter().product();
        let squares: f32 = array.values.iter().map(|v| v * v).sum();
        let spread = (squares / array.values.len() as f32).sqrt();
        let factor = 1.0 / (spread * (fan_in as f32).sqrt());
        array.values.iter_mut().for_each(|v| *v *= factor);
    }
    weights
}

#[test]
fn onnx_runtime_computes_what_the_reference_computes() {
    let mut cases = Vec::new();
    for card in MODELS {
        // The released MIRNet takes a minute by the plain loops: a small one stands for it.
        let graph = match card.name {
            "mirnet" => mirnet::build("mirnet small", 8, 1, 2).unwrap(),
            // So do CLIP's towers.
            "clip-vit-b32" => clip::build("clip small", &CLIP).unwrap(),
            "clip-vit-b32-prior" => clip::with_prompts("clip prior small", &CLIP, 2).unwrap(),
            // Its parts are small enough, but for the classifier.
            "alen" | "alen-classifier" => continue,
            // Matching and warping have no form in ONNX yet.
            "ox-net-s" | "ox-net-b" => continue,
            _ => (card.graph)().unwrap(),
        };
        let weights = card.load_weights().unwrap_or_else(|_| lively(&graph));
        let feeds = feeds(&graph);
        cases.push(Exported { name: graph.name().to_owned(), graph, weights, feeds });
    }
    onnx_runtime::check(&cases, Precision::F32, 1e-4);
}
