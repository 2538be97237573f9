//! OX-Net: light in burnt-out parts of a frame, copied from another frame of the same scene where that
//! shows it, invented elsewhere.
//!
//! ```text
//! frame ──────► encoder 1/2 1/4 1/8 1/16 ─┬─────────────► fuse 1/16 1/8 1/4 ─► decoder ─► recover
//! reference ──► the same encoder ─► match 1/16, refine 1/8 1/4 ─► warp ──┘
//! ```
//!
//! Every frame is encoded in its own exposure, so the features of a reference can be kept; how far the
//! exposures lie apart enters where the two are fused. Without a reference nothing is fused, and the
//! network is its single-picture self. The frame's sides are multiples of [`MULTIPLE`]: the windows of
//! the attention then tile every scale.

mod net;
mod reference;

use relume_nn::{Extent, Graph, Result};

use super::ModelCard;
use net::{Net, Other, View};

/// Input: a frame as the encoder sees it, `[n, 8, h, w]`: light as stops count it (3), display light
/// (3), the clipped pixels (1), 1 inside the picture (1).
pub const FRAME: &str = "frame";
/// Input: the frame's linear light, the clip level at 1, `[n, 3, h, w]`.
pub const LIGHT: &str = "light";
/// Input: how far each value is clipped, 0 to 1, `[n, 3, h, w]`.
pub const CLIPPING: &str = "clipping";
/// Input: the reference as the encoder sees it; all 0, but for the clipped pixels, where there is none.
pub const REFERENCE: &str = "reference";
/// Input: the reference's linear light in the exposure of the frame, `[n, 3, h, w]`.
pub const REFERENCE_LIGHT: &str = "reference_light";
/// Input: stops by which the frame is exposed more than the reference, `[n, 1, 1, 1]`.
pub const EXPOSURE: &str = "exposure";
/// Input: motion to the reference that is known otherwise, in pixels of 1/4, and how far it is trusted, 0
/// (not at all) to 1, `[n, 3, h/4, w/4]`.
pub const GUIDE: &str = "guide";
/// Output: linear light, `[n, 3, h, w]`, at least the frame's.
pub const RECOVERED: &str = "recovered";
/// Output: the share of the lost light that was copied and not invented, `[n, 1, h, w]`.
pub const SHARE: &str = "share";
/// Output: motion to the reference and a confidence at 1/16, `[n, 3, h/16, w/16]`.
pub const FOUND: &str = "found";
/// Outputs of the encoder, and inputs of what follows: features at 1/2, 1/4, 1/8 and 1/16.
pub const FEATURES: [&str; 4] = ["features_2", "features_4", "features_8", "features_16"];
/// Inputs: features of the reference at 1/4, 1/8 and 1/16.
pub const REFERENCE_FEATURES: [&str; 3] = ["reference_4", "reference_8", "reference_16"];
/// Inputs of what follows the encoder: clipped pixels, and pixels of the reference that are inside and
/// not clipped; `[n, 1, h, w]`.
pub const MASK: &str = "mask";
/// See [`MASK`].
pub const OPEN: &str = "open";

/// A frame's sides are multiples of this.
pub const MULTIPLE: usize = 128;

/// Light that the range compression maps to 1: six stops above the clip level.
pub const TOP: f32 = 64.0;

/// The small one.
pub static S: ModelCard = ModelCard {
    name: "ox-net-s",
    help: "over-exposed parts of video frames and photos: copied from a reference, else invented",
    source: "relume, after the claims of Xing et al. 2023, Online Overexposed Pixels Hallucination in \
             Videos with Adaptive Reference Frame Selection",
    output: RECOVERED,
    graph: || build(S.name, &SMALL, CARD_SIZE),
    weights: Some(include_bytes!("../../../weights/ox-net-s.safetensors")),
};

/// The large one, for GPUs.
pub static B: ModelCard = ModelCard {
    name: "ox-net-b",
    help: "ox-net-s with more channels and blocks; to be trained on a GPU",
    source: S.source,
    output: RECOVERED,
    graph: || build(B.name, &LARGE, CARD_SIZE),
    weights: None,
};

/// Height and width for which the cards tell figures.
const CARD_SIZE: (usize, usize) = (384, 640);

/// Channels and blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Widths {
    /// Channels at 1/2, 1/4, 1/8 and 1/16: the last two multiples of 32.
    pub channels: [usize; 4],
    /// Blocks of the encoder there.
    pub encoder: [usize; 4],
    /// Blocks of the decoder at 1/2, 1/4 and 1/8.
    pub decoder: [usize; 3],
    /// Whether blocks at 1/8 and 1/16 hold attention.
    pub attention: bool,
}

/// Widths of `ox-net-s`.
pub const SMALL: Widths = Widths {
    channels: [16, 32, 64, 96],
    encoder: [1, 1, 2, 3],
    decoder: [1, 1, 2],
    attention: true,
};
/// Widths of `ox-net-b`.
pub const LARGE: Widths = Widths {
    channels: [32, 64, 96, 128],
    encoder: [1, 2, 4, 6],
    decoder: [1, 2, 4],
    attention: true,
};

