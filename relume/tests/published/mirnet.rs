//! MIRNet against what the original modules computed.

use std::collections::BTreeMap;
use std::path::Path;

use relume::compatible::{prepare, quantise, resize};
use relume::models::mirnet::{self, ENHANCED};
use relume_media::{Image, Size, Srgb};
use relume_nn::cpu::{Cut, Network, Picture};
use relume_nn::{Array, Feeds, Graph, Tensor, Weights, reference};

use crate::files::{beside, checkpoint, recipe, stored_bytes, tensor};

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
        let (graph, taps) = tapped(graph, &numbers);
        let feeds = Feeds::from([("image".to_owned(), tensor(&numbers, "input.20x28"))]);
        let nodes: Vec<&str> = taps.iter().map(|(_, node)| node.as_str()).collect();
        let found = reference::run(&graph, &weights, &feeds, &nodes).unwrap();
        for (tap, node) in &taps {
            let worst = found[node].max_difference(&tensor(&numbers, tap));
            assert!(worst < 1e-5, "{name} {tap}: off by {worst}");
        }
        println!("{name}: {} taps", taps.len());
    }
}

#[test]
fn every_key_of_the_original_is_ours_or_known_to_be_spare() {
    let Some(folder) = beside("fixtures/mirnet") else { return };
    let tiny = mirnet::build("mirnet_tiny", 8, 1, 1).unwrap();
    let cases =
        [("mirnet_tiny", tiny, 147), ("mirnet_default", (mirnet::CARD.graph)().unwrap(), 869)];
    for (name, graph, count) in cases {
        let text = std::fs::read(folder.join(format!("{name}.keys.json"))).unwrap();
        let mut file = Weights::default();
        for (key, shape) in serde_json::from_slice::<Keys>(&text).unwrap() {
            let values = vec![0.0; shape.iter().product()];
            file.insert(key, Array { shape, values });
        }
        assert_eq!(file.iter().count(), count);
        let report = file.report(&graph);
        assert!(report.is_exact(), "{name}:\n{}", report.table(20));
        assert_eq!(report.applied, graph.parameters().len(), "{name}");
        assert_eq!(report.applied + report.spare, count, "{name}");
    }
}

/// Shapes by key.
type Keys = BTreeMap<String, Vec<usize>>;

/// The graph with every layer readable that `numbers` has an answer of, and their names: the
/// original's modules and our nodes.
fn tapped(graph: Graph, numbers: &Weights) -> (Graph, Vec<(String, String)>) {
    let keys = numbers.iter().map(|(key, _)| key).filter(|key| key.starts_with("tap."));
    let node = |key: &String| {
        let (path, call) = key.rsplit_once(".call").unwrap();
        let path = path.strip_prefix("tap.20x28.").unwrap();
        let call: usize = call.parse().unwrap();
        let again = if call == 0 { String::new() } else { format!("#{}", call + 1) };
        (key.clone(), format!("{}{again}", node_of(path)))
    };
    let taps: Vec<(String, String)> = keys.map(node).collect();
    assert!(!taps.is_empty());
    let nodes: Vec<&str> = taps.iter().map(|(_, node)| node.as_str()).collect();
    (graph.reading(&nodes).unwrap(), taps)
}

/// Our node that computes what a module of the original does.
fn node_of(module: &str) -> String {
    let parts: Vec<&str> = module.split('.').collect();
    let (last, before) = (parts[parts.len() - 1], parts[parts.len().saturating_sub(2)]);
    let unit = module.rsplit_once('.').map_or("", |(unit, _)| unit);
    match (before, last) {
        ("msrb_blocks", _) => format!("{module}.blocks.sum"),
        ("blocks", _) => format!("{module}.sum"),
        ("skff_blocks", _) => format!("{module}.fused"),
        ("down", n) => format!("{module}.blocks.{}.sum", usize::from(n.ends_with("_4"))),
        ("up", n) => format!("{module}.blocks.{}.enlarged", usize::from(n.ends_with("_4"))),
        ("last_up", n) => format!("{module}.blocks.{}.enlarged", usize::from(n == "2")),
        (_, "channel_attention") => format!("{unit}.final_conv.channels"),
        (_, "spatial_attention") => format!("{unit}.final_conv.places"),
        (_, "initial_convs") => format!("{module}.2"),
        (_, "0") if module.contains("dual_attention_units") => format!("{module}.final_conv.sum"),
        _ => module.to_owned(),
    }
}

