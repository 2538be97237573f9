//! MCNet: each colour goes through a core of its own, then the three are mixed. Two convolutions of
//! a core are used twice.

use relume_nn::{Conv, Extent, Graph, GraphBuilder, Initial, Layer, NodeId, Pointwise, Result};

/// Channels of the first layer of a core as published.
pub const WIDTH: usize = 32;
/// Output: the picture, 0 to 1, `[n, 3, h, w]`.
pub const MIXED: &str = "mixed";

/// An MCNet of its own.
///
/// # Errors
/// When `width` is 0.
pub fn build(name: &str, width: usize) -> Result<Graph> {
    let mut g = GraphBuilder::new(name);
    let image = g.input(super::IMAGE, 3, Extent::PICTURE);
    let mixed = add(&mut g, "", width, image);
    g.output(MIXED, mixed);
    g.finish()
}

/// Adds an MCNet whose keys begin with `prefix`.
pub(super) fn add(g: &mut GraphBuilder, prefix: &str, width: usize, image: NodeId) -> NodeId {
    let cores = [0, 1, 2].map(|c| {
        let key = format!("{prefix}channel{}", c + 1);
        let plane = g.layer(&format!("{key}.plane"), Layer::Slice { from: c, to: c + 1 }, &[image]);
        Core { g, key }.add(width, plane)
    });
    let all = g.layer(&format!("{prefix}planes"), Layer::Concat, &cores);
    let mix = Conv::new(3, 3, 3).initial(Initial::Even);
    let mixed = g.conv(&format!("{prefix}final_conv"), all, mix);
    g.pointwise(mixed, Pointwise::Sigmoid)
}

/// The part for one plane, under construction.
struct Core<'a> {
    g: &'a mut GraphBuilder,
    key: String,
}

impl Core<'_> {
    fn conv(&mut self, name: &str, x: NodeId, to: usize, kernel: usize) -> NodeId {
        let conv = Conv::new(self.g.channels(x), to, kernel).initial(Initial::Even);
        self.g.sharing(&format!("{}.{name}", self.key), Layer::Conv(conv), &[x])
    }

    fn relu(&mut self, name: &str, x: NodeId, to: usize) -> NodeId {
        let x = self.conv(name, x, to, 3);
        self.g.pointwise(x, Pointwise::Relu)
    }

    fn sum(&mut self, a: NodeId, b: NodeId) -> NodeId {
        self.g.sharing(&format!("{}.sum", self.key), Layer::Add, &[a, b])
    }

    fn add(mut self, width: usize, plane: NodeId) -> NodeId {
        let a = self.conv("initial", plane, width, 3);
        let x1 = self.relu("conv1", a, width);
        let x2 = self.relu("conv2", x1, 2 * width);
        let more = self.conv("adjust1.conv", x1, 2 * width, 1);
        let sum = self.sum(x2, more);
        let x3 = self.relu("conv3", sum, 2 * width);
        let x4 = self.relu("conv4", x3, 4 * width);
        let more = self.conv("adjust2.conv", x3, 4 * width, 1);
        let sum = self.sum(x4, more);
        let x5 = self.relu("conv5", sum, 2 * width);
        let x6 = self.relu("conv3", x5, 2 * width);
        let sum = self.sum(x6, x5);
        let x7 = self.relu("conv6", sum, width);
        let x8 = self.relu("conv1", x7, width);
        let sum = self.sum(x8, x7);
        self.conv("final", sum, 1, 1)
    }
}
