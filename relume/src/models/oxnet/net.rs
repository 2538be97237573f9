//! OX-Net's layers, its encoder and its decoder.

use relume_nn::{
    Conv, Extent, Graph, GraphBuilder, Initial, Layer, NodeId, Pointwise, Result, Windows,
};

use super::{CLIPPING, FEATURES, LIGHT, MASK, RECOVERED, SHARE, TOP, Widths};

/// The frame at full resolution.
pub(super) struct View {
    pub(super) light: NodeId,
    pub(super) clipping: NodeId,
    pub(super) mask: NodeId,
}

/// The reference at full resolution.
pub(super) struct Other {
    pub(super) light: NodeId,
    pub(super) open: NodeId,
    pub(super) exposure: NodeId,
    pub(super) inside: NodeId,
    pub(super) guide: NodeId,
}

/// Motion in pixels of its scale, and its confidence.
#[derive(Clone, Copy)]
pub(super) struct Motion {
    pub(super) motion: NodeId,
    pub(super) sure: NodeId,
}

/// What the reference gives at one scale: light, and where that is valid.
#[derive(Clone, Copy)]
pub(super) struct Copied {
    pub(super) light: NodeId,
    pub(super) valid: NodeId,
}

/// Everything known of the reference at 1/8 and at 1/4, 1/2 and full size.
pub(super) struct Seen {
    pub(super) coarse: Copied,
    pub(super) fine: [Copied; 3],
}

/// The network under construction; layers are named by what they are for.
pub(super) struct Net<'a> {
    pub(super) g: GraphBuilder,
    pub(super) widths: &'a Widths,
    pub(super) size: (usize, usize),
}

impl<'a> Net<'a> {
    pub(super) fn new(name: &str, widths: &'a Widths, size: (usize, usize)) -> Self {
        Self { g: GraphBuilder::new(name), widths, size }
    }

    pub(super) fn input(&mut self, name: &str, channels: usize, down: usize) -> NodeId {
        let (height, width) = (self.size.0 / down, self.size.1 / down);
        self.g.input(name, channels, Extent::Fixed { height, width })
    }

    /// Inputs of all that follows the encoder.
    pub(super) fn given(&mut self) -> (View, [NodeId; 4]) {
        let channels = self.widths.channels;
        let features = [0, 1, 2, 3].map(|i| self.input(FEATURES[i], channels[i], 2 << i));
        let light = self.input(LIGHT, 3, 1);
        let clipping = self.input(CLIPPING, 3, 1);
        let mask = self.input(MASK, 1, 1);
        (View { light, clipping, mask }, features)
    }

    pub(super) fn plain(&mut self, key: &str, layer: Layer, inputs: &[NodeId]) -> NodeId {
        self.g.sharing(key, layer, inputs)
    }

    pub(super) fn curve(&mut self, key: &str, curve: Pointwise, x: NodeId) -> NodeId {
        self.plain(key, Layer::Pointwise(curve), &[x])
    }

    pub(super) fn part(
        &mut self,
        key: &str,
        x: NodeId,
        channels: std::ops::Range<usize>,
    ) -> NodeId {
        self.plain(key, Layer::Slice { from: channels.start, to: channels.end }, &[x])
    }

    pub(super) fn pool(&mut self, x: NodeId, by: usize) -> NodeId {
        if by == 1 { x } else { self.plain(&format!("pool.{by}"), Layer::AveragePool(by), &[x]) }
    }

    pub(super) fn enlarge(&mut self, x: NodeId, by: usize) -> NodeId {
        self.plain(&format!("enlarge.{by}"), Layer::Enlarge(by), &[x])
    }

    pub(super) fn product(&mut self, a: NodeId, b: NodeId) -> NodeId {
        self.plain("product", Layer::Multiply, &[a, b])
    }

