//! [`Graph`]: a network as data, built once by a model file, in the order it is computed.

use std::collections::{BTreeMap, HashSet};

use wildmatch::WildMatch;

use crate::layer::{Conv, Layer, Parameter, Pointwise};
use crate::{Array, Error, Result, Windows};

/// Index of a node in its graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub(crate) usize);

/// How large a node's pixels spread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// Follows the picture at `1 / down` of its width and height.
    Picture {
        /// Reduction: 1 is full resolution.
        down: usize,
    },
    /// The same for every picture: thumbnails, statistics, scalars.
    Fixed {
        /// Rows.
        height: usize,
        /// Columns.
        width: usize,
    },
}

impl Extent {
    /// Full resolution.
    pub const PICTURE: Self = Self::Picture { down: 1 };
    /// One value per channel.
    pub const SCALAR: Self = Self::Fixed { height: 1, width: 1 };

    /// Height and width for a picture of `height` × `width`.
    pub fn size(self, height: usize, width: usize) -> (usize, usize) {
        match self {
            Self::Picture { down } => (height / down, width / down),
            Self::Fixed { height, width } => (height, width),
        }
    }
}

/// One named step: a layer, what it reads, and the shape it makes.
#[derive(Debug, Clone)]
pub struct Node {
    /// Unique name.
    pub name: String,
    /// What its checkpoint keys begin with, `key.weight`: the name, unless parameters are shared.
    pub key: String,
    /// What is computed.
    pub layer: Layer,
    /// What it reads, all of it earlier in the graph.
    pub inputs: Vec<NodeId>,
    /// Channels of the result.
    pub channels: usize,
    /// Size of the result.
    pub extent: Extent,
}

/// A network: nodes in the order of computation, with named inputs and outputs.
#[derive(Debug, Clone)]
pub struct Graph {
    name: String,
    nodes: Vec<Node>,
    outputs: BTreeMap<String, NodeId>,
    spare: Vec<String>,
}

impl Graph {
    /// Name of the network.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// All nodes, each after what it reads.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// One node.
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.0]
    }

    /// Channels of the first input of `node`; those of its feed for an input.
    pub fn channels_in(&self, node: &Node) -> usize {
        node.inputs.first().map_or(node.channels, |&id| self.node(id).channels)
    }

    /// The outputs by name.
    pub fn outputs(&self) -> &BTreeMap<String, NodeId> {
        &self.outputs
    }

    /// Finds the named outputs.
    ///
    /// # Errors
    /// [`Error::Run`] naming the outputs there are, when one is unknown.
    pub fn find_outputs(&self, wanted: &[&str]) -> Result<Vec<NodeId>> {
        let find = |name: &&str| {
            self.outputs.get(*name).copied().ok_or_else(|| {
                let known: Vec<_> = self.outputs.keys().map(String::as_str).collect();
                let known = known.join(", ");
                Error::Run(format!("{} has no output {name}; it has {known}", self.name))
            })
        };
        wanted.iter().map(find).collect()
    }

    /// The same network with the results of the `layers` as further outputs of their names.
    ///
    /// # Errors
    /// [`Error::Run`] when there is no such layer.
    pub fn reading(mut self, layers: &[&str]) -> Result<Self> {
        for &name in layers {
            let found = self.nodes.iter().position(|node| node.name == name);
            let missing = || Error::Run(format!("{} has no layer {name}", self.name));
            let id = NodeId(found.ok_or_else(missing)?);
            self.outputs.insert(name.to_owned(), id);
        }
        Ok(self)
    }

    /// Which nodes must be computed to get `wanted`.
    pub fn needed(&self, wanted: &[NodeId]) -> Vec<bool> {
        let mut needed = vec![false; self.nodes.len()];
        for &id in wanted {
            needed[id.0] = true;
        }
        for index in (0..self.nodes.len()).rev() {
            if needed[index] {
                for &input in &self.nodes[index].inputs {
                    needed[input.0] = true;
                }
            }
        }
        needed
    }

    /// Whether a statistic of the whole picture must be known to get `wanted`.
    pub fn has_barrier(&self, wanted: &[NodeId]) -> bool {
        let spread = |id: &NodeId| matches!(self.node(*id).extent, Extent::Picture { .. });
        self.nodes.iter().zip(self.needed(wanted)).any(|(node, needed)| {
            needed && node.layer == Layer::GlobalPool && node.inputs.iter().any(spread)
        })
    }

    /// Width and height of a picture must be multiples of this.
    pub fn multiple(&self) -> usize {
        let downs = self.nodes.iter().filter_map(|node| match node.extent {
            Extent::Picture { down } => Some(down),
            Extent::Fixed { .. } => None,
        });
        downs.max().unwrap_or(1)
    }

    /// Every parameter under its checkpoint key, in the order of computation; shared ones once.
    pub fn parameters(&self) -> Vec<(String, Parameter)> {
        let mut seen = HashSet::new();
        let of = |node: &Node| {
            let parameters = node.layer.parameters(self.channels_in(node));
            let key = |p: Parameter| (format!("{}.{}", node.key, p.suffix), p);
            parameters.into_iter().map(key).collect::<Vec<_>>()
        };
        self.nodes.iter().flat_map(of).filter(|(key, _)| seen.insert(key.clone())).collect()
    }

    /// Every constant that checkpoints may hold under a key, with its only possible values.
    pub fn constants(&self) -> Vec<(String, Array)> {
        let of = |node: &Node| {
            let constants = node.layer.constants().into_iter();
            constants.map(|(suffix, array)| (format!("{}.{suffix}", node.key), array)).collect()
        };
        self.nodes.iter().flat_map::<Vec<_>, _>(of).collect()
    }

    /// Whether published checkpoints of this network hold `key` although nothing needs it.
    pub fn is_spare(&self, key: &str) -> bool {
        self.spare.iter().any(|pattern| WildMatch::new(pattern).matches(key))
    }
}

