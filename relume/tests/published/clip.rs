//! A miniature CLIP against what the original code computed.

use std::path::Path;

use relume::models::clip::{self, Sizes, Tokenizer};
use relume_media::{Image, Size};
use relume_nn::cpu::Network;
use relume_nn::{Array, Feeds, Tensor, Weights, reference};

use crate::files::{beside, checkpoint, tensor};

const MINI: Sizes = Sizes {
    side: 224,
    patch: 32,
    image: [128, 2, 2],
    text: [128, 2, 2],
    vocabulary: 512,
    context: 77,
    joint: 64,
};

/// Rows `[n, d]` as features `[n, d, 1, 1]`.
fn features(arrays: &Weights, key: &str) -> Tensor {
    let array = arrays.get(key).unwrap();
    Tensor::new([array.shape[0], array.shape[1], 1, 1], array.values.clone())
}

fn sample(all: &Tensor, n: usize) -> Tensor {
    let length = all.values.len() / all.shape[0];
    let [_, c, h, w] = all.shape;
    Tensor::new([1, c, h, w], all.values[n * length..][..length].to_vec())
}

fn prepared(pictures: &Tensor) -> Tensor {
    let [count, _, height, width] = pictures.shape;
    let mut values = Vec::new();
    for n in 0..count {
        let picture = sample(pictures, n).values;
        let picture = Image::from_planar(Size::new(width, height), picture).unwrap();
        values.extend(clip::prepare(&picture, MINI.side).values);
    }
    Tensor::new([count, 3, MINI.side, MINI.side], values)
}

/// The whole numbers `text_ids`, which a file of weights leaves out.
fn texts(path: &Path) -> Vec<Vec<u32>> {
    let bytes = std::fs::read(path).unwrap();
    let (length, rest) = bytes.split_first_chunk::<8>().unwrap();
    let (header, data) = rest.split_at(u64::from_le_bytes(*length) as usize);
    let header: serde_json::Value = serde_json::from_slice(header).unwrap();
    let range: [usize; 2] =
        serde_json::from_value(header["text_ids"]["data_offsets"].clone()).unwrap();
    let ids = data[range[0]..range[1]].chunks_exact(8);
    let ids: Vec<u32> = ids.map(|id| u64::from_le_bytes(id.try_into().unwrap()) as u32).collect();
    ids.chunks(MINI.context).map(<[u32]>::to_vec).collect()
}

#[test]
fn a_small_clip_computes_what_the_original_computes() {
    let Some(folder) = beside("fixtures/sem/clip_mini") else { return };
    let weights = clip::adopt(checkpoint(&folder.join("weights.safetensors"))).unwrap();
    let graph = clip::build("mini", &MINI).unwrap();
    let report = weights.report(&graph);
    assert!(report.is_exact(), "{}", report.table(20));
    let values = checkpoint(&folder.join("values.safetensors"));
    let images = prepared(&tensor(&values, "enhanced"));
    let normal = tensor(&values, "pixel_values_item0");
    let (mean, deviation) = (
        [0.481_454_66, 0.457_827_5, 0.408_210_73_f32],
        [0.268_629_54, 0.261_302_6, 0.275_777_1_f32],
    );
    let seen = Tensor::from_fn(normal.shape, |n, c, y, x| {
        (images.at(n, c, y, x) - mean[c]) / deviation[c]
    });
    let off = seen.max_difference(&normal);
    assert!(off < 1e-5, "the prepared picture is off by {off}");

    let mut feeds = clip::text(&texts(&folder.join("values.safetensors")), MINI.context);
    feeds.insert(clip::IMAGE.into(), images);
    let wanted = [
        (clip::IMAGE_FEATURES, features(&values, "image_features")),
        (clip::TEXT_FEATURES, features(&values, "text_features")),
    ];
    let names: Vec<&str> = wanted.iter().map(|(name, _)| *name).collect();
    let found = reference::run(&graph, &weights, &feeds, &names).unwrap();
    let network = Network::new(graph, weights).unwrap();
    for (name, truth) in wanted {
        let off = found[name].max_difference(&truth);
        println!("clip {name}: off by {off:.1e}");
        assert!(off < 1e-4, "{name}: off by {off}");
        for n in 0..truth.shape[0] {
            let alone = feeds.iter().filter(|(_, all)| n < all.shape[0]);
            let alone: Feeds = alone.map(|(key, all)| (key.clone(), sample(all, n))).collect();
            let fast = network.run_fixed(&alone, &[name]).unwrap().remove(name).unwrap();
            let off = fast.max_difference(&sample(&truth, n));
            assert!(off < 1e-4, "{name} of sample {n}, fast: off by {off}");
        }
    }
    let cosine = |i: usize, j: usize| {
        let (a, b) = (&found[clip::IMAGE_FEATURES], &found[clip::TEXT_FEATURES]);
        let dot = |a: &Tensor, i, b: &Tensor, j| -> f32 {
            (0..MINI.joint).map(|c| a.at(i, c, 0, 0) * b.at(j, c, 0, 0)).sum()
        };
        100.0 * dot(a, i, b, j) / (dot(a, i, a, i) * dot(b, j, b, j)).sqrt()
    };
    let logits = values.get("joint_logits_per_image").unwrap();
    for (place, logit) in logits.values.iter().enumerate() {
        assert!((cosine(place / 2, place % 2) - logit).abs() < 2e-3, "logit {place}");
    }
}

