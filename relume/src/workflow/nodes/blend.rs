//! Two pictures mixed.

use relume_media::light::{decode_srgb, encode_srgb};

use crate::workflow::{Call, NodeCard, Param, ParamKind, Port, PortType, Standard, Value, Work};
use crate::{Error, Result};

/// One picture over another, where a mask says.
pub(super) static CARD: NodeCard = NodeCard {
    name: "blend",
    help: "one picture over another of the same size, where a mask says",
    inputs: &[
        Port::new("base", PortType::Image, "what lies below"),
        Port::new("top", PortType::Image, "what is laid over it"),
        Port::optional("mask", PortType::Mask, "where: 1 shows the top; open: everywhere"),
    ],
    params: &[
        Param {
            name: "amount",
            help: "share of the top where the mask is 1",
            kind: ParamKind::number(0.0, 1.0),
            default: Standard::Number(1.0),
        },
        Param {
            name: "light",
            help: "the light that is mixed: display as it looks, linear as light adds up",
            kind: ParamKind::Choice(|| vec!["display", "linear"]),
            default: Standard::Text("display"),
        },
    ],
    outputs: &[Port::new("image", PortType::Image, "the mixture")],
    effort: 1,
    work: Work::Plain(run),
};

fn run(call: &Call<'_>) -> Result<Vec<Value>> {
    let (base, top) = (call.image("base")?, call.image("top")?);
    let mask = call.mask("mask");
    let sizes = [Some(top.size()), mask.map(|mask| mask.size)];
    if let Some(other) = sizes.into_iter().flatten().find(|size| *size != base.size()) {
        let message = format!("blend: all must have one size; {} meets {other}", base.size());
        return Err(Error::Parameter(message));
    }
    let (amount, linear) = (call.number("amount")?, call.text("light") == "linear");
    let area = base.size().pixels();
    let mut mixed = base.as_ref().clone();
    for (i, (below, &above)) in mixed.values_mut().iter_mut().zip(top.values()).enumerate() {
        let share = amount * mask.map_or(1.0, |mask| mask.values[i % area]);
        // What is wholly one of them stays exactly that.
        if share >= 1.0 {
            *below = above;
        } else if share > 0.0 {
            let mix = |a: f32, b: f32| a + share * (b - a);
            *below = match linear {
                true => encode_srgb(mix(decode_srgb(*below), decode_srgb(above))),
                false => mix(*below, above),
            };
        }
    }
    Ok(vec![Value::image(mixed)])
}