/// Adds nodes one by one; the first mistake is kept and reported by [`finish`](Self::finish).
#[derive(Debug)]
pub struct GraphBuilder {
    graph: Graph,
    mistake: Option<Error>,
}

impl GraphBuilder {
    /// An empty graph.
    pub fn new(name: impl Into<String>) -> Self {
        let graph = Graph {
            name: name.into(),
            nodes: Vec::new(),
            outputs: BTreeMap::new(),
            spare: Vec::new(),
        };
        Self { graph, mistake: None }
    }

    /// A value fed from outside.
    pub fn input(&mut self, name: &str, channels: usize, extent: Extent) -> NodeId {
        self.push(Node {
            name: name.into(),
            key: name.into(),
            layer: Layer::Input,
            inputs: Vec::new(),
            channels,
            extent,
        })
    }

    /// Adds `layer` reading `inputs`; its shape is derived, a misfit is a mistake.
    pub fn layer(&mut self, name: &str, layer: Layer, inputs: &[NodeId]) -> NodeId {
        self.keyed(name, name, layer, inputs)
    }

    /// Adds `layer` with the parameters under `key`, which other layers may use as well: the first
    /// use is named `key`, the second `key#2`, and so on.
    pub fn sharing(&mut self, key: &str, layer: Layer, inputs: &[NodeId]) -> NodeId {
        let uses = self.graph.nodes.iter().filter(|node| node.key == key).count();
        let name = if uses == 0 { key.to_owned() } else { format!("{key}#{}", uses + 1) };
        self.keyed(&name, key, layer, inputs)
    }

    /// Says which keys (`*` for anything) published checkpoints hold without need: second names of
    /// shared parameters, constants.
    pub fn spare(&mut self, patterns: &[&str]) {
        self.graph.spare.extend(patterns.iter().map(|&pattern| pattern.to_owned()));
    }

    fn keyed(&mut self, name: &str, key: &str, layer: Layer, inputs: &[NodeId]) -> NodeId {
        let read: Vec<_> = inputs.iter().map(|&id| self.graph.node(id)).collect();
        let shape = derive_shape(&layer, &read);
        let (channels, extent) = shape.unwrap_or_else(|message| {
            let mistake = Error::Graph { layer: name.into(), message };
            self.mistake.get_or_insert(mistake);
            (1, Extent::SCALAR)
        });
        let inputs = inputs.to_vec();
        self.push(Node { name: name.into(), key: key.into(), layer, inputs, channels, extent })
    }

    /// A convolution.
    pub fn conv(&mut self, name: &str, x: NodeId, conv: Conv) -> NodeId {
        self.layer(name, Layer::Conv(conv), &[x])
    }

    /// A function of every value; named after what it reads.
    pub fn pointwise(&mut self, x: NodeId, function: Pointwise) -> NodeId {
        let name = format!("{}.act", self.graph.node(x).name);
        self.layer(&name, Layer::Pointwise(function), &[x])
    }

    /// Channels of a node.
    pub fn channels(&self, id: NodeId) -> usize {
        self.graph.node(id).channels
    }

    /// Names an output.
    pub fn output(&mut self, name: &str, id: NodeId) {
        self.graph.outputs.insert(name.into(), id);
    }

    /// The finished graph.
    ///
    /// # Errors
    /// [`Error::Graph`] for the first layer that did not fit or reused a name.
    pub fn finish(self) -> Result<Graph> {
        match self.mistake {
            Some(mistake) => Err(mistake),
            None => Ok(self.graph),
        }
    }

