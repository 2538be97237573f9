//! Where pictures come in.

use crate::workflow::{NodeCard, Param, ParamKind, Port, PortType, Standard, Work};

/// The picture that the workflow runs on, or that of a file.
pub(super) static CARD: NodeCard = NodeCard {
    name: "input",
    help: "the picture that the workflow runs on, or another one from a file",
    inputs: &[],
    params: &[Param {
        name: "file",
        help: "a picture beside the workflow file; {stem} is the name of the picture at hand",
        kind: ParamKind::File,
        default: Standard::Open,
    }],
    outputs: &[
        Port::new("image", PortType::Image, "the picture"),
        Port::new("alpha", PortType::Mask, "its opacity, 1 where it has none"),
        Port::new("frames", PortType::FrameWindow, "the frame at hand and its neighbours"),
        Port::new("name", PortType::Text, "name of the file, without its extension"),
    ],
    effort: 1,
    work: Work::Input,
};
