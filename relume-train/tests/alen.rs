//! ALEN on burn: what the reference computes, and gradients for exactly what a stage trains.
#![cfg(feature = "burn")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use burn::tensor::Device;
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;
use relume::models::alen::slcformer::{LOGITS, VIEW};
use relume::models::alen::{self, ENHANCED, GLOBAL, IMAGE, LOCAL, Route, Routing};
use relume_media::{DegradeOptions, Image, Size, Srgb};
use relume_nn::burn::{Parameters, download, run, upload};
use relume_nn::{Tensor, Weights, reference};
use relume_train::datasets::Item;
use relume_train::tasks::alen::darken;

#[test]
fn burn_computes_what_the_reference_computes() {
    let graph = (alen::SMALL.graph)().unwrap();
    let weights = Weights::initial(&graph, 5);
    let mut feeds = Routing::new(Route::Auto, 0.4).feeds();
    let wave = |_, c: usize, y: usize, x: usize| 0.4 + 0.3 * ((x * (c + 2) + 3 * y) as f32).sin();
    feeds.insert(IMAGE.to_owned(), Tensor::from_fn([1, 3, 12, 14], wave));
    feeds.insert(VIEW.to_owned(), Tensor::from_fn([1, 3, 224, 224], wave));
    let wanted = [LOGITS, LOCAL, GLOBAL, ENHANCED];
    let truth = reference::run(&graph, &weights, &feeds, &wanted).unwrap();
    let device = Device::flex();
    let parameters = Parameters::new(&weights, &device, false);
    let there = feeds.iter().map(|(k, t)| (k.clone(), upload(t, &device))).collect();
    for (name, made) in run(&graph, &parameters, &there, &wanted).unwrap() {
        let worst = download(made).unwrap().max_difference(&truth[&name]);
        assert!(worst < 1e-5, "{name}: off by {worst}");
    }
}

#[test]
fn kinds_are_what_they_are_called() {
    let scene = Image::<Srgb>::from_fn(Size::new(96, 96), |x, y| {
        let v = 0.45 + 0.4 * ((x + 2 * y) as f32 / 30.0).sin();
        [v, 0.9 * v, 0.8 * v]
    });
    let (mut bright, mut rng) = ([0.0; 2], ChaCha8Rng::seed_from_u64(1));
    for _ in 0..10 {
        for local in [false, true] {
            let item = Item::Sharp(scene.clone());
            let made = darken(item, local, &mut rng, &DegradeOptions::default()).unwrap();
            assert_eq!(made.local, local);
            // Where the camera wrote nearly all of the light that was there.
            let kept = made.input.values().iter().zip(made.target.values());
            let kept = kept.filter(|(input, target)| **target > 0.3 && **input > 0.75 * **target);
            bright[usize::from(local)] += kept.count() as f32 / scene.values().len() as f32 / 10.0;
        }
    }
    assert!(bright[0] < 0.02 && bright[1] > 0.15, "{bright:?}");
}
