//! A tone curve.

use crate::Result;
use crate::workflow::{Call, NodeCard, Param, ParamKind, Port, PortType, Standard, Value, Work};

/// Ends, gamma and contrast of the tones.
pub(super) static CARD: NodeCard = NodeCard {
    name: "curve",
    help: "a tone curve in display light: its ends, its bend, its slope in the middle",
    inputs: &[Port::new("image", PortType::Image, "the picture")],
    params: &[
        Param {
            name: "black",
            help: "what becomes black",
            kind: ParamKind::number(0.0, 0.5),
            default: Standard::Number(0.0),
        },
        Param {
            name: "white",
            help: "what becomes white",
            kind: ParamKind::number(0.51, 1.0),
            default: Standard::Number(1.0),
        },
        Param {
            name: "gamma",
            help: "bend: above 1 lifts the middle, below 1 lowers it",
            kind: ParamKind::number(0.2, 5.0),
            default: Standard::Number(1.0),
        },
        Param {
            name: "contrast",
            help: "slope in the middle: above 0 steeper, below 0 flatter",
            kind: ParamKind::number(-1.0, 1.0),
            default: Standard::Number(0.0),
        },
    ],
    outputs: &[Port::new("image", PortType::Image, "the picture with its tones moved")],
    effort: 1,
    work: Work::Plain(run),
};

fn run(call: &Call<'_>) -> Result<Vec<Value>> {
    let (black, white) = (call.number("black")?, call.number("white")?);
    let (gamma, contrast) = (call.number("gamma")?, call.number("contrast")?);
    let curve = |v: f32| {
        let v = ((v - black) / (white - black)).clamp(0.0, 1.0).powf(1.0 / gamma);
        v + contrast * v * (1.0 - v) * (2.0 * v - 1.0)
    };
    Ok(vec![Value::image(call.image("image")?.as_ref().clone().map(curve))])
}
