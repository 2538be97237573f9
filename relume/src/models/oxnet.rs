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

use relume_nn::{
    Conv, Extent, Graph, GraphBuilder, Initial, Layer, NodeId, Pointwise, Result, Windows,
};

use super::ModelCard;

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
    weights: None,
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
    };
    let seen =
        [0, 1, 2].map(|i| net.input(REFERENCE_FEATURES[i], widths.channels[i + 1], [4, 8, 16][i]));
    let found = net.input(FOUND, 3, 16);
    net.finish(&view, features, Some((&other, seen, found)))
}

/// The frame at full resolution.
struct View {
    light: NodeId,
    clipping: NodeId,
    mask: NodeId,
}

/// The reference at full resolution.
struct Other {
    light: NodeId,
    open: NodeId,
    exposure: NodeId,
    inside: NodeId,
}

/// Motion in pixels of its scale, and its confidence.
#[derive(Clone, Copy)]
struct Motion {
    motion: NodeId,
    sure: NodeId,
}

/// What the reference gives at one scale: light, and where that is valid.
#[derive(Clone, Copy)]
struct Copied {
    light: NodeId,
    valid: NodeId,
}

/// Everything known of the reference at 1/8 and at 1/4, 1/2 and full size.
struct Seen {
    coarse: Copied,
    fine: [Copied; 3],
}

/// The network under construction; layers are named by what they are for.
struct Net<'a> {
    g: GraphBuilder,
    widths: &'a Widths,
    size: (usize, usize),
}

impl<'a> Net<'a> {
    fn new(name: &str, widths: &'a Widths, size: (usize, usize)) -> Self {
        Self { g: GraphBuilder::new(name), widths, size }
    }

    fn input(&mut self, name: &str, channels: usize, down: usize) -> NodeId {
        let (height, width) = (self.size.0 / down, self.size.1 / down);
        self.g.input(name, channels, Extent::Fixed { height, width })
    }

    /// Inputs of all that follows the encoder.
    fn given(&mut self) -> (View, [NodeId; 4]) {
        let channels = self.widths.channels;
        let features = [0, 1, 2, 3].map(|i| self.input(FEATURES[i], channels[i], 2 << i));
        let light = self.input(LIGHT, 3, 1);
        let clipping = self.input(CLIPPING, 3, 1);
        let mask = self.input(MASK, 1, 1);
        (View { light, clipping, mask }, features)
    }

    fn plain(&mut self, key: &str, layer: Layer, inputs: &[NodeId]) -> NodeId {
        self.g.sharing(key, layer, inputs)
    }

    fn curve(&mut self, key: &str, curve: Pointwise, x: NodeId) -> NodeId {
        self.plain(key, Layer::Pointwise(curve), &[x])
    }

    fn part(&mut self, key: &str, x: NodeId, channels: std::ops::Range<usize>) -> NodeId {
        self.plain(key, Layer::Slice { from: channels.start, to: channels.end }, &[x])
    }

    fn pool(&mut self, x: NodeId, by: usize) -> NodeId {
        if by == 1 { x } else { self.plain(&format!("pool.{by}"), Layer::AveragePool(by), &[x]) }
    }

    fn enlarge(&mut self, x: NodeId, by: usize) -> NodeId {
        self.plain(&format!("enlarge.{by}"), Layer::Enlarge(by), &[x])
    }

    fn product(&mut self, a: NodeId, b: NodeId) -> NodeId {
        self.plain("product", Layer::Multiply, &[a, b])
    }

    fn conv(&mut self, key: &str, x: NodeId, channels: usize, kernel: usize) -> NodeId {
        let conv = Conv::new(self.g.channels(x), channels, kernel);
        let conv = conv.initial(Initial::Normal { gain: 1.0 });
        self.plain(key, Layer::Conv(conv), &[x])
    }

    fn depthwise(&mut self, key: &str, x: NodeId) -> NodeId {
        let c = self.g.channels(x);
        let conv = Conv::new(c, c, 3).groups(c).initial(Initial::Normal { gain: 1.0 });
        self.plain(key, Layer::Conv(conv), &[x])
    }

    fn norm(&mut self, key: &str, x: NodeId) -> NodeId {
        self.plain(key, Layer::LayerNorm { epsilon: 1e-6 }, &[x])
    }

