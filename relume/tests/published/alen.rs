//! ALEN against what the original modules, and the authors' program, computed.

use std::collections::BTreeMap;
use std::path::Path;

use relume::models::alen::slcformer::{self, LOGITS, Shape, VIEW};
use relume::models::alen::{self, Route, Routing, ge, mcnet, published, scnet, view};
use relume_media::{Image, Size, Srgb};
use relume_nn::cpu::{Cut, Network, Picture};
use relume_nn::{Feeds, Graph, Tensor, Weights, hsv, reference};

use crate::files::{beside, checkpoint, recipe, tensor};

const TOLERANCE: f32 = 1e-5;

/// Compares every named output for every named input, by the reference and the fast executor.
fn check_local(
    folder: &Path,
    name: &str,
    graph: &Graph,
    input: &str,
    (output, taps): (&str, &[(&str, &str)]),
) {
    let weights = checkpoint(&folder.join(format!("{name}.weights.safetensors")));
    let report = weights.report(graph);
    assert!(report.is_exact(), "{name}:\n{}", report.table(20));
    let numbers = checkpoint(&folder.join(format!("{name}.io.safetensors")));
    for case in ["24x32", "b2_19x27"] {
        let x = tensor(&numbers, &format!("input.{case}"));
        let mut wanted = vec![(output, format!("output.{case}"))];
        let taps: Vec<_> = taps.iter().map(|(l, tap)| (*l, format!("tap.{case}.{tap}"))).collect();
        let taps: Vec<_> = taps.into_iter().filter(|(_, tap)| numbers.get(tap).is_some()).collect();
        wanted.extend(taps.iter().cloned());
        let names: Vec<&str> = wanted.iter().map(|(layer, _)| *layer).collect();
        let layers: Vec<&str> = taps.iter().map(|(layer, _)| *layer).collect();
        let graph = graph.clone().reading(&layers).unwrap();
        let network = Network::new(graph.clone(), weights.clone()).unwrap();
        let [n, c, height, width] = x.shape;
        for sample in 0..n {
            let values = part(&x, sample);
            // The plain loops take seconds: one sample is enough for them.
            let plain = (sample == 1).then(|| {
                let x = Tensor::new([1, c, height, width], values.to_vec());
                let feeds = Feeds::from([(input.to_owned(), x)]);
                reference::run(&graph, &weights, &feeds, &names).unwrap()
            });
            for (layer, key) in &wanted {
                let truth = tensor(&numbers, key);
                let truth = part(&truth, sample);
                let picture = Picture { name: input, height, width, values };
                for cut in [Cut::Fitting, Cut::Of { columns: 64, rows: 3 }] {
                    let out = network.run_picture(picture, &Feeds::new(), layer, cut, &|_| Ok(()));
                    let worst = worst(&out.unwrap(), truth);
                    assert!(worst < TOLERANCE, "{name} {key} {cut:?}: off by {worst}");
                    println!("{name} {key}: off by {worst:.1e}");
                }
                if let Some(plain) = &plain {
                    let worst = worst(&plain[*layer].values, truth);
                    assert!(worst < TOLERANCE, "{name} {key}: the reference is off by {worst}");
                }
            }
        }
    }
}

/// One sample of a batch.
fn part(x: &Tensor, sample: usize) -> &[f32] {
    let each = x.values.len() / x.shape[0];
    &x.values[sample * each..][..each]
}

fn worst(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).fold(0.0, |worst, (a, b)| worst.max((a - b).abs()))
}

#[test]
fn enhancers_compute_what_the_original_computes() {
    let Some(folder) = beside("fixtures/alen") else { return };
    let graph = scnet::build("scnet", scnet::WIDTH).unwrap();
    check_local(&folder, "scnet", &graph, scnet::VALUE, (scnet::LIT, &[("conv4", "conv4.call0")]));
    let graph = mcnet::build("mcnet", mcnet::WIDTH).unwrap();
    let taps = [
        ("channel1.conv1", "channel1.conv1.call0"),
        ("channel1.conv1#2", "channel1.conv1.call1"),
        ("channel1.conv3#2", "channel1.conv3.call1"),
        ("channel3.final", "channel3.call0"),
    ];
    check_local(&folder, "mcnet", &graph, alen::IMAGE, (mcnet::MIXED, &taps));
    let graph = ge::build_from_hsv("ge", scnet::WIDTH).unwrap();
    check_local(&folder, "ge", &graph, ge::HSV, (mcnet::MIXED, &[("rgb", "hsv2rgb.call0")]));
}

