//! The executor that users run: tiles with an exact halo, spread over all cores.
//!
//! Weights are packed once. For every tile the [`region`](crate::region) arithmetic says which
//! pixels of which layer are needed; a layer pads with zeros only where its region touches the edge
//! of the whole picture, so a tiled run computes what an untiled one does. Layers of fixed extent
//! (thumbnails, scalars) are computed once, before the tiles.

mod fusion;
mod pieces;
mod steps;

use std::collections::BTreeMap;

use rayon::prelude::*;
use relume_kernels::PackedConv;

use crate::graph::{Extent, Graph, NodeId};
use crate::layer::Layer;
use crate::region::{Region, Span, plan};
use crate::tensor::{Feeds, Tensor};
use crate::weights::Weights;
use crate::{Error, Result};
use fusion::Fusion;
use pieces::Piece;

/// A planar picture `[c, height, width]` of any size; it is mirrored at its edges up to the
/// multiple that the network needs.
#[derive(Debug, Clone, Copy)]
pub struct Picture<'a> {
    /// Name of the input it feeds.
    pub name: &'a str,
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// Values.
    pub values: &'a [f32],
}

/// A graph with its weights, ready to run.
pub struct Network {
    graph: Graph,
    weights: Weights,
    convs: Vec<Option<PackedConv>>,
    fusion: Fusion,
}

impl std::fmt::Debug for Network {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Network").field("graph", &self.graph.name()).finish_non_exhaustive()
    }
}

impl Network {
    /// Packs `weights` for the processor at hand.
    ///
    /// # Errors
    /// [`Error::Weights`] when they do not fit the graph.
    pub fn new(graph: Graph, weights: Weights) -> Result<Self> {
        weights.check(&graph)?;
        let convs = graph.nodes().iter().map(|node| steps::pack(node, &weights)).collect();
        let fusion = Fusion::of(&graph);
        Ok(Self { graph, weights, convs, fusion })
    }

    /// The graph.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// Computes outputs that do not depend on the picture: what a survey says.
    ///
    /// # Errors
    /// [`Error::Run`] when a feed is missing or an output depends on the picture.
    pub fn run_fixed(&self, feeds: &Feeds, wanted: &[&str]) -> Result<BTreeMap<String, Tensor>> {
        let outputs = self.graph.find_outputs(wanted)?;
        let pieces = self.fixed_pieces(feeds, &outputs)?;
        let take = |(name, id): (&&str, &NodeId)| {
            let piece = pieces[id.0].as_ref().ok_or_else(|| {
                Error::Run(format!("{name} depends on the picture: run it with a picture"))
            })?;
            Ok(((*name).to_owned(), piece.to_tensor()))
        };
        wanted.iter().zip(&outputs).map(take).collect()
    }

    /// Computes the output `wanted`, of the picture's own size, in square tiles of about `tile`
    /// pixels. `report` is told the share done and may stop the run.
    ///
    /// The result is planar `[c, height, width]` and does not depend on `tile` or on the number
    /// of threads.
    ///
    /// # Errors
    /// [`Error::Run`] when a feed or output does not fit, whatever `report` returns.
    pub fn run_picture(
        &self,
        picture: Picture<'_>,
        feeds: &Feeds,
        wanted: &str,
        tile: usize,
        report: &(dyn Fn(f32) -> Result<()> + Sync),
    ) -> Result<Vec<f32>> {
        let output = self.graph.find_outputs(&[wanted])?[0];
        let channels = self.graph.node(output).channels;
        if self.graph.node(output).extent != Extent::PICTURE {
            return Err(Error::Run(format!("{wanted} is not as large as the picture")));
        }
        if picture.height == 0 || picture.width == 0 {
            return Err(Error::Run("the picture has no pixels".into()));
        }
        let fixed = self.fixed_pieces(feeds, &[output])?;
        let tiles = self.tiles(picture, tile, output);
        let mut result = vec![0.0; channels * picture.height * picture.width];
        let together = 2 * rayon::current_num_threads();
        let mut done = 0;
        report(0.0)?;
        for some in tiles.chunks(together) {
            let finished: Vec<Result<Vec<f32>>> = some
                .par_iter()
                .map(|&region| Ok(self.tile(picture, &fixed, output, region)?.to_planar()))
                .collect();
            for (&region, values) in some.iter().zip(finished) {
                paste(&mut result, picture, region, &values?);
            }
            done += some.len();
            report(done as f32 / tiles.len() as f32)?;
        }
        Ok(result)
    }

