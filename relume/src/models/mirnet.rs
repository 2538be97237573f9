//! MIRNet as the event-photo enhancer uses it: three scales that exchange what they see, with
//! attention over channels and places. Attention reads the whole picture: it is a barrier.

use relume_nn::{Conv, Extent, Graph, GraphBuilder, Initial, Layer, NodeId, Pointwise, Result};

use super::ModelCard;

/// Output: the enhanced picture, display light, `[n, 3, h, w]`.
pub const ENHANCED: &str = "enhanced";

/// MIRNet with 64 features, three groups of two blocks.
pub static CARD: ModelCard = ModelCard {
    name: "mirnet",
    help: "dark event photos: three scales with attention; large and slow",
    source: "Zamir et al. 2020, Learning Enriched Features for Real Image Restoration and \
             Enhancement",
    output: ENHANCED,
    graph: || build(CARD.name, 64, 3, 2),
    weights: None,
};

/// MIRNet with 16 features and a single block: what a desktop computer trains in an hour.
pub static SMALL: ModelCard = ModelCard {
    name: "mirnet-small",
    help: "mirnet with a quarter of the features and one block of six",
    source: "Zamir et al. 2020; widths for training on a CPU",
    output: ENHANCED,
    graph: || build(SMALL.name, 16, 1, 1),
    weights: None,
};

/// Channels that channel attention squeezes into one.
const REDUCTION: usize = 8;

/// A MIRNet with `features` channels at full resolution and `groups` groups of `blocks` blocks.
///
/// # Errors
/// When `features` is less than 8.
pub fn build(name: &str, features: usize, groups: usize, blocks: usize) -> Result<Graph> {
    let mut g = GraphBuilder::new(name);
    let image = g.input("image", 3, Extent::PICTURE);
    let mut x = conv(&mut g, "conv_start", image, features, 3);
    for group in 0..groups {
        let entry = x;
        let prefix = format!("msrb_blocks.{group}.blocks");
        for block in 0..blocks {
            x = Block { g: &mut g, prefix: format!("{prefix}.{block}"), features }.build(x);
        }
        x = conv(&mut g, &format!("{prefix}.{blocks}"), x, features, 3);
        x = g.layer(&format!("{prefix}.sum"), Layer::Add, &[entry, x]);
    }
    let x = conv(&mut g, "conv_end", x, 3, 3);
    let out = g.layer("out", Layer::Add, &[image, x]);
    g.output(ENHANCED, out);
    // Second names of the attention units, and the constants of the blur.
    g.spare(&["*.dual_attention_units.?.1.*", "*.filt"]);
    g.finish()
}

/// A convolution without bias whose parameters other layers may use too.
fn conv(g: &mut GraphBuilder, key: &str, x: NodeId, channels: usize, kernel: usize) -> NodeId {
    let conv = Conv::new(g.channels(x), channels, kernel).unbiased().initial(Initial::Even);
    g.sharing(key, Layer::Conv(conv), &[x])
}

fn prelu(g: &mut GraphBuilder, key: &str, x: NodeId) -> NodeId {
    g.sharing(key, Layer::Prelu { shared: true }, &[x])
}

/// A multi-scale residual block under construction.
struct Block<'a> {
    g: &'a mut GraphBuilder,
    prefix: String,
    features: usize,
}