#[test]
fn halos_are_those_of_the_specification() {
    let halo = |graph: &Graph, output| relume_nn::Facts::of(graph, output).unwrap().halo;
    assert_eq!(halo(&scnet::build("a", 32).unwrap(), scnet::LIT), 4);
    assert_eq!(halo(&mcnet::build("a", 32).unwrap(), mcnet::MIXED), 10);
    assert_eq!(halo(&ge::build("a", 32).unwrap(), mcnet::MIXED), 14);
}

/// Compares scores and stages of a classifier.
fn check_classifier(numbers: &Weights, case: &str, shape: &Shape, weights: &Weights) {
    let x = tensor(numbers, &format!("input.{case}"));
    let [n, _, height, width] = x.shape;
    let graph = slcformer::build("slcformer", shape, (height, width)).unwrap();
    let report = weights.report(&graph);
    assert!(report.is_exact(), "{case}:\n{}", report.table(20));
    // The last block of each stage.
    let stages: BTreeMap<String, String> = (1..=4)
        .map(|t| {
            let last = shape.blocks[t - 1] / 2 - 1;
            let tap = format!("tap.{case}.stage{t}");
            let tap = if numbers.get(&tap).is_some() { tap } else { format!("{tap}.call0") };
            (tap, format!("stage{t}.layers.{last}.1.thought"))
        })
        .filter(|(tap, _)| numbers.get(tap).is_some())
        .collect();
    let layers: Vec<&str> = stages.values().map(String::as_str).collect();
    let graph = graph.reading(&layers).unwrap();
    let feeds = Feeds::from([(VIEW.to_owned(), x)]);
    let wanted: Vec<&str> = layers.iter().copied().chain([LOGITS]).collect();
    let mut truth: Vec<Tensor> = stages.keys().map(|tap| tensor(numbers, tap)).collect();
    let scores = numbers.get(&format!("output.{case}")).unwrap().values.clone();
    truth.push(Tensor::new([n, 2, 1, 1], scores));
    let network = Network::new(graph.clone(), weights.clone()).unwrap();
    let made = match n {
        1 => network.run_fixed(&feeds, &wanted).unwrap(),
        _ => reference::run(&graph, weights, &feeds, &wanted).unwrap(),
    };
    for (name, truth) in wanted.iter().zip(&truth) {
        let worst = made[*name].max_difference(truth);
        let largest = truth.values.iter().fold(1.0_f32, |most, v| most.max(v.abs()));
        println!("slcformer {case} {name}: off by {worst:.1e}");
        assert!(worst < TOLERANCE * largest, "{case} {name}: off by {worst}");
    }
    if n == 1 && height * width < 2000 {
        let plain = reference::run(&graph, weights, &feeds, &wanted).unwrap();
        for name in &wanted {
            let worst = plain[*name].max_difference(&made[*name]);
            assert!(worst < TOLERANCE, "{case} {name}: the executors differ by {worst}");
        }
    }
}

#[test]
fn classifiers_compute_what_the_original_computes() {
    let Some(folder) = beside("fixtures/alen") else { return };
    let small = Shape { base: 8, head: 8, ..Shape::PUBLISHED };
    let narrow = Shape { window: 2, blocks: [2, 2, 4, 2], down: [2, 2, 2, 2], base: 8, head: 8 };
    let wide = Shape { blocks: [2, 2, 2, 2], ..small };
    let cases = [
        ("slcformer_tiny_w2", narrow, &["32x32", "b2_32x64"][..]),
        ("slcformer_tiny_w7", wide, &["224x224"]),
    ];
    for (name, shape, inputs) in cases {
        let weights = checkpoint(&folder.join(format!("{name}.weights.safetensors")));
        let numbers = checkpoint(&folder.join(format!("{name}.io.safetensors")));
        inputs.iter().for_each(|case| check_classifier(&numbers, case, &shape, &weights));
    }
    let numbers = checkpoint(&folder.join("slcformer_default.io.safetensors"));
    let weights = default_classifier(&folder);
    for case in ["224x224", "224x448"] {
        check_classifier(&numbers, case, &Shape::PUBLISHED, &weights);
    }
}

/// The released size with the weights of the published numbers.
fn default_classifier(folder: &Path) -> Weights {
    let graph = (alen::CLASSIFIER.graph)().unwrap();
    let weights = recipe(&graph, 119, 1.5);
    let check = checkpoint(&folder.join("slcformer_default.weights_check.safetensors"));
    let mut compared = 0;
    for (key, array) in check.iter().filter(|(key, _)| key.starts_with("first8.")) {
        let made = weights.get(&key["first8.".len()..]).unwrap();
        assert_eq!(made.values[..array.values.len()], array.values[..], "{key}");
        compared += 1;
    }
    assert_eq!(compared, 6);
    weights
}

