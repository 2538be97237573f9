//! Where something is.

use relume_media::light::luma;
use relume_media::{Image, Plane, Srgb};

use super::sharpen::gaussian;
use crate::Result;
use crate::workflow::{Call, NodeCard, Param, ParamKind, Port, PortType, Standard, Value, Work};

/// Width of the border that the subject is told from, share of the shorter side.
const BORDER: f32 = 0.06;

/// Where a picture is bright, clipped, or shows its subject.
pub(super) static CARD: NodeCard = NodeCard {
    name: "mask",
    help: "where a picture is bright, clipped, or differs from its border",
    inputs: &[Port::new("image", PortType::Image, "the picture")],
    params: &[
        Param {
            name: "of",
            help: "luma: brightness; clipped: the brightest channel; shadows: darkness; subject: \
                   difference from the border's mean colour",
            kind: ParamKind::Choice(|| vec!["luma", "clipped", "shadows", "subject"]),
            default: Standard::Text("luma"),
        },
        Param {
            name: "from",
            help: "up to this the mask is 0",
            kind: ParamKind::number(0.0, 1.0),
            default: Standard::Number(0.4),
        },
        Param {
            name: "to",
            help: "from this on the mask is 1; rises in between",
            kind: ParamKind::number(0.0, 1.0),
            default: Standard::Number(0.6),
        },
        Param {
            name: "soften",
            help: "blur of the mask in pixels; 0: none",
            kind: ParamKind::number(0.0, 200.0),
            default: Standard::Number(0.0),
        },
    ],
    outputs: &[
        Port::new("mask", PortType::Mask, "where it is"),
        Port::new("share", PortType::Number, "mean of the mask"),
    ],
    effort: 2,
    work: Work::Plain(run),
};

fn run(call: &Call<'_>) -> Result<Vec<Value>> {
    let image = call.image("image")?;
    let (from, to) = (call.number("from")?, call.number("to")?);
    let border = border_mean(image);
    let of = call.text("of");
    let measure = |rgb: [f32; 3]| match of {
        "clipped" => rgb.into_iter().fold(0.0, f32::max),
        "shadows" => 1.0 - luma(rgb),
        "subject" => {
            let far: f32 = rgb.iter().zip(&border).map(|(a, b)| (a - b).powi(2)).sum();
            (far / 3.0).sqrt()
        }
        _ => luma(rgb),
    };
    let ramp = |v: f32| match to > from {
        true => ((v - from) / (to - from)).clamp(0.0, 1.0),
        false => f32::from(u8::from(v >= from)),
    };
    let (r, g, b) = (image.channel(0), image.channel(1), image.channel(2));
    let values = (0..image.size().pixels()).map(|i| ramp(measure([r[i], g[i], b[i]]))).collect();
    let mut mask = Plane { size: image.size(), values };
    let soften = call.number("soften")?;
    if soften >= 0.3 {
        mask = gaussian(&mask, soften);
    }
    let count = mask.values.len().max(1) as f64;
    let share = mask.values.iter().map(|&v| f64::from(v)).sum::<f64>() / count;
    Ok(vec![Value::mask(mask), Value::Number(share as f32)])
}

fn border_mean(image: &Image<Srgb>) -> [f32; 3] {
    let (width, height) = (image.width(), image.height());
    let wide = ((BORDER * width.min(height) as f32).round() as usize).max(1);
    let inside = |x: usize, y: usize| {
        (wide..width.saturating_sub(wide)).contains(&x)
            && (wide..height.saturating_sub(wide)).contains(&y)
    };
    let (mut sum, mut count) = ([0.0_f64; 3], 0_usize);
    for y in 0..height {
        for x in (0..width).filter(|&x| !inside(x, y)) {
            let rgb = image.get(x, y);
            sum.iter_mut().zip(rgb).for_each(|(sum, v)| *sum += f64::from(v));
            count += 1;
        }
    }
    sum.map(|sum| (sum / count.max(1) as f64) as f32)
}
