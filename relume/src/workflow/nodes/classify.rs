//! Dark all over, or in places?

use crate::Result;
use crate::diagnose::Light;
use crate::workflow::{Call, NodeCard, Param, ParamKind, Port, PortType, Standard, Value, Work};

/// The kinds of light.
const LABELS: &[&str] = &["uniform", "uneven"];

/// The type of the light, by the diagnosis or by the classifier of a network.
pub(super) static CARD: NodeCard = NodeCard {
    name: "classify",
    help: "is the light uniform, or uneven as against a window? by measured zones, or by the \
           classifier of a network",
    inputs: &[Port::new("image", PortType::Image, "the picture")],
    params: &[Param {
        name: "model",
        help: "a network with a classifier (alen, alen-small); open: the diagnosis says",
        kind: ParamKind::Model,
        default: Standard::Open,
    }],
    outputs: &[
        Port::label("light", LABELS, "uniform or uneven"),
        Port::new("uneven", PortType::Number, "probability that it is uneven, 0 to 1"),
    ],
    effort: 3,
    work: Work::Plain(run),
};

fn run(call: &Call<'_>) -> Result<Vec<Value>> {
    let image = call.image("image")?;
    let uneven = match call.model("model") {
        Some(model) => model.classify(image)?.probability_local,
        None => Light::measure(image).uneven,
    };
    let label = LABELS[usize::from(uneven > 0.5)];
    Ok(vec![Value::Label(label), Value::Number(uneven)])
}
