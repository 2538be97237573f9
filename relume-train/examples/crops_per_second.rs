//! How many crops a second a back end learns from: Zero-DCE's seven convolutions on a batch of
//! 8 crops of 64×64, Charbonnier loss, Adam. `crops_per_second.py` is the same in PyTorch.
//!
//! ```text
//! cargo run --release -p relume-train --features burn --example crops_per_second -- flex
//! cargo run --release -p relume-train --features wgpu --example crops_per_second -- wgpu
//! ```
#![allow(clippy::print_stdout, reason = "the program's output is one line")]

use std::time::Instant;

use relume::models::zero_dce;
use relume_nn::{Tensor, Weights};
use relume_train::batch::Batch;
use relume_train::learn::learn;
use relume_train::optimizer::{Optimizer, trainable};
use relume_train::recipe::{LossRecipe, OptimizerKind, OptimizerRecipe};
use relume_train::terms::Terms;

const SHAPE: [usize; 4] = [8, 3, 64, 64];
const WARM: usize = 3;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().unwrap_or_else(|| "flex".into());
    let steps: usize = arguments.next().map_or(Ok(20), |steps| steps.parse())?;
    let device = relume_train::device::find(&name)?.autodiff();
    let graph = (zero_dce::FULL.graph)()?;
    let loss =
        LossRecipe { kind: "charbonnier".into(), weight: 1.0, parameters: toml::Table::new() };
    let terms = Terms::of(&graph, &[loss], zero_dce::ENHANCED)?;
    let wave = |_, c: usize, y: usize, x: usize| 0.2 + 0.1 * ((x + y * (c + 1)) as f32 / 7.0).sin();
    let input = Tensor::from_fn(SHAPE, wave);
    let target = Tensor::new(SHAPE, input.values.iter().map(|v| 2.0 * v).collect());
    let batch = Batch {
        feeds: [(zero_dce::IMAGE.to_owned(), input)].into(),
        targets: [(zero_dce::ENHANCED.to_owned(), target)].into(),
    };
    let optimizer = OptimizerRecipe { kind: OptimizerKind::Adam, ..OptimizerRecipe::default() };
    let open = trainable(&graph, &[])?;
    let mut state = Optimizer::new(Weights::initial(&graph, 1));
    let mut step =
        || learn(&graph, &mut state, (&open, &terms), &batch, (1e-4, &optimizer), &device);
    for _ in 0..WARM {
        step()?;
    }
    let mut seconds = Vec::new();
    for _ in 0..steps {
        let clock = Instant::now();
        step()?;
        seconds.push(clock.elapsed().as_secs_f64());
    }
    seconds.sort_by(f64::total_cmp);
    let median = seconds[seconds.len() / 2];
    println!("{name}: {:.1} crops/s (median of {steps} steps)", SHAPE[0] as f64 / median);
    Ok(())
}
