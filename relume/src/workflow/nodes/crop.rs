//! A part of the picture.

use relume_media::{Rect, Size};

use crate::Result;
use crate::workflow::{Call, NodeCard, Param, ParamKind, Port, PortType, Standard, Value, Work};

const fn share(name: &'static str, help: &'static str, default: f32) -> Param {
    let kind = ParamKind::number(0.0, 1.0);
    Param { name, help, kind, default: Standard::Number(default) }
}

/// A rectangle of the picture.
pub(super) static CARD: NodeCard = NodeCard {
    name: "crop",
    help: "a rectangle of the picture, in shares of its sides; held inside it",
    inputs: &[Port::new("image", PortType::Image, "the picture")],
    params: &[
        share("left", "left edge, share of the width", 0.0),
        share("top", "upper edge, share of the height", 0.0),
        share("width", "share of the width", 1.0),
        share("height", "share of the height", 1.0),
    ],
    outputs: &[Port::new("image", PortType::Image, "the part")],
    effort: 1,
    work: Work::Plain(run),
};

fn run(call: &Call<'_>) -> Result<Vec<Value>> {
    let image = call.image("image")?;
    let range = |length: usize, start: f32, share: f32| {
        let first = ((start * length as f32).round() as usize).min(length.saturating_sub(1));
        (first, ((share * length as f32).round() as usize).clamp(1, (length - first).max(1)))
    };
    let (x, width) = range(image.width(), call.number("left")?, call.number("width")?);
    let (y, height) = range(image.height(), call.number("top")?, call.number("height")?);
    let part = image.crop(Rect { x, y, size: Size::new(width, height) })?;
    Ok(vec![Value::image(part)])
}
