//! One walk over every layer: reference = cpu = burn, and burn's gradients = finite differences.
#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![allow(clippy::print_stdout, reason = "a skipped test says so")]

use std::collections::BTreeMap;

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use relume_nn::cpu::{Cut, Network, Picture};
use relume_nn::{
    Conv, Extent, Feeds, Graph, GraphBuilder, Layer, NodeId, Pointwise, Tensor, Weights, reference,
};

#[path = "executors/onnx_runtime.rs"]
mod onnx_runtime;
#[path = "executors/tokens.rs"]
mod tokens;
#[path = "executors/windows.rs"]
mod windows;
use onnx_runtime::Exported;

/// A graph around one layer: `x` `[n, 4, h, w]` and `scalars` `[n, 8, 1, 1]` in, `y` out, at the
/// resolution of the picture.
struct Case {
    name: &'static str,
    build: fn(&mut GraphBuilder, NodeId, NodeId) -> NodeId,
}

fn conv(g: &mut GraphBuilder, x: NodeId, conv: Conv) -> NodeId {
    g.conv("layer", x, conv)
}

fn pointwise(g: &mut GraphBuilder, x: NodeId, f: Pointwise) -> NodeId {
    g.layer("layer", Layer::Pointwise(f), &[x])
}

/// Four channels from each of two places of nine, multiplied: the first slice, and the product.
fn gate(g: &mut GraphBuilder, x: NodeId, from: [usize; 2]) -> [NodeId; 2] {
    let y = conv(g, x, Conv::new(4, 9, 3));
    let slice = |from| Layer::Slice { from, to: from + 4 };
    let [a, b] = from.map(|from| g.layer(&format!("from.{from}"), slice(from), &[y]));
    [a, g.layer("gate", Layer::Multiply, &[a, b])]
}

/// Brings a smaller result back to the picture's resolution.
fn enlarge(g: &mut GraphBuilder, x: NodeId, r: usize) -> NodeId {
    g.layer("back", Layer::Enlarge(r), &[x])
}