    /// Inside the picture and not clipped.
    fn open(&mut self, frame: NodeId) -> NodeId {
        let (mask, inside) = (self.part("burnt", frame, 6..7), self.part("inside", frame, 7..8));
        let lacking = self.curve("lacking", Pointwise::Scale(-1.0), mask);
        let open = self.plain("open", Layer::Add, &[inside, lacking]);
        self.curve("open.clamped", Pointwise::Clamp(0.0, 1.0), open)
    }

    /// `x` plus a branch, scaled channel by channel.
    fn residual(&mut self, key: &str, x: NodeId, branch: NodeId) -> NodeId {
        let c = self.g.channels(x);
        let scale = Conv::new(c, c, 1).groups(c).unbiased().initial(Initial::Constant(0.1));
        let branch = self.plain(&format!("{key}.scale"), Layer::Conv(scale), &[branch]);
        self.plain(&format!("{key}.sum"), Layer::Add, &[x, branch])
    }

    /// Halves of depthwise-filtered features multiplied, behind `curve` for the second.
    fn gate(&mut self, key: &str, x: NodeId, c: usize, open: Option<Pointwise>) -> NodeId {
        let both = self.conv(&format!("{key}.widen"), x, 2 * c, 1);
        let both = self.depthwise(&format!("{key}.spread"), both);
        let first = self.part(&format!("{key}.first"), both, 0..c);
        let mut second = self.part(&format!("{key}.second"), both, c..2 * c);
        if let Some(curve) = open {
            second = self.curve(&format!("{key}.open"), curve, second);
        }
        let gated = self.plain(&format!("{key}.gated"), Layer::Multiply, &[first, second]);
        self.conv(&format!("{key}.narrow"), gated, c, 1)
    }

    /// Gated convolution block.
    fn convolve(&mut self, key: &str, x: NodeId) -> NodeId {
        let y = self.norm(&format!("{key}.norm"), x);
        let y = self.gate(key, y, self.g.channels(x), None);
        self.residual(key, x, y)
    }

    /// Attention within windows of 8 × 8 pixels, heads of 32 channels.
    fn attend(&mut self, key: &str, x: NodeId, shifted: bool) -> NodeId {
        let c = self.g.channels(x);
        let windows = Windows { heads: c / 32, window: 8, shifted, own_tables: true };
        let y = self.norm(&format!("{key}.norm"), x);
        let y = self.conv(&format!("{key}.qkv"), y, 3 * c, 1);
        let y = self.plain(&format!("{key}.windows"), Layer::WindowAttention(windows), &[y]);
        let y = self.conv(&format!("{key}.merge"), y, c, 1);
        self.residual(key, x, y)
    }

    /// `count` blocks; `with_attention` at the coarse scales.
    fn blocks(&mut self, key: &str, mut x: NodeId, count: usize, coarse: bool) -> NodeId {
        for i in 0..count {
            if coarse && self.widths.attention {
                x = self.attend(&format!("{key}.{i}.attention"), x, i % 2 == 1);
            }
            x = self.convolve(&format!("{key}.{i}.convolution"), x);
        }
        x
    }

    /// Features at 1/2, 1/4, 1/8 and 1/16.
    fn encode(&mut self, frame: NodeId) -> [NodeId; 4] {
        let Widths { channels, encoder, .. } = *self.widths;
        let x = self.plain("encoder.apart", Layer::PixelUnshuffle(2), &[frame]);
        let mut x = self.conv("encoder.first", x, channels[0], 3);
        let mut features = [x; 4];
        for scale in 0..4 {
            if scale > 0 {
                let halve = Conv::new(channels[scale - 1], channels[scale], 2).stride(2, 0);
                let halve = halve.initial(Initial::Normal { gain: 1.0 });
                x = self.plain(&format!("encoder.halve.{scale}"), Layer::Conv(halve), &[x]);
            }
            x = self.blocks(&format!("encoder.{scale}"), x, encoder[scale], scale >= 2);
            features[scale] = x;
        }
        features
    }

    /// Motion and confidence at 1/16; clipped tokens borrow from others.
    fn find(&mut self, frame: NodeId, reference: NodeId, burnt: NodeId) -> NodeId {
        let here = self.norm("match.norm", frame);
        let there = self.norm("match.norm", reference);
        let queries = self.conv("match.queries", here, 64, 1);
        let keys = self.conv("match.keys", there, 64, 1);
        self.g.output("queries", queries);
        self.g.output("keys", keys);
        let found = self.plain("match.best", Layer::Match { radius: 2 }, &[queries, keys, burnt]);
        let queries = self.conv("propagate.queries", here, 32, 1);
        let keys = self.conv("propagate.keys", here, 32, 1);
        self.plain("propagate.mean", Layer::Propagate, &[queries, keys, found])
    }

