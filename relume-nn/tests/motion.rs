//! Layers that find one picture in another: reference = cpu = burn, gradients = finite differences, and
//! what can be checked by hand.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use relume_nn::cpu::Network;
use relume_nn::{
    Conv, Extent, Feeds, Graph, GraphBuilder, Layer, NodeId, Pointwise, Tensor, Weights, onnx,
    reference,
};

const SIZE: (usize, usize) = (6, 8);

/// A graph around one layer: `x` and `z`, both `[n, 4, 6, 8]`, in, `y` out.
struct Case {
    name: &'static str,
    build: fn(&mut GraphBuilder, NodeId, NodeId) -> NodeId,
}

fn conv(g: &mut GraphBuilder, name: &str, x: NodeId, channels: usize) -> NodeId {
    g.conv(name, x, Conv::new(4, channels, 1))
}

fn share(g: &mut GraphBuilder, name: &str, x: NodeId, channels: usize) -> NodeId {
    let x = conv(g, name, x, channels);
    g.pointwise(x, Pointwise::Sigmoid)
}

const CASES: &[Case] = &[
    Case {
        name: "warp",
        build: |g, x, z| {
            let motion = conv(g, "motion", z, 2);
            g.layer("layer", Layer::Warp, &[x, motion])
        },
    },
    Case { name: "correlate", build: |g, x, z| g.layer("layer", Layer::Correlate(2), &[x, z]) },
    Case { name: "correlate far", build: |g, x, z| g.layer("layer", Layer::Correlate(9), &[x, z]) },
    Case {
        name: "match",
        build: |g, x, z| {
            let burnt = share(g, "burnt", z, 1);
            let (x, z) = (conv(g, "queries", x, 5), conv(g, "keys", z, 5));
            g.layer("layer", Layer::Match { radius: 1 }, &[x, z, burnt])
        },
    },
    Case {
        name: "propagate",
        build: |g, x, z| {
            let (motion, sure) = (conv(g, "motion", z, 2), share(g, "sure", z, 1));
            let motion = g.layer("found", Layer::Concat, &[motion, sure]);
            g.layer("layer", Layer::Propagate, &[x, z, motion])
        },
    },
    Case {
        name: "recover",
        build: |g, x, z| {
            let (light, clipping) = (share(g, "light", x, 3), share(g, "clipping", z, 3));
            let (copied, valid) = (share(g, "copied", z, 3), share(g, "valid", x, 1));
            let copied = g.layer("bright", Layer::Pointwise(Pointwise::Scale(3.0)), &[copied]);
            g.layer("layer", Layer::Recover, &[light, clipping, copied, valid, z])
        },
    },
    Case { name: "global max", build: |g, x, _| g.layer("layer", Layer::GlobalMax, &[x]) },
    Case { name: "average pool", build: |g, x, _| g.layer("layer", Layer::AveragePool(2), &[x]) },
    Case {
        name: "log light",
        build: |g, x, _| g.layer("layer", Layer::Pointwise(Pointwise::LogLight(64.0)), &[x]),
    },
    Case {
        name: "logit",
        build: |g, x, _| {
            let p = share(g, "p", x, 4);
            g.layer("layer", Layer::Pointwise(Pointwise::Logit), &[p])
        },
    },
];

fn graph(case: &Case) -> Graph {
    let mut g = GraphBuilder::new(case.name);
    let extent = Extent::Fixed { height: SIZE.0, width: SIZE.1 };
    let (x, z) = (g.input("x", 4, extent), g.input("z", 4, extent));
    let y = (case.build)(&mut g, x, z);
    g.output("y", y);
    g.finish().unwrap()
}

