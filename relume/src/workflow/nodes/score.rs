//! How near a picture is to the truth.

use crate::metrics::{METRICS, Pristine, Subject, find};
use crate::workflow::{Call, NodeCard, Param, ParamKind, Port, PortType, Standard, Value, Work};
use crate::{Error, Result};

/// A metric of `relume score`.
pub(super) static CARD: NodeCard = NodeCard {
    name: "score",
    help: "a metric of relume score; its value is told with the run",
    inputs: &[
        Port::new("image", PortType::Image, "the picture to judge"),
        Port::optional("truth", PortType::Image, "the truth, for metrics that compare"),
    ],
    params: &[Param {
        name: "metric",
        help: "what is measured",
        kind: ParamKind::Choice(|| METRICS.iter().map(|card| card.name).collect()),
        default: Standard::Text("psnr"),
    }],
    outputs: &[Port::new("value", PortType::Number, "the value")],
    effort: 4,
    work: Work::Measure(run),
};

fn run(call: &Call<'_>) -> Result<Vec<Value>> {
    let name = call.text("metric");
    let unknown = || Error::Parameter(format!("there is no metric {name}"));
    let card = find(name).ok_or_else(unknown)?;
    let pristine = Pristine::ours()?;
    let truth = call.optional_image("truth").map(AsRef::as_ref);
    let subject = Subject { picture: call.image("image")?, truth, pristine: &pristine };
    Ok(vec![Value::Number(card.evaluate(&subject)? as f32)])
}
