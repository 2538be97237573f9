//! Which pixels a layer reads to make which pixels: the arithmetic behind exact tiles.

use crate::graph::{Extent, Graph, NodeId};
use crate::layer::{Conv, Layer};

/// Pixels `start..end` along one axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// First pixel.
    pub start: usize,
    /// One past the last pixel.
    pub end: usize,
}

impl Span {
    /// Pixels `start..end`.
    pub fn new(start: usize, end: usize) -> Self {
        Self { start, end }
    }

    /// Number of pixels.
    pub fn len(self) -> usize {
        self.end - self.start
    }

    /// Whether there are none.
    pub fn is_empty(self) -> bool {
        self.end == self.start
    }

    fn hull(self, other: Self) -> Self {
        Self { start: self.start.min(other.start), end: self.end.max(other.end) }
    }
}

/// A rectangle of a node's pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Region {
    /// Rows.
    pub rows: Span,
    /// Columns.
    pub columns: Span,
}

impl Region {
    /// All of `height` × `width` pixels.
    pub fn whole(height: usize, width: usize) -> Self {
        Self { rows: Span::new(0, height), columns: Span::new(0, width) }
    }

    /// The smallest rectangle around both.
    #[must_use]
    pub fn hull(self, other: Self) -> Self {
        Self { rows: self.rows.hull(other.rows), columns: self.columns.hull(other.columns) }
    }
}

/// Zero padding that a convolution still has to add around the pixels it reads for `out`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Padding {
    /// Before the first pixel.
    pub before: usize,
    /// After the last pixel.
    pub after: usize,
}

/// What a convolution reads along one axis of `length` pixels to make `out`, and the padding left.
pub fn conv_reads(conv: &Conv, out: Span, length: usize) -> (Span, Padding) {
    let first = out.start * conv.stride;
    let last = (out.end - 1) * conv.stride + conv.span();
    let start = first.saturating_sub(conv.padding);
    let end = last.saturating_sub(conv.padding).min(length).max(start);
    let padding = Padding {
        before: conv.padding.saturating_sub(first),
        after: last.saturating_sub(conv.padding + length),
    };
    (Span::new(start.min(length), end), padding)
}

/// What a layer reads along one axis of `length` input pixels to make the pixels `out`.
pub(crate) fn reads(layer: &Layer, out: Span, length: usize) -> Span {
    match layer {
        Layer::Conv(conv) => conv_reads(conv, out, length).0,
        Layer::PixelShuffle(r) => Span::new(out.start / r, out.end.div_ceil(*r)),
        Layer::PixelUnshuffle(r) | Layer::AveragePool(r) => Span::new(out.start * r, out.end * r),
        Layer::Enlarge(r) => {
            let start = (out.start / r).saturating_sub(1);
            Span::new(start, (out.end.div_ceil(*r) + 1).min(length))
        }
        Layer::BlurHalve => Span::new((2 * out.start).saturating_sub(1), (2 * out.end).min(length)),
        Layer::GlobalPool => Span::new(0, length),
        _ => out,
    }
}

/// For each node, the pixels that must be computed so that the `wanted` regions can be made.
///
/// Nodes of fixed extent are computed whole; `None` means not needed.
pub fn plan(
    graph: &Graph,
    wanted: &[(NodeId, Region)],
    height: usize,
    width: usize,
) -> Vec<Option<Region>> {
    let mut regions: Vec<Option<Region>> = vec![None; graph.nodes().len()];
    for &(id, region) in wanted {
        regions[id.0] = Some(regions[id.0].map_or(region, |known| known.hull(region)));
    }
    for index in (0..regions.len()).rev() {
        let Some(region) = regions[index] else { continue };
        let node = &graph.nodes()[index];
        for &input in &node.inputs {
            let source = graph.node(input);
            let (h, w) = source.extent.size(height, width);
            let read = match (source.extent, node.extent) {
                (Extent::Fixed { .. }, _) => Region::whole(h, w),
                _ => Region {
                    rows: reads(&node.layer, region.rows, h),
                    columns: reads(&node.layer, region.columns, w),
                },
            };
            regions[input.0] = Some(regions[input.0].map_or(read, |known| known.hull(read)));
        }
    }
    regions
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_convolution_pads_only_at_the_picture_edge() {
        let conv = Conv::new(1, 1, 3);
        assert_eq!(
            conv_reads(&conv, Span::new(0, 4), 10),
            (Span::new(0, 5), Padding { before: 1, after: 0 })
        );
        assert_eq!(conv_reads(&conv, Span::new(4, 8), 10), (Span::new(3, 9), Padding::default()));
        assert_eq!(
            conv_reads(&conv, Span::new(4, 10), 10),
            (Span::new(3, 10), Padding { before: 0, after: 1 })
        );
        let halving = Conv::new(1, 1, 2).stride(2, 0);
        assert_eq!(conv_reads(&halving, Span::new(3, 5), 10).0, Span::new(6, 10));
    }
}