#[test]
fn prompts_are_read_as_the_original_reads_them() {
    let Some(folder) = beside("fixtures/sem/clip_mini") else { return };
    let mut weights = clip::adopt(checkpoint(&folder.join("weights.safetensors"))).unwrap();
    let values = checkpoint(&folder.join("values.safetensors"));
    let given = values.get("prompt_embedding").unwrap();
    let [count, length, width] = given.shape[..] else { panic!("{:?}", given.shape) };
    let prompts = Tensor::from_fn([count, width, 1, length], |n, c, _, place| {
        given.values[(n * length + place) * width + c]
    });
    let array = Array { shape: prompts.shape.to_vec(), values: prompts.values };
    weights.insert("prompts.weight", array);
    let graph = clip::with_prompts("mini", &MINI, count).unwrap();
    assert!(weights.report(&graph).is_exact(), "{}", weights.report(&graph).table(20));
    let found = reference::run(&graph, &weights, &Feeds::new(), &[clip::PROMPT_FEATURES]).unwrap();
    let truth = features(&values, "prompt_text_features");
    let off = found[clip::PROMPT_FEATURES].max_difference(&truth);
    assert!(off < 1e-4, "off by {off}");
}

/// Names within a block: OpenAI's, Hugging Face's.
const IN_BLOCKS: &[(&str, &str)] = &[
    ("attn.out", "self_attn.out"),
    ("ln_1", "layer_norm1"),
    ("ln_2", "layer_norm2"),
    ("c_fc", "fc1"),
    ("c_proj", "fc2"),
];

/// Names before and after the blocks: OpenAI's, Hugging Face's.
const AROUND_BLOCKS: &[(&str, &str)] = &[
    ("visual.ln_pre", "vision_model.pre_layrnorm"),
    ("visual.ln_post", "vision_model.post_layernorm"),
    ("ln_final", "text_model.final_layer_norm"),
];

fn renamed(name: &str, names: &[(&str, &str)]) -> String {
    names.iter().fold(name.to_owned(), |name, (from, to)| name.replace(from, to))
}

