//! Pictures side by side.

use relume_media::{Image, Size, Srgb};

use super::resize::to_size;
use crate::Result;
use crate::workflow::{Call, NodeCard, Param, ParamKind, Port, PortType, Standard, Value, Work};

/// Display value between the pictures.
const GROUND: f32 = 0.5;

/// A sheet of up to four pictures.
pub(super) static CARD: NodeCard = NodeCard {
    name: "compare",
    help: "up to four pictures side by side, brought to the size of the first",
    inputs: &[
        Port::new("first", PortType::Image, "leftmost"),
        Port::new("second", PortType::Image, "next to it"),
        Port::optional("third", PortType::Image, "next"),
        Port::optional("fourth", PortType::Image, "rightmost"),
    ],
    params: &[Param {
        name: "gap",
        help: "pixels between the pictures",
        kind: ParamKind::whole(0.0, 200.0),
        default: Standard::Number(8.0),
    }],
    outputs: &[Port::new("image", PortType::Image, "the sheet")],
    effort: 2,
    work: Work::Plain(run),
};

fn run(call: &Call<'_>) -> Result<Vec<Value>> {
    let size = call.image("first")?.size();
    let names = ["first", "second", "third", "fourth"];
    let pictures: Vec<_> = names.iter().filter_map(|name| call.optional_image(name)).collect();
    let gap = call.number("gap")? as usize;
    let count = pictures.len();
    let whole = Size::new(count * size.width + (count - 1) * gap, size.height);
    let mut sheet = Image::<Srgb>::black(whole).map(|_| GROUND);
    for (number, picture) in pictures.into_iter().enumerate() {
        let scaled = (picture.size() != size).then(|| to_size(picture, size, "lanczos"));
        let picture = scaled.as_ref().unwrap_or(picture);
        let left = number * (size.width + gap);
        for c in 0..3 {
            let rows = picture.channel(c).chunks_exact(size.width);
            for (to, from) in sheet.channel_mut(c).chunks_exact_mut(whole.width).zip(rows) {
                to[left..left + size.width].copy_from_slice(from);
            }
        }
    }
    Ok(vec![Value::image(sheet)])
}