const CASES: &[Case] = &[
    Case { name: "conv 3", build: |g, x, _| conv(g, x, Conv::new(4, 20, 3)) },
    Case { name: "conv 1", build: |g, x, _| conv(g, x, Conv::new(4, 5, 1)) },
    Case { name: "conv 5 dilated", build: |g, x, _| conv(g, x, Conv::new(4, 6, 5).dilation(2)) },
    Case { name: "depthwise", build: |g, x, _| conv(g, x, Conv::new(4, 4, 3).groups(4)) },
    Case { name: "grouped", build: |g, x, _| conv(g, x, Conv::new(4, 6, 3).groups(2)) },
    Case {
        name: "conv 2 stride 2",
        build: |g, x, _| {
            let y = conv(g, x, Conv::new(4, 7, 2).stride(2, 0));
            enlarge(g, y, 2)
        },
    },
    Case {
        name: "conv 3 stride 2",
        build: |g, x, _| {
            let y = conv(g, x, Conv::new(4, 7, 3).stride(2, 1));
            enlarge(g, y, 2)
        },
    },
    Case { name: "relu", build: |g, x, _| pointwise(g, x, Pointwise::Relu) },
    Case { name: "leaky", build: |g, x, _| pointwise(g, x, Pointwise::LeakyRelu(0.1)) },
    Case { name: "sigmoid", build: |g, x, _| pointwise(g, x, Pointwise::Sigmoid) },
    Case { name: "tanh", build: |g, x, _| pointwise(g, x, Pointwise::Tanh) },
    Case { name: "clamp", build: |g, x, _| pointwise(g, x, Pointwise::Clamp(-0.5, 0.7)) },
    Case {
        name: "log2",
        build: |g, x, _| {
            let positive = g.layer("positive", Layer::Pointwise(Pointwise::Sigmoid), &[x]);
            pointwise(g, positive, Pointwise::Log2)
        },
    },
    Case { name: "prelu", build: |g, x, _| g.layer("layer", Layer::Prelu { shared: false }, &[x]) },
    Case {
        name: "prelu of one slope, fused and alone",
        build: |g, x, _| {
            let x = g.layer("layer", Layer::Prelu { shared: true }, &[x]);
            let y = g.conv("next", x, Conv::new(4, 4, 3));
            g.layer("slope", Layer::Prelu { shared: true }, &[y])
        },
    },
    Case {
        name: "batch norm",
        build: |g, x, _| g.layer("layer", Layer::BatchNorm { epsilon: 1e-3 }, &[x]),
    },
    Case {
        name: "layer norm",
        build: |g, x, _| g.layer("layer", Layer::LayerNorm { epsilon: 1e-3 }, &[x]),
    },
    Case {
        name: "add, fused with a convolution and its activation",
        build: |g, x, _| {
            let y = conv(g, x, Conv::new(4, 4, 3));
            let y = g.pointwise(y, Pointwise::LeakyRelu(0.1));
            g.layer("sum", Layer::Add, &[x, y])
        },
    },
    Case {
        name: "prelu and add, fused, read twice later",
        build: |g, x, _| {
            let y = conv(g, x, Conv::new(4, 4, 3));
            let y = g.layer("slopes", Layer::Prelu { shared: false }, &[y]);
            let y = g.layer("sum", Layer::Add, &[y, x]);
            let z = g.conv("next", y, Conv::new(4, 4, 3));
            g.layer("both", Layer::Multiply, &[y, z])
        },
    },
    Case { name: "multiply", build: |g, x, _| g.layer("layer", Layer::Multiply, &[x, x]) },
    Case {
        name: "multiply by scalars",
        build: |g, x, s| {
            let s = g.layer("some", Layer::Slice { from: 1, to: 5 }, &[s]);
            g.layer("layer", Layer::Multiply, &[x, s])
        },
    },
    Case {
        name: "multiply by one channel",
        build: |g, x, _| {
            let one = g.layer("one", Layer::Slice { from: 2, to: 3 }, &[x]);
            let x = conv(g, x, Conv::new(4, 18, 3));
            g.layer("product", Layer::Multiply, &[x, one])
        },
    },
    Case {
        name: "divide, then a convolution that must not see the empty lanes",
        build: |g, x, _| {
            let below = g.layer("below", Layer::Pointwise(Pointwise::Clamp(1.0, 2.0)), &[x]);
            let y = g.layer("ratio", Layer::Divide, &[x, below]);
            conv(g, y, Conv::new(4, 3, 3))
        },
    },
    Case {
        name: "curve",
        build: |g, x, _| {
            let map = conv(g, x, Conv::new(4, 4, 3));
            let map = g.pointwise(map, Pointwise::Tanh);
            g.layer("curve", Layer::Curve, &[x, map])
        },
    },
    Case {
        name: "blur and halve",
        build: |g, x, _| {
            let y = g.layer("half", Layer::BlurHalve, &[x]);
            let y = conv(g, y, Conv::new(4, 4, 3));
            let y = g.layer("quarter", Layer::BlurHalve, &[y]);
            enlarge(g, y, 4)
        },
    },
    Case {
        name: "channel pool",
        build: |g, x, _| {
            let y = g.layer("layer", Layer::ChannelPool, &[x]);
            g.conv("next", y, Conv::new(2, 2, 5))
        },
    },
    Case {
        name: "softmax over groups",
        build: |g, x, _| g.layer("layer", Layer::Softmax { groups: 2 }, &[x]),
    },
    Case {
        name: "softmax of scalars",
        build: |g, x, s| {
            let shares = g.layer("shares", Layer::Softmax { groups: 2 }, &[s]);
            let some = g.layer("some", Layer::Slice { from: 0, to: 4 }, &[shares]);
            g.layer("layer", Layer::Multiply, &[x, some])
        },
    },
    Case {
        name: "one set of parameters, used twice",
        build: |g, x, _| {
            let y = g.sharing("layer", Layer::Conv(Conv::new(4, 4, 3)), &[x]);
            let y = g.sharing("slope", Layer::Prelu { shared: true }, &[y]);
            let y = g.sharing("layer", Layer::Conv(Conv::new(4, 4, 3)), &[y]);
            g.sharing("slope", Layer::Prelu { shared: true }, &[y])
        },
    },
    Case { name: "modulate", build: |g, x, s| g.layer("layer", Layer::Modulate, &[x, s]) },
    Case {
        name: "concat and slice",
        build: |g, x, _| {
            let y = conv(g, x, Conv::new(4, 17, 3));
            let all = g.layer("all", Layer::Concat, &[x, y]);
            g.layer("some", Layer::Slice { from: 2, to: 19 }, &[all])
        },
    },
    Case {
        name: "unshuffle and shuffle",
        build: |g, x, _| {
            let y = g.layer("down", Layer::PixelUnshuffle(2), &[x]);
            let y = conv(g, y, Conv::new(16, 24, 3));
            g.layer("up", Layer::PixelShuffle(2), &[y])
        },
    },
    Case {
        name: "enlarge",
        build: |g, x, _| {
            let y = conv(g, x, Conv::new(4, 4, 4).stride(4, 0));
            enlarge(g, y, 4)
        },
    },
    Case {
        name: "global pool",
        build: |g, x, _| {
            let mean = g.layer("mean", Layer::GlobalPool, &[x]);
            g.layer("layer", Layer::Multiply, &[x, mean])
        },
    },
    Case {
        name: "relight",
        build: |g, x, s| {
            let light = g.layer("light", Layer::Pointwise(Pointwise::Sigmoid), &[x]);
            let s = g.layer("told", Layer::Slice { from: 6, to: 8 }, &[s]);
            g.layer("layer", Layer::Relight, &[light, s])
        },
    },
    Case { name: "scale", build: |g, x, _| pointwise(g, x, Pointwise::Scale(-0.7)) },
    Case { name: "gelu", build: |g, x, _| pointwise(g, x, Pointwise::Gelu) },
    Case { name: "quick gelu", build: |g, x, _| pointwise(g, x, Pointwise::QuickGelu) },
    Case {
        name: "hue, saturation, value and back",
        build: |g, x, _| {
            let light = g.layer("light", Layer::Pointwise(Pointwise::Sigmoid), &[x]);
            let rgb = g.layer("rgb", Layer::Slice { from: 0, to: 3 }, &[light]);
            let hsv = g.layer("hsv", Layer::ToHsv, &[rgb]);
            let mixed = g.conv("mix", hsv, Conv::new(3, 3, 1));
            let some = g.layer("some", Layer::Slice { from: 0, to: 2 }, &[hsv]);
            let value = g.layer("value", Layer::Slice { from: 2, to: 3 }, &[mixed]);
            let new = g.layer("new", Layer::Concat, &[some, value]);
            g.layer("back", Layer::FromHsv, &[new])
        },
    },
    Case {
        name: "hue alone, then a convolution that must not see the empty lanes",
        build: |g, x, _| {
            let light = g.layer("light", Layer::Pointwise(Pointwise::Sigmoid), &[x]);
            let rgb = g.conv("rgb", light, Conv::new(4, 3, 1));
            let rgb = g.layer("rgb.light", Layer::Pointwise(Pointwise::Sigmoid), &[rgb]);
            let hsv = g.layer("hsv", Layer::ToHsv, &[rgb]);
            conv(g, hsv, Conv::new(3, 4, 3))
        },
    },
    Case { name: "depthwise 5", build: |g, x, _| conv(g, x, Conv::new(4, 4, 5).groups(4)) },
    Case { name: "gate", build: |g, x, _| gate(g, x, [5, 0])[1] },
    Case {
        name: "gate whose part is read elsewhere",
        build: |g, x, _| {
            let both = gate(g, x, [0, 4]);
            g.layer("sum", Layer::Add, &both)
        },
    },
    Case {
        name: "relu behind a convolution that is read twice",
        build: |g, x, _| {
            let y = conv(g, x, Conv::new(4, 4, 3));
            let z = g.pointwise(y, Pointwise::Relu);
            g.layer("sum", Layer::Add, &[y, z])
        },
    },
];

