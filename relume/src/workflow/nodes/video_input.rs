//! Where a video comes in.

use crate::workflow::{NodeCard, Port, PortType, Work};

/// The video that the workflow runs on.
pub(super) static CARD: NodeCard = NodeCard {
    name: "video-input",
    help: "the video that the workflow runs on",
    inputs: &[],
    params: &[],
    outputs: &[Port::new("video", PortType::Video, "the video, with its sound and all else")],
    effort: 1,
    work: Work::VideoInput,
};
