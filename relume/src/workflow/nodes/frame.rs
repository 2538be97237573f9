//! One frame out of a window of frames.

use std::sync::Arc;

use crate::Result;
use crate::workflow::{Call, NodeCard, Param, ParamKind, Port, PortType, Standard, Value, Work};

/// The frame at hand, or one near it.
pub(super) static CARD: NodeCard = NodeCard {
    name: "frame",
    help: "the frame at hand or one near it; a photo is a window of one frame",
    inputs: &[Port::new("frames", PortType::FrameWindow, "the window")],
    params: &[Param {
        name: "offset",
        help: "frames after the one at hand; below 0: before it",
        kind: ParamKind::whole(-8.0, 8.0),
        default: Standard::Number(0.0),
    }],
    outputs: &[Port::new("image", PortType::Image, "the frame")],
    effort: 1,
    work: Work::Plain(run),
};

fn run(call: &Call<'_>) -> Result<Vec<Value>> {
    let offset = call.number("offset")? as isize;
    let frame = call.frames("frames")?.frame(offset).map(Arc::clone);
    let empty = || crate::Error::Parameter("a window without frames".into());
    Ok(vec![Value::Image(frame.ok_or_else(empty)?)])
}