    fn push(&mut self, node: Node) -> NodeId {
        if self.graph.nodes.iter().any(|other| other.name == node.name) {
            let message = "another layer has this name".into();
            self.mistake.get_or_insert(Error::Graph { layer: node.name.clone(), message });
        }
        self.graph.nodes.push(node);
        NodeId(self.graph.nodes.len() - 1)
    }
}

type Shape = (usize, Extent);

fn derive_shape(layer: &Layer, inputs: &[&Node]) -> std::result::Result<Shape, String> {
    let wanted = inputs_of(layer, inputs.len());
    if inputs.len() != wanted {
        return Err(format!("{} reads {wanted} inputs, got {}", layer.kind(), inputs.len()));
    }
    if let Layer::Learned { channels, length, .. } = layer {
        return Ok((*channels, Extent::Fixed { height: 1, width: *length }));
    }
    let Some(&x) = inputs.first() else { return Err("inputs are made by `input`".into()) };
    match layer {
        Layer::Input => Err("inputs are made by `input`".into()),
        Layer::Conv(conv) => conv_shape(conv, x),
        Layer::Pointwise(_)
        | Layer::Prelu { .. }
        | Layer::LayerNorm { .. }
        | Layer::BatchNorm { .. } => Ok((x.channels, x.extent)),
        Layer::Add | Layer::Divide | Layer::Curve => second_like(x, inputs[1], false),
        Layer::Multiply => second_like(x, inputs[1], true),
        Layer::Modulate => vector_for(x, inputs[1], 2 * x.channels),
        Layer::Relight => vector_for(x, inputs[1], 2),
        Layer::Concat => concat_shape(inputs),
        Layer::Slice { from, to } if from < to && *to <= x.channels => Ok((to - from, x.extent)),
        Layer::Slice { from, to } => Err(format!("channels {from}..{to} of {}", x.channels)),
        Layer::PixelShuffle(r) if x.channels % (r * r) == 0 => {
            Ok((x.channels / (r * r), enlarged(x.extent, *r)?))
        }
        Layer::PixelShuffle(r) => Err(format!("{} channels do not split by {r}²", x.channels)),
        Layer::PixelUnshuffle(r) => Ok((x.channels * r * r, reduced(x.extent, *r)?)),
        Layer::Enlarge(r) => Ok((x.channels, enlarged(x.extent, *r)?)),
        Layer::BlurHalve => Ok((x.channels, reduced(x.extent, 2)?)),
        Layer::ChannelPool => Ok((2, x.extent)),
        Layer::Softmax { groups } if *groups > 0 && x.channels % groups == 0 => {
            Ok((x.channels, x.extent))
        }
        Layer::Softmax { groups } => Err(format!("{} channels in {groups} groups", x.channels)),
        Layer::GlobalPool => Ok((x.channels, Extent::SCALAR)),
        Layer::AveragePool(r) => Ok((x.channels, reduced(x.extent, *r)?)),
        Layer::GlobalMax
        | Layer::Warp
        | Layer::Correlate(_)
        | Layer::Match { .. }
        | Layer::Propagate
        | Layer::Recover => crate::motion::shape(layer, inputs),
        Layer::Attention { .. }
        | Layer::Tokens { .. }
        | Layer::Embed { .. }
        | Layer::Place(_)
        | Layer::Learned { .. } => token_shape(layer, x),
        Layer::WindowAttention(windows) => attention_shape(*windows, x),
        Layer::ToHsv | Layer::FromHsv if x.channels == 3 => Ok((3, x.extent)),
        Layer::ToHsv | Layer::FromHsv => Err(format!("takes 3 channels, got {}", x.channels)),
    }
}

/// How many inputs a layer reads, where it is given so many.
fn inputs_of(layer: &Layer, given: usize) -> usize {
    match layer {
        Layer::Input | Layer::Learned { .. } => 0,
        Layer::Add
        | Layer::Multiply
        | Layer::Divide
        | Layer::Curve
        | Layer::Modulate
        | Layer::Warp
        | Layer::Correlate(_)
        | Layer::Relight => 2,
        Layer::Match { .. } | Layer::Propagate => 3,
        Layer::Recover => 5,
        Layer::Concat => given.max(1),
        _ => 1,
    }
}

