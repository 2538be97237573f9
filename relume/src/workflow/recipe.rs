//! A run written down: the workflow with every setting spelt out, and what it ran with. The file
//! is itself a workflow, so `relume run` repeats the run.

use serde_json::{Map, Value, json};

use super::card::ParamKind;
use super::graph::{Arms, Node, Setting, Wire};
use super::{NodeReport, Workflow};

/// What a run had beside its workflow.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct FileHash {
    /// The file.
    pub path: String,
    /// SHA-256 of its bytes, in hexadecimal digits.
    pub sha256: String,
}

impl Workflow {
    /// The recipe of a run on `input` that wrote `outputs`; `nodes` is what they said.
    pub fn recipe(&self, input: &FileHash, outputs: &[FileHash], nodes: &[NodeReport]) -> Value {
        // Workflows in workflows are written out: the nodes that joined them are no more.
        let kept = self.nodes.iter().filter(|node| !node.is_relay());
        let written: Vec<Value> = kept.map(|node| self.written(node)).collect();
        let models: Map<String, Value> = self
            .models
            .iter()
            .map(|(name, model)| (name.clone(), model.weights_sha256().into()))
            .collect();
        json!({
            "name": self.name,
            "help": self.help,
            "node": written,
            "run": {
                "relume": env!("CARGO_PKG_VERSION"),
                "instructions": relume_nn::cpu::current_isa().name(),
                "input": input,
                "outputs": outputs,
                "models": models,
                "nodes": nodes,
            },
        })
    }

    /// What differs from the run that wrote a recipe: one sentence each. Empty for files that are
    /// no recipes.
    pub fn differences(&self, text: &str, input_sha256: &str) -> Vec<String> {
        let Ok(Value::Object(file)) = serde_json::from_str::<Value>(text) else {
            return Vec::new();
        };
        let Some(run) = file.get("run") else { return Vec::new() };
        let mut told = Vec::new();
        let mut compare = |what: &str, then: &Value, now: &str| {
            if then.as_str().is_some_and(|then| then != now) {
                let then = then.as_str().unwrap_or_default();
                told.push(format!("{what} was {then} in the run of the recipe, and is {now}"));
            }
        };
        compare("relume", &run["relume"], env!("CARGO_PKG_VERSION"));
        compare("the instruction set", &run["instructions"], relume_nn::cpu::current_isa().name());
        compare("the input's SHA-256", &run["input"]["sha256"], input_sha256);
        for (name, model) in &self.models {
            let what = format!("the SHA-256 of {name}'s weights");
            compare(&what, &run["models"][name], model.weights_sha256());
        }
        told
    }

    /// A node as a file would say it, every setting spelt out.
    fn written(&self, node: &Node) -> Value {
        let mut table = Map::new();
        table.insert("id".into(), node.id.clone().into());
        table.insert("kind".into(), node.card.name.into());
        let name = |wire: &Wire| {
            let mut from = wire.from;
            while let (true, Some(before)) =
                (self.nodes[from.node].is_relay(), self.nodes[from.node].wires.get("image"))
            {
                from = before.from;
            }
            Value::from(self.nodes[from.node].port_name(from.port))
        };
        for (key, wire) in &node.wires {
            table.insert((*key).into(), name(wire));
        }
        for (key, setting) in &node.settings {
            table.insert((*key).into(), spelt(node, key, setting));
        }
        if let Some(choice) = &node.choice {
            table.insert("on".into(), name(&choice.on));
            table.extend(choice.otherwise.as_ref().map(|wire| ("otherwise".into(), name(wire))));
            match &choice.arms {
                Arms::Labels(arms) => {
                    let arms = arms.iter().map(|(label, wire)| (label.clone(), name(wire)));
                    table.insert("cases".into(), Value::Object(arms.collect()));
                }
                Arms::Ranges { limits, arms } => {
                    table.insert("limits".into(), json!(limits));
                    table.insert("cases".into(), arms.iter().map(name).collect());
                }
            }
        }
        Value::Object(table)
    }
}

/// A setting as a file would say it: numbers with as few digits as they need, whole paths.
fn spelt(node: &Node, key: &str, setting: &Setting) -> Value {
    let is_path = match node.card.param(key).map(|param| param.kind) {
        Some(ParamKind::File) => true,
        Some(ParamKind::Model) => crate::models::means_a_file(node.text(key)),
        _ => false,
    };
    match setting {
        Setting::Number(number) => {
            number.to_string().parse::<f64>().map_or(Value::Null, Value::from)
        }
        Setting::Flag(flag) => (*flag).into(),
        Setting::Text(text) if is_path => match std::path::absolute(text) {
            Ok(path) => path.display().to_string().into(),
            Err(_) => text.as_str().into(),
        },
        Setting::Text(text) => text.as_str().into(),
    }
}
