//! How many crops a second a back end learns from: a network on a batch of 8 crops, Charbonnier loss,
//! Adam. `benches/training.py` runs this beside PyTorch.
//!
//! ```text
//! cargo run --release -p relume-train --features burn --example crops_per_second -- flex
//! cargo run --release -p relume-train --features burn --example crops_per_second -- flex lantern-s 128
//! cargo run --release -p relume-train --features burn --example crops_per_second -- onnx nafnet nafnet.onnx
//! ```
//!
//! The last line writes the network for other programs. `nafnet` is known here only: NAFNet (Chen et al.
//! 2022) of width 16, for depthwise convolutions, layer-norm and gates.
#![allow(clippy::print_stdout, reason = "the program's output is one line")]

use std::time::Instant;

use relume::models;
use relume_nn::weights::Precision;
use relume_nn::{Conv, Extent, Feeds, Graph, GraphBuilder, Layer, NodeId, Tensor, Weights, onnx};
use relume_train::batch::Batch;
use relume_train::learn::learn;
use relume_train::optimizer::{Optimizer, trainable};
use relume_train::recipe::{LossRecipe, OptimizerKind, OptimizerRecipe};
use relume_train::terms::Terms;

const BATCH: usize = 8;
const STEPS: usize = 15;
const WARM: usize = 3;

/// Blocks of the encoder's levels, of the middle, and of the decoder's levels.
const NAFNET: ([usize; 4], usize, [usize; 4]) = ([1, 1, 1, 4], 1, [1, 1, 1, 1]);

fn conv(g: &mut GraphBuilder, key: &str, x: NodeId, c_out: usize, kernel: usize) -> NodeId {
    let conv = Conv::new(g.channels(x), c_out, kernel);
    g.conv(key, x, conv)
}

fn gate(g: &mut GraphBuilder, key: &str, x: NodeId) -> NodeId {
    let half = g.channels(x) / 2;
    let a = g.layer(&format!("{key}.a"), Layer::Slice { from: 0, to: half }, &[x]);
    let b = g.layer(&format!("{key}.b"), Layer::Slice { from: half, to: 2 * half }, &[x]);
    g.layer(key, Layer::Multiply, &[a, b])
}

fn nafnet_block(g: &mut GraphBuilder, key: &str, x: NodeId) -> NodeId {
    let c = g.channels(x);
    let y = g.layer(&format!("{key}.norm1"), Layer::LayerNorm { epsilon: 1e-6 }, &[x]);
    let y = conv(g, &format!("{key}.conv1"), y, 2 * c, 1);
    let y = g.conv(&format!("{key}.conv2"), y, Conv::new(2 * c, 2 * c, 3).groups(2 * c));
    let y = gate(g, &format!("{key}.gate1"), y);
    let mean = g.layer(&format!("{key}.pool"), Layer::GlobalPool, &[y]);
    let attention = conv(g, &format!("{key}.sca"), mean, c, 1);
    let y = g.layer(&format!("{key}.attend"), Layer::Multiply, &[y, attention]);
    let y = conv(g, &format!("{key}.conv3"), y, c, 1);
    let x = g.layer(&format!("{key}.sum1"), Layer::Add, &[x, y]);
    let y = g.layer(&format!("{key}.norm2"), Layer::LayerNorm { epsilon: 1e-6 }, &[x]);
    let y = conv(g, &format!("{key}.conv4"), y, 2 * c, 1);
    let y = gate(g, &format!("{key}.gate2"), y);
    let y = conv(g, &format!("{key}.conv5"), y, c, 1);
    g.layer(&format!("{key}.sum2"), Layer::Add, &[x, y])
}

fn nafnet() -> relume_nn::Result<Graph> {
    let mut g = GraphBuilder::new("nafnet");
    let image = g.input("image", 3, Extent::PICTURE);
    let mut x = conv(&mut g, "intro", image, 16, 3);
    let mut skips = Vec::new();
    let (encoder, middle, decoder) = NAFNET;
    for (level, blocks) in encoder.into_iter().enumerate() {
        for block in 0..blocks {
            x = nafnet_block(&mut g, &format!("encoder.{level}.{block}"), x);
        }
        skips.push(x);
        let c = g.channels(x);
        x = g.conv(&format!("down.{level}"), x, Conv::new(c, 2 * c, 2).stride(2, 0));
    }
    for block in 0..middle {
        x = nafnet_block(&mut g, &format!("middle.{block}"), x);
    }
    for (level, blocks) in decoder.into_iter().enumerate() {
        let c = g.channels(x);
        x = conv(&mut g, &format!("up.{level}"), x, 2 * c, 1);
        x = g.layer(&format!("up.{level}.shuffle"), Layer::PixelShuffle(2), &[x]);
        let skip = skips[skips.len() - 1 - level];
        x = g.layer(&format!("up.{level}.sum"), Layer::Add, &[x, skip]);
        for block in 0..blocks {
            x = nafnet_block(&mut g, &format!("decoder.{level}.{block}"), x);
        }
    }
    let x = conv(&mut g, "ending", x, 3, 3);
    let restored = g.layer("restored", Layer::Add, &[image, x]);
    g.output("restored", restored);
    g.finish()
}

/// A network by name, and the output it is judged by.
fn network(name: &str) -> Result<(Graph, &'static str), Box<dyn std::error::Error>> {
    if name == "nafnet" {
        return Ok((nafnet()?, "restored"));
    }
    let card = models::find(name)?;
    Ok(((card.graph)()?, card.output))
}

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
    let device = arguments.next().unwrap_or_else(|| "flex".into());
    let name = arguments.next().unwrap_or_else(|| "zero-dce".into());
    let (graph, output) = network(&name)?;
    if device == "onnx" {
        let path = arguments.next().unwrap_or_else(|| format!("{name}.onnx"));
        let bytes = onnx::export(&graph, &Weights::initial(&graph, 1), Precision::F32)?;
        return Ok(std::fs::write(path, bytes)?);
    }
    let crop: usize = arguments.next().map_or(Ok(64), |crop| crop.parse())?;
    let steps: usize = arguments.next().map_or(Ok(STEPS), |steps| steps.parse())?;
    let burn = relume_train::device::find(&device)?.autodiff();
    let loss =
        LossRecipe { kind: "charbonnier".into(), weight: 1.0, parameters: toml::Table::new() };
    let terms = Terms::of(&graph, &[loss], output)?;
    let feeds = feeds(&graph, crop);
    let target = Tensor::from_fn([BATCH, 3, crop, crop], |_, _, y, x| (x * y % 7) as f32 / 7.0);
    let batch = Batch { feeds, targets: [(output.to_owned(), target)].into() };
    let optimizer = OptimizerRecipe { kind: OptimizerKind::Adam, ..OptimizerRecipe::default() };
    let open = trainable(&graph, &[])?;
    let mut state = Optimizer::new(Weights::initial(&graph, 1));
    let mut step = || learn(&graph, &mut state, (&open, &terms), &batch, (1e-4, &optimizer), &burn);
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
    let speed = BATCH as f64 / seconds[seconds.len() / 2];
    println!("{name} of {crop}x{crop} on {device}: {speed:.1} crops/s (median of {steps} steps)");
    Ok(())
}