impl Block<'_> {
    fn key(&self, rest: &str) -> String {
        format!("{}.{rest}", self.prefix)
    }

    /// A step without parameters; `key` may occur more than once.
    fn plain(&mut self, rest: &str, layer: Layer, inputs: &[NodeId]) -> NodeId {
        let key = self.key(rest);
        self.g.sharing(&key, layer, inputs)
    }

    fn build(&mut self, x: NodeId) -> NodeId {
        let f = self.features;
        // A cascade down the scales.
        let d0 = self.attend(0, x);
        let down = self.down(&format!("{f}_2"), d0, 1);
        let d1 = self.attend(1, down);
        let down = self.down(&format!("{}_2", 2 * f), d1, 1);
        let d2 = self.attend(2, down);
        // Every scale hears from all three.
        let up = (
            self.up(&format!("up.{}_2", 2 * f), d1, 1),
            self.up(&format!("up.{}_4", 4 * f), d2, 2),
        );
        let f0 = self.fuse(0, [d0, up.0, up.1]);
        let arriving =
            (self.down(&format!("{f}_2"), d0, 1), self.up(&format!("up.{}_2", 4 * f), d2, 1));
        let f1 = self.fuse(1, [arriving.0, d1, arriving.1]);
        let arriving =
            (self.down(&format!("{f}_4"), d0, 2), self.down(&format!("{}_2", 2 * f), d1, 1));
        let f2 = self.fuse(2, [arriving.0, arriving.1, d2]);
        // The second column has the attention of the first.
        let [e0, e1, e2] = [(0, f0), (1, f1), (2, f2)].map(|(scale, x)| self.attend(scale, x));
        let (e1, e2) = (self.up("last_up.1", e1, 1), self.up("last_up.2", e2, 2));
        let merged = self.fuse(0, [e0, e1, e2]);
        let out = conv(self.g, &self.key("out_conv"), merged, f, 3);
        self.plain("sum", Layer::Add, &[x, out])
    }

    /// Dual attention unit: over channels and over places.
    fn attend(&mut self, scale: usize, x: NodeId) -> NodeId {
        let unit = format!("dual_attention_units.{scale}.0");
        let key = |rest: &str| format!("{}.{unit}.{rest}", self.prefix);
        let keys = [0, 1, 2].map(|i| key(&format!("initial_convs.{i}")));
        let squeeze = [0, 1, 2].map(|i| key(&format!("channel_attention.excitation.{i}")));
        let (place, last) = (key("spatial_attention.conv"), key("final_conv"));
        let g = &mut *self.g;
        let c = g.channels(x);
        let t = conv(g, &keys[0], x, c, 3);
        let t = prelu(g, &keys[1], t);
        let t = conv(g, &keys[2], t, c, 3);

        let z = g.sharing(&format!("{last}.pool"), Layer::GlobalPool, &[t]);
        let z = conv(g, &squeeze[0], z, c / REDUCTION, 1);
        let z = prelu(g, &squeeze[1], z);
        let z = conv(g, &squeeze[2], z, c, 1);
        let z = g.pointwise(z, Pointwise::Sigmoid);
        let over_channels = g.sharing(&format!("{last}.channels"), Layer::Multiply, &[t, z]);

        let s = g.sharing(&format!("{last}.look"), Layer::ChannelPool, &[t]);
        let s = g.sharing(&place, Layer::Conv(Conv::new(2, 1, 5).initial(Initial::Even)), &[s]);
        let s = g.pointwise(s, Pointwise::Sigmoid);
        let over_places = g.sharing(&format!("{last}.places"), Layer::Multiply, &[t, s]);

        let both = [over_places, over_channels];
        let both = g.sharing(&format!("{last}.both"), Layer::Concat, &both);
        let out = conv(g, &last, both, c, 1);
        g.sharing(&format!("{last}.sum"), Layer::Add, &[x, out])
    }

    /// Selective-kernel fusion: each channel takes its own mixture of the three inputs.
    fn fuse(&mut self, scale: usize, inputs: [NodeId; 3]) -> NodeId {
        let unit = format!("skff_blocks.{scale}");
        let c = self.g.channels(inputs[0]);
        let first = self.plain(&format!("{unit}.first"), Layer::Add, &inputs[..2]);
        let all = self.plain(&format!("{unit}.all"), Layer::Add, &[first, inputs[2]]);
        let z = self.plain(&format!("{unit}.pool"), Layer::GlobalPool, &[all]);
        let z = conv(self.g, &self.key(&format!("{unit}.convolution.0")), z, (c / 3).max(4), 1);
        let z = prelu(self.g, &self.key(&format!("{unit}.convolution.1")), z);
        let logits = [0, 1, 2].map(|k| {
            let key = self.key(&format!("{unit}.attention_convs.{k}"));
            conv(self.g, &key, z, c, 1)
        });
        let logits = self.plain(&format!("{unit}.logits"), Layer::Concat, &logits);
        let shares = self.plain(&format!("{unit}.shares"), Layer::Softmax { groups: 3 }, &[logits]);
        let parts = [0, 1, 2].map(|k| {
            let part = Layer::Slice { from: k * c, to: (k + 1) * c };
            let share = self.plain(&format!("{unit}.share.{k}"), part, &[shares]);
            self.plain(&format!("{unit}.part.{k}"), Layer::Multiply, &[inputs[k], share])
        });
        let sum = self.plain(&format!("{unit}.sum"), Layer::Add, &parts[..2]);
        self.plain(&format!("{unit}.fused"), Layer::Add, &[sum, parts[2]])
    }

    /// `times` halvings that double the channels.
    fn down(&mut self, name: &str, mut x: NodeId, times: usize) -> NodeId {
        for i in 0..times {
            let unit = format!("down.{name}.blocks.{i}");
            let c = self.g.channels(x);
            let y = self.bend(&unit, x);
            let y = self.plain(&format!("{unit}.branch1.4"), Layer::BlurHalve, &[y]);
            let y = conv(self.g, &self.key(&format!("{unit}.branch1.5")), y, 2 * c, 1);
            let z = self.plain(&format!("{unit}.branch2.0"), Layer::BlurHalve, &[x]);
            let z = conv(self.g, &self.key(&format!("{unit}.branch2.1")), z, 2 * c, 1);
            x = self.plain(&format!("{unit}.sum"), Layer::Add, &[y, z]);
        }
        x
    }

    /// `times` doublings that halve the channels. The 1×1 convolutions come before the enlargement,
    /// with which they commute, at a quarter of the cost.
    fn up(&mut self, name: &str, mut x: NodeId, times: usize) -> NodeId {
        for i in 0..times {
            let unit = format!("{name}.blocks.{i}");
            let c = self.g.channels(x);
            let y = self.bend(&unit, x);
            let y = conv(self.g, &self.key(&format!("{unit}.branch1.5")), y, c / 2, 1);
            let z = conv(self.g, &self.key(&format!("{unit}.branch2.1")), x, c / 2, 1);
            let sum = self.plain(&format!("{unit}.sum"), Layer::Add, &[y, z]);
            x = self.plain(&format!("{unit}.enlarged"), Layer::Enlarge(2), &[sum]);
        }
        x
    }

    /// The first half of the long branch of both.
    fn bend(&mut self, unit: &str, x: NodeId) -> NodeId {
        let c = self.g.channels(x);
        let keys = [0, 1, 2, 3].map(|i| self.key(&format!("{unit}.branch1.{i}")));
        let x = conv(self.g, &keys[0], x, c, 1);
        let x = prelu(self.g, &keys[1], x);
        let x = conv(self.g, &keys[2], x, c, 3);
        prelu(self.g, &keys[3], x)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_has_the_published_number_of_parameters() {
        let facts = CARD.facts().unwrap();
        assert_eq!(facts.parameters, 32_212_944);
        assert!(facts.barrier);
        assert_eq!(facts.multiple, 4);
    }
}
