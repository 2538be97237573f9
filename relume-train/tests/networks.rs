//! Every network on all three executors: plain loops, the fast one, burn's. And whole against strips,
//! at sizes that no grid divides.
#![cfg(feature = "burn")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![allow(clippy::print_stdout, reason = "it says how far off each network is")]

use burn::tensor::Device;
use relume::models::clip::{self, Sizes};
use relume::models::{MODELS, ModelCard, mirnet, oxnet};
use relume_nn::burn::{Parameters, Tensors, download, run, upload};
use relume_nn::cpu::{Cut, Network, Picture};
use relume_nn::{Extent, Feeds, Graph, Layer, Tensor, Weights, reference};

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

/// An OX-Net likewise.
const OX_NET: oxnet::Widths = oxnet::Widths {
    channels: [8, 8, 32, 32],
    encoder: [1, 1, 1, 2],
    decoder: [1, 1, 1],
    attention: true,
};

/// The card's graph, or one like it that plain loops compute in a moment.
fn graph_of(card: &ModelCard) -> Option<Graph> {
    match card.name {
        "mirnet" => Some(mirnet::build("mirnet of 8 features", 8, 2, 1).unwrap()),
        "clip-vit-b32" => Some(clip::build("small CLIP", &CLIP).unwrap()),
        "clip-vit-b32-prior" => Some(clip::with_prompts("small CLIP, prompts", &CLIP, 2).unwrap()),
        "ox-net-s" => Some(oxnet::build("ox-net of few channels", &OX_NET, (128, 128)).unwrap()),
        "ox-net-b" => None,
        // The published widths take the plain loops long; alen-small is the same at others.
        name if name.starts_with("alen") && name != "alen-small" => None,
        _ => Some((card.graph)().unwrap()),
    }
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

/// The card's weights, or others where it has none for a graph of these sizes.
fn weights_of(card: &ModelCard, graph: &Graph) -> Weights {
    let own = card.load_weights().ok().filter(|weights| weights.check(graph).is_ok());
    own.unwrap_or_else(|| lively(graph))
}

/// A wave for every input; the picture is `height` x `width`.
fn feeds(graph: &Graph, height: usize, width: usize) -> Feeds {
    let inputs = graph.nodes().iter().filter(|node| node.layer == Layer::Input);
    let tensor = |node: &relume_nn::graph::Node| {
        let (height, width) = node.extent.size(height, width);
        let scalar = node.extent == Extent::SCALAR;
        let value = |_, c: usize, y: usize, x: usize| match scalar {
            true => 1.5 + 0.5 * c as f32,
            false => 0.25 + 0.2 * ((x * (c + 2) + 3 * y) as f32 / 11.0).sin(),
        };
        (node.name.clone(), Tensor::from_fn([1, node.channels, height, width], value))
    };
    inputs.map(tensor).collect()
}

/// The picture's name, where the fast executor takes the network: one that learns several prompts is
/// for training.
fn picture_input(graph: &Graph) -> Option<&str> {
    let several = |layer: &Layer| matches!(layer, Layer::Learned { samples: 2.., .. });
    if graph.nodes().iter().any(|node| several(&node.layer)) {
        return None;
    }
    let inputs = graph.nodes().iter().filter(|node| node.layer == Layer::Input);
    inputs.filter(|node| node.extent == Extent::PICTURE).map(|node| node.name.as_str()).next()
}

fn largest(values: &[f32]) -> f32 {
    values.iter().fold(1.0, |most, v| most.max(v.abs()))
}

fn worst(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    assert!(a.iter().chain(b).all(|v| v.is_finite()));
    a.iter().zip(b).fold(0.0, |worst, (a, b)| worst.max((a - b).abs()))
}

#[test]
fn three_executors_agree() {
    for card in MODELS {
        let Some(graph) = graph_of(card) else { continue };
        let weights = weights_of(card, &graph);
        // Odd multiples of what the network needs.
        let side = |least: usize| {
            let times = least.div_ceil(graph.multiple());
            graph.multiple() * (times + 1 - times % 2)
        };
        let (height, width) = (side(21), side(35));
        let feeds = feeds(&graph, height, width);
        let names: Vec<&str> = graph.outputs().keys().map(String::as_str).collect();
        let truth = reference::run(&graph, &weights, &feeds, &names).unwrap();
        assert!(truth.values().all(|tensor| tensor.values.iter().all(|v| v.is_finite())));

        let device = Device::flex();
        let uploaded = Parameters::new(&weights, &device, false);
        let given: Tensors =
            feeds.iter().map(|(name, tensor)| (name.clone(), upload(tensor, &device))).collect();
        let by_burn = run(&graph, &uploaded, &given, &names).unwrap();
        for (name, found) in by_burn {
            let found = download(found).unwrap();
            let off = found.max_difference(&truth[&name]) / largest(&truth[&name].values);
            println!("{} {name} by burn: off by {off:.1e}", graph.name());
            assert!(off < 2e-5, "{} {name} by burn: off by {off}", graph.name());
        }

        let Some(input) = picture_input(&graph) else { continue };
        let network = Network::new(graph.clone(), weights).unwrap();
        let picture = Picture { name: input, height, width, values: &feeds[input].values };
        for name in names {
            if truth[name].shape[2..] != [height, width] {
                continue;
            }
            let found = network.run_picture(picture, &feeds, name, Cut::Fitting, &|_| Ok(()));
            let off = worst(&found.unwrap(), &truth[name].values) / largest(&truth[name].values);
            println!("{} {name} by strips: off by {off:.1e}", graph.name());
            assert!(off < 2e-5, "{} {name}: off by {off}", graph.name());
        }
    }
}

#[test]
fn strips_are_the_whole_picture() {
    for card in MODELS {
        let Some(graph) = graph_of(card) else { continue };
        let Some(input) = picture_input(&graph).map(str::to_owned) else { continue };
        let weights = weights_of(card, &graph);
        let network = Network::new(graph, weights).unwrap();
        let (height, width) = (61, 157);
        let feeds = feeds(network.graph(), height, width);
        let picture = Picture { name: &input, height, width, values: &feeds[&input].values };
        let of = |columns, rows| {
            let cut = Cut::Of { columns, rows };
            network.run_picture(picture, &feeds, card.output, cut, &|_| Ok(()))
        };
        let Ok(whole) = of(1024, 1024) else { continue };
        for (columns, rows) in [(64, 16), (128, 7)] {
            let off = worst(&whole, &of(columns, rows).unwrap());
            assert!(off < 1e-5, "{} in strips of {columns}: off by {off}", card.name);
        }
    }
}