fn graph(case: &Case) -> Graph {
    let mut g = GraphBuilder::new(case.name);
    let x = g.input("x", 4, Extent::PICTURE);
    let scalars = g.input("scalars", 8, Extent::SCALAR);
    let y = (case.build)(&mut g, x, scalars);
    g.output("y", y);
    g.finish().unwrap()
}

/// Random weights without the zeros and ones that training starts from.
fn weights(graph: &Graph, rng: &mut ChaCha8Rng) -> Weights {
    let mut weights = Weights::initial(graph, 7);
    for (_, array) in weights.iter_mut() {
        array.values.iter_mut().for_each(|v| *v += rng.random_range(-0.3..0.3));
    }
    weights
}

fn feeds(rng: &mut ChaCha8Rng, n: usize, height: usize, width: usize) -> Feeds {
    let x = Tensor::from_fn([n, 4, height, width], |_, _, _, _| rng.random_range(-1.5..1.5));
    let scalars = Tensor::from_fn([n, 8, 1, 1], |_, c, _, _| match c {
        6 => rng.random_range(1.0..6.0),
        7 => rng.random_range(1.0..3.0),
        _ => rng.random_range(-1.0..1.0),
    });
    Feeds::from([("x".into(), x), ("scalars".into(), scalars)])
}

