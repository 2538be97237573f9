//! What is computed together: a graph as steps, each with all that happens while it stores.

use rayon::prelude::*;
use relume_kernels::{BLOCK, PackedConv};

use super::steps;
use crate::graph::{Extent, Graph, Node};
use crate::layer::{Layer, Pointwise};
use crate::weights::Weights;

/// One step. Values are named by the index of the node that makes them.
#[derive(Debug)]
pub(super) struct Step {
    /// The node whose layer is computed.
    pub(super) node: usize,
    /// The values that are read.
    pub(super) inputs: Vec<usize>,
    /// The value that is made: the last of the nodes computed in the store.
    pub(super) output: usize,
    /// The activation in the store.
    pub(super) activation: Option<usize>,
    /// The modulation in the store, by a value of fixed extent.
    pub(super) modulation: Option<usize>,
    /// The value added in the store.
    pub(super) residual: Option<usize>,
    /// For a convolution that the kernels serve.
    pub(super) packed: Option<PackedConv>,
    /// For a convolution before a pixel-shuffle, and for that: the factor, where the channels of each
    /// subpixel lie together.
    pub(super) by_subpixel: Option<usize>,
}

impl Step {
    /// Every value that is read.
    pub(super) fn reads(&self) -> impl Iterator<Item = usize> + '_ {
        self.inputs.iter().copied().chain(self.residual).chain(self.modulation)
    }

    /// Whether this is a convolution by Winograd's tiles.
    pub(super) fn is_tiled(&self) -> bool {
        let method = self.packed.as_ref().map(PackedConv::method);
        method == Some(relume_kernels::Method::Winograd)
    }
}

/// All steps of a graph, in the order of computation.
#[derive(Debug)]
pub(super) struct Program {
    pub(super) steps: Vec<Step>,
    /// Steps that read each value.
    pub(super) readers: Vec<Vec<usize>>,
    /// Channels side by side in each value: 1 or [`BLOCK`].
    pub(super) lanes: Vec<usize>,
}

impl Program {
    pub(super) fn new(graph: &Graph, weights: &Weights) -> Self {
        let nodes = graph.nodes();
        let mut fusion = Fusion::of(graph);
        let mut steps: Vec<Step> = Vec::new();
        for index in 0..nodes.len() {
            if !fusion.absorbed[index] {
                steps.push(fusion.step(index));
            }
        }
        steps.par_iter_mut().for_each(|step| {
            step.packed = steps::pack(&nodes[step.node], weights, step.by_subpixel);
        });
        let mut readers = vec![Vec::new(); nodes.len()];
        for (index, step) in steps.iter().enumerate() {
            step.reads().for_each(|value| readers[value].push(index));
        }
        let mut lanes: Vec<usize> =
            nodes.iter().map(|node| if node.channels <= 4 { 1 } else { BLOCK }).collect();
        for step in steps.iter().filter(|step| step.packed.is_some()) {
            lanes[step.output] = BLOCK;
        }
        Self { steps, readers, lanes }
    }
}

/// Finds what can be done in the store of what.
struct Fusion<'a> {
    graph: &'a Graph,
    readers: Vec<Vec<usize>>,
    /// Nodes that are computed with an earlier one.
    absorbed: Vec<bool>,
    /// Values that hold the channels of each subpixel together.
    by_subpixel: Vec<Option<usize>>,
}

impl<'a> Fusion<'a> {
    fn of(graph: &'a Graph) -> Self {
        let count = graph.nodes().len();
        let mut readers = vec![Vec::new(); count];
        for (index, node) in graph.nodes().iter().enumerate() {
            node.inputs.iter().for_each(|id| readers[id.0].push(index));
        }
        let mut fusion =
            Self { graph, readers, absorbed: vec![false; count], by_subpixel: vec![None; count] };
        for index in 0..count {
            fusion.absorbed[index] = fusion.is_joined_by_readers(index);
        }
        fusion
    }

