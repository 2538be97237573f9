//! From linear light to display light.

use crate::Result;
use crate::workflow::{Call, NodeCard, Port, PortType, Value, Work};

/// The picture in display light.
pub(super) static CARD: NodeCard = NodeCard {
    name: "display",
    help: "the same picture in display light, as files hold it",
    inputs: &[Port::new("image", PortType::LinearImage, "the picture")],
    params: &[],
    outputs: &[Port::new("image", PortType::Image, "in display light")],
    effort: 1,
    work: Work::Plain(run),
};

fn run(call: &Call<'_>) -> Result<Vec<Value>> {
    Ok(vec![Value::image(call.linear("image")?.to_srgb())])
}
