//! How many crops a second a back end learns from: a network on a batch of 8 crops, Charbonnier loss,
//! Adam. `crops_per_second.py` is the same for Zero-DCE in PyTorch, `benches/training.py` for any
//! network.
//!
//! ```text
//! cargo run --release -p relume-train --features burn --example crops_per_second -- flex
//! cargo run --release -p relume-train --features burn --example crops_per_second -- flex lantern-s 128
//! ```
#![allow(clippy::print_stdout, reason = "the program's output is one line")]

use std::time::Instant;

use relume::models;
use relume_nn::{Extent, Feeds, Graph, Layer, Tensor, Weights};
use relume_train::batch::Batch;
use relume_train::learn::learn;
use relume_train::optimizer::{Optimizer, trainable};
use relume_train::recipe::{LossRecipe, OptimizerKind, OptimizerRecipe};
use relume_train::terms::Terms;

const BATCH: usize = 8;
const STEPS: usize = 15;
const WARM: usize = 3;

/// A batch of waves for every input.
fn feeds(graph: &Graph, crop: usize) -> Feeds {
    let wave = |_, c: usize, y: usize, x: usize| 0.2 + 0.1 * ((x + y * (c + 1)) as f32 / 7.0).sin();
    let inputs = graph.nodes().iter().filter(|node| node.layer == Layer::Input);
    let feed = |node: &relume_nn::Node| {
        let (height, width) = match node.extent {
            Extent::Picture { .. } => (crop, crop),
            Extent::Fixed { height, width } => (height, width),
        };
        let shape = [BATCH, node.channels, height, width];
        (node.name.clone(), Tensor::from_fn(shape, wave))
    };
    inputs.map(feed).collect()
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().unwrap_or_else(|| "flex".into());
    let card = models::find(&arguments.next().unwrap_or_else(|| "zero-dce".into()))?;
    let crop: usize = arguments.next().map_or(Ok(64), |crop| crop.parse())?;
    let device = relume_train::device::find(&name)?.autodiff();
    let graph = (card.graph)()?;
    let loss =
        LossRecipe { kind: "charbonnier".into(), weight: 1.0, parameters: toml::Table::new() };
    let terms = Terms::of(&graph, &[loss], card.output)?;
    let feeds = feeds(&graph, crop);
    let target = Tensor::from_fn([BATCH, 3, crop, crop], |_, _, y, x| (x * y % 7) as f32 / 7.0);
    let batch = Batch { feeds, targets: [(card.output.to_owned(), target)].into() };
    let optimizer = OptimizerRecipe { kind: OptimizerKind::Adam, ..OptimizerRecipe::default() };
    let open = trainable(&graph, &[])?;
    let mut state = Optimizer::new(Weights::initial(&graph, 1));
    let mut step =
        || learn(&graph, &mut state, (&open, &terms), &batch, (1e-4, &optimizer), &device);
    for _ in 0..WARM {
        step()?;
    }
    let mut seconds = Vec::new();
    for _ in 0..STEPS {
        let clock = Instant::now();
        step()?;
        seconds.push(clock.elapsed().as_secs_f64());
    }
    seconds.sort_by(f64::total_cmp);
    let median = seconds[seconds.len() / 2];
    println!(
        "{} of {crop}x{crop} on {name}: {:.1} crops/s (median of {STEPS} steps)",
        card.name,
        BATCH as f64 / median
    );
    Ok(())
}
