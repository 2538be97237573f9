//! From display light to linear light.

use crate::Result;
use crate::workflow::{Call, NodeCard, Port, PortType, Value, Work};

/// The picture in linear light.
pub(super) static CARD: NodeCard = NodeCard {
    name: "linear",
    help: "the same picture in linear light, in which twice the number is twice the light",
    inputs: &[Port::new("image", PortType::Image, "the picture")],
    params: &[],
    outputs: &[Port::new("image", PortType::LinearImage, "in linear light")],
    effort: 1,
    work: Work::Plain(run),
};

fn run(call: &Call<'_>) -> Result<Vec<Value>> {
    Ok(vec![Value::linear(call.image("image")?.to_linear())])
}
