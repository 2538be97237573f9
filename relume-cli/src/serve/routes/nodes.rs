//! `GET /v1/nodes`: what workflows are made of.

use axum::Json;
use relume::workflow::{self, NODES, NodeCard, Param, ParamKind, PortType, Standard, Work};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::super::problem::Refusal;

/// A kind of node.
#[derive(Serialize, ToSchema)]
pub(crate) struct Node {
    /// Its name: what `kind` says in a file.
    name: &'static str,
    /// What it does.
    help: &'static str,
    /// `plain`, `measure`, `input`, `output`, `video-input`, `video-output`, `choose` or `workflow`.
    work: &'static str,
    /// Where wires end.
    inputs: Vec<Port>,
    /// What a file sets; numbers may be wired instead.
    settings: Vec<Setting>,
    /// Where wires begin; the first is meant where a wire names the node alone.
    outputs: Vec<Port>,
    /// The JSON schema of such a node in a file.
    schema: Value,
}

/// Where a wire begins or ends.
#[derive(Serialize, ToSchema)]
pub(crate) struct Port {
    /// Its name.
    name: &'static str,
    /// What passes: `image`, `linear-image`, `video`, `frame-window`, `mask`, `label`, `number` or
    /// `text`.
    #[serde(rename = "type")]
    #[schema(value_type = String)]
    kind: PortType,
    /// What it is.
    help: &'static str,
    /// Inputs: whether a wire must end here.
    required: bool,
    /// Label outputs: the words there are.
    labels: &'static [&'static str],
}

/// What a file sets.
#[derive(Serialize, ToSchema)]
pub(crate) struct Setting {
    /// The key in a file.
    name: &'static str,
    /// What it does, with the unit.
    help: &'static str,
    /// `number`, `whole`, `flag`, `choice`, `model`, `file` or `text`.
    #[serde(rename = "type")]
    kind: &'static str,
    /// Numbers: the least.
    minimum: Option<f64>,
    /// Numbers: the most.
    maximum: Option<f64>,
    /// Choices: the words there are.
    choices: Vec<&'static str>,
    /// What it is where the file says nothing; none: open, or to be set.
    default: Option<Value>,
    /// Whether a file must set it.
    required: bool,
}

/// List the kinds of nodes with ports, settings and ranges.
#[utoipa::path(get, path = "/v1/nodes", tag = "workflows", responses((status = 200, body = [Node]), Refusal))]
pub(crate) async fn nodes() -> Json<Vec<Node>> {
    Json(NODES.iter().map(|card| node(card)).collect())
}

fn node(card: &'static NodeCard) -> Node {
    let ports = |ports: &'static [workflow::Port]| {
        let port = |port: &workflow::Port| Port {
            name: port.name,
            kind: port.kind,
            help: port.help,
            required: port.required,
            labels: port.labels,
        };
        ports.iter().map(port).collect()
    };
    let work = match card.work {
        Work::Plain(_) => "plain",
        Work::Measure(_) => "measure",
        Work::Input => "input",
        Work::Output => "output",
        Work::VideoInput => "video-input",
        Work::VideoOutput => "video-output",
        Work::Choose => "choose",
        Work::Workflow => "workflow",
    };
    Node {
        name: card.name,
        help: card.help,
        work,
        inputs: ports(card.inputs),
        settings: card.params.iter().map(setting).collect(),
        outputs: ports(card.outputs),
        schema: workflow::node_schema(card),
    }
}

fn setting(param: &'static Param) -> Setting {
    let exact = |number: f32| number.to_string().parse::<f64>().ok();
    let (kind, minimum, maximum, choices) = match param.kind {
        ParamKind::Number { least, most, whole } => {
            (if whole { "whole" } else { "number" }, exact(least), exact(most), Vec::new())
        }
        ParamKind::Flag => ("flag", None, None, Vec::new()),
        ParamKind::Choice(words) => ("choice", None, None, words()),
        ParamKind::Model => ("model", None, None, Vec::new()),
        ParamKind::File => ("file", None, None, Vec::new()),
        ParamKind::Text => ("text", None, None, Vec::new()),
    };
    let default = match param.default {
        Standard::Required | Standard::Open => None,
        Standard::Number(number) => exact(number).map(Value::from),
        Standard::Flag(flag) => Some(flag.into()),
        Standard::Text(text) => Some(text.into()),
    };
    let required = param.default == Standard::Required;
    let (name, help) = (param.name, param.help);
    Setting { name, help, kind, minimum, maximum, choices, default, required }
}
