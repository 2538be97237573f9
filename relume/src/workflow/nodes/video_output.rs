//! Where a video goes out.

use relume_media::video::EncodeOptions;

use crate::video::Beside;
use crate::workflow::{
    Call, NodeCard, Param, ParamKind, Port, PortType, Standard, VideoOutput, Work,
};
use crate::{Error, Result};

/// A video to keep, with everything else that is in the file.
pub(super) static CARD: NodeCard = NodeCard {
    name: "video-output",
    help: "a video to keep, with the sound, times, tags and depth of the one that came in",
    inputs: &[Port::new("video", PortType::Video, "the video")],
    params: &[
        Param {
            name: "codec",
            help: "codec (h264, hevc, av1, vp9, prores, ffv1), or an encoder of FFmpeg; open: as it is",
            kind: ParamKind::Text,
            default: Standard::Text(""),
        },
        Param {
            name: "crf",
            help: "quality on the encoder's scale, smaller is better; open: visually lossless",
            kind: ParamKind::number(0.0, 63.0),
            default: Standard::Open,
        },
        Param {
            name: "beside",
            help: "whether frames as they were stand at the left of what became of them",
            kind: ParamKind::Flag,
            default: Standard::Flag(false),
        },
    ],
    outputs: &[],
    effort: 1,
    work: Work::VideoOutput,
};

/// The video that a node of this kind writes.
pub(in crate::workflow) fn finish(call: &Call<'_>) -> Result<VideoOutput> {
    let steps = call.video("video")?.as_ref().clone();
    let network = steps.network.clone().ok_or_else(|| {
        let message = "the video goes through no network; put a node of kind video-model between";
        Error::Parameter(message.into())
    })?;
    let codec = Some(call.text("codec").to_owned()).filter(|codec| !codec.is_empty());
    let encode = EncodeOptions { codec, crf: call.optional_number("crf")?, preset: None };
    let beside = if call.flag("beside") { Beside::Before } else { Beside::Nothing };
    Ok(VideoOutput { steps, network, encode, beside })
}