#[test]
fn what_surrounds_the_network_is_computed_as_the_original_computes_it() {
    let Some(folder) = beside("fixtures/mirnet") else { return };
    let file = folder.join("mirnet_prepost.safetensors");
    for name in ["landscape", "portrait", "same", "upscale"] {
        let (_, out) = picture(&file, &format!("resize.{name}.out"));
        let (size, bytes) = picture(&file, &format!("resize.{name}.in"));
        let short = whole_number(&file, &format!("resize.{name}.size"));
        let found = resize(&Image::from_rgb8(size, &bytes).unwrap(), short).unwrap();
        assert_eq!(found.to_rgb8(), out, "{name}");
    }
    let numbers = checkpoint(&file);
    let values = &numbers.get("quantise.in").unwrap().values;
    let levels: Vec<u8> = values.iter().map(|&value| quantise(value)).collect();
    assert_eq!(levels, stored_bytes(&file, "quantise.out").1);

    let (size, bytes) = picture(&file, "pipeline.image_in");
    let photo = Image::from_rgb8(size, &bytes).unwrap();
    let whole = tensor(&numbers, "pipeline.tensor_after_resize");
    assert_eq!(resize(&photo, 50).unwrap().values(), &whole.values[..]);
    let fed = prepare(&photo, 50).unwrap();
    let expected = tensor(&numbers, "pipeline.net_in");
    assert_eq!(fed.values(), &expected.values[..]);
    let graph = mirnet::build("mirnet_tiny", 8, 1, 1).unwrap();
    let weights = checkpoint(&folder.join("mirnet_tiny.weights.safetensors"));
    let out = crate::both(&graph, &weights, &expected, ENHANCED);
    let truth = tensor(&numbers, "pipeline.net_out");
    assert!(out.max_difference(&truth) < 1e-5);
    let (size, image) = picture(&file, "pipeline.image_out");
    let saved = |values: &[f32]| {
        let picture = Image::<Srgb>::from_planar(size, values.to_vec()).unwrap();
        picture.map(|v| f32::from(quantise(v)) / 255.0).to_rgb8()
    };
    assert_eq!(saved(&truth.values), image);
    // Ours may round to the other side only where the original's value lies on the edge.
    let (area, ours) = (size.pixels(), saved(&out.values));
    for (i, (a, b)) in ours.iter().zip(&image).enumerate().filter(|(_, (a, b))| a != b) {
        let place = truth.values[i % 3 * area + i / 3] * 255.0 + 0.5;
        let from_edge = (place - place.round()).abs() / 255.0;
        assert!(from_edge < 1e-5, "value {i}: {a}, not {b}, {from_edge} from the edge");
    }
}

/// An 8-bit picture `[h, w, 3]` of a file.
fn picture(path: &Path, key: &str) -> (Size, Vec<u8>) {
    let (shape, bytes) = stored_bytes(path, key);
    (Size::new(shape[1], shape[0]), bytes)
}

fn whole_number(path: &Path, key: &str) -> usize {
    let bytes = stored_bytes(path, key).1;
    u64::from_le_bytes(bytes.try_into().unwrap()) as usize
}

#[test]
fn cut_into_tiles_it_computes_what_it_computes_whole() {
    let graph = mirnet::build("mirnet tiny", 8, 1, 1).unwrap();
    let weights = recipe(&graph, 1, 1.3);
    let network = Network::new(graph.clone(), weights.clone()).unwrap();
    for (height, width) in [(20, 28), (37, 131), (130, 71), (3, 5)] {
        let value = |c: usize, y: usize, x: usize| ((7 * x + 13 * y + 5 * c) % 29) as f32 / 40.0;
        let image = Tensor::from_fn([1, 3, height, width], |_, c, y, x| value(c, y, x));
        let run = |cut| {
            let picture = Picture { name: "image", height, width, values: &image.values };
            network.run_picture(picture, &Feeds::new(), ENHANCED, cut, &|_| Ok(())).unwrap()
        };
        let whole = Tensor::new(image.shape, run(Cut::Of { columns: 4096, rows: 4096 }));
        for cut in
            [Cut::Of { columns: 64, rows: 8 }, Cut::Of { columns: 64, rows: 16 }, Cut::Fitting]
        {
            let off = Tensor::new(image.shape, run(cut)).max_difference(&whole);
            assert!(off < 1e-5, "{width}×{height} in {cut:?}: off by {off}");
        }
        // Odd sizes are mirrored up to the multiple: the reference is given the mirrored picture.
        let mirror = |i: usize, n: usize| {
            let period = (2 * n).saturating_sub(2).max(1);
            let at = i % period;
            if at < n { at } else { period - at }
        };
        let [tall, wide] = [height, width].map(|side| side.next_multiple_of(4));
        let padded = Tensor::from_fn([1, 3, tall, wide], |_, c, y, x| {
            value(c, mirror(y, height), mirror(x, width))
        });
        let feeds = Feeds::from([("image".to_owned(), padded)]);
        let truth = reference::run(&graph, &weights, &feeds, &[ENHANCED]).unwrap();
        let truth = &truth[ENHANCED];
        let inside =
            Tensor::from_fn(image.shape, |_, c, y, x| truth.values[(c * tall + y) * wide + x]);
        let off = whole.max_difference(&inside);
        assert!(off < 1e-5, "{width}×{height}: {off} from the reference");
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
    let (graph, taps) = tapped(graph, &numbers);
    let network = Network::new(graph, weights).unwrap();
    let image = tensor(&numbers, "input.20x28");
    for (tap, node) in &taps {
        let truth = tensor(&numbers, tap);
        let picture = Picture { name: "image", height: 20, width: 28, values: &image.values };
        let out =
            network.run_picture(picture, &Feeds::new(), node, Cut::Fitting, &|_| Ok(())).unwrap();
        let worst = Tensor::new(truth.shape, out).max_difference(&truth);
        assert!(worst < 1e-5, "{tap}: off by {worst}");
    }
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
