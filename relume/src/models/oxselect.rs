//! OX-Select: whether the frame at hand becomes the reference for frames to come.

use relume_nn::{Conv, Extent, Graph, GraphBuilder, Initial, Layer, Pointwise, Result};

use super::ModelCard;

/// Input: small maps, `[n, 9, h, w]`: the frame in display light (3), its clipped pixels (1), the
/// reference (3), its clipped pixels (1), clipped pixels that the reference covers (1).
pub const MAPS: &str = "maps";
/// Input: what is known in numbers, `[n, 12, 1, 1]`.
pub const NUMBERS: &str = "numbers";
/// Output: above 0 the frame is adopted, `[n, 1, 1, 1]`.
pub const ADOPT: &str = "adopt";
/// Output: the reward that is expected from here on, `[n, 1, 1, 1]`.
pub const WORTH: &str = "worth";
/// Height and width of the maps for which the card tells figures; others work as well.
pub const MAP_SIZE: (usize, usize) = (72, 128);

/// Channels behind each halving.
const CHANNELS: [usize; 6] = [9, 24, 32, 48, 64, 64];

/// The selector.
pub static CARD: ModelCard = ModelCard {
    name: "ox-select",
    help: "decides which frame ox-net keeps as its reference; restores nothing",
    source: "relume, after the claims of Xing et al. 2023",
    output: ADOPT,
    graph: || build(MAP_SIZE),
    weights: None,
};

/// The selector for maps of `(height, width)` pixels.
///
/// # Errors
/// Never for maps of a pixel or more.
pub fn build(size: (usize, usize)) -> Result<Graph> {
    let mut g = GraphBuilder::new(CARD.name);
    let mut x = g.input(MAPS, CHANNELS[0], Extent::Fixed { height: size.0, width: size.1 });
    let numbers = g.input(NUMBERS, 12, Extent::SCALAR);
    for (i, pair) in CHANNELS.windows(2).enumerate() {
        x = g.conv(&format!("body.{i}"), x, Conv::new(pair[0], pair[1], 3).stride(2, 1));
        x = g.pointwise(x, Pointwise::Relu);
    }
    let mean = g.layer("mean", Layer::GlobalPool, &[x]);
    let most = g.layer("most", Layer::GlobalMax, &[x]);
    let mut y = g.layer("all", Layer::Concat, &[mean, most, numbers]);
    for (i, width) in [96, 64].into_iter().enumerate() {
        y = g.conv(&format!("head.{i}"), y, Conv::new(g.channels(y), width, 1));
        y = g.pointwise(y, Pointwise::Relu);
    }
    for name in [ADOPT, WORTH] {
        let quiet = Conv::new(64, 1, 1).initial(Initial::Normal { gain: 0.1 });
        let answer = g.conv(name, y, quiet);
        g.output(name, answer);
    }
    g.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_has_the_designed_number_of_parameters() {
        assert_eq!(CARD.facts().unwrap().parameters, 107_298);
    }
}
