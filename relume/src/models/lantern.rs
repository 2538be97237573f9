//! lantern: one small network for dark, shaken, noisy photos.
//!
//! A *survey* of a thumbnail says how bright the picture was meant to be and conditions a local
//! U-Net; the U-Net sees the picture after the exposure step and adds what is missing: detail that
//! shake smeared, minus the noise that the gain raised. Nothing in it depends on the whole picture
//! but the survey, so tiles are exact. The ×2 pixel-unshuffle stem is the cheapest quality there is.

use relume_nn::{Conv, Extent, Graph, GraphBuilder, Initial, Layer, NodeId, Pointwise, Result};

use super::ModelCard;

/// Input: the picture, display light, `[n, 3, h, w]`.
pub const IMAGE: &str = "image";
/// Input: the picture at [`THUMBNAIL_SIDE`] squared, lit to neutral brightness, display light.
pub const THUMBNAIL: &str = "thumbnail";
/// Input: what the thumbnail was multiplied by to become neutral, `log₂ gain / 4`, `[n, 1, 1, 1]`.
pub const LIGHT: &str = "light";
/// Input: gain and white of the exposure step, `[n, 2, 1, 1]`.
pub const EXPOSURE: &str = "exposure";
/// Output: the restored picture, display light, `[n, 3, h, w]`.
pub const RESTORED: &str = "restored";
/// Output: the mean display luma the picture was meant to have, `[n, 1, 1, 1]`, 0 to 1.
pub const BRIGHTNESS: &str = "brightness";
/// Rows and columns of the thumbnail.
pub const THUMBNAIL_SIDE: usize = 128;

/// lantern-s: the default.
pub static S: ModelCard = ModelCard {
    name: "lantern-s",
    help: "dark, shaken, noisy photos: light, shake and noise in one small network",
    source: "relume; stem and widths after a duel at equal CPU time, exposure as an input",
    output: RESTORED,
    graph: || build("lantern-s", 2, &[32, 64, 96, 128], 3),
    weights: Some(include_bytes!("../../weights/lantern-s.safetensors")),
};

/// lantern-xs: for previews, video and old machines.
pub static XS: ModelCard = ModelCard {
    name: "lantern-xs",
    help: "the same as lantern-s at less than half of its cost",
    source: "relume; as lantern-s, behind a x4 stem",
    output: RESTORED,
    graph: || build("lantern-xs", 4, &[48, 64, 96], 4),
    weights: None,
};

const LEAK: Pointwise = Pointwise::LeakyRelu(0.1);
const CONDITION: usize = 64;

/// A lantern whose stem leaves `1/times` of the rows and columns, with `widths` channels there and at
/// every halving below, and `middle` blocks at the bottom.
///
/// # Errors
/// When the widths do not make a graph.
pub fn build(name: &str, times: usize, widths: &[usize], middle: usize) -> Result<Graph> {
    let mut g = GraphBuilder::new(name);
    let image = g.input(IMAGE, 3, Extent::PICTURE);
    let side = THUMBNAIL_SIDE;
    let thumbnail = g.input(THUMBNAIL, 3, Extent::Fixed { height: side, width: side });
    let light = g.input(LIGHT, 1, Extent::SCALAR);
    let exposure = g.input(EXPOSURE, 2, Extent::SCALAR);

    let seen = survey(&mut g, thumbnail, light);
    let gain = g.layer("condition.gain", Layer::Slice { from: 0, to: 1 }, &[exposure]);
    let stops = g.pointwise(gain, Pointwise::Log2);
    let condition = g.layer("condition.all", Layer::Concat, &[seen, stops]);
    let condition = g.conv("condition.mix", condition, Conv::new(CONDITION + 1, CONDITION, 1));
    let condition = g.pointwise(condition, LEAK);

    let lit = g.layer("relight", Layer::Relight, &[image, exposure]);
    let raw = g.layer("stem.raw", Layer::PixelUnshuffle(times), &[image]);
    let relit = g.layer("stem.relit", Layer::PixelUnshuffle(times), &[lit]);
    let stem = g.layer("stem.both", Layer::Concat, &[relit, raw]);
    let samples = 3 * times * times;
    let x = g.conv("stem", stem, Conv::new(2 * samples, widths[0], 3));
    let x = unet(&mut g, x, condition, widths, middle);

    let last = Conv::new(widths[0], samples, 3).initial(Initial::Zero);
    let x = g.conv("head", x, last);
    let x = g.layer("head.shuffle", Layer::PixelShuffle(times), &[x]);
    let restored = g.layer("restored", Layer::Add, &[lit, x]);
    g.output(RESTORED, restored);
    g.finish()
}

