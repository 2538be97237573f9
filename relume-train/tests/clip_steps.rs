//! Slopes through a miniature CLIP against those of the original code: of the prior loss to the
//! picture, and one step of learning prompts. Skipped where its numbers do not lie beside the
//! repository.
#![cfg(feature = "burn")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![allow(clippy::print_stdout, reason = "a skipped test says so")]

use std::path::{Path, PathBuf};

use burn::tensor::Device;
use relume::models::clip::{self, PROMPTS, Sizes};
use relume_media::{Image, Size};
use relume_nn::burn::{Tensors, download, upload};
use relume_nn::{Array, Graph, Tensor, Weights};
use relume_train::batch::Batch;
use relume_train::learn::{gradients, learn};
use relume_train::losses::{Encoder, Given, Loss as _, Prior};
use relume_train::optimizer::{Optimizer, trainable};
use relume_train::recipe::{LossRecipe, OptimizerKind, OptimizerRecipe};
use relume_train::terms::Terms;

const MINI: Sizes = Sizes {
    side: 224,
    patch: 32,
    image: [128, 2, 2],
    text: [128, 2, 2],
    vocabulary: 512,
    context: 77,
    joint: 64,
};

fn folder() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/fixtures/sem/clip_mini");
    if !folder.exists() {
        println!("skipped: the numbers of the miniature CLIP do not lie beside the repository");
    }
    folder.exists().then_some(folder)
}

fn arrays(path: &Path) -> Weights {
    Weights::read(&std::fs::read(path).unwrap()).unwrap()
}

fn tensor(arrays: &Weights, key: &str) -> Tensor {
    let array = arrays.get(key).unwrap_or_else(|| panic!("no {key}"));
    Tensor::new(array.shape.clone().try_into().unwrap(), array.values.clone())
}

/// Vectors `[prompts, places, width]` as they lie in a graph: `[prompts, width, 1, places]`.
fn as_parameter(array: &Array) -> Array {
    let [count, places, width] = array.shape[..] else { panic!("{:?}", array.shape) };
    let turned = Tensor::from_fn([count, width, 1, places], |n, c, _, place| {
        array.values[(n * places + place) * width + c]
    });
    Array { shape: turned.shape.to_vec(), values: turned.values }
}

/// The image tower and two prompts.
fn with_prompts(folder: &Path) -> (Graph, Weights) {
    let mut weights = clip::adopt(arrays(&folder.join("weights.safetensors"))).unwrap();
    let values = arrays(&folder.join("values.safetensors"));
    let prompts = as_parameter(values.get("prompt_embedding").unwrap());
    weights.insert(format!("{PROMPTS}.weight"), prompts);
    (clip::with_prompts("mini", &MINI, 2).unwrap(), weights)
}