    /// Tiles that cover the picture, on the network's grid, except at its right and lower edge.
    fn tiles(&self, picture: Picture<'_>, tile: usize, output: NodeId) -> Vec<Region> {
        let multiple = self.graph.multiple();
        // A statistic of the whole picture needs the whole picture: one tile.
        let whole = self.graph.has_barrier(&[output]);
        let tile = if whole { picture.height.max(picture.width) } else { tile };
        let step = tile.next_multiple_of(multiple).max(multiple);
        let cut = |length: usize| {
            (0..length.div_ceil(step))
                .map(move |i| Span::new(i * step, ((i + 1) * step).min(length)))
        };
        cut(picture.height)
            .flat_map(|rows| cut(picture.width).map(move |columns| Region { rows, columns }))
            .collect()
    }

    /// Every needed node that does not depend on the picture.
    fn fixed_pieces(&self, feeds: &Feeds, wanted: &[NodeId]) -> Result<Vec<Option<Piece>>> {
        let needed = self.graph.needed(wanted);
        let mut pieces: Vec<Option<Piece>> = vec![None; needed.len()];
        for (index, node) in self.graph.nodes().iter().enumerate() {
            let Extent::Fixed { height, width } = node.extent else { continue };
            if !needed[index] {
                continue;
            }
            let region = Region::whole(height, width);
            if node.layer == Layer::Input {
                let tensor = crate::reference::feed(&self.graph, node, feeds)?;
                pieces[index] = Some(Piece::of_tensor(tensor));
            } else if node.inputs.iter().all(|id| pieces[id.0].is_some()) {
                let inputs: Vec<&Piece> =
                    node.inputs.iter().filter_map(|id| pieces[id.0].as_ref()).collect();
                // A fixed node that reads only fixed ones does not care about the picture's size.
                let source = self.graph.node(node.inputs[0]).extent.size(0, 0);
                pieces[index] = Some(self.step(index, &inputs, region, source, None));
            }
        }
        Ok(pieces)
    }

    /// One tile of the output.
    fn tile(
        &self,
        picture: Picture<'_>,
        fixed: &[Option<Piece>],
        output: NodeId,
        region: Region,
    ) -> Result<Piece> {
        let multiple = self.graph.multiple();
        let height = picture.height.next_multiple_of(multiple);
        let width = picture.width.next_multiple_of(multiple);
        let regions = plan(&self.graph, &[(output, region)], height, width);
        let last_use = self.fusion.last_use(&regions);
        let mut pieces: Vec<Option<Piece>> = vec![None; regions.len()];
        for (index, node) in self.graph.nodes().iter().enumerate() {
            let Some(region) = regions[index] else { continue };
            if fixed[index].is_some() || self.fusion.is_absorbed(index) {
                continue;
            }
            let piece = if node.layer == Layer::Input {
                if node.name != picture.name {
                    return Err(Error::Run(format!("needs the picture {}", node.name)));
                }
                Piece::of_picture(picture, node.channels, region)
            } else {
                let find = |id: NodeId| pieces[id.0].as_ref().or(fixed[id.0].as_ref());
                let inputs: Vec<&Piece> = node.inputs.iter().filter_map(|&id| find(id)).collect();
                let source = self.graph.node(node.inputs[0]).extent.size(height, width);
                let residual = self.fusion.residual(index).and_then(find);
                self.step(index, &inputs, region, source, residual)
            };
            let stored = self.fusion.stored_as(index);
            pieces[stored] = Some(piece);
            for (dead, &last) in last_use.iter().enumerate() {
                if last == Some(index) && dead != output.0 {
                    pieces[dead] = None;
                }
            }
        }
        let piece = pieces[output.0].take();
        piece.ok_or_else(|| Error::Run("the output was not computed".into()))
    }

    fn step(
        &self,
        index: usize,
        inputs: &[&Piece],
        region: Region,
        source: (usize, usize),
        residual: Option<&Piece>,
    ) -> Piece {
        let node = &self.graph.nodes()[index];
        match (&node.layer, &self.convs[index]) {
            (Layer::Conv(conv), Some(packed)) => {
                // Layers of fixed extent are not fused.
                let spread = matches!(node.extent, Extent::Picture { .. });
                let activation = self.fusion.activation(index).filter(|_| spread);
                let slopes = activation.map(|id| &self.graph.nodes()[id]);
                let then = steps::Then { activation: slopes, residual };
                let reads = inputs[0];
                steps::conv(conv, packed, &self.weights, reads, region, source, then)
            }
            _ => steps::apply(node, &self.weights, inputs, region, source),
        }
    }
}

fn paste(result: &mut [f32], picture: Picture<'_>, region: Region, values: &[f32]) {
    let area = picture.height * picture.width;
    let (rows, columns) = (region.rows.len(), region.columns.len());
    for (row, from) in values.chunks_exact(columns).enumerate() {
        let start = row / rows * area
            + (region.rows.start + row % rows) * picture.width
            + region.columns.start;
        result[start..start + columns].copy_from_slice(from);
    }
}
