//! A JSON schema of workflow files, made from the cards of the nodes: for editors and web forms.

use serde_json::{Map, Value, json};

use super::card::{NodeCard, Param, ParamKind, Standard, Work};
use super::nodes::NODES;

/// The JSON schema (draft 2020-12) of workflow files.
pub fn schema() -> Value {
    let kinds: Vec<_> = NODES.iter().map(|card| node_schema(card)).collect();
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "relume workflow",
        "type": "object",
        "required": ["node"],
        "additionalProperties": false,
        "properties": {
            "name": {"type": "string"},
            "help": {"type": "string"},
            "run": {"type": "object", "description": "written by a run, not read"},
            "node": {"type": "array", "minItems": 1, "items": {"oneOf": kinds}},
        },
    })
}

/// The JSON schema of one kind of node in a file.
pub fn node_schema(card: &NodeCard) -> Value {
    let mut properties = Map::new();
    properties.insert("id".into(), json!({"type": "string", "pattern": "^[A-Za-z0-9_/-]+$"}));
    properties.insert("kind".into(), json!({"const": card.name}));
    let mut required = vec!["id", "kind"];
    for port in card.inputs {
        let help = format!("{} ({})", port.help, port.kind.name());
        properties.insert(port.name.into(), json!({"type": "string", "description": help}));
        required.extend(port.required.then_some(port.name));
    }
    for param in card.params {
        properties.insert(param.name.into(), property(param));
        required.extend((param.default == Standard::Required).then_some(param.name));
    }
    if matches!(card.work, Work::Choose) {
        let wires = json!({"type": "string"});
        properties.insert("on".into(), wires.clone());
        properties.insert("otherwise".into(), wires.clone());
        properties.insert("limits".into(), json!({"type": "array", "items": {"type": "number"}}));
        let table = json!({"type": "object", "additionalProperties": wires});
        let list = json!({"type": "array", "items": wires});
        properties.insert("cases".into(), json!({"oneOf": [table, list]}));
        required.extend(["on", "cases"]);
    }
    json!({
        "title": card.name,
        "description": card.help,
        "type": "object",
        "additionalProperties": false,
        "required": required,
        "properties": properties,
    })
}

fn property(param: &Param) -> Value {
    let mut property = match param.kind {
        ParamKind::Number { least, most, whole } => {
            let kind = if whole { "integer" } else { "number" };
            let number = json!({"type": kind, "minimum": least, "maximum": most});
            json!({"oneOf": [number, {"type": "string", "description": "a wire to a number"}]})
        }
        ParamKind::Flag => json!({"type": "boolean"}),
        ParamKind::Choice(words) => json!({"enum": words()}),
        ParamKind::Model | ParamKind::File | ParamKind::Text => json!({"type": "string"}),
    };
    property["description"] = param.help.into();
    match param.default {
        Standard::Number(number) => property["default"] = json!(number),
        Standard::Flag(flag) => property["default"] = flag.into(),
        Standard::Text(text) => property["default"] = text.into(),
        Standard::Required | Standard::Open => {}
    }
    property
}