#[test]
fn cpu_computes_what_the_reference_computes_for_any_tile() {
    for (index, case) in CASES.iter().enumerate() {
        let graph = graph(case);
        let mut rng = ChaCha8Rng::seed_from_u64(index as u64);
        let weights = weights(&graph, &mut rng);
        let (height, width) = (24, 20);
        let feeds = feeds(&mut rng, 1, height, width);
        let truth = reference::run(&graph, &weights, &feeds, &["y"]).unwrap().remove("y").unwrap();
        let network = Network::new(graph, weights).unwrap();
        for tile in [4, 8, 12, 64] {
            let picture = Picture { name: "x", height, width, values: &feeds["x"].values };
            let out = network
                .run_picture(picture, &feeds, "y", Cut::Of { columns: tile, rows: tile }, &|_| {
                    Ok(())
                })
                .unwrap();
            let worst = Tensor::new(truth.shape, out).max_difference(&truth);
            let largest = truth.values.iter().fold(1.0_f32, |most, v| most.max(v.abs()));
            assert!(worst < 1e-5 * largest, "{}, tile {tile}: off by {worst}", case.name);
        }
    }
}

#[test]
fn cpu_computes_fixed_layers_as_the_reference_does() {
    let mut g = GraphBuilder::new("survey");
    let x = g.input("x", 3, Extent::Fixed { height: 12, width: 10 });
    let y = g.conv("first", x, Conv::new(3, 18, 3).stride(2, 1));
    let y = g.pointwise(y, Pointwise::LeakyRelu(0.1));
    let y = g.layer("mean", Layer::GlobalPool, &[y]);
    let y = g.conv("last", y, Conv::new(18, 2, 1));
    let y = g.pointwise(y, Pointwise::Sigmoid);
    g.output("y", y);
    let graph = g.finish().unwrap();
    let mut rng = ChaCha8Rng::seed_from_u64(9);
    let weights = weights(&graph, &mut rng);
    let x = Tensor::from_fn([1, 3, 12, 10], |_, _, _, _| rng.random_range(-1.0..1.0));
    let feeds = Feeds::from([("x".to_owned(), x)]);
    let truth = reference::run(&graph, &weights, &feeds, &["y"]).unwrap();
    let out = Network::new(graph, weights).unwrap().run_fixed(&feeds, &["y"]).unwrap();
    let worst = out["y"].max_difference(&truth["y"]);
    assert!(worst < 1e-6, "off by {worst}");
}