/// The same weights, laid out as Hugging Face lays them out, are the same weights.
#[test]
fn both_layouts_are_read() {
    let Some(folder) = beside("fixtures/sem/clip_mini") else { return };
    let openai = checkpoint(&folder.join("weights.safetensors"));
    let mut other = Weights::default();
    let flip = |array: &Array| {
        let [rows, columns] = array.shape[..] else { panic!() };
        let values = (0..rows * columns).map(|i| array.values[i % rows * columns + i / rows]);
        Array { shape: vec![columns, rows], values: values.collect() }
    };
    for (key, array) in openai.iter() {
        let tower = if key.starts_with("visual.") { "vision_model" } else { "text_model" };
        let block = |rest: &str| format!("{tower}.encoder.layers.{rest}");
        let rest = key.split(".resblocks.").nth(1);
        let (name, array) = match (key.as_str(), rest) {
            ("visual.class_embedding", _) => {
                (format!("{tower}.embeddings.class_embedding"), array.clone())
            }
            ("visual.conv1.weight", _) => {
                (format!("{tower}.embeddings.patch_embedding.weight"), array.clone())
            }
            ("visual.positional_embedding" | "positional_embedding", _) => {
                (format!("{tower}.embeddings.position_embedding.weight"), array.clone())
            }
            ("token_embedding.weight", _) => {
                (format!("{tower}.embeddings.token_embedding.weight"), array.clone())
            }
            ("visual.proj", _) => ("visual_projection.weight".into(), flip(array)),
            ("text_projection", _) => ("text_projection.weight".into(), flip(array)),
            (key, Some(rest)) if rest.contains("in_proj_") => {
                let kind = key.rsplit('_').next().unwrap();
                let third = array.values.len() / 3;
                for (part, values) in ["q", "k", "v"].iter().zip(array.values.chunks(third)) {
                    let mut shape = array.shape.clone();
                    shape[0] /= 3;
                    let rest = rest.replace(&format!("attn.in_proj_{kind}"), "");
                    let name = block(&format!("{rest}self_attn.{part}_proj.{kind}"));
                    other.insert(name, Array { shape, values: values.to_vec() });
                }
                continue;
            }
            (_, Some(rest)) => (block(&renamed(rest, IN_BLOCKS)), array.clone()),
            (key, None) => (renamed(key, AROUND_BLOCKS), array.clone()),
        };
        other.insert(name, array);
    }
    let graph = clip::build("mini", &MINI).unwrap();
    let (ours, theirs) = (clip::adopt(openai).unwrap(), clip::adopt(other).unwrap());
    assert!(theirs.report(&graph).is_exact(), "{}", theirs.report(&graph).table(20));
    for (key, _) in graph.parameters() {
        assert!(ours.get(&key) == theirs.get(&key), "{key} differs");
    }
}

#[test]
fn bytes_are_words_and_pairs_are_merged_by_rank() {
    let small = Tokenizer::from_merges("#version: 0.2\nl o\nlo w</w>\no w</w>\n").unwrap();
    // 256 bytes, 256 that end a word, three pairs, a start and an end.
    assert_eq!(small.encode("Low  ow", 77).unwrap(), [515, 513, 514, 516]);
    assert_eq!(small.encode("x, 12!", 77).unwrap(), [515, 343, 267, 272, 273, 256, 516]);
    assert_eq!(small.encode("&amp;amp; a", 77).unwrap(), [515, 261, 320, 516]);
    assert!(small.encode("a b c", 4).unwrap_err().to_string().contains("more than 4"));
    assert!(Tokenizer::from_merges("v\na b c\n").unwrap_err().to_string().contains("not a pair"));
}

/// `CLIP_MERGES` names the released merges, unpacked, which do not lie here.
#[test]
fn texts_become_the_released_numbers() {
    let Some(folder) = beside("fixtures/sem") else { return };
    let Some(path) = std::env::var_os("CLIP_MERGES") else {
        println!("skipped: CLIP_MERGES does not name the released merges file");
        return;
    };
    let tokenizer = Tokenizer::from_merges(&read(Path::new(&path))).unwrap();
    let numbers: serde_json::Value =
        serde_json::from_str(&read(&folder.join("losses/losses.json"))).unwrap();
    for case in numbers["tokenizer"].as_array().unwrap() {
        let ids: Vec<u32> = serde_json::from_value(case["ids"].clone()).unwrap();
        let text = case["text"].as_str().unwrap();
        assert_eq!(tokenizer.encode(text, 77).unwrap(), ids, "{text}");
    }
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}
