//! The cue encoder: what a picture shows and how good it looks, in a small network of ours. It guides
//! the training of networks that learn without targets, where CLIP would be brought by the user.

use relume_nn::{Conv, Extent, Graph, GraphBuilder, Layer, NodeId, Pointwise, Result};

use super::ModelCard;
use super::clip::{IMAGE, IMAGE_FEATURES, PROMPT_FEATURES, PROMPTS, QUALITY_FEATURES};

/// The cue encoder, 0.4 million parameters.
pub static CARD: ModelCard = ModelCard {
    name: "cue-encoder",
    help: "says what pictures show and how good they look, to guide training; restores nothing",
    source: "relume; trained by contrast (Radford et al. 2021) on damages of the simulated camera",
    output: IMAGE_FEATURES,
    graph: build,
    weights: None,
};

/// What the prompts stand for, in their order; that of good pictures has the number that CLIP's has.
pub const LOOKS: [&str; 4] = ["noisy", "clean", "dark", "blurred"];

const WIDTHS: [usize; 6] = [3, 24, 48, 96, 128, 160];
const FEATURES: usize = 96;

fn build() -> Result<Graph> {
    let mut g = GraphBuilder::new(CARD.name);
    let mut x = g.input(IMAGE, 3, Extent::PICTURE);
    for (i, pair) in WIDTHS.windows(2).enumerate() {
        x = g.conv(&format!("body.{i}"), x, Conv::new(pair[0], pair[1], 3).stride(2, 1));
        x = g.pointwise(x, Pointwise::LeakyRelu(0.1));
    }
    let seen = g.layer("body.pool", Layer::GlobalPool, &[x]);
    let shown = head(&mut g, "content", seen);
    g.output(IMAGE_FEATURES, shown);
    let quality = head(&mut g, "quality", seen);
    g.output(QUALITY_FEATURES, quality);
    let looks = Layer::Learned { samples: LOOKS.len(), channels: FEATURES, length: 1 };
    let looks = g.layer(PROMPTS, looks, &[]);
    g.output(PROMPT_FEATURES, looks);
    g.finish()
}

fn head(g: &mut GraphBuilder, name: &str, seen: NodeId) -> NodeId {
    let width = g.channels(seen);
    let x = g.conv(&format!("{name}.0"), seen, Conv::new(width, width, 1));
    let x = g.pointwise(x, Pointwise::LeakyRelu(0.1));
    g.conv(&format!("{name}.1"), x, Conv::new(width, FEATURES, 1))
}