/// Shapes of the layers that see their input as a row of tokens; it must not grow with the picture.
fn token_shape(layer: &Layer, x: &Node) -> std::result::Result<Shape, String> {
    let Extent::Fixed { height, width } = x.extent else {
        return Err(format!(
            "{} needs a fixed extent, {} follows the picture",
            layer.kind(),
            x.name
        ));
    };
    let row = |length| Extent::Fixed { height: 1, width: length };
    match layer {
        Layer::Attention { heads, .. } if x.channels.is_multiple_of(3 * heads) && *heads > 0 => {
            Ok((x.channels / 3, x.extent))
        }
        Layer::Attention { heads, .. } => {
            Err(format!("{} channels are not three times {heads} heads", x.channels))
        }
        Layer::Tokens { count, class } if *count == height * width + usize::from(*class) => {
            Ok((x.channels, row(*count)))
        }
        Layer::Tokens { count, .. } => Err(format!("{count} tokens of {height}×{width}")),
        Layer::Embed { width: channels, .. } if x.channels == 1 && height == 1 => {
            Ok((*channels, x.extent))
        }
        Layer::Place(place) if height == 1 && *place < width => Ok((x.channels, Extent::SCALAR)),
        _ => Err(format!("{} of {} channels, {height}×{width}", layer.kind(), x.channels)),
    }
}

fn conv_shape(conv: &Conv, x: &Node) -> std::result::Result<Shape, String> {
    if conv.c_in != x.channels {
        return Err(format!("takes {} channels, got {}", conv.c_in, x.channels));
    }
    if !conv.c_in.is_multiple_of(conv.groups) || !conv.c_out.is_multiple_of(conv.groups) {
        return Err(format!("{} → {} in {} groups", conv.c_in, conv.c_out, conv.groups));
    }
    let extent = match x.extent {
        Extent::Fixed { height, width } => {
            Extent::Fixed { height: conv.out_length(height), width: conv.out_length(width) }
        }
        Extent::Picture { down } => {
            // A picture whose size is a multiple must shrink by exactly the stride.
            let probe = 64 * conv.stride;
            if conv.out_length(probe) * conv.stride != probe {
                return Err(format!(
                    "kernel {} with stride {} and padding {} does not keep the grid",
                    conv.kernel, conv.stride, conv.padding
                ));
            }
            Extent::Picture { down: down * conv.stride }
        }
    };
    Ok((conv.c_out, extent))
}

fn attention_shape(windows: Windows, x: &Node) -> std::result::Result<Shape, String> {
    let Windows { heads, window, .. } = windows;
    if heads == 0 || window == 0 || !x.channels.is_multiple_of(3 * heads) {
        return Err(format!("{} channels do not split into 3 × {heads} heads", x.channels));
    }
    match x.extent {
        Extent::Fixed { height, width } if height % window == 0 && width % window == 0 => {
            Ok((x.channels / 3, x.extent))
        }
        extent => Err(format!("windows of {window} do not tile {extent:?}; it must be fixed")),
    }
}

fn second_like(x: &Node, second: &Node, spread: bool) -> std::result::Result<Shape, String> {
    let fits = match (second.extent == x.extent, second.channels == x.channels) {
        (true, true) => true,
        (true, false) => spread && second.channels == 1,
        (false, alike) => spread && alike && second.extent == Extent::SCALAR,
    };
    if !fits {
        return Err(format!(
            "{} ({} channels, {:?}) does not fit {} ({} channels, {:?})",
            second.name, second.channels, second.extent, x.name, x.channels, x.extent
        ));
    }
    Ok((x.channels, x.extent))
}

fn vector_for(x: &Node, vector: &Node, channels: usize) -> std::result::Result<Shape, String> {
    if vector.channels != channels || vector.extent != Extent::SCALAR {
        return Err(format!("{} must be [n, {channels}, 1, 1]", vector.name));
    }
    Ok((x.channels, x.extent))
}

fn concat_shape(inputs: &[&Node]) -> std::result::Result<Shape, String> {
    if let Some(other) = inputs.iter().find(|node| node.extent != inputs[0].extent) {
        return Err(format!("{} has another size than {}", other.name, inputs[0].name));
    }
    Ok((inputs.iter().map(|node| node.channels).sum(), inputs[0].extent))
}

fn enlarged(extent: Extent, r: usize) -> std::result::Result<Extent, String> {
    match extent {
        Extent::Picture { down } if down % r == 0 => Ok(Extent::Picture { down: down / r }),
        Extent::Picture { down } => Err(format!("1/{down} of the picture cannot grow by {r}")),
        Extent::Fixed { height, width } => {
            Ok(Extent::Fixed { height: height * r, width: width * r })
        }
    }
}

fn reduced(extent: Extent, r: usize) -> std::result::Result<Extent, String> {
    match extent {
        Extent::Picture { down } => Ok(Extent::Picture { down: down * r }),
        Extent::Fixed { height, width } if height % r == 0 && width % r == 0 => {
            Ok(Extent::Fixed { height: height / r, width: width / r })
        }
        Extent::Fixed { height, width } => Err(format!("{height}×{width} does not split by {r}")),
    }
}
