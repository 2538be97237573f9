//! Less noise out of neighbouring frames.

use std::sync::Arc;

use crate::workflow::{Call, NodeCard, Port, PortType, Value, Work};
use crate::{Error, Result};

/// Frames averaged along their motion, as `relume video` does it.
pub(super) static CARD: NodeCard = NodeCard {
    name: "video-denoise",
    help: "frames averaged with five before and five after along the motion; goes before video-model",
    inputs: &[Port::new("video", PortType::Video, "the video")],
    params: &[],
    outputs: &[Port::new("video", PortType::Video, "the video with less noise")],
    effort: 10,
    work: Work::Plain(run),
};

fn run(call: &Call<'_>) -> Result<Vec<Value>> {
    let mut steps = call.video("video")?.as_ref().clone();
    if steps.network.is_some() {
        let message = "noise is known as the camera made it: put video-denoise before video-model";
        return Err(Error::Parameter(message.into()));
    }
    steps.denoise = true;
    Ok(vec![Value::Video(Arc::new(steps))])
}
