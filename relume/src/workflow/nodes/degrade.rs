//! A good picture made bad, as a camera would.

use relume_media::degrade::{Degradation, FixedDegradation};

use crate::Result;
use crate::workflow::{Call, NodeCard, Param, ParamKind, Port, PortType, Standard, Value, Work};

/// The simulated camera of `relume degrade`, with chosen strengths.
pub(super) static CARD: NodeCard = NodeCard {
    name: "degrade",
    help: "a good picture made bad by a simulated camera; the same seed gives the same picture",
    inputs: &[Port::new("image", PortType::Image, "the good picture")],
    params: &[
        Param {
            name: "seed",
            help: "seed of everything random",
            kind: ParamKind::whole(0.0, 16_777_215.0),
            default: Standard::Number(0.0),
        },
        Param {
            name: "ev",
            help: "stops of under-exposure",
            kind: ParamKind::number(0.0, 8.0),
            default: Standard::Number(0.0),
        },
        Param {
            name: "shake",
            help: "extent of the shake in pixels",
            kind: ParamKind::number(0.0, 200.0),
            default: Standard::Number(0.0),
        },
        Param {
            name: "iso",
            help: "sensitivity, which makes the noise; open: no noise",
            kind: ParamKind::number(1.0, 1e6),
            default: Standard::Open,
        },
        Param {
            name: "jpeg",
            help: "JPEG quality in the camera; open: no JPEG",
            kind: ParamKind::whole(1.0, 100.0),
            default: Standard::Open,
        },
    ],
    outputs: &[Port::new("image", PortType::Image, "the bad picture")],
    effort: 6,
    work: Work::Plain(run),
};

fn run(call: &Call<'_>) -> Result<Vec<Value>> {
    let image = call.image("image")?;
    let strength = FixedDegradation {
        ev: call.number("ev")?,
        shake_px: call.number("shake")?,
        iso: call.optional_number("iso")?,
        jpeg_quality: call.optional_number("jpeg")?.map(|quality| quality as u8),
        ..FixedDegradation::default()
    };
    let degradation = Degradation::fixed(call.number("seed")? as u64, image.size(), &strength);
    Ok(vec![Value::image(degradation.apply(image)?.image)])
}