fn largest_difference(found: &[f32], expected: &[f32]) -> f32 {
    assert_eq!(found.len(), expected.len());
    found.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

#[test]
fn the_prior_pulls_pixels_as_the_original_does() {
    let Some(folder) = folder() else { return };
    let values = arrays(&folder.join("values.safetensors"));
    let (graph, weights) = with_prompts(&folder);
    let encoder = Encoder::new(graph, weights).unwrap();
    let prior = Prior::new(encoder, &"output = \"enhanced\"".parse().unwrap()).unwrap();
    let device = Device::flex().autodiff();
    let picture = upload(&tensor(&values, "enhanced"), &device).require_grad();
    let outputs = Tensors::from([("enhanced".to_owned(), picture.clone())]);
    let none = Tensors::new();
    let value = prior.value(&Given { outputs: &outputs, targets: &none, feeds: &none }).unwrap();
    let found = download(picture.grad(&value.backward()).unwrap()).unwrap();
    let value = value.into_scalar::<f32>();
    assert!((value - 0.758_541_1).abs() < 1e-4, "{value}");
    let expected = tensor(&values, "grad_enhanced_prompt_loss");
    let off = found.max_difference(&expected);
    println!("gradient of the prior loss to the picture: off by {off:.1e}");
    assert!(off < 1e-6, "off by {off}");
}

/// Pictures shrunk to a quarter by leaving pixels out, and by averaging, as the encoder sees them.
fn shrunk(pictures: &[Tensor]) -> Tensor {
    let mut values = Vec::new();
    for averaged in [false, true] {
        for picture in pictures {
            let [_, _, height, width] = picture.shape;
            let small = Tensor::from_fn([1, 3, height / 4, width / 4], |_, c, y, x| {
                let block = (0..16).map(|i| picture.at(0, c, 4 * y + i / 4, 4 * x + i % 4));
                if averaged { block.sum::<f32>() / 16.0 } else { picture.at(0, c, 4 * y, 4 * x) }
            });
            let size = Size::new(width / 4, height / 4);
            let image = Image::from_planar(size, small.values).unwrap();
            values.extend(clip::prepare(&image, MINI.side).values);
        }
    }
    Tensor::new([2 * pictures.len(), 3, MINI.side, MINI.side], values)
}

#[test]
fn prompts_learn_as_the_original_lets_them() {
    let Some(folder) = folder() else { return };
    let numbers = arrays(&folder.join("prior_step.safetensors"));
    let second = arrays(&folder.join("prior_image_item1.safetensors"));
    let (graph, weights) = with_prompts(&folder);
    let pictures = [tensor(&numbers, "image"), tensor(&second, "image_item1")];
    let labels = Tensor::new([4, 1, 1, 1], vec![0.0, 0.0, 1.0, 1.0]);
    let batch = Batch {
        feeds: [(clip::IMAGE.to_owned(), shrunk(&pictures))].into(),
        targets: [("look".to_owned(), labels)].into(),
    };
    // The original adds the means over the pictures of each kind; ours is the mean over all.
    let parameters =
        "output = \"quality_features\"\nprompts = \"prompt_features\"\nlabels = \"look\"";
    let parameters = parameters.parse().unwrap();
    let loss = LossRecipe { kind: "prompt".into(), weight: 2.0, parameters };
    let terms = Terms::of(&graph, &[loss], clip::QUALITY_FEATURES).unwrap();
    let key = format!("{PROMPTS}.weight");
    let open = trainable(&graph, &[]).unwrap().into_iter().filter(|name| *name == key).collect();
    let device = Device::flex().autodiff();
    let mut state = Optimizer::new(weights);

    let (report, found) =
        gradients(&graph, &state.weights, &open, &batch, &terms, &device).unwrap();
    assert!((report.loss - 1.389_293_9).abs() < 1e-4, "{}", report.loss);
    let expected = as_parameter(numbers.get("grad_prompt").unwrap());
    let first = |values: &[f32]| -> Vec<f32> {
        let places = values.chunks(MINI.context);
        places.flat_map(|row| row[..expected.shape[3]].to_vec()).collect()
    };
    let off = largest_difference(&first(&found[&key]), &expected.values);
    println!("gradient to the prompts: off by {off:.1e} of 2.0");
    assert!(off < 2e-4, "off by {off}");

    let optimizer = OptimizerRecipe {
        kind: OptimizerKind::Adam,
        rate: 5e-6,
        betas: [0.9, 0.999],
        decay: 1e-3,
        decay_vectors: true,
        clip: 0.0,
        average: 0.0,
        ..OptimizerRecipe::default()
    };
    learn(&graph, &mut state, (&open, &terms), &batch, (5e-6, &optimizer), &device).unwrap();
    let after = as_parameter(numbers.get("prompt_after_step").unwrap());
    let off = largest_difference(&first(&state.weights.get(&key).unwrap().values), &after.values);
    println!("prompts after one step of 5e-6: off by {off:.1e}");
    assert!(off < 5e-7, "off by {off}");
}
