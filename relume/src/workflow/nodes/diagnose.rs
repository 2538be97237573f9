//! What is wrong with a picture.

use relume_nn::relight::Exposure;

use crate::Result;
use crate::diagnose::{Diagnosis, Verdict, diagnose};
use crate::exposure::Thumbnail;
use crate::workflow::{Call, NodeCard, Port, PortType, Value, Work};

/// Whether light lacks.
const EXPOSURES: &[&str] = &["dark", "good"];

/// The diagnosis of `relume inspect`.
pub(super) static CARD: NodeCard = NodeCard {
    name: "diagnose",
    help: "what is wrong with a picture, in words and figures: what relume inspect shows",
    inputs: &[Port::new("image", PortType::Image, "the picture")],
    params: &[],
    outputs: &[
        Port::label("verdict", Verdict::NAMES, "what the picture needs"),
        Port::label("exposure", EXPOSURES, "whether light lacks beyond doubt"),
        Port::new("strength", PortType::Number, "how strongly, 0 to 1"),
        Port::new("key", PortType::Number, "mean log luminance, EV from middle grey"),
        Port::new("brightness", PortType::Number, "mean display luma, 0 to 1"),
        Port::new("noise", PortType::Number, "standard deviation in display light, mean of RGB"),
        Port::new("shake", PortType::Number, "length of the shake in pixels; 0: none seen"),
        Port::new("direction", PortType::Number, "its direction in degrees, −90 to 90"),
        Port::new("clipped", PortType::Number, "share of pixels that are white"),
        Port::new("uneven", PortType::Number, "how likely the light is uneven, 0 to 1"),
        Port::new("reasons", PortType::Text, "why, in words"),
    ],
    effort: 3,
    work: Work::Plain(run),
};

fn run(call: &Call<'_>) -> Result<Vec<Value>> {
    let image = call.image("image")?;
    let brightness = Thumbnail::of(image).brightness(Exposure::NEUTRAL);
    let Diagnosis { exposure, noise, blur, light, verdict, strength, reasons, .. } =
        diagnose(image);
    let shake = blur.found_shake();
    Ok(vec![
        Value::Label(verdict.name()),
        Value::Label(EXPOSURES[usize::from(!exposure.is_dark())]),
        Value::Number(strength),
        Value::Number(exposure.key_ev),
        Value::Number(brightness),
        Value::Number(noise.sigma.iter().sum::<f32>() / 3.0),
        Value::Number(shake.map_or(0.0, |shake| shake.length_px)),
        Value::Number(shake.map_or(0.0, |shake| shake.angle_deg)),
        Value::Number(exposure.clipped_high),
        Value::Number(light.uneven),
        Value::Text(reasons.join("; ")),
    ])
}
