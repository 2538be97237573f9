//! Where pictures go out.

use relume_media::PhotoFormat;

use crate::workflow::{NodeCard, Param, ParamKind, Port, PortType, Standard, Work};

/// The parameter that tells several outputs apart.
pub(in crate::workflow) const SUFFIX: &str = "suffix";

/// A picture to keep, with everything else that came with the photo.
pub(super) static CARD: NodeCard = NodeCard {
    name: "output",
    help: "a picture to keep, with the metadata, profile and depth of the photo that came in",
    inputs: &[
        Port::new("image", PortType::Image, "the picture"),
        Port::optional(
            "alpha",
            PortType::Mask,
            "its opacity; open: that of the photo, scaled along",
        ),
    ],
    params: &[
        Param {
            name: SUFFIX,
            help: "put before the file's extension; one output may go without",
            kind: ParamKind::Text,
            default: Standard::Text(""),
        },
        Param {
            name: "format",
            help: "format of the file; same: as the file is called",
            kind: ParamKind::Choice(formats),
            default: Standard::Text(SAME),
        },
        Param {
            name: "quality",
            help: "JPEG quality",
            kind: ParamKind::whole(1.0, 100.0),
            default: Standard::Number(95.0),
        },
        Param {
            name: "depth",
            help: "bits a sample; same: as the photo",
            kind: ParamKind::Choice(|| vec![SAME, "8", "16"]),
            default: Standard::Text(SAME),
        },
    ],
    outputs: &[],
    effort: 1,
    work: Work::Output,
};

const SAME: &str = "same";

fn formats() -> Vec<&'static str> {
    std::iter::once(SAME).chain(PhotoFormat::ALL.iter().map(|f| f.extensions()[0])).collect()
}

/// The format that the parameter names; none for `same`.
pub(in crate::workflow) fn format(name: &str) -> Option<PhotoFormat> {
    PhotoFormat::ALL.iter().copied().find(|format| format.extensions()[0] == name)
}
