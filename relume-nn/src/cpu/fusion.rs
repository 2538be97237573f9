//! Which activations and sums are done while a convolution stores its result.

use crate::graph::{Extent, Graph};
use crate::layer::{Layer, Pointwise};
use crate::region::Region;

/// What each node is fused with. All decisions follow from the graph.
#[derive(Debug)]
pub(super) struct Fusion {
    /// For a convolution: the activation, and the sum after it.
    activation: Vec<Option<usize>>,
    sum: Vec<Option<(usize, crate::NodeId)>>,
    /// Nodes computed by an earlier convolution.
    absorbed: Vec<bool>,
    /// Inputs of each node, for the life of pieces.
    readers: Vec<Vec<usize>>,
}

impl Fusion {
    pub(super) fn of(graph: &Graph) -> Self {
        let count = graph.nodes().len();
        let mut readers = vec![Vec::new(); count];
        for (index, node) in graph.nodes().iter().enumerate() {
            node.inputs.iter().for_each(|id| readers[id.0].push(index));
        }
        let is_output = |index: usize| graph.outputs().values().any(|id| id.0 == index);
        let only_reader = |index: usize| match readers[index].as_slice() {
            [reader] if !is_output(index) => Some(*reader),
            _ => None,
        };
        let mut fusion = Self {
            activation: vec![None; count],
            sum: vec![None; count],
            absorbed: vec![false; count],
            readers: Vec::new(),
        };
        for (index, node) in graph.nodes().iter().enumerate() {
            let Layer::Conv(conv) = &node.layer else { continue };
            let spread = matches!(node.extent, Extent::Picture { .. });
            if !spread || conv.groups != 1 || conv.dilation != 1 {
                continue;
            }
            let mut last = index;
            if let Some(reader) = only_reader(last) {
                let layer = &graph.nodes()[reader].layer;
                let simple = Pointwise::LeakyRelu(0.0);
                let fits = match layer {
                    Layer::Pointwise(Pointwise::Relu) | Layer::Prelu { .. } => true,
                    Layer::Pointwise(f) => {
                        std::mem::discriminant(f) == std::mem::discriminant(&simple)
                    }
                    _ => false,
                };
                if fits {
                    fusion.activation[index] = Some(reader);
                    fusion.absorbed[reader] = true;
                    last = reader;
                }
            }
            let Some(reader) = only_reader(last) else { continue };
            let sum = &graph.nodes()[reader];
            let other = sum.inputs.iter().copied().find(|id| id.0 != last);
            if let (Layer::Add, Some(other)) = (&sum.layer, other)
                && other.0 < index
            {
                fusion.sum[index] = Some((reader, other));
                fusion.absorbed[reader] = true;
            }
        }
        fusion.readers = readers;
        fusion
    }

    /// The activation done while the convolution `index` stores.
    pub(super) fn activation(&self, index: usize) -> Option<usize> {
        self.activation[index]
    }

    /// What is added while the convolution `index` stores.
    pub(super) fn residual(&self, index: usize) -> Option<crate::NodeId> {
        self.sum[index].map(|(_, other)| other)
    }

    /// Whether an earlier convolution computes this node.
    pub(super) fn is_absorbed(&self, index: usize) -> bool {
        self.absorbed[index]
    }

    /// The node whose value the step `index` makes.
    pub(super) fn stored_as(&self, index: usize) -> usize {
        self.sum[index].map(|(sum, _)| sum).or(self.activation[index]).unwrap_or(index)
    }

    /// After which step each node's value is not needed any more.
    pub(super) fn last_use(&self, regions: &[Option<Region>]) -> Vec<Option<usize>> {
        let step_of = |reader: usize| {
            (0..=reader).rev().find(|&i| {
                i == reader && !self.absorbed[i] || {
                    self.activation[i] == Some(reader) || self.sum[i].is_some_and(|s| s.0 == reader)
                }
            })
        };
        let needed = |reader: &&usize| regions[**reader].is_some();
        let last = |readers: &Vec<usize>| {
            readers.iter().filter(needed).filter_map(|&reader| step_of(reader)).max()
        };
        self.readers.iter().map(last).collect()
    }
}