#[test]
fn a_missing_feed_is_named() {
    let graph = graph(&CASES[0]);
    let weights = Weights::initial(&graph, 1);
    let error = reference::run(&graph, &weights, &Feeds::new(), &["y"]).unwrap_err();
    assert!(error.to_string().contains("needs the input x"), "{error}");
    let error = reference::run(&graph, &weights, &Feeds::new(), &["z"]).unwrap_err();
    assert!(error.to_string().contains("no output z"), "{error}");
}

#[test]
fn weights_that_do_not_fit_are_refused_with_a_report() {
    let graph = graph(&CASES[0]);
    let mut weights = Weights::default();
    let whole = Weights::initial(&graph, 1);
    weights.insert("layers.weight", whole.get("layer.weight").unwrap().clone());
    weights.insert("layer.bias", relume_nn::Array { shape: vec![3], values: vec![0.0; 3] });
    let report = weights.report(&graph);
    assert_eq!(report.missing.len(), 1);
    assert_eq!(report.unused, ["layers.weight"]);
    assert_eq!(report.misshapen, [("layer.bias".to_owned(), vec![20], vec![3])]);
    assert!(weights.check(&graph).is_err());
}

#[test]
fn weights_survive_a_file() {
    use relume_nn::weights::Precision;
    let graph = graph(&CASES[0]);
    let mut weights = Weights::initial(&graph, 3);
    weights.metadata = BTreeMap::from([("relume.seed".to_owned(), "3".to_owned())]);
    for key in ["b", "a", "d", "c"] {
        weights.metadata.insert(key.to_owned(), key.to_owned());
    }
    let exact = weights.to_safetensors(Precision::F32).unwrap();
    assert!((0..8).all(|_| weights.to_safetensors(Precision::F32).unwrap() == exact));
    assert_eq!(Weights::from_safetensors(&exact).unwrap(), weights);
    let half = Weights::from_safetensors(&weights.to_safetensors(Precision::F16).unwrap()).unwrap();
    assert!(half.report(&graph).is_exact());
    let (a, b) = (half.get("layer.weight").unwrap(), weights.get("layer.weight").unwrap());
    assert!(a.values.iter().zip(&b.values).all(|(a, b)| (a - b).abs() <= b.abs() * 1e-3 + 1e-6));
    assert!(Weights::from_safetensors(&exact[..exact.len() / 2]).is_err());
}

#[test]
fn onnx_runtime_computes_what_the_reference_computes() {
    use relume_nn::weights::Precision;
    let mut cases: Vec<_> = CASES
        .iter()
        .enumerate()
        .map(|(index, case)| {
            let graph = graph(case);
            let mut rng = ChaCha8Rng::seed_from_u64(index as u64);
            let (weights, feeds) = (weights(&graph, &mut rng), feeds(&mut rng, 2, 16, 12));
            Exported { name: case.name.to_owned(), graph, weights, feeds }
        })
        .collect();
    cases.extend(windows::exported());
    cases.extend(tokens::exported());
    onnx_runtime::check(&cases, Precision::F32, 1e-5);
    cases.truncate(1);
    onnx_runtime::check(&cases, Precision::F16, 2e-3);
}

#[cfg(feature = "burn")]
mod on_burn {
    use super::*;
    use burn::tensor::Device;
    use relume_nn::burn::{Parameters, download, run, upload};

