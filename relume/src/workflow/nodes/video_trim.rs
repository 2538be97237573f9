//! A part of a video.

use std::sync::Arc;

use relume_media::video::Cut;

use crate::workflow::{Call, NodeCard, Param, ParamKind, Port, PortType, Standard, Value, Work};
use crate::{Error, Result};

/// Seconds of a day: no video is longer.
const LONGEST: f32 = 86_400.0;

/// The part of a video between two times.
pub(super) static CARD: NodeCard = NodeCard {
    name: "video-trim",
    help: "the part of a video between two times; sound and subtitles are cut along",
    inputs: &[Port::new("video", PortType::Video, "the video")],
    params: &[
        Param {
            name: "from",
            help: "where the part begins, in seconds from the beginning of the file",
            kind: ParamKind::number(0.0, LONGEST),
            default: Standard::Number(0.0),
        },
        Param {
            name: "to",
            help: "where it ends, in seconds from the beginning of the file; open: at the end",
            kind: ParamKind::number(0.0, LONGEST),
            default: Standard::Open,
        },
    ],
    outputs: &[Port::new("video", PortType::Video, "the part")],
    effort: 1,
    work: Work::Plain(run),
};

fn run(call: &Call<'_>) -> Result<Vec<Value>> {
    let mut steps = call.video("video")?.as_ref().clone();
    let us = |seconds: f32| (f64::from(seconds) * 1e6).round() as i64;
    let (from, to) = (call.number("from")?, call.optional_number("to")?);
    let mut cut = Cut { from_us: us(from), to_us: to.map_or(i64::MAX, us) };
    // A part of a part: times stay those of the file.
    if let Some(around) = steps.cut {
        cut.from_us = cut.from_us.max(around.from_us);
        cut.to_us = cut.to_us.min(around.to_us);
    }
    if cut.to_us <= cut.from_us {
        return Err(Error::Parameter("a part of a video ends after it begins; set to".into()));
    }
    steps.cut = Some(cut);
    Ok(vec![Value::Video(Arc::new(steps))])
}
