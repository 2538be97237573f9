//! SLCformer: says whether a picture is dark all over or in places. Windows of attention, shifted
//! every second time; one normalisation serves attention and perceptron alike.

use relume_nn::{
    Conv, Extent, Graph, GraphBuilder, Initial, Layer, NodeId, Pointwise, Result, Windows,
};

/// Input: the whole picture in [`VIEW_SIDE`] squared pixels, `[n, 3, 224, 224]`, normalised as
/// [`view`](super::view) does.
pub const VIEW: &str = "view";
/// Output: scores of "dark all over" and "dark in places", `[n, 2, 1, 1]`.
pub const LOGITS: &str = "logits";
/// Rows and columns of the view.
pub const VIEW_SIDE: usize = 224;

const EPSILON: f32 = 1e-5;
/// Channels for each channel of a stage within the perceptron.
const EXPANSION: usize = 4;

/// How large a classifier is.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    /// Channels of the first stage; each stage has twice those of the one before.
    pub base: usize,
    /// Blocks of each stage, in pairs.
    pub blocks: [usize; 4],
    /// By how much each stage shrinks the picture.
    pub down: [usize; 4],
    /// Channels of a head.
    pub head: usize,
    /// Side of a window.
    pub window: usize,
}

impl Shape {
    /// As published.
    pub const PUBLISHED: Self =
        Self { base: 32, blocks: [2, 2, 6, 2], down: [4, 2, 2, 2], head: 32, window: 7 };
    /// Half the channels, a third of the blocks of the third stage.
    pub const SMALL: Self = Self { base: 16, blocks: [2, 2, 2, 2], head: 16, ..Self::PUBLISHED };
}

/// A classifier of its own, for views of `height` × `width` pixels.
///
/// # Errors
/// When the windows do not tile the view.
pub fn build(name: &str, shape: &Shape, (height, width): (usize, usize)) -> Result<Graph> {
    let mut g = GraphBuilder::new(name);
    let view = g.input(VIEW, 3, Extent::Fixed { height, width });
    let logits = add(&mut g, "", shape, view);
    g.output(LOGITS, logits);
    g.finish()
}

/// Adds a classifier whose keys begin with `prefix`; returns its scores.
pub(super) fn add(g: &mut GraphBuilder, prefix: &str, shape: &Shape, view: NodeId) -> NodeId {
    let mut x = view;
    for (index, &down) in shape.down.iter().enumerate() {
        let (stage, width) = (format!("{prefix}stage{}", index + 1), shape.base << index);
        let merge = Conv::new(g.channels(x), width, down).stride(down, 0).initial(Initial::Even);
        x = g.conv(&format!("{stage}.patch_partition.linear"), x, merge);
        for block in 0..shape.blocks[index] {
            let key = format!("{stage}.layers.{}.{}", block / 2, block % 2);
            let heads = width / shape.head;
            let windows =
                Windows { heads, window: shape.window, shifted: block % 2 == 1, own_tables: false };
            x = add_block(g, &key, windows, x);
        }
    }
    let mean = g.layer(&format!("{prefix}finalStage.mean"), Layer::GlobalPool, &[x]);
    let norm = Layer::LayerNorm { epsilon: EPSILON };
    let unit = g.layer(&format!("{prefix}finalStage.0"), norm, &[mean]);
    let classes = Conv::new(g.channels(unit), 2, 1).initial(Initial::Even);
    g.conv(&format!("{prefix}finalStage.1"), unit, classes)
}

fn add_block(g: &mut GraphBuilder, key: &str, windows: Windows, x: NodeId) -> NodeId {
    let c = g.channels(x);
    let norm = |g: &mut GraphBuilder, x| {
        g.sharing(&format!("{key}.LN"), Layer::LayerNorm { epsilon: EPSILON }, &[x])
    };
    let linear = |g: &mut GraphBuilder, name: &str, x, to| {
        let conv = Conv::new(g.channels(x), to, 1).initial(Initial::Even);
        g.conv(&format!("{key}.{name}"), x, conv)
    };
    let unit = norm(g, x);
    let queries = Conv::new(c, 3 * c, 1).unbiased().initial(Initial::Even);
    let queries = g.conv(&format!("{key}.MSA.to_qkv"), unit, queries);
    let seen = g.layer(&format!("{key}.MSA"), Layer::WindowAttention(windows), &[queries]);
    let seen = linear(g, "MSA.to_out", seen, c);
    let y = g.layer(&format!("{key}.seen"), Layer::Add, &[x, seen]);
    let unit = norm(g, y);
    let wide = linear(g, "MLP.0", unit, EXPANSION * c);
    let wide = g.pointwise(wide, Pointwise::Gelu);
    let thought = linear(g, "MLP.2", wide, c);
    g.layer(&format!("{key}.thought"), Layer::Add, &[y, thought])
}
