//! A checked workflow: nodes, their settings, and wires whose both ends exist and fit.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::card::{NodeCard, Work};
use super::value::PortType;

/// A checked node.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) id: String,
    pub(super) card: &'static NodeCard,
    pub(super) file: Arc<str>,
    pub(super) line: usize,
    pub(super) settings: BTreeMap<&'static str, Setting>,
    /// By input or by wired parameter.
    pub(super) wires: BTreeMap<&'static str, Wire>,
    pub(super) choice: Option<Choice>,
    /// Types of its outputs: those of the card, but for `choose` those of what it chooses from.
    pub(super) kinds: Vec<PortType>,
    /// The words that each output may say.
    pub(super) labels: Vec<Vec<&'static str>>,
}

/// What a file sets a parameter to.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
#[serde(untagged)]
pub(super) enum Setting {
    Number(f32),
    Flag(bool),
    Text(String),
}

/// Where a wire begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Source {
    pub(super) node: usize,
    pub(super) port: usize,
}

/// A wire, and where it is written.
#[derive(Debug, Clone)]
pub(super) struct Wire {
    pub(super) from: Source,
    pub(super) file: Arc<str>,
    pub(super) line: usize,
}

/// What a `choose` chooses by, and between.
#[derive(Debug, Clone)]
pub(super) struct Choice {
    pub(super) on: Wire,
    pub(super) arms: Arms,
    pub(super) otherwise: Option<Wire>,
}

#[derive(Debug, Clone)]
pub(super) enum Arms {
    Labels(Vec<(String, Wire)>),
    /// Arm `i` is taken for numbers below limit `i`, the last one for those above all limits.
    Ranges {
        limits: Vec<f32>,
        arms: Vec<Wire>,
    },
}

impl Choice {
    /// Everything that may be chosen.
    pub(super) fn arms(&self) -> Box<dyn Iterator<Item = &Wire> + '_> {
        let otherwise = self.otherwise.iter();
        match &self.arms {
            Arms::Labels(arms) => Box::new(arms.iter().map(|(_, wire)| wire).chain(otherwise)),
            Arms::Ranges { arms, .. } => Box::new(arms.iter().chain(otherwise)),
        }
    }

    /// The arms with what leads to them, for drawings and reports.
    pub(super) fn told(&self) -> Vec<(String, &Wire)> {
        let mut told: Vec<_> = match &self.arms {
            Arms::Labels(arms) => arms.iter().map(|(label, wire)| (label.clone(), wire)).collect(),
            Arms::Ranges { limits, arms } => {
                let range = |i: usize| match limits.get(i) {
                    Some(limit) => format!("< {limit}"),
                    None => limits.last().map_or("any".into(), |limit| format!("≥ {limit}")),
                };
                arms.iter().enumerate().map(|(i, wire)| (range(i), wire)).collect()
            }
        };
        told.extend(self.otherwise.iter().map(|wire| ("otherwise".to_owned(), wire)));
        told
    }
}

impl Node {
    /// Every wire that ends here.
    pub(super) fn sources(&self) -> impl Iterator<Item = Source> {
        let choice = self.choice.iter().flat_map(|c| std::iter::once(&c.on).chain(c.arms()));
        self.wires.values().chain(choice).map(|wire| wire.from)
    }

    /// What a text parameter says; empty if nothing.
    pub(super) fn text(&self, name: &str) -> &str {
        match self.settings.get(name) {
            Some(Setting::Text(text)) => text,
            _ => "",
        }
    }

    /// Whether it only hands a picture into or out of a workflow in a workflow.
    pub(super) fn is_relay(&self) -> bool {
        let handed_in = matches!(self.card.work, Work::Input) && self.wires.contains_key("image");
        handed_in || matches!(self.card.work, Work::Workflow)
    }

    /// `id` or `id.port`, as a file would name an output.
    pub(super) fn port_name(&self, port: usize) -> String {
        match port {
            0 => self.id.clone(),
            _ => format!("{}.{}", self.id, self.card.outputs[port].name),
        }
    }
}