/// The widths of the named network.
pub fn widths(name: &str) -> Option<&'static Widths> {
    match name {
        "ox-net-s" => Some(&SMALL),
        "ox-net-b" => Some(&LARGE),
        _ => None,
    }
}

/// The whole network on frames of `(height, width)` pixels, multiples of [`MULTIPLE`]: what is trained.
///
/// # Errors
/// When the size is no multiple.
pub fn build(name: &str, widths: &Widths, size: (usize, usize)) -> Result<Graph> {
    let mut net = Net::new(name, widths, size);
    let frame = net.input(FRAME, 8, 1);
    let reference = net.input(REFERENCE, 8, 1);
    let mask = net.part("mask", frame, 6..7);
    let view = View { light: net.input(LIGHT, 3, 1), clipping: net.input(CLIPPING, 3, 1), mask };
    let inside = net.part("inside", frame, 7..8);
    let other = Other {
        light: net.input(REFERENCE_LIGHT, 3, 1),
        open: net.open(reference),
        exposure: net.g.input(EXPOSURE, 1, Extent::SCALAR),
        inside,
        guide: net.input(GUIDE, 3, 4),
    };
    let features = net.encode(frame);
    let seen = net.encode(reference);
    let burnt = net.part("burnt", reference, 6..7);
    let burnt = net.pool(burnt, 16);
    let found = net.find(features[3], seen[3], burnt);
    net.finish(&view, features, Some((&other, [seen[1], seen[2], seen[3]], found)))
}

/// The encoder alone: [`FRAME`] to [`FEATURES`].
///
/// # Errors
/// As [`build`].
pub fn encoder(widths: &Widths, size: (usize, usize)) -> Result<Graph> {
    let mut net = Net::new("encoder", widths, size);
    let frame = net.input(FRAME, 8, 1);
    let features = net.encode(frame);
    FEATURES.iter().zip(features).for_each(|(name, id)| net.g.output(name, id));
    net.g.finish()
}

/// Matching alone: features at 1/16 of both frames and the clipped share of the reference's pixels
/// there ([`MASK`], `[n, 1, h/16, w/16]`) to [`FOUND`].
///
/// # Errors
/// As [`build`].
pub fn matcher(widths: &Widths, size: (usize, usize)) -> Result<Graph> {
    let mut net = Net::new("matcher", widths, size);
    let channels = widths.channels[3];
    let frame = net.input(FEATURES[3], channels, 16);
    let reference = net.input(REFERENCE_FEATURES[2], channels, 16);
    let burnt = net.input(MASK, 1, 16);
    let found = net.find(frame, reference, burnt);
    net.g.output(FOUND, found);
    net.g.finish()
}

/// All behind the encoder, for one picture alone.
///
/// # Errors
/// As [`build`].
pub fn alone(widths: &Widths, size: (usize, usize)) -> Result<Graph> {
    let mut net = Net::new("decoder", widths, size);
    let (view, features) = net.given();
    net.finish(&view, features, None)
}

/// All behind encoder and matching: the motion comes in as [`FOUND`].
///
/// # Errors
/// As [`build`].
pub fn with_reference(widths: &Widths, size: (usize, usize)) -> Result<Graph> {
    let mut net = Net::new("decoder with reference", widths, size);
    let (view, features) = net.given();
    let other = Other {
        light: net.input(REFERENCE_LIGHT, 3, 1),
        open: net.input(OPEN, 1, 1),
        exposure: net.g.input(EXPOSURE, 1, Extent::SCALAR),
        inside: net.input("inside", 1, 1),
        guide: net.input(GUIDE, 3, 4),
    };
    let seen =
        [0, 1, 2].map(|i| net.input(REFERENCE_FEATURES[i], widths.channels[i + 1], [4, 8, 16][i]));
    let found = net.input(FOUND, 3, 16);
    net.finish(&view, features, Some((&other, seen, found)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_have_the_designed_numbers_of_parameters() {
        assert_eq!(S.facts().unwrap().parameters, 833_033);
        assert_eq!(B.facts().unwrap().parameters, 2_135_162);
    }

    #[test]
    fn parts_have_parameters_of_the_whole() {
        let whole = build("whole", &SMALL, (128, 128)).unwrap();
        let whole: Vec<String> = whole.parameters().into_iter().map(|(key, _)| key).collect();
        for part in [encoder, matcher, alone, with_reference] {
            let part = part(&SMALL, (128, 128)).unwrap();
            for (key, _) in part.parameters() {
                assert!(whole.contains(&key), "{} has {key}", part.name());
            }
        }
    }

    #[test]
    fn other_sizes_are_refused() {
        assert!(build("odd", &SMALL, (128, 100)).is_err());
    }
}
