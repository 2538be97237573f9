//! The colour of the light taken out.

use relume_media::light::luma;

use crate::Result;
use crate::workflow::{Call, NodeCard, Param, ParamKind, Port, PortType, Standard, Value, Work};

/// Largest factor on a channel.
const MOST: f32 = 4.0;

/// Factors on red and blue: given, or from the picture's mean.
pub(super) static CARD: NodeCard = NodeCard {
    name: "white-balance",
    help: "factors on red and blue: given, or such that the mean becomes grey",
    inputs: &[Port::new("image", PortType::LinearImage, "the picture")],
    params: &[
        Param {
            name: "method",
            help: "gains: as given; grey-world: the mean becomes grey (Buchsbaum 1980)",
            kind: ParamKind::Choice(|| vec!["gains", "grey-world"]),
            default: Standard::Text("gains"),
        },
        Param {
            name: "red",
            help: "factor on red, with gains",
            kind: ParamKind::number(0.25, MOST),
            default: Standard::Number(1.0),
        },
        Param {
            name: "blue",
            help: "factor on blue, with gains",
            kind: ParamKind::number(0.25, MOST),
            default: Standard::Number(1.0),
        },
        Param {
            name: "amount",
            help: "share of the correction",
            kind: ParamKind::number(0.0, 1.0),
            default: Standard::Number(1.0),
        },
    ],
    outputs: &[Port::new("image", PortType::LinearImage, "the balanced picture")],
    effort: 1,
    work: Work::Plain(run),
};

fn run(call: &Call<'_>) -> Result<Vec<Value>> {
    let image = call.linear("image")?;
    let mut gains = [call.number("red")?, 1.0, call.number("blue")?];
    if call.text("method") == "grey-world" {
        // What is clipped says nothing about the colour of the light.
        let mean = |c: usize| {
            let usable = image.channel(c).iter().filter(|v| (0.0..0.98).contains(*v));
            let (sum, count) =
                usable.fold((0.0_f64, 0_usize), |(s, n), &v| (s + f64::from(v), n + 1));
            (sum / count.max(1) as f64) as f32
        };
        let means = [mean(0), mean(1), mean(2)];
        gains = means.map(|mean| (means[1] / mean.max(1e-6)).clamp(1.0 / MOST, MOST));
    }
    let amount = call.number("amount")?;
    let gains = gains.map(|gain| gain.powf(amount));
    // The picture is not to become brighter or darker.
    let whole = luma(gains);
    let mut balanced = image.as_ref().clone();
    for (c, gain) in gains.into_iter().enumerate() {
        balanced.channel_mut(c).iter_mut().for_each(|v| *v *= gain / whole);
    }
    Ok(vec![Value::linear(balanced)])
}