    fn node(&self, index: usize) -> &'a Node {
        &self.graph.nodes()[index]
    }

    fn spreads(&self, index: usize) -> bool {
        matches!(self.node(index).extent, Extent::Picture { .. })
    }

    fn is_output(&self, index: usize) -> bool {
        self.graph.outputs().values().any(|id| id.0 == index)
    }

    /// The only node that reads a value nobody else wants.
    fn only_reader(&self, index: usize) -> Option<usize> {
        match self.readers[index].as_slice() {
            [reader] if !self.is_output(index) => Some(*reader),
            _ => None,
        }
    }

    /// Whether a concatenation need not be made: convolutions read its parts.
    fn is_joined_by_readers(&self, index: usize) -> bool {
        let node = self.node(index);
        let [inputs @ .., _] = node.inputs.as_slice() else { return false };
        let whole = |id: &crate::NodeId| self.graph.node(*id).channels.is_multiple_of(BLOCK);
        let blocks = |id: &crate::NodeId| self.graph.node(*id).channels > 4;
        node.layer == Layer::Concat
            && self.spreads(index)
            && !self.is_output(index)
            && inputs.iter().all(whole)
            && node.inputs.iter().all(blocks)
            && self.readers[index].iter().all(|&reader| steps::is_packed(self.node(reader)))
    }

    /// The step that begins at the node `index`; what it stores is absorbed.
    fn step(&mut self, index: usize) -> Step {
        let node = self.node(index);
        let mut inputs = Vec::new();
        for id in &node.inputs {
            if self.absorbed[id.0] && self.node(id.0).layer == Layer::Concat {
                inputs.extend(self.node(id.0).inputs.iter().map(|id| id.0));
            } else {
                inputs.push(id.0);
            }
        }
        let mut step = Step {
            node: index,
            inputs,
            output: index,
            activation: None,
            modulation: None,
            residual: None,
            packed: None,
            by_subpixel: None,
        };
        if steps::is_packed(node) && self.spreads(index) {
            self.absorb_activation(&mut step);
            self.absorb_modulation(&mut step);
            self.absorb_sum(&mut step);
            self.mark_subpixels(&mut step);
        }
        if matches!(node.layer, Layer::PixelShuffle(_)) {
            step.by_subpixel = self.by_subpixel[step.inputs[0]];
            if self.spreads(index) {
                self.absorb_sum(&mut step);
            }
        }
        step
    }

    fn absorb(&mut self, step: &mut Step, reader: usize) {
        self.absorbed[reader] = true;
        step.output = reader;
    }

    fn absorb_activation(&mut self, step: &mut Step) {
        let Some(reader) = self.only_reader(step.output) else { return };
        let layer = &self.node(reader).layer;
        let kinked = matches!(layer, Layer::Pointwise(Pointwise::Relu | Pointwise::LeakyRelu(_)));
        if kinked || matches!(layer, Layer::Prelu { .. }) {
            step.activation = Some(reader);
            self.absorb(step, reader);
        }
    }

    fn absorb_modulation(&mut self, step: &mut Step) {
        let Some(reader) = self.only_reader(step.output) else { return };
        let node = self.node(reader);
        if node.layer == Layer::Modulate && node.inputs[0].0 == step.output {
            let by = node.inputs[1].0;
            if !self.depends_on_picture(by) {
                step.modulation = Some(by);
                self.absorb(step, reader);
            }
        }
    }

    /// Whether a value is made of the picture: pixels, or statistics of them.
    fn depends_on_picture(&self, index: usize) -> bool {
        let needed = self.graph.needed(&[crate::NodeId(index)]);
        (0..=index).any(|i| needed[i] && self.spreads(i))
    }

    fn absorb_sum(&mut self, step: &mut Step) {
        let Some(reader) = self.only_reader(step.output) else { return };
        let sum = self.node(reader);
        let other = sum.inputs.iter().map(|id| id.0).find(|&id| id != step.output);
        if let (Layer::Add, Some(other)) = (&sum.layer, other)
            && other < step.node
            && self.lanes(other, false)
                == self.lanes(step.node, steps::is_packed(self.node(step.node)))
        {
            step.residual = Some(other);
            self.absorb(step, reader);
        }
    }

    /// As [`Program::lanes`], for what is known now: a value of few channels lies in blocks only
    /// where a convolution stores it.
    fn lanes(&self, index: usize, packed: bool) -> usize {
        let few = self.node(index).channels <= 4;
        let stored = packed || self.stored_by_convolution(index);
        if few && !stored { 1 } else { BLOCK }
    }

    /// Whether a convolution makes this value, itself or in its store.
    fn stored_by_convolution(&self, index: usize) -> bool {
        let node = self.node(index);
        if steps::is_packed(node) {
            return true;
        }
        self.absorbed[index] && node.inputs.iter().any(|id| self.stored_by_convolution(id.0))
    }

    fn mark_subpixels(&mut self, step: &mut Step) {
        let Some(reader) = self.only_reader(step.output) else { return };
        let plain = step.output == step.node;
        if let Layer::PixelShuffle(r) = self.node(reader).layer
            && plain
            && self.node(reader).channels.is_multiple_of(BLOCK)
        {
            self.by_subpixel[step.output] = Some(r);
            step.by_subpixel = Some(r);
        }
    }
}
