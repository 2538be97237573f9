//! More light, or less.

use relume_nn::relight::Exposure;

use crate::Result;
use crate::workflow::{Call, NodeCard, Param, ParamKind, Port, PortType, Standard, Value, Work};

/// Share of the pixels that a gain may burn.
const BURNT_SHARE: f64 = 0.005;

/// More light, or less, in stops.
pub(super) static CARD: NodeCard = NodeCard {
    name: "exposure",
    help: "more light, or less; bright parts keep their drawing",
    inputs: &[Port::new("image", PortType::LinearImage, "the picture")],
    params: &[
        Param {
            name: "ev",
            help: "stops; 1 doubles the light",
            kind: ParamKind::number(-8.0, 8.0),
            default: Standard::Required,
        },
        Param {
            name: "shoulder",
            help: "bend the curve near white, so that what was not white does not become it",
            kind: ParamKind::Flag,
            default: Standard::Flag(true),
        },
    ],
    outputs: &[Port::new("image", PortType::LinearImage, "the picture, exposed anew")],
    effort: 2,
    work: Work::Plain(run),
};

fn run(call: &Call<'_>) -> Result<Vec<Value>> {
    let image = call.linear("image")?;
    let gain = call.number("ev")?.exp2();
    let image = image.as_ref().clone();
    if gain <= 1.0 || !call.flag("shoulder") {
        return Ok(vec![Value::linear(image.map(|v| gain * v))]);
    }
    let mut brightest: Vec<f32> = (0..image.size().pixels())
        .step_by(7)
        .map(|i| (0..3).fold(0.0, |most, c| image.channel(c)[i].max(most)))
        .collect();
    let place = ((1.0 - BURNT_SHARE) * brightest.len().saturating_sub(1) as f64) as usize;
    let white = match brightest.is_empty() {
        true => 1.0,
        false => gain * *brightest.select_nth_unstable_by(place, f32::total_cmp).1,
    };
    let exposure = Exposure { gain, white: white.max(1.0) };
    Ok(vec![Value::linear(image.map(|v| if v > 0.0 { exposure.tone(v) } else { gain * v }))])
}
