//! Colour taken out.

use relume_media::light::luma;
use relume_media::{Image, Srgb};

use crate::Result;
use crate::workflow::{Call, NodeCard, Param, ParamKind, Port, PortType, Standard, Value, Work};

/// A picture without colour, or with less of it.
pub(super) static CARD: NodeCard = NodeCard {
    name: "grey",
    help: "takes colour out",
    inputs: &[Port::new("image", PortType::Image, "the picture")],
    params: &[Param {
        name: "amount",
        help: "share of the colour that is taken out",
        kind: ParamKind::number(0.0, 1.0),
        default: Standard::Number(1.0),
    }],
    outputs: &[Port::new("image", PortType::Image, "the greyer picture")],
    effort: 1,
    work: Work::Plain(run),
};

fn run(call: &Call<'_>) -> Result<Vec<Value>> {
    let (image, amount) = (call.image("image")?, call.number("amount")?);
    let grey = Image::<Srgb>::from_fn(image.size(), |x, y| {
        let rgb = image.get(x, y);
        rgb.map(|v| v + amount * (luma(rgb) - v))
    });
    Ok(vec![Value::image(grey)])
}
