//! OX-Net in parts, by the fast executor, is the whole, by plain loops; without a reference it is its
//! single-picture self.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeMap;

use relume::models::oxnet::{
    self, CLIPPING, EXPOSURE, FEATURES, FOUND, FRAME, GUIDE, LIGHT, MASK, OPEN, RECOVERED,
    REFERENCE, REFERENCE_FEATURES, REFERENCE_LIGHT, SHARE, Widths,
};
use relume::overexposed::{Signals, no_reference};
use relume_media::pan::{Pan, PanOptions, Scene};
use relume_nn::cpu::Network;
use relume_nn::{Feeds, Graph, Tensor, Weights, reference};

const SIZE: (usize, usize) = (128, 128);
const FEW: Widths =
    Widths { channels: [8, 8, 32, 32], encoder: [1, 1, 1, 2], decoder: [1, 1, 1], attention: true };

fn whole() -> (Graph, Weights) {
    let graph = oxnet::build("few", &FEW, SIZE).unwrap();
    let mut weights = Weights::initial(&graph, 5);
    // Louder branches: every layer matters.
    for (key, array) in weights.iter_mut() {
        if key.ends_with(".scale.weight") {
            array.values.iter_mut().for_each(|v| *v = 0.7);
        }
    }
    (graph, weights)
}

fn frames() -> [Signals; 2] {
    let scene = Scene::procedural(12);
    let options = PanOptions { width: 120, height: 100, frames: 10, ..PanOptions::default() };
    let pan = Pan::sample(3, &scene, &options);
    [8, 4].map(|t| Signals::of(&pan.frame(t).unwrap().picture))
}

fn told(frame: &Signals, other: Option<&Signals>) -> Feeds {
    let zeros = Tensor::zeros(frame.light.shape);
    let (seen, light, stops) = match other {
        Some(other) => (other.frame.clone(), other.light.clone(), 0.25),
        None => (no_reference(SIZE), zeros, 0.0),
    };
    let feeds = [
        (FRAME, frame.frame.clone()),
        (LIGHT, frame.light.clone()),
        (CLIPPING, frame.clipping.clone()),
        (REFERENCE, seen),
        (REFERENCE_LIGHT, light),
        (EXPOSURE, Tensor::scalars(&[stops])),
        (GUIDE, Tensor::from_fn([1, 3, 32, 32], |_, c, y, _| [1.5, -0.5, y as f32 / 64.0][c])),
    ];
    feeds.map(|(name, tensor)| (name.to_owned(), tensor)).into()
}

/// Runs a part by the fast executor.
fn run(
    graph: Graph,
    weights: &Weights,
    feeds: &Feeds,
    wanted: &[&str],
) -> BTreeMap<String, Tensor> {
    let keys: Vec<String> = graph.parameters().into_iter().map(|(key, _)| key).collect();
    let own = weights.clone().retaining(|key| keys.iter().any(|known| known == key));
    Network::new(graph, own).unwrap().run_fixed(feeds, wanted).unwrap()
}

fn plane(values: &[f32]) -> Tensor {
    Tensor::new([1, 1, SIZE.0, SIZE.1], values.to_vec())
}

fn close(a: &Tensor, b: &Tensor, what: &str) {
    let largest = b.values.iter().fold(1.0_f32, |most, v| most.max(v.abs()));
    let off = a.max_difference(b) / largest;
    assert!(off < 2e-4, "{what} is off by {off}");
}

#[test]
fn parts_are_the_whole() {
    let ((graph, weights), [frame, other]) = (whole(), frames());
    let feeds = told(&frame, Some(&other));
    let wanted = [RECOVERED, SHARE, "motion_4", "motion_16"];
    let truth = reference::run(&graph, &weights, &feeds, &wanted).unwrap();

    let encode = |signals: &Signals| {
        let feeds = [(FRAME.to_owned(), signals.frame.clone())].into();
        run(oxnet::encoder(&FEW, SIZE).unwrap(), &weights, &feeds, &FEATURES)
    };
    let (here, there) = (encode(&frame), encode(&other));
    let burnt = Tensor::from_fn([1, 1, 8, 8], |_, _, y, x| {
        let at = |i: usize| other.mask()[(16 * y + i / 16) * SIZE.1 + 16 * x + i % 16];
        (0..256).map(at).sum::<f32>() / 256.0
    });
    let mut given: Feeds = [
        (FEATURES[3].to_owned(), here[FEATURES[3]].clone()),
        (REFERENCE_FEATURES[2].to_owned(), there[FEATURES[3]].clone()),
        (MASK.to_owned(), burnt),
    ]
    .into();
    let found = run(oxnet::matcher(&FEW, SIZE).unwrap(), &weights, &given, &[FOUND]);
    given.extend(here);
    for (name, from) in REFERENCE_FEATURES.iter().zip(&FEATURES[1..]) {
        given.insert((*name).to_owned(), there[*from].clone());
    }
    for name in [LIGHT, CLIPPING, REFERENCE_LIGHT, EXPOSURE, GUIDE] {
        given.insert(name.to_owned(), feeds[name].clone());
    }
    given.insert(MASK.to_owned(), plane(frame.mask()));
    given.insert(OPEN.to_owned(), plane(&other.open()));
    given.insert("inside".to_owned(), plane(frame.inside()));
    given.extend(found);
    let made = run(oxnet::with_reference(&FEW, SIZE).unwrap(), &weights, &given, &wanted);
    for name in wanted {
        close(&made[name], &truth[name], name);
    }
    let changed = made[RECOVERED].max_difference(&frame.light);
    assert!(changed > 0.05, "nothing was recovered: {changed}");
}

#[test]
fn without_a_reference_it_is_its_single_picture_self() {
    let ((graph, weights), [frame, _]) = (whole(), frames());
    let truth = reference::run(&graph, &weights, &told(&frame, None), &[RECOVERED, SHARE]).unwrap();
    let mut given: Feeds = [
        (LIGHT.to_owned(), frame.light.clone()),
        (CLIPPING.to_owned(), frame.clipping.clone()),
        (MASK.to_owned(), plane(frame.mask())),
    ]
    .into();
    let feeds = [(FRAME.to_owned(), frame.frame.clone())].into();
    given.extend(run(oxnet::encoder(&FEW, SIZE).unwrap(), &weights, &feeds, &FEATURES));
    let made = run(oxnet::alone(&FEW, SIZE).unwrap(), &weights, &given, &[RECOVERED, SHARE]);
    close(&made[RECOVERED], &truth[RECOVERED], RECOVERED);
    assert!(made[SHARE].values.iter().all(|share| *share == 0.0));
}
