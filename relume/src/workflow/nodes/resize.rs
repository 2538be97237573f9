//! Another size.

use relume_media::resize::{Filter, resize};
use relume_media::{Image, Limits, Size};

use crate::workflow::{Call, NodeCard, Param, ParamKind, Port, PortType, Standard, Value, Work};
use crate::{Error, Result};

/// The picture at another size, weighed in linear light.
pub(super) static CARD: NodeCard = NodeCard {
    name: "resize",
    help: "the picture at another size, weighed in linear light, its shape kept",
    inputs: &[Port::new("image", PortType::Image, "the picture")],
    params: &[
        Param {
            name: "scale",
            help: "factor on both sides; goes before the long side's limit",
            kind: ParamKind::number(0.01, 8.0),
            default: Standard::Number(1.0),
        },
        Param {
            name: "long_side",
            help: "pixels of the longer side at most; smaller pictures stay",
            kind: ParamKind::whole(1.0, 65535.0),
            default: Standard::Open,
        },
        Param {
            name: "filter",
            help: "area for thumbnails, lanczos for sharpness",
            kind: ParamKind::Choice(|| vec!["area", "bilinear", "lanczos"]),
            default: Standard::Text("lanczos"),
        },
    ],
    outputs: &[Port::new("image", PortType::Image, "the resized picture")],
    effort: 2,
    work: Work::Plain(run),
};

fn run(call: &Call<'_>) -> Result<Vec<Value>> {
    let image = call.image("image")?;
    let mut scale = call.number("scale")?;
    let long = image.width().max(image.height()) as f32;
    if let Some(most) = call.optional_number("long_side")? {
        scale *= (most / (scale * long)).min(1.0);
    }
    let side = |length: usize| ((length as f32 * scale).round() as usize).max(1);
    let size = Size::new(side(image.width()), side(image.height()));
    if Limits::default().check_size(size).is_err() {
        let message = format!("resize: {size} pixels are beyond the limit; choose a smaller scale");
        return Err(Error::Parameter(message));
    }
    if size == image.size() {
        return Ok(vec![Value::Image(image.clone())]);
    }
    Ok(vec![Value::image(to_size(image, size, call.text("filter")))])
}

/// `image` at `size`.
pub(super) fn to_size(
    image: &Image<relume_media::Srgb>,
    size: Size,
    filter: &str,
) -> Image<relume_media::Srgb> {
    let filter = match filter {
        "area" => Filter::Area,
        "bilinear" => Filter::Bilinear,
        _ => Filter::Lanczos3,
    };
    resize(&image.to_linear(), size, filter).to_srgb()
}
