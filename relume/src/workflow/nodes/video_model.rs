//! A network for all frames of a video.

use std::sync::Arc;

use crate::models::alen::Route;
use crate::workflow::{Call, NodeCard, Param, ParamKind, Port, PortType, Standard, Value, Work};
use crate::{Error, Result};

/// A network makes better frames, in a light that is steady in time.
pub(super) static CARD: NodeCard = NodeCard {
    name: "video-model",
    help: "a network makes better frames, in a light that is steady; scenes that are fine stay",
    inputs: &[Port::new("video", PortType::Video, "the video")],
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
            help: "mean display brightness to aim at, for lantern; open: what suits the scene",
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
            help: "way to light frames, for alen; open: as its classifier says",
            kind: ParamKind::Choice(|| vec!["auto", "local", "global"]),
            default: Standard::Open,
        },
        Param {
            name: "always",
            help: "whether scenes that are fine are restored too",
            kind: ParamKind::Flag,
            default: Standard::Flag(false),
        },
    ],
    outputs: &[Port::new("video", PortType::Video, "the video with better frames")],
    effort: 40,
    work: Work::Plain(run),
};

fn run(call: &Call<'_>) -> Result<Vec<Value>> {
    let mut steps = call.video("video")?.as_ref().clone();
    if steps.network.is_some() {
        let message = "a video goes through one video-model; remove the other";
        return Err(Error::Parameter(message.into()));
    }
    let name = call.text("model");
    let missing = || Error::Model(format!("{name} was not loaded"));
    let mut restorer = call.model("model").ok_or_else(missing)?.as_ref().clone();
    let strength = call.optional_number("strength")?;
    if let Some(strength) = strength {
        restorer = restorer.strength(strength)?;
    }
    let route: Option<Route> = match call.text("route") {
        "" => None,
        route => Some(route.parse().map_err(Error::Parameter)?),
    };
    let (brightness, protection) =
        (call.optional_number("brightness")?, call.optional_number("protection")?);
    let always = call.flag("always");
    let restorer = restorer.brightness(brightness)?.protection(protection)?.route(route)?;
    steps.network = Some(Arc::new(restorer.always(always)));
    steps.model = format!("{:?}", (name, strength, brightness, protection, route, always));
    Ok(vec![Value::Video(Arc::new(steps))])
}