fn given(case: &Case, n: usize) -> (Graph, Weights, Feeds, ChaCha8Rng) {
    let (graph, mut rng) = (graph(case), ChaCha8Rng::seed_from_u64(5));
    let mut weights = Weights::initial(&graph, 7);
    for (_, array) in weights.iter_mut() {
        array.values.iter_mut().for_each(|v| *v += rng.random_range(-0.3..0.3));
    }
    let mut draw =
        || Tensor::from_fn([n, 4, SIZE.0, SIZE.1], |_, _, _, _| rng.random_range(-1.5..1.5));
    let feeds = Feeds::from([("x".to_owned(), draw()), ("z".to_owned(), draw())]);
    (graph, weights, feeds, rng)
}

#[test]
fn cpu_computes_what_the_reference_computes() {
    for case in CASES {
        let (graph, weights, feeds, _) = given(case, 1);
        let truth = reference::run(&graph, &weights, &feeds, &["y"]).unwrap();
        let out = Network::new(graph, weights).unwrap().run_fixed(&feeds, &["y"]).unwrap();
        let worst = out["y"].max_difference(&truth["y"]);
        assert!(worst < 2e-5, "{}: off by {worst}", case.name);
    }
}

#[test]
fn a_moved_picture_is_found_again() {
    // Every pixel has a channel of its own that says where it is.
    let mut g = GraphBuilder::new("found");
    let extent = Extent::Fixed { height: 5, width: 6 };
    let (x, z) = (g.input("x", 30, extent), g.input("z", 30, extent));
    let burnt = g.input("burnt", 1, extent);
    let y = g.layer("found", Layer::Match { radius: 2 }, &[x, z, burnt]);
    g.output("y", y);
    let graph = g.finish().unwrap();
    let at = |c: usize, y: usize, x: usize| f32::from(u8::from(c == y * 6 + x)) * 12.0;
    let here = Tensor::from_fn([1, 30, 5, 6], |_, c, y, x| at(c, y, x));
    let there =
        Tensor::from_fn(
            [1, 30, 5, 6],
            |_, c, y, x| {
                if y >= 1 && x >= 2 { at(c, y - 1, x - 2) } else { 0.0 }
            },
        );
    let feeds = [("x", here), ("z", there), ("burnt", Tensor::zeros([1, 1, 5, 6]))];
    let feeds = feeds.map(|(name, tensor)| (name.to_owned(), tensor)).into();
    let out = reference::run(&graph, &Weights::initial(&graph, 1), &feeds, &["y"]).unwrap();
    for (y, x) in [(0, 0), (3, 3), (2, 1)] {
        let found = [0, 1, 2].map(|c| out["y"].at(0, c, y, x));
        assert!((found[0] - 2.0).abs() < 1e-3 && (found[1] - 1.0).abs() < 1e-3, "{found:?}");
        assert!(found[2] > 0.87, "σ(2) where the way back ends at home: {found:?}");
    }
    assert!(out["y"].at(0, 2, 4, 5) < 0.5, "nothing is there");
}

#[test]
fn warping_by_whole_pixels_moves_and_leaves_zeros() {
    let mut g = GraphBuilder::new("warp");
    let extent = Extent::Fixed { height: 3, width: 4 };
    let (x, motion) = (g.input("x", 1, extent), g.input("motion", 2, extent));
    let y = g.layer("y", Layer::Warp, &[x, motion]);
    g.output("y", y);
    let graph = g.finish().unwrap();
    let x = Tensor::from_fn([1, 1, 3, 4], |_, _, y, x| (10 * y + x) as f32);
    let motion = Tensor::from_fn([1, 2, 3, 4], |_, c, _, _| [1.0, -1.0][c]);
    let feeds = [("x".to_owned(), x), ("motion".to_owned(), motion)].into();
    let out = reference::run(&graph, &Weights::default(), &feeds, &["y"]).unwrap();
    assert_eq!(out["y"].values, [0.0, 0.0, 0.0, 0.0, 1.0, 2.0, 3.0, 0.0, 11.0, 12.0, 13.0, 0.0]);
}

