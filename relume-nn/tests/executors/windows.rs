//! Attention within windows: every executor, by hand, and the masks of published files.

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use relume_nn::cpu::Network;
use relume_nn::{
    Conv, Extent, Feeds, Graph, GraphBuilder, Layer, Tensor, Weights, Windows, reference,
};

use super::onnx_runtime::Exported;
use super::weights;

/// Attention on windows of a thumbnail that `x` belongs to; three heads have tables of their own.
fn attention(heads: usize, window: usize, shifted: bool, size: (usize, usize)) -> Graph {
    let own_tables = heads == 3;
    let mut g = GraphBuilder::new("attention");
    let x = g.input("x", 5, Extent::Fixed { height: size.0, width: size.1 });
    let qkv = g.conv("to_qkv", x, Conv::new(5, 3 * 2 * heads, 1).unbiased());
    let windows = Windows { heads, window, shifted, own_tables };
    let y = g.layer("layer", Layer::WindowAttention(windows), &[qkv]);
    let y = g.conv("merge", y, Conv::new(2 * heads, 4, window).stride(window, 0));
    g.output("y", y);
    g.finish().unwrap()
}

/// Heads, window, shifted, size.
const ATTENTIONS: &[(usize, usize, bool, (usize, usize))] = &[
    (1, 2, false, (4, 6)),
    (2, 2, true, (4, 6)),
    (3, 7, true, (7, 14)),
    (3, 2, true, (4, 4)),
    (1, 3, true, (3, 3)),
    (2, 4, false, (8, 4)),
];

fn attention_feeds(rng: &mut ChaCha8Rng, n: usize, size: (usize, usize)) -> Feeds {
    let x = Tensor::from_fn([n, 5, size.0, size.1], |_, _, _, _| rng.random_range(-1.5..1.5));
    Feeds::from([("x".to_owned(), x)])
}

#[test]
fn cpu_attends_as_the_reference_does() {
    for (index, &(heads, window, shifted, size)) in ATTENTIONS.iter().enumerate() {
        let graph = attention(heads, window, shifted, size);
        let mut rng = ChaCha8Rng::seed_from_u64(index as u64);
        let weights = weights(&graph, &mut rng);
        let feeds = attention_feeds(&mut rng, 1, size);
        let truth = reference::run(&graph, &weights, &feeds, &["y"]).unwrap();
        let out = Network::new(graph, weights).unwrap().run_fixed(&feeds, &["y"]).unwrap();
        let worst = out["y"].max_difference(&truth["y"]);
        assert!(worst < 1e-5, "{index}: off by {worst}");
    }
}

#[test]
fn attention_is_the_sum_its_definition_says() {
    // One window of two by two, one head of one channel, no shift: checked by hand.
    let mut g = GraphBuilder::new("small");
    let x = g.input("x", 3, Extent::Fixed { height: 2, width: 2 });
    let windows = Windows { heads: 1, window: 2, shifted: false, own_tables: false };
    let y = g.layer("a", Layer::WindowAttention(windows), &[x]);
    g.output("y", y);
    let graph = g.finish().unwrap();
    let table: Vec<f32> = (0..9).map(|i| i as f32 / 10.0).collect();
    let mut weights = Weights::default();
    let shape = vec![3, 3];
    weights.insert("a.pos_embedding", relume_nn::Array { shape, values: table.clone() });
    let (q, k, v) = ([0.1, 0.2, 0.3, 0.4], [1.0, -1.0, 0.5, 2.0], [1.0, 2.0, 3.0, 4.0]);
    let x = Tensor::new([1, 3, 2, 2], [q, k, v].concat());
    let feeds = Feeds::from([("x".to_owned(), x)]);
    let out = reference::run(&graph, &weights, &feeds, &["y"]).unwrap().remove("y").unwrap();
    for i in 0..4_usize {
        let bias = |j: usize| table[(j / 2 + 1 - i / 2) * 3 + j % 2 + 1 - i % 2];
        let shares: Vec<f32> = (0..4).map(|j| (q[i] * k[j] + bias(j)).exp()).collect();
        let sum: f32 = shares.iter().sum();
        let expected: f32 = shares.iter().zip(v).map(|(share, v)| share * v / sum).sum();
        assert!((out.values[i] - expected).abs() < 1e-6);
    }
}

#[test]
fn stored_masks_are_checked() {
    let graph = attention(1, 2, true, (4, 4));
    let mut weights = Weights::initial(&graph, 1);
    for (key, array) in graph.constants() {
        weights.insert(key, array);
    }
    let report = weights.report(&graph);
    assert!(report.is_exact() && report.spare == 2, "{report}");
    let slot = weights.iter_mut().find(|(key, _)| key.ends_with("left_right_mask")).unwrap().1;
    slot.values[1] = 0.0;
    let report = weights.report(&graph);
    assert_eq!(report.differing, ["layer.left_right_mask"]);
    assert!(weights.check(&graph).is_err(), "{report}");
}

/// Every case for ONNX Runtime.
pub(super) fn exported() -> impl Iterator<Item = Exported> {
    ATTENTIONS.iter().enumerate().map(|(index, &(heads, window, shifted, size))| {
        let graph = attention(heads, window, shifted, size);
        let mut rng = ChaCha8Rng::seed_from_u64(index as u64);
        let (weights, feeds) = (weights(&graph, &mut rng), attention_feeds(&mut rng, 2, size));
        Exported { name: format!("attention {index}"), graph, weights, feeds }
    })
}

#[cfg(feature = "burn")]
#[test]
fn burn_attends_as_the_reference_does() {
    use relume_nn::burn::{Parameters, download, run, upload};
    for (index, &(heads, window, shifted, size)) in ATTENTIONS.iter().enumerate() {
        let graph = attention(heads, window, shifted, size);
        let mut rng = ChaCha8Rng::seed_from_u64(index as u64);
        let weights = weights(&graph, &mut rng);
        let feeds = attention_feeds(&mut rng, 2, size);
        let truth = reference::run(&graph, &weights, &feeds, &["y"]).unwrap();
        let device = burn::tensor::Device::flex();
        let parameters = Parameters::new(&weights, &device, false);
        let there = feeds.iter().map(|(k, t)| (k.clone(), upload(t, &device))).collect();
        let out = run(&graph, &parameters, &there, &["y"]).unwrap().remove("y").unwrap();
        let worst = download(out).unwrap().max_difference(&truth["y"]);
        assert!(worst < 1e-5, "{index}: off by {worst}");
        super::on_burn::check_gradients(
            &format!("attention {index}"),
            &graph,
            &weights,
            &feeds,
            &mut rng,
        );
    }
}