#[test]
fn both_converters_are_the_originals() {
    let Some(folder) = beside("fixtures/alen") else { return };
    let arrays = crate::files::numbers(&folder.join("hsv.safetensors"));
    let of = |name: &str| arrays[name].1.as_slice();
    // Floats lie by channel, doubles by pixel.
    let pixels = of("rgb_u8").len() / 3;
    let float = |name: &str, i: usize| [0, 1, 2].map(|c| of(name)[c * pixels + i] as f32);
    let double = |name: &str, i: usize| [0, 1, 2].map(|c| of(name)[3 * i + c]);
    let near = |made: [f64; 3], name: &str, i: usize| {
        let worst = made.iter().zip(double(name, i)).map(|(a, b)| (a - b).abs());
        let worst = worst.fold(0.0, f64::max);
        assert!(worst < 1e-12, "{name}, pixel {i}: {made:?} is off by {worst}");
    };
    for i in 0..pixels {
        let made = hsv::from_rgb(float("torch.rgb_f32", i));
        assert_eq!(made, float("torch.hsv_f32", i), "pixel {i}");
        assert_eq!(hsv::to_rgb(made), float("torch.rgb_back_f32", i), "pixel {i}");
        let boosted = hsv::to_rgb(float("torch.hsv_boosted_v_f32", i));
        assert_eq!(boosted, float("torch.rgb_boosted_v_f32", i), "pixel {i}");

        let made = hsv::from_rgb_degrees(double("rgb_u8", i).map(|byte| byte / 255.0));
        near(made, "np.hsv_f64", i);
        near(hsv::to_rgb_degrees(made), "np.rgb_back_f64", i);
        let boosted = hsv::to_rgb_degrees(double("np.hsv_boosted_v_f64", i));
        near(boosted, "np.rgb_boosted_v_f64", i);
    }
    for i in 0..of("np.hue_edges_hsv_f64").len() / 3 {
        let made = hsv::to_rgb_degrees(double("np.hue_edges_hsv_f64", i));
        near(made, "np.hue_edges_rgb_f64", i);
    }
}

/// The networks of the authors' program with the weights of the published numbers.
fn whole(folder: &Path) -> Network {
    let read = |name: &str| checkpoint(&folder.join(format!("{name}.weights.safetensors")));
    let parts = [default_classifier(folder), read("scnet"), read("ge"), read("mcnet")];
    let weights = alen::join(parts.each_ref()).unwrap();
    Network::new((alen::PUBLISHED.graph)().unwrap(), weights).unwrap()
}

#[test]
fn both_routes_end_in_the_bytes_of_the_authors_program() {
    let Some(folder) = beside("fixtures/alen") else { return };
    let network = whole(&folder);
    let arrays = crate::files::numbers(&folder.join("alen_e2e.safetensors"));
    for (case, local) in [("A_45x61", false), ("B_56x40", true)] {
        let (shape, bytes) = &arrays[&format!("{case}.rgb_in_u8")];
        let bytes: Vec<u8> = bytes.iter().map(|v| *v as u8).collect();
        let picture = Image::<Srgb>::from_rgb8(Size::new(shape[1], shape[0]), &bytes).unwrap();

        let seen = view::published_view(&picture);
        let resized = &arrays[&format!("{case}.classifier_resized_u8")].1;
        let mean = [0.485, 0.456, 0.406];
        let deviation = [0.229, 0.224, 0.225];
        for (i, byte) in resized.iter().enumerate() {
            let (pixel, c) = (i / 3, i % 3);
            let value = seen.values[c * 224 * 224 + pixel];
            let found = 255.0 * (value * deviation[c] + mean[c]);
            assert!((found - *byte as f32).abs() < 1e-3, "{case} view {pixel}: {found} {byte}");
        }

        let routing = Routing::of(&network, &picture, Route::Published).unwrap();
        assert_eq!(routing.share_local == 1.0, local, "{case}: {routing:?}");
        let logits = &arrays[&format!("{case}.logits")].1;
        let probability = 1.0 / (1.0 + (logits[0] - logits[1]).exp());
        assert!((f64::from(routing.probability_local) - probability).abs() < 1e-5);

        let made = published::run(&network, &picture, local, &|_| Ok(())).unwrap().to_rgb8();
        let truth = &arrays[&format!("{case}.rgb_out_u8")].1;
        let wrong = made.iter().zip(truth).filter(|(a, b)| f64::from(**a) != **b).count();
        println!("{case}: {wrong} of {} bytes differ", made.len());
        assert_eq!(wrong, 0, "{case}");
    }
}