    /// Motion at twice the resolution.
    fn enlarged(&mut self, Motion { motion, sure }: Motion, by: usize) -> Motion {
        let motion = self.enlarge(motion, by);
        let motion = self.curve("motion", Pointwise::Scale(by as f32), motion);
        Motion { motion, sure: self.enlarge(sure, by) }
    }

    /// Motion refined by local correlation.
    fn refine(
        &mut self,
        key: &str,
        (radius, width): (usize, usize),
        [frame, reference, mask]: [NodeId; 3],
        Motion { motion, sure }: Motion,
    ) -> Motion {
        let project = |net: &mut Self, x| {
            let x = net.norm(&format!("{key}.norm"), x);
            net.conv(&format!("{key}.project"), x, 32, 1)
        };
        let (here, there) = (project(self, frame), project(self, reference));
        let there = self.plain(&format!("{key}.warp"), Layer::Warp, &[there, motion]);
        let correlate = Layer::Correlate(radius);
        let alike = self.plain(&format!("{key}.alike"), correlate, &[here, there]);
        let all = [alike, here, motion, sure, mask];
        let mut x = self.plain(&format!("{key}.all"), Layer::Concat, &all);
        for i in 0..2 {
            x = self.conv(&format!("{key}.{i}"), x, width, 3);
            x = self.curve(&format!("{key}.{i}.act"), Pointwise::Gelu, x);
        }
        let quiet = Conv::new(width, 3, 3).initial(Initial::Normal { gain: 0.1 });
        let update = self.plain(&format!("{key}.2"), Layer::Conv(quiet), &[x]);
        let step = self.part(&format!("{key}.step"), update, 0..2);
        let motion = self.plain(&format!("{key}.motion"), Layer::Add, &[motion, step]);
        let logit = self.curve(&format!("{key}.logit"), Pointwise::Logit, sure);
        let step = self.part(&format!("{key}.doubt"), update, 2..3);
        let logit = self.plain(&format!("{key}.surer"), Layer::Add, &[logit, step]);
        Motion { motion, sure: self.curve(&format!("{key}.sure"), Pointwise::Sigmoid, logit) }
    }

    /// What the reference shows of the frame, at 1 / `down` of the resolution.
    fn copied(&mut self, other: &Other, down: usize, Motion { motion, sure }: Motion) -> Copied {
        let (light, open) = (self.pool(other.light, down), self.pool(other.open, down));
        let light = self.plain("copied.light", Layer::Warp, &[light, motion]);
        let open = self.plain("copied.open", Layer::Warp, &[open, motion]);
        Copied { light, valid: self.product(sure, open) }
    }

    /// Features of the frame with what valid features of the reference add.
    fn fuse(
        &mut self,
        key: &str,
        down: usize,
        [frame, reference, mask]: [NodeId; 3],
        (other, motion, valid): (&Other, NodeId, NodeId),
    ) -> NodeId {
        let seen = self.plain(&format!("{key}.warp"), Layer::Warp, &[reference, motion]);
        let inside = self.pool(other.inside, down);
        let exposure = self.product(inside, other.exposure);
        let all = [frame, seen, valid, mask, exposure];
        let all = self.plain(&format!("{key}.all"), Layer::Concat, &all);
        let more = self.gate(key, all, self.g.channels(frame), Some(Pointwise::Sigmoid));
        let more = self.product(more, valid);
        self.plain(&format!("{key}.sum"), Layer::Add, &[frame, more])
    }