    #[test]
    fn burn_computes_what_the_reference_computes() {
        for (index, case) in CASES.iter().enumerate() {
            let graph = graph(case);
            let mut rng = ChaCha8Rng::seed_from_u64(index as u64);
            let weights = weights(&graph, &mut rng);
            let feeds = feeds(&mut rng, 2, 16, 12);
            let truth = reference::run(&graph, &weights, &feeds, &["y"]).unwrap();
            let device = Device::flex();
            let parameters = Parameters::new(&weights, &device, false);
            let there = feeds.iter().map(|(k, t)| (k.clone(), upload(t, &device))).collect();
            let out = run(&graph, &parameters, &there, &["y"]).unwrap().remove("y").unwrap();
            let worst = download(out).unwrap().max_difference(&truth["y"]);
            let largest = truth["y"].values.iter().fold(1.0_f32, |most, v| most.max(v.abs()));
            assert!(worst < 1e-5 * largest, "{}: off by {worst}", case.name);
        }
    }

    /// Sum of the outputs times fixed random weights, in `f64`.
    fn objective(graph: &Graph, weights: &Weights, feeds: &Feeds, mix: &[f32]) -> f64 {
        let out = reference::run(graph, weights, feeds, &["y"]).unwrap();
        out["y"].values.iter().zip(mix).map(|(&y, &m)| f64::from(y) * f64::from(m)).sum()
    }

    #[test]
    fn burn_gradients_are_finite_differences() {
        for (index, case) in CASES.iter().enumerate() {
            let graph = graph(case);
            let mut rng = ChaCha8Rng::seed_from_u64(100 + index as u64);
            let weights = weights(&graph, &mut rng);
            let feeds = feeds(&mut rng, 2, 8, 8);
            check_gradients(case.name, &graph, &weights, &feeds, &mut rng);
        }
    }

    /// Gradients for the parameters and for `x`.
    pub(super) fn check_gradients(
        name: &str,
        graph: &Graph,
        weights: &Weights,
        feeds: &Feeds,
        rng: &mut ChaCha8Rng,
    ) {
        let device = Device::flex().autodiff();
        let parameters = Parameters::new(weights, &device, true);
        let x = upload(&feeds["x"], &device).require_grad();
        let mut there: BTreeMap<_, _> =
            feeds.iter().map(|(k, t)| (k.clone(), upload(t, &device))).collect();
        there.insert("x".to_owned(), x.clone());
        let out = run(graph, &parameters, &there, &["y"]).unwrap().remove("y").unwrap();
        let count = out.dims().iter().product();
        let mix: Vec<f32> = (0..count).map(|_| rng.random_range(-1.0..1.0)).collect();
        let mixed = upload(&Tensor::new(out.dims(), mix.clone()), &device);
        let gradients = (out * mixed).sum().backward();
        let close = |analytic: f32, numeric: f64, what: &str| {
            let scale = 1.0 + numeric.abs();
            assert!(
                (f64::from(analytic) - numeric).abs() < 2e-2 * scale,
                "{name} {what}: {analytic} against {numeric}"
            );
        };
        let step = 2e-4_f32; // small enough to stay clear of the kinks
        for (key, _) in graph.parameters().iter().filter(|(_, parameter)| parameter.trained) {
            let array = weights.get(key).unwrap();
            let found = parameters.get(key).unwrap().grad(&gradients).unwrap();
            let found = found.into_data().try_to_vec::<f32>().unwrap();
            for i in (0..array.values.len()).step_by(1 + array.values.len() / 6) {
                let moved = |by: f32| {
                    let mut moved = weights.clone();
                    let slot = moved.iter_mut().find(|(k, _)| *k == key).unwrap().1;
                    slot.values[i] += by;
                    objective(graph, &moved, feeds, &mix)
                };
                let numeric = (moved(step) - moved(-step)) / (2.0 * f64::from(step));
                close(found[i], numeric, key);
            }
        }
        let found = x.grad(&gradients).unwrap().into_data().try_to_vec::<f32>().unwrap();
        for i in (0..found.len()).step_by(1 + found.len() / 8) {
            let moved = |by: f32| {
                let mut moved = feeds.clone();
                moved.get_mut("x").unwrap().values[i] += by;
                objective(graph, weights, &moved, &mix)
            };
            let numeric = (moved(step) - moved(-step)) / (2.0 * f64::from(step));
            close(found[i], numeric, "input");
        }
    }
}
