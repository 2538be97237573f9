//! MIRNet against what the original modules computed.

use relume::models::mirnet::{self, ENHANCED};
use relume_nn::cpu::{Cut, Network, Picture};
use relume_nn::{Array, Feeds, Graph, Tensor, Weights};

use crate::files::{beside, checkpoint, tensor};

#[test]
fn small_mirnets_compute_what_the_original_computes() {
    let Some(folder) = beside("fixtures/mirnet") else { return };
    let cases =
        [("mirnet_tiny", 1, 1, ["20x28", "b2_24x40"]), ("mirnet_nf8", 3, 2, ["20x28", "32x48"])];
    for (name, groups, blocks, inputs) in cases {
        let graph = mirnet::build(name, 8, groups, blocks).unwrap();
        let weights = checkpoint(&folder.join(format!("{name}.weights.safetensors")));
        let report = weights.report(&graph);
        assert!(report.is_exact() && report.spare > 0, "{name}:\n{}", report.table(20));
        let numbers = checkpoint(&folder.join(format!("{name}.io.safetensors")));
        for input in inputs {
            let image = tensor(&numbers, &format!("input.{input}"));
            let truth = tensor(&numbers, &format!("output.{input}"));
            let worst = crate::both(&graph, &weights, &image, ENHANCED).max_difference(&truth);
            println!("{name} {input}: off by {worst:.1e}");
            assert!(worst < 1e-5, "{name} {input}: off by {worst}");
        }
    }
}

#[test]
fn the_released_size_computes_what_the_original_computes() {
    let Some(folder) = beside("fixtures/mirnet") else { return };
    let graph = (mirnet::CARD.graph)().unwrap();
    let weights = recipe(&graph, 3, 1.3);
    let check = checkpoint(&folder.join("mirnet_default.weights_check.safetensors"));
    for (key, array) in check.iter().filter(|(key, _)| key.starts_with("first8.")) {
        // Constants of the blur, and second names, are not parameters of ours.
        if let Some(made) = weights.get(&key["first8.".len()..]) {
            assert_eq!(made.values[..array.values.len()], array.values[..], "{key}");
        }
    }
    let numbers = checkpoint(&folder.join("mirnet_default.io.safetensors"));
    let network = Network::new(graph, weights).unwrap();
    for input in ["20x28", "32x48"] {
        let image = tensor(&numbers, &format!("input.{input}"));
        let truth = tensor(&numbers, &format!("output.{input}"));
        let [_, _, height, width] = image.shape;
        let picture = Picture { name: "image", height, width, values: &image.values };
        let out = network
            .run_picture(
                picture,
                &Feeds::new(),
                ENHANCED,
                Cut::Of { columns: 64, rows: 64 },
                &|_| Ok(()),
            )
            .unwrap();
        let worst = Tensor::new(truth.shape, out).max_difference(&truth);
        println!("mirnet {input}: off by {worst:.1e}");
        assert!(worst < 1e-5, "mirnet {input}: off by {worst}");
    }
}

/// The weights of the published numbers, made by the rule that stands beside them.
fn recipe(graph: &Graph, seed: u64, gain: f64) -> Weights {
    let mut weights = Weights::default();
    for (key, parameter) in graph.parameters() {
        let shape = parameter.shape;
        let fan_in: usize = shape[1..].iter().product();
        let make: Box<dyn Fn(f32) -> f32> = match (shape.len(), key.ends_with(".bias")) {
            (_, true) => Box::new(|s| 0.2 * s),
            (1, false) => Box::new(|s| 0.25 + 0.2 * s),
            _ => {
                let scale = (gain / (fan_in as f64).sqrt()) as f32;
                Box::new(move |s| scale * s)
            }
        };
        let count = shape.iter().product();
        let values = draws(&key, seed, count).map(make).collect();
        weights.insert(key, Array { shape, values });
    }
    weights
}

/// `count` numbers from −1 to 1 that belong to a name (FNV-1a, then SplitMix64).
fn draws(key: &str, seed: u64, count: usize) -> impl Iterator<Item = f32> {
    let name = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    let start = key.bytes().fold(0xcbf2_9ce4_8422_2325, name) ^ seed;
    (1..=count as u64).map(move |i| {
        let mut z = start.wrapping_add(i.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        let t = ((z ^ (z >> 31)) >> 40) as i64;
        (t - (1 << 23)) as f32 / (1 << 23) as f32
    })
}