    /// Refines the motion, fuses the features, and says what can be copied at every scale.
    fn look(
        &mut self,
        view: &View,
        features: &mut [NodeId; 4],
        (other, seen, found): (&Other, [NodeId; 3], NodeId),
    ) -> Seen {
        let masks = [4, 8, 16].map(|down| self.pool(view.mask, down));
        let motion = self.part("found.motion", found, 0..2);
        let sure = self.part("found.sure", found, 2..3);
        let m16 = Motion { motion, sure };
        let up = self.enlarged(m16, 2);
        let m8 = self.refine("refine.8", (4, 64), [features[2], seen[1], masks[1]], up);
        let up = self.enlarged(m8, 2);
        let m4 = self.refine("refine.4", (3, 48), [features[1], seen[0], masks[0]], up);
        let mut copied = |net: &mut Self, i: usize, down, motion: Motion| {
            let copied = net.copied(other, down, motion);
            let triple = [features[i], seen[i - 1], masks[i - 1]];
            let from = (other, motion.motion, copied.valid);
            features[i] = net.fuse(&format!("fuse.{down}"), down, triple, from);
            net.g.output(&format!("motion_{down}"), motion.motion);
            net.g.output(&format!("confidence_{down}"), motion.sure);
            copied
        };
        copied(self, 3, 16, m16);
        let coarse = copied(self, 2, 8, m8);
        let quarter = copied(self, 1, 4, m4);
        let (up2, up4) = (self.enlarged(m4, 2), self.enlarged(m4, 4));
        let half = self.copied(other, 2, up2);
        let full = self.copied(other, 1, up4);
        Seen { coarse, fine: [quarter, half, full] }
    }

    /// As [`look`](Self::look) where there is no reference: nothing to copy anywhere.
    fn nothing(&mut self, view: &View) -> Seen {
        let mut at = |down| {
            let light = self.pool(view.light, down);
            let mask = self.pool(view.mask, down);
            let none = Pointwise::Scale(0.0);
            Copied { light: self.curve("none", none, light), valid: self.curve("none", none, mask) }
        };
        Seen { coarse: at(8), fine: [at(4), at(2), at(1)] }
    }

    /// Fusion, decoder and heads.
    fn finish(
        mut self,
        view: &View,
        mut features: [NodeId; 4],
        reference: Option<(&Other, [NodeId; 3], NodeId)>,
    ) -> Result<Graph> {
        let seen = match reference {
            Some(reference) => self.look(view, &mut features, reference),
            None => self.nothing(view),
        };
        let Widths { channels, decoder, .. } = *self.widths;
        let mut x = self.blocks("decoder.3", features[3], 2, true);
        for scale in (0..3).rev() {
            let (down, c) = (2 << scale, channels[scale]);
            let up = self.conv(&format!("decoder.{scale}.up"), x, 4 * c, 1);
            let up =
                self.plain(&format!("decoder.{scale}.up.shuffle"), Layer::PixelShuffle(2), &[up]);
            let mut all = vec![up, features[scale]];
            if scale < 2 {
                let Copied { light, valid } = seen.fine[1 - scale];
                let stops = self.curve("copied.stops", Pointwise::LogLight(TOP), light);
                all.extend([stops, valid, self.pool(view.mask, down)]);
            }
            let all = self.plain(&format!("decoder.{scale}.all"), Layer::Concat, &all);
            let merged = self.conv(&format!("decoder.{scale}.merge"), all, c, 1);
            x = self.blocks(&format!("decoder.{scale}"), merged, decoder[scale], scale == 2);
            if scale > 0 {
                let decided = self.conv(&format!("head.{down}"), x, 4, 3);
                let copied = if scale == 2 { seen.coarse } else { seen.fine[0] };
                let (light, clipping) =
                    (self.pool(view.light, down), self.pool(view.clipping, down));
                self.recover(&format!("{RECOVERED}_{down}"), [light, clipping], copied, decided);
            }
        }
        let decided = self.conv("head.1", x, 16, 3);
        let decided = self.plain("head.1.shuffle", Layer::PixelShuffle(2), &[decided]);
        let copied = seen.fine[2];
        self.recover(RECOVERED, [view.light, view.clipping], copied, decided);
        let logit = self.part("share.logit", decided, 3..4);
        let open = self.curve("share.open", Pointwise::Sigmoid, logit);
        let share = self.product(open, copied.valid);
        self.g.output(SHARE, share);
        self.g.output("copied", copied.light);
        self.g.output("validity", copied.valid);
        self.g.finish()
    }

    fn recover(&mut self, name: &str, view: [NodeId; 2], copied: Copied, decided: NodeId) {
        let all = [view[0], view[1], copied.light, copied.valid, decided];
        let restored = self.plain(&format!("{name}.light"), Layer::Recover, &all);
        self.g.output(name, restored);
    }
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