    pub(super) fn conv(&mut self, key: &str, x: NodeId, channels: usize, kernel: usize) -> NodeId {
        let conv = Conv::new(self.g.channels(x), channels, kernel);
        let conv = conv.initial(Initial::Normal { gain: 1.0 });
        self.plain(key, Layer::Conv(conv), &[x])
    }

    pub(super) fn depthwise(&mut self, key: &str, x: NodeId) -> NodeId {
        let c = self.g.channels(x);
        let conv = Conv::new(c, c, 3).groups(c).initial(Initial::Normal { gain: 1.0 });
        self.plain(key, Layer::Conv(conv), &[x])
    }

    pub(super) fn norm(&mut self, key: &str, x: NodeId) -> NodeId {
        self.plain(key, Layer::LayerNorm { epsilon: 1e-6 }, &[x])
    }

    /// Inside the picture and not clipped.
    pub(super) fn open(&mut self, frame: NodeId) -> NodeId {
        let (mask, inside) = (self.part("burnt", frame, 6..7), self.part("inside", frame, 7..8));
        let lacking = self.curve("lacking", Pointwise::Scale(-1.0), mask);
        let open = self.plain("open", Layer::Add, &[inside, lacking]);
        self.curve("open.clamped", Pointwise::Clamp(0.0, 1.0), open)
    }

    /// `x` plus a branch, scaled channel by channel.
    pub(super) fn residual(&mut self, key: &str, x: NodeId, branch: NodeId) -> NodeId {
        let c = self.g.channels(x);
        let scale = Conv::new(c, c, 1).groups(c).unbiased().initial(Initial::Constant(0.1));
        let branch = self.plain(&format!("{key}.scale"), Layer::Conv(scale), &[branch]);
        self.plain(&format!("{key}.sum"), Layer::Add, &[x, branch])
    }

    /// Halves of depthwise-filtered features multiplied, behind `curve` for the second.
    pub(super) fn gate(
        &mut self,
        key: &str,
        x: NodeId,
        c: usize,
        open: Option<Pointwise>,
    ) -> NodeId {
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
    pub(super) fn convolve(&mut self, key: &str, x: NodeId) -> NodeId {
        let y = self.norm(&format!("{key}.norm"), x);
        let y = self.gate(key, y, self.g.channels(x), None);
        self.residual(key, x, y)
    }

    /// Attention within windows of 8 × 8 pixels, heads of 32 channels.
    pub(super) fn attend(&mut self, key: &str, x: NodeId, shifted: bool) -> NodeId {
        let c = self.g.channels(x);
        let windows = Windows { heads: c / 32, window: 8, shifted, own_tables: true };
        let y = self.norm(&format!("{key}.norm"), x);
        let y = self.conv(&format!("{key}.qkv"), y, 3 * c, 1);
        let y = self.plain(&format!("{key}.windows"), Layer::WindowAttention(windows), &[y]);
        let y = self.conv(&format!("{key}.merge"), y, c, 1);
        self.residual(key, x, y)
    }

    /// `count` blocks; `with_attention` at the coarse scales.
    pub(super) fn blocks(
        &mut self,
        key: &str,
        mut x: NodeId,
        count: usize,
        coarse: bool,
    ) -> NodeId {
        for i in 0..count {
            if coarse && self.widths.attention {
                x = self.attend(&format!("{key}.{i}.attention"), x, i % 2 == 1);
            }
            x = self.convolve(&format!("{key}.{i}.convolution"), x);
        }
        x
    }

    /// Features at 1/2, 1/4, 1/8 and 1/16.
    pub(super) fn encode(&mut self, frame: NodeId) -> [NodeId; 4] {
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

    /// Fusion, decoder and heads.
    pub(super) fn finish(
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

    pub(super) fn recover(
        &mut self,
        name: &str,
        view: [NodeId; 2],
        copied: Copied,
        decided: NodeId,
    ) {
        let all = [view[0], view[1], copied.light, copied.valid, decided];
        let restored = self.plain(&format!("{name}.light"), Layer::Recover, &all);
        self.g.output(name, restored);
    }
}
