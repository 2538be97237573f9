//! A graph and its weights as an ONNX file (opset 17), for every other program.
//!
//! Inputs, outputs and initialisers keep their names; batch, height and width are chosen at each
//! run. The metadata of the weights travels along as the model's properties.

mod layers;
mod messages;
mod tokens;
mod windows;

use std::collections::{BTreeMap, HashSet};

use half::f16;
use prost::Message as _;

use crate::graph::{Extent, Node, NodeId};
use crate::weights::{Precision, Weights};
use crate::{Error, Graph, Layer, Result};

use messages::Attribute;

/// Bytes of an ONNX file, from all outputs of `graph` back to its inputs.
///
/// With [`Precision::F16`] the weights are stored in half the space and computed with as `f32`.
///
/// # Errors
/// [`Error::Weights`] when the weights do not fit, [`Error::Graph`] when a name of the graph stands
/// for two things in ONNX, a layer has no form there, or the file would pass the 2 GB that the format can hold.
pub fn export(graph: &Graph, weights: &Weights, precision: Precision) -> Result<Vec<u8>> {
    weights.check(graph)?;
    let outputs: Vec<NodeId> = graph.outputs().values().copied().collect();
    let needed = graph.needed(&outputs);
    let mut writer = Writer::new(graph, weights, precision);
    for (index, node) in graph.nodes().iter().enumerate() {
        if needed[index] && node.layer != Layer::Input {
            if !layers::is_known(&node.layer) {
                let message = format!("{} has no form in ONNX yet", node.layer.kind());
                return Err(Error::Graph { layer: node.name.clone(), message });
            }
            layers::write(&mut writer, NodeId(index), node);
        }
    }
    writer.name_outputs();
    writer.finish()
}

/// Gathers the nodes and initialisers of the file.
struct Writer<'a> {
    graph: &'a Graph,
    weights: &'a Weights,
    precision: Precision,
    /// What each node's value is called, by the node's index.
    values: Vec<String>,
    nodes: Vec<messages::Node>,
    initializers: BTreeMap<String, messages::Tensor>,
}

impl<'a> Writer<'a> {
    fn new(graph: &'a Graph, weights: &'a Weights, precision: Precision) -> Self {
        let mut values: Vec<String> = graph.nodes().iter().map(|node| node.name.clone()).collect();
        for (index, value) in values.iter_mut().enumerate() {
            // An output's name belongs to the output alone.
            if graph.outputs().get(value).is_some_and(|id| id.0 != index) {
                value.push_str("/inner");
            }
        }
        for (name, id) in graph.outputs() {
            if graph.node(*id).layer != Layer::Input {
                values[id.0].clone_from(name);
            }
        }
        let (nodes, initializers) = (Vec::new(), BTreeMap::new());
        Self { graph, weights, precision, values, nodes, initializers }
    }

    /// What a node's value is called.
    fn value(&self, id: NodeId) -> String {
        self.values[id.0].clone()
    }

    /// Adds an operator that makes `output`.
    fn operator(&mut self, kind: &str, inputs: &[&str], output: &str, attribute: Vec<Attribute>) {
        self.nodes.push(messages::Node {
            input: inputs.iter().map(|&name| name.to_owned()).collect(),
            output: vec![output.to_owned()],
            name: output.to_owned(),
            op_type: kind.to_owned(),
            attribute,
        });
    }

    /// Adds a step on the way to the value of `node`, and says what the step's value is called.
    fn step(&mut self, node: &str, kind: &str, inputs: &[&str], more: Vec<Attribute>) -> String {
        let output = format!("{node}/{}", self.nodes.len());
        self.operator(kind, inputs, &output, more);
        output
    }

    /// The parameter `suffix` of `node`, in `shape` if that is another than the stored one.
    fn parameter(&mut self, node: &Node, suffix: &str, shape: Option<&[usize]>) -> String {
        let key = format!("{}.{suffix}", node.key);
        let Some(array) = self.weights.get(&key) else { return key };
        let dims = shape.unwrap_or(&array.shape);
        match self.precision {
            Precision::F32 => {
                let raw = array.values.iter().flat_map(|v| v.to_le_bytes()).collect();
                self.initializer(&key, dims, messages::FLOAT, raw);
                key
            }
            Precision::F16 => {
                let half = |v: &f32| f16::from_f32(*v).to_le_bytes();
                let raw = array.values.iter().flat_map(half).collect();
                self.initializer(&key, dims, messages::FLOAT16, raw);
                let to = Attribute::signed("to", messages::FLOAT.into());
                self.step(&node.name, "Cast", &[&key], vec![to])
            }
        }
    }