#[test]
fn what_onnx_lacks_is_refused_by_name() {
    let (graph, weights, _, _) = given(&CASES[0], 1);
    let refusal = onnx::export(&graph, &weights, relume_nn::weights::Precision::F32).unwrap_err();
    assert!(refusal.to_string().contains("warp"), "{refusal}");
}

#[cfg(feature = "burn")]
mod on_burn {
    use super::*;
    use burn::tensor::Device;
    use relume_nn::burn::{Parameters, Tensors, download, run, upload};

    fn sent(feeds: &Feeds, device: &Device) -> Tensors {
        feeds.iter().map(|(name, tensor)| (name.clone(), upload(tensor, device))).collect()
    }

    #[test]
    fn burn_computes_what_the_reference_computes() {
        for case in CASES {
            let (graph, weights, feeds, _) = given(case, 2);
            let truth = reference::run(&graph, &weights, &feeds, &["y"]).unwrap();
            let device = Device::flex();
            let parameters = Parameters::new(&weights, &device, false);
            let out = run(&graph, &parameters, &sent(&feeds, &device), &["y"]).unwrap();
            let out = download(out["y"].clone()).unwrap();
            let worst = out.max_difference(&truth["y"]);
            assert!(worst < 2e-5, "{}: off by {worst}", case.name);
        }
    }

    fn objective(graph: &Graph, weights: &Weights, feeds: &Feeds, mix: &[f32]) -> f64 {
        let out = reference::run(graph, weights, feeds, &["y"]).unwrap();
        out["y"].values.iter().zip(mix).map(|(&y, &m)| f64::from(y) * f64::from(m)).sum()
    }

    #[test]
    fn burn_gradients_are_finite_differences() {
        const STEP: f32 = 5e-4;
        for case in CASES {
            let (graph, weights, feeds, mut rng) = given(case, 1);
            let device = Device::flex().autodiff();
            let parameters = Parameters::new(&weights, &device, true);
            let tensors: Tensors = sent(&feeds, &device)
                .into_iter()
                .map(|(name, tensor)| (name, tensor.require_grad()))
                .collect();
            let out = run(&graph, &parameters, &tensors, &["y"]).unwrap().remove("y").unwrap();
            let count = out.dims().iter().product();
            let mix: Vec<f32> = (0..count).map(|_| rng.random_range(-1.0..1.0)).collect();
            let mixed = upload(&Tensor::new(out.dims(), mix.clone()), &device);
            let gradients = (out * mixed).sum().backward();
            let check = |found: f32, up: f64, down: f64, what: &str| {
                let wanted = (up - down) / (2.0 * f64::from(STEP));
                let off = (f64::from(found) - wanted).abs() / (1.0 + wanted.abs());
                assert!(off < 3e-2, "{} {what}: {found} against {wanted}", case.name);
            };
            for (key, array) in weights.iter() {
                let Some(found) = parameters.get(key).unwrap().grad(&gradients) else { continue };
                let found = found.into_data().try_to_vec::<f32>().unwrap();
                for i in (0..array.values.len()).step_by(1 + array.values.len() / 4) {
                    let moved = |by: f32| {
                        let mut moved = weights.clone();
                        let slot = moved.iter_mut().find(|(k, _)| *k == key).unwrap().1;
                        slot.values[i] += by;
                        objective(&graph, &moved, &feeds, &mix)
                    };
                    check(found[i], moved(STEP), moved(-STEP), key);
                }
            }
            for (name, tensor) in &tensors {
                let Some(found) = tensor.grad(&gradients) else { continue };
                let found = found.into_data().try_to_vec::<f32>().unwrap();
                for i in (0..found.len()).step_by(1 + found.len() / 8) {
                    let moved = |by: f32| {
                        let mut moved = feeds.clone();
                        moved.get_mut(name).unwrap().values[i] += by;
                        objective(&graph, &weights, &moved, &mix)
                    };
                    check(found[i], moved(STEP), moved(-STEP), name);
                }
            }
        }
    }
}
