//! Layers that see their input as a row of tokens.

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use relume_nn::cpu::Network;
use relume_nn::{
    Conv, Extent, Feeds, Graph, GraphBuilder, Layer, Pointwise, Tensor, Weights, reference,
};

use super::onnx_runtime::Exported;
use super::{CASES, graph, weights};

/// Every such layer, of fixed extent, and attention both ways.
fn tokens() -> Graph {
    let mut g = GraphBuilder::new("tokens");
    let x = g.input("x", 6, Extent::Fixed { height: 2, width: 3 });
    let words = g.input("words", 1, Extent::Fixed { height: 1, width: 5 });
    let y = g.layer("row", Layer::Tokens { count: 7, class: true }, &[x]);
    let y = g.conv("all", y, Conv::new(6, 24, 1));
    let y = g.layer("looked", Layer::Attention { heads: 2, causal: false }, &[y]);
    let y = g.pointwise(y, Pointwise::QuickGelu);
    let y = g.layer("class", Layer::Place(0), &[y]);
    let z = g.layer("vectors", Layer::Embed { vocabulary: 9, width: 6 }, &[words]);
    let z = g.layer("placed", Layer::Tokens { count: 5, class: false }, &[z]);
    let z = g.conv("each", z, Conv::new(6, 24, 1));
    let z = g.layer("read", Layer::Attention { heads: 4, causal: true }, &[z]);
    let z = g.layer("third", Layer::Place(2), &[z]);
    let told = Layer::Learned { samples: 1, channels: 8, length: 1 };
    let told = g.layer("told", told, &[]);
    let both = g.layer("both", Layer::Concat, &[y, z]);
    let both = g.conv("mixed", both, Conv::new(16, 8, 1));
    g.output("y", both);
    g.output("told", told);
    g.finish().unwrap()
}

fn token_feeds(rng: &mut ChaCha8Rng, n: usize) -> Feeds {
    let x = Tensor::from_fn([n, 6, 2, 3], |_, _, _, _| rng.random_range(-1.5..1.5));
    let words = Tensor::from_fn([n, 1, 1, 5], |_, _, _, _| rng.random_range(0..9) as f32);
    Feeds::from([("x".into(), x), ("words".into(), words)])
}

#[test]
fn cpu_computes_tokens_as_the_reference_does() {
    let (graph, mut rng) = (tokens(), ChaCha8Rng::seed_from_u64(11));
    let weights = weights(&graph, &mut rng);
    let feeds = token_feeds(&mut rng, 1);
    let truth = reference::run(&graph, &weights, &feeds, &["y", "told"]).unwrap();
    let out = Network::new(graph, weights).unwrap().run_fixed(&feeds, &["y", "told"]).unwrap();
    for name in ["y", "told"] {
        let worst = out[name].max_difference(&truth[name]);
        assert!(worst < 1e-5, "{name}: off by {worst}");
    }
}

#[test]
fn tokens_do_not_follow_the_picture() {
    let mut g = GraphBuilder::new("picture");
    let x = g.input("x", 6, Extent::PICTURE);
    let y = g.layer("looked", Layer::Attention { heads: 2, causal: false }, &[x]);
    g.output("y", y);
    assert!(g.finish().unwrap_err().to_string().contains("fixed extent"));
}

#[test]
fn linear_layers_are_convolutions() {
    let graph = graph(&CASES[1]);
    let mut weights = Weights::initial(&graph, 1);
    weights.iter_mut().filter(|(key, _)| *key == "layer.weight").for_each(|(_, array)| {
        array.shape = vec![5, 4];
    });
    assert!(weights.report(&graph).is_exact());
    weights.iter_mut().for_each(|(_, array)| array.shape.reverse());
    assert!(!weights.report(&graph).is_exact());
}

/// For ONNX Runtime.
pub(crate) fn exported() -> Vec<Exported> {
    let (graph, mut rng) = (tokens(), ChaCha8Rng::seed_from_u64(11));
    let (weights, feeds) = (weights(&graph, &mut rng), token_feeds(&mut rng, 2));
    vec![Exported { name: "tokens".to_owned(), graph, weights, feeds }]
}

#[cfg(feature = "burn")]
mod on_burn {
    use std::collections::BTreeMap;

    use burn::tensor::Device;
    use relume_nn::burn::{Parameters, download, run, upload};

    use super::*;

    #[test]
    fn burn_computes_tokens_and_their_slopes() {
        let (graph, mut rng) = (tokens(), ChaCha8Rng::seed_from_u64(12));
        let weights = weights(&graph, &mut rng);
        let feeds = token_feeds(&mut rng, 2);
        let truth = reference::run(&graph, &weights, &feeds, &["y"]).unwrap().remove("y").unwrap();
        let device = Device::flex().autodiff();
        let parameters = Parameters::new(&weights, &device, true);
        let x = upload(&feeds["x"], &device).require_grad();
        let words = upload(&feeds["words"], &device);
        let there = BTreeMap::from([("x".to_owned(), x.clone()), ("words".to_owned(), words)]);
        let out = run(&graph, &parameters, &there, &["y"]).unwrap().remove("y").unwrap();
        let worst = download(out.clone()).unwrap().max_difference(&truth);
        assert!(worst < 1e-5, "off by {worst}");
        let mix: Vec<f32> = truth.values.iter().map(|_| rng.random_range(-1.0..1.0)).collect();
        let mixed = upload(&Tensor::new(out.dims(), mix.clone()), &device);
        let gradients = (out * mixed).sum().backward();
        let step = 1e-3_f32;
        let slope =
            |moved: &dyn Fn(f32) -> f64| (moved(step) - moved(-step)) / (2.0 * f64::from(step));
        for (key, _) in graph.parameters().iter().filter(|(key, _)| !key.starts_with("told")) {
            let found = parameters.get(key).unwrap().grad(&gradients).unwrap();
            let found = found.into_data().try_to_vec::<f32>().unwrap();
            for i in (0..found.len()).step_by(1 + found.len() / 9) {
                let numeric = slope(&|by| {
                    let mut moved = weights.clone();
                    let slot = moved.iter_mut().find(|(k, _)| *k == key).unwrap().1;
                    slot.values[i] += by;
                    objective(&graph, &moved, &feeds, &mix)
                });
                let error = (f64::from(found[i]) - numeric).abs();
                assert!(error < 1e-2 * (1.0 + numeric.abs()), "{key}: {} {numeric}", found[i]);
            }
        }
        let found = x.grad(&gradients).unwrap().into_data().try_to_vec::<f32>().unwrap();
        for i in (0..found.len()).step_by(5) {
            let numeric = slope(&|by| {
                let mut moved = feeds.clone();
                moved.get_mut("x").unwrap().values[i] += by;
                objective(&graph, &weights, &moved, &mix)
            });
            let error = (f64::from(found[i]) - numeric).abs();
            assert!(error < 1e-2 * (1.0 + numeric.abs()), "x: {} {numeric}", found[i]);
        }
    }

    /// Sum of the outputs times fixed random weights, in `f64`.
    fn objective(graph: &Graph, weights: &Weights, feeds: &Feeds, mix: &[f32]) -> f64 {
        let out = reference::run(graph, weights, feeds, &["y"]).unwrap();
        out["y"].values.iter().zip(mix).map(|(&y, &m)| f64::from(y) * f64::from(m)).sum()
    }
}
