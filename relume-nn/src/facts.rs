//! What can be told about a network without running it.

use crate::graph::{Extent, Graph, NodeId};
use crate::layer::Layer;
use crate::region::{Region, Span, plan};

/// Derived figures of a network, for cards, `--dry-run` and tests.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Facts {
    /// Number of trained values.
    pub parameters: usize,
    /// Billions of multiply-accumulates for each megapixel of the picture.
    pub gmac_per_megapixel: f64,
    /// Millions of multiply-accumulates that every picture costs, whatever its size.
    pub fixed_mmac: f64,
    /// Side in pixels of the square of input that one output pixel can see.
    pub receptive_field: usize,
    /// Pixels a tile must read beyond its edge.
    pub halo: usize,
    /// Width and height must be multiples of this (pictures are padded and cropped).
    pub multiple: usize,
    /// Whether a statistic of the whole picture stands in the middle of the network.
    pub barrier: bool,
}

impl Facts {
    /// Derives the figures of `graph` for its output `output`.
    ///
    /// # Errors
    /// [`Error::Run`](crate::Error::Run) when there is no such output.
    pub fn of(graph: &Graph, output: &str) -> crate::Result<Self> {
        let id = graph.find_outputs(&[output])?[0];
        let needed = graph.needed(&[id]);
        let (mut spread, mut fixed) = (0.0, 0.0);
        for (node, _) in graph.nodes().iter().zip(&needed).filter(|(_, needed)| **needed) {
            let Layer::Conv(conv) = &node.layer else { continue };
            let taps = conv.macs() as f64;
            match node.extent {
                Extent::Picture { down } => spread += taps / (down * down) as f64,
                Extent::Fixed { height, width } => fixed += taps * (height * width) as f64,
            }
        }
        let parameters =
            graph.parameters().iter().map(|(_, p)| p.shape.iter().product::<usize>()).sum();
        let halo = halo(graph, id);
        Ok(Self {
            parameters,
            gmac_per_megapixel: spread / 1e3,
            fixed_mmac: fixed / 1e6,
            receptive_field: 2 * halo + 1,
            halo,
            multiple: graph.multiple(),
            barrier: graph.has_barrier(&[id]),
        })
    }
}

/// The farthest input pixel that any output pixel of one grid cell reads, per side.
fn halo(graph: &Graph, output: NodeId) -> usize {
    let Extent::Picture { down } = graph.node(output).extent else { return 0 };
    let multiple = graph.multiple();
    let side = multiple * (8192 / multiple);
    let middle = multiple * (side / 2 / multiple);
    let cell = Span::new(middle / down, (middle + multiple).div_ceil(down));
    let regions = plan(graph, &[(output, Region { rows: cell, columns: cell })], side, side);
    let inputs = graph.nodes().iter().zip(&regions).filter_map(|(node, region)| {
        let picture = matches!(node.layer, Layer::Input) && node.extent == Extent::PICTURE;
        region.filter(|_| picture)
    });
    let reach = |region: Region| {
        let columns = region.columns;
        (middle - columns.start).max(columns.end.saturating_sub(middle + multiple))
    };
    inputs.map(reach).max().unwrap_or(0)
}
