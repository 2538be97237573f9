//! Edges made steeper.

use relume_media::light::luma;
use relume_media::{Plane, Size};

use crate::Result;
use crate::workflow::{Call, NodeCard, Param, ParamKind, Port, PortType, Standard, Value, Work};

/// An unsharp mask on brightness alone.
pub(super) static CARD: NodeCard = NodeCard {
    name: "sharpen",
    help: "an unsharp mask on brightness; it makes edges steeper and undoes no shake",
    inputs: &[Port::new("image", PortType::Image, "the picture")],
    params: &[
        Param {
            name: "amount",
            help: "how much of the detail is added",
            kind: ParamKind::number(0.0, 3.0),
            default: Standard::Number(0.5),
        },
        Param {
            name: "radius",
            help: "standard deviation of the blur that detail is measured against, in pixels",
            kind: ParamKind::number(0.3, 20.0),
            default: Standard::Number(1.0),
        },
        Param {
            name: "threshold",
            help: "detail below this is taken for noise and left alone, in display light",
            kind: ParamKind::number(0.0, 0.2),
            default: Standard::Number(0.01),
        },
    ],
    outputs: &[Port::new("image", PortType::Image, "the sharpened picture")],
    effort: 2,
    work: Work::Plain(run),
};

fn run(call: &Call<'_>) -> Result<Vec<Value>> {
    let image = call.image("image")?;
    let (amount, threshold) = (call.number("amount")?, call.number("threshold")?);
    let (r, g, b) = (image.channel(0), image.channel(1), image.channel(2));
    let values = (0..image.size().pixels()).map(|i| luma([r[i], g[i], b[i]])).collect();
    let brightness = Plane { size: image.size(), values };
    let soft = gaussian(&brightness, call.number("radius")?);
    let mut sharp = image.as_ref().clone();
    for (i, (value, soft)) in brightness.values.iter().zip(&soft.values).enumerate() {
        let detail = value - soft;
        let kept = (detail.abs() - threshold).max(0.0).copysign(detail);
        for c in 0..3 {
            let v = &mut sharp.channel_mut(c)[i];
            // Colours outside the range stay there.
            let most = v.max(1.0);
            *v = (*v + amount * kept).clamp(v.min(0.0), most);
        }
    }
    Ok(vec![Value::image(sharp)])
}

/// A Gaussian blur whose standard deviation is `sigma` pixels; the border is repeated.
pub(super) fn gaussian(plane: &Plane, sigma: f32) -> Plane {
    let reach = (3.0 * sigma).ceil() as usize;
    let weight = |i: usize| (-0.5 * (i as f32 / sigma).powi(2)).exp();
    let sum = weight(0) + 2.0 * (1..=reach).map(weight).sum::<f32>();
    let kernel: Vec<f32> = (0..=reach).map(|i| weight(i) / sum).collect();
    transposed(&transposed(plane, &kernel), &kernel)
}

/// A symmetric filter along rows, given from its middle on; the result is transposed.
fn transposed(plane: &Plane, kernel: &[f32]) -> Plane {
    let Size { width, height } = plane.size;
    let mut out = Plane::filled(Size::new(height, width), 0.0);
    for y in 0..height {
        let row = plane.row(y);
        for x in 0..width {
            let pair = |i: usize| row[x.saturating_sub(i)] + row[(x + i).min(width - 1)];
            let sides: f32 = kernel.iter().enumerate().skip(1).map(|(i, k)| k * pair(i)).sum();
            out.values[x * height + y] = kernel[0] * row[x] + sides;
        }
    }
    out
}
