//! The networks of others, with their weights and numbers: what the original code computed, ours
//! computes. Skipped, with a line that says so, where those files do not lie beside the repository.
#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![allow(clippy::print_stdout, reason = "a skipped test says so, a passed one how close it came")]

mod alen;
mod clip;
mod files;
mod mirnet;
mod sem;

use files::{array, beside, checkpoint};
use relume::models::{ModelCard, sci, zero_dce};
use relume_nn::cpu::{Cut, Network, Picture};
use relume_nn::{Feeds, Graph, Tensor, Weights, reference};

/// Runs `graph` by the reference and by the fast executor; the two must agree on `output`.
fn both(graph: &Graph, weights: &Weights, image: &Tensor, output: &str) -> Tensor {
    let feeds = Feeds::from([("image".to_owned(), image.clone())]);
    let truth = reference::run(graph, weights, &feeds, &[output]).unwrap().remove(output).unwrap();
    let [n, _, height, width] = image.shape;
    if n == 1 {
        let network = Network::new(graph.clone(), weights.clone()).unwrap();
        let picture = Picture { name: "image", height, width, values: &image.values };
        let fast = network
            .run_picture(picture, &feeds, output, Cut::Of { columns: 64, rows: 64 }, &|_| Ok(()))
            .unwrap();
        let worst = Tensor::new(truth.shape, fast).max_difference(&truth);
        let largest = truth.values.iter().fold(1.0_f32, |most, v| most.max(v.abs()));
        assert!(worst < 1e-5 * largest, "{}: the fast executor is off by {worst}", graph.name());
    }
    truth
}

/// A file of published weights, the network it belongs to, and the answer it gave.
struct Case {
    card: &'static ModelCard,
    weights: &'static str,
    answer: &'static str,
    /// How many keys the network needs, and how many more the file holds.
    keys: (usize, usize),
}

const CASES: &[Case] = &[
    Case {
        card: &zero_dce::FULL,
        weights: "zero_dce/Epoch99.pth",
        answer: "zero_dce/parity_zero_dce.npy",
        keys: (14, 0),
    },
    Case {
        card: &zero_dce::FULL,
        weights: "zero_dce/zero_dce.safetensors",
        answer: "zero_dce/parity_zero_dce.npy",
        keys: (14, 0),
    },
    Case {
        card: &zero_dce::LIGHT,
        weights: "zero_dce_pp/Epoch99.pth",
        answer: "zero_dce_pp/parity_zero_dce_pp_s1.npy",
        keys: (28, 0),
    },
    Case {
        card: &zero_dce::LIGHT,
        weights: "sgz/Epoch99.pth",
        answer: "sgz/parity_sgz.npy",
        keys: (28, 0),
    },
    Case {
        card: &sci::CARD,
        weights: "sci/easy.pt",
        answer: "sci/parity_sci_easy.npy",
        keys: (10, 62),
    },
    Case {
        card: &sci::CARD,
        weights: "sci/medium.pt",
        answer: "sci/parity_sci_medium.npy",
        keys: (10, 62),
    },
    Case {
        card: &sci::CARD,
        weights: "sci/difficult.pt",
        answer: "sci/parity_sci_difficult.npy",
        keys: (10, 62),
    },
];

#[test]
fn published_weights_give_the_published_answers() {
    let Some(folder) = beside("data/weights") else { return };
    let image = array(&folder.join("parity_input_rgb_1x3x72x96.npy"));
    for Case { card, weights, answer, keys } in CASES {
        let graph = (card.graph)().unwrap();
        let weights_read = checkpoint(&folder.join(weights));
        let report = weights_read.report(&graph);
        assert!(report.is_exact(), "{weights}:\n{}", report.table(20));
        assert_eq!((report.applied, report.spare), *keys, "{weights}");
        let truth = array(&folder.join(answer));
        let worst = both(&graph, &weights_read, &image, card.output).max_difference(&truth);
        println!(
            "{} from {weights}: {} keys applied, {} spare, off by {worst:.1e}",
            card.name, report.applied, report.spare
        );
        assert!(worst < 1e-4, "{weights}: off by {worst}");
    }
}

#[test]
fn the_curve_network_computes_every_stage_of_sem() {
    let Some(folder) = beside("fixtures/sem") else { return };
    let weights = checkpoint(&folder.join("seeded/weights.safetensors"));
    let inputs = checkpoint(&folder.join("inputs.safetensors"));
    let answers = checkpoint(&folder.join("seeded/forward.safetensors"));
    let graph = (zero_dce::FULL.graph)().unwrap().reading(&["curve.3"]).unwrap();
    for name in ["even_64x96", "odd_61x83", "small_17x35", "uniform_48x40", "range_32x32"] {
        let image = files::tensor(&inputs, name);
        for (output, key) in
            [(zero_dce::CURVES, "A"), ("curve.3", "stage4"), (zero_dce::ENHANCED, "enhanced")]
        {
            let truth = files::tensor(&answers, &format!("{name}.{key}"));
            let worst = both(&graph, &weights, &image, output).max_difference(&truth);
            // Values beyond 0 and 1 grow with every step of the curve.
            let largest = truth.values.iter().fold(1.0_f32, |most, v| most.max(v.abs()));
            assert!(worst < 1e-5 * largest, "{name}.{key}: off by {worst}");
        }
    }
}