    /// A constant number.
    fn number(&mut self, value: f32) -> String {
        let name = format!("number/{value:?}");
        self.initializer(&name, &[], messages::FLOAT, value.to_le_bytes().to_vec());
        name
    }

    /// A constant row of numbers.
    fn numbers(&mut self, values: &[f32]) -> String {
        let name = format!("numbers/{values:?}");
        let raw = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        self.initializer(&name, &[values.len()], messages::FLOAT, raw);
        name
    }

    /// A constant row of whole numbers: axes, places, sizes.
    fn places(&mut self, values: &[i64]) -> String {
        let name = if values.len() > 8 {
            format!("places/{}", self.initializers.len())
        } else {
            format!("places/{values:?}")
        };
        let raw = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        self.initializer(&name, &[values.len()], messages::INT64, raw);
        name
    }

    /// A constant of some shape that belongs to a node.
    fn table(&mut self, node: &str, shape: &[usize], values: &[f32]) -> String {
        let name = format!("{node}/table/{}", self.initializers.len());
        let raw = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        self.initializer(&name, shape, messages::FLOAT, raw);
        name
    }

    fn initializer(&mut self, name: &str, dims: &[usize], data_type: i32, raw_data: Vec<u8>) {
        let dims = dims.iter().map(|&n| n as i64).collect();
        let tensor = messages::Tensor { dims, data_type, name: name.to_owned(), raw_data };
        self.initializers.insert(name.to_owned(), tensor);
    }

    /// Outputs that are an input, or another name of an output.
    fn name_outputs(&mut self) {
        for (name, id) in self.graph.outputs() {
            let value = self.value(*id);
            if value != *name {
                self.operator("Identity", &[&value], name, Vec::new());
            }
        }
    }

    fn finish(self) -> Result<Vec<u8>> {
        let mistake = |layer: &str, message: &str| {
            Err(Error::Graph { layer: layer.to_owned(), message: message.to_owned() })
        };
        let mut seen: HashSet<&str> = self.initializers.keys().map(String::as_str).collect();
        let inputs = self.graph.nodes().iter().filter(|node| node.layer == Layer::Input);
        let made = self.nodes.iter().flat_map(|node| &node.output);
        for name in inputs.clone().map(|node| &node.name).chain(made) {
            if !seen.insert(name) {
                return mistake(name, "stands for two things in ONNX: rename the layer");
            }
        }
        let input = inputs.map(|node| value_info(&node.name, node)).collect();
        let output = self.graph.outputs().iter();
        let output = output.map(|(name, id)| value_info(name, self.graph.node(*id))).collect();
        let property = |(key, value): (&String, &String)| messages::Property {
            key: key.clone(),
            value: value.clone(),
        };
        let model = messages::Model {
            ir_version: 8,
            producer_name: "relume".into(),
            producer_version: env!("CARGO_PKG_VERSION").into(),
            graph: Some(messages::Graph {
                node: self.nodes,
                name: self.graph.name().into(),
                initializer: self.initializers.into_values().collect(),
                input,
                output,
            }),
            opset_import: vec![messages::OperatorSet { domain: String::new(), version: 17 }],
            metadata_props: self.weights.metadata.iter().map(property).collect(),
        };
        if model.encoded_len() > i32::MAX as usize {
            return mistake(self.graph.name(), "is larger than the 2 GB an ONNX file can hold");
        }
        Ok(model.encode_to_vec())
    }
}

/// Name and shape of an input or output: `[n, channels, height, width]`.
fn value_info(name: &str, node: &Node) -> messages::ValueInfo {
    let fixed = |n: usize| messages::Side { value: Some(n as i64), name: None };
    let free = |name: String| messages::Side { value: None, name: Some(name) };
    let (height, width) = match node.extent {
        Extent::Fixed { height, width } => (fixed(height), fixed(width)),
        Extent::Picture { down: 1 } => (free("height".into()), free("width".into())),
        Extent::Picture { down } => (free(format!("height/{down}")), free(format!("width/{down}"))),
    };
    let shape =
        messages::Shape { side: vec![free("n".into()), fixed(node.channels), height, width] };
    let tensor = messages::TensorType { element: messages::FLOAT, shape: Some(shape) };
    messages::ValueInfo {
        name: name.to_owned(),
        kind: Some(messages::ValueType { tensor: Some(tensor) }),
    }
}
