//! A network.

use relume_media::Progress;

use crate::Result;
use crate::models::alen::Route;
use crate::workflow::{Call, NodeCard, Param, ParamKind, Port, PortType, Standard, Value, Work};

/// A network makes a picture out of a picture. It runs whatever the picture is like: whether it
/// should is for `diagnose` and `choose` to say.
pub(super) static CARD: NodeCard = NodeCard {
    name: "model",
    help: "a network makes a better picture; whether it should is for diagnose and choose to say",
    inputs: &[Port::new("image", PortType::Image, "the picture")],
    params: &[
        Param {
            name: "model",
            help: "name of a model (relume models list) or path of a weights file",
            kind: ParamKind::Model,
            default: Standard::Text("lantern-s"),
        },
        Param {
            name: "strength",
            help: "how much of the effect; open: all, or what the model's gate allows",
            kind: ParamKind::number(0.0, 1.0),
            default: Standard::Open,
        },
        Param {
            name: "brightness",
            help: "mean display brightness to aim at, for lantern; open: what suits",
            kind: ParamKind::number(0.02, 0.9),
            default: Standard::Open,
        },
        Param {
            name: "protection",
            help: "how much bright parts are kept from being brightened, for sem",
            kind: ParamKind::number(0.0, 1.0),
            default: Standard::Open,
        },
        Param {
            name: "route",
            help: "way to light a picture, for alen; open: as its classifier says",
            kind: ParamKind::Choice(|| vec!["auto", "local", "global", "published"]),
            default: Standard::Open,
        },
    ],
    outputs: &[Port::new("image", PortType::Image, "what the network made of it")],
    effort: 40,
    work: Work::Plain(run),
};

fn run(call: &Call<'_>) -> Result<Vec<Value>> {
    let name = call.text("model");
    let missing = || crate::Error::Model(format!("{name} was not loaded"));
    let mut restorer = call.model("model").ok_or_else(missing)?.as_ref().clone().always(true);
    if let Some(strength) = call.optional_number("strength")? {
        restorer = restorer.strength(strength)?;
    }
    let route: Option<Route> = match call.text("route") {
        "" => None,
        route => Some(route.parse().map_err(crate::Error::Parameter)?),
    };
    let restorer = restorer
        .brightness(call.optional_number("brightness")?)?
        .protection(call.optional_number("protection")?)?
        .route(route)?;
    let progress: &Progress<'_> = call.progress();
    let (image, _) = restorer.image(call.image("image")?, progress)?;
    Ok(vec![Value::image(image)])
}