/// Thumbnail to conditioning features; also the brightness output.
fn survey(g: &mut GraphBuilder, thumbnail: NodeId, light: NodeId) -> NodeId {
    let widths = [3, 16, 32, 48, CONDITION];
    let mut x = thumbnail;
    for (i, pair) in widths.windows(2).enumerate() {
        let conv = Conv::new(pair[0], pair[1], 3).stride(2, 1);
        x = g.conv(&format!("survey.{i}"), x, conv);
        x = g.pointwise(x, LEAK);
    }
    let pooled = g.layer("survey.pool", Layer::GlobalPool, &[x]);
    let all = g.layer("survey.all", Layer::Concat, &[pooled, light]);
    let x = g.conv("survey.mix", all, Conv::new(CONDITION + 1, CONDITION, 1));
    let x = g.pointwise(x, LEAK);
    let brightness = g.conv("survey.brightness", x, Conv::new(CONDITION, 1, 1));
    let brightness = g.pointwise(brightness, Pointwise::Sigmoid);
    g.output(BRIGHTNESS, brightness);
    x
}

fn unet(
    g: &mut GraphBuilder,
    mut x: NodeId,
    condition: NodeId,
    widths: &[usize],
    middle: usize,
) -> NodeId {
    let mut skips = Vec::new();
    for (level, pair) in widths.windows(2).enumerate() {
        x = block(g, &format!("encoder.{level}"), x, condition);
        skips.push(x);
        let down = Conv::new(pair[0], pair[1], 2).stride(2, 0);
        x = g.conv(&format!("down.{level}"), x, down);
    }
    for i in 0..middle {
        x = block(g, &format!("middle.{i}"), x, condition);
    }
    for (level, pair) in widths.windows(2).enumerate().rev() {
        let spread = Conv::new(pair[1], 4 * pair[0], 1);
        x = g.conv(&format!("up.{level}"), x, spread);
        x = g.layer(&format!("up.{level}.shuffle"), Layer::PixelShuffle(2), &[x]);
        x = g.layer(&format!("up.{level}.skip"), Layer::Add, &[x, skips[level]]);
        x = block(g, &format!("decoder.{level}"), x, condition);
    }
    x
}

/// A residual block of two 3×3 convolutions whose features are modulated by the condition.
fn block(g: &mut GraphBuilder, name: &str, x: NodeId, condition: NodeId) -> NodeId {
    let c = g.channels(x);
    let first = g.conv(&format!("{name}.0"), x, Conv::new(c, c, 3));
    let first = g.pointwise(first, LEAK);
    let silent = Conv::new(CONDITION, 2 * c, 1).initial(Initial::Zero);
    let how = g.conv(&format!("{name}.condition"), condition, silent);
    let shaped = g.layer(&format!("{name}.modulate"), Layer::Modulate, &[first, how]);
    let quiet = Conv::new(c, c, 3).initial(Initial::Normal { gain: 0.3 });
    let second = g.conv(&format!("{name}.1"), shaped, quiet);
    g.layer(&format!("{name}.sum"), Layer::Add, &[x, second])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_size_stays_inside_its_budget() {
        for (card, most) in [(&S, 50.0), (&XS, 15.0)] {
            let facts = card.facts().unwrap();
            assert!(facts.parameters <= 4_000_000, "{facts:?}");
            assert!(facts.gmac_per_megapixel <= most, "{facts:?}");
            assert!(!facts.barrier, "tiles must not need the whole picture");
        }
    }
}
