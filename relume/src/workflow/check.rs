//! From a workflow as written to one that can run: wires found, types and ranges checked, circles
//! refused, models loaded. Everything that is wrong is told at once, before a pixel is read.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::card::{NodeCard, Param, ParamKind, Standard, Work};
use super::fault::{Fault, Faults};
use super::file::{Entry, Field, unknown};
use super::graph::{Arms, Choice, Node, Setting, Source, Wire};
use super::models::Models;
use super::nodes::output::SUFFIX;
use super::order::order;
use super::settings::setting;
use super::tree::{Located, Tree};
use super::value::PortType;

/// Checks the nodes of a file and loads the models they name.
pub(super) fn check(entries: &[Entry], models: &mut Models<'_>) -> Result<Vec<Node>, Faults> {
    let mut checker = Checker { entries, found: Vec::new() };
    let mut nodes: Vec<Node> = entries.iter().map(|entry| checker.node(entry, models)).collect();
    checker.whole(&nodes);
    if checker.found.is_empty() {
        match order(&nodes) {
            Ok(order) => checker.types(&mut nodes, &order),
            Err(circle) => checker.circle(&nodes, &circle),
        }
    }
    if checker.found.is_empty() {
        checker.unused(&nodes);
    }
    Faults::unless(checker.found, nodes)
}

struct Checker<'a> {
    entries: &'a [Entry],
    found: Vec<Fault>,
}

impl Checker<'_> {
    fn fault(&mut self, file: &str, line: usize, message: String) {
        self.found.push(Fault { file: file.to_owned(), line, message });
    }

    fn at(&mut self, field: &Field, message: String) {
        self.fault(&field.file, field.line, format!("{}: {message}", field.key));
    }

    fn node(&mut self, entry: &Entry, models: &mut Models<'_>) -> Node {
        let card = entry.card;
        let mut node = Node {
            id: entry.id.clone(),
            card,
            file: entry.file.clone(),
            line: entry.line,
            settings: BTreeMap::new(),
            wires: BTreeMap::new(),
            choice: None,
            kinds: card.outputs.iter().map(|port| port.kind).collect(),
            labels: card.outputs.iter().map(|port| port.labels.to_vec()).collect(),
        };
        for field in &entry.fields {
            if !card.keys().any(|key| key == field.key) {
                let message = unknown("key", &field.key, card.keys());
                let message = format!("{message} (of a node of kind {})", card.name);
                self.fault(&field.file, field.line, message);
            }
        }
        for port in card.inputs {
            match entry.field(port.name) {
                Some(field) => {
                    node.wires.extend(self.wire(field, &field.value).map(|wire| (port.name, wire)));
                }
                None if port.required => {
                    let message = format!(
                        "{} lacks its {} ({}): add {} = \"the id of a node\"",
                        entry.id, port.name, port.help, port.name
                    );
                    self.fault(&entry.file, entry.line, message);
                }
                None => {}
            }
        }
        if let Some(field) = &entry.relay {
            node.wires.extend(self.wire(field, &field.value).map(|wire| ("image", wire)));
        }
        for param in card.params {
            self.param(param, entry, &mut node, models);
        }
        if matches!(card.work, Work::Choose) {
            node.choice = self.choice(entry);
        }
        node
    }

    fn param(
        &mut self,
        param: &'static Param,
        entry: &Entry,
        node: &mut Node,
        models: &mut Models<'_>,
    ) {
        let Some(field) = entry.field(param.name) else {
            match param.default {
                Standard::Open => {}
                Standard::Number(number) => {
                    node.settings.insert(param.name, Setting::Number(number));
                }
                Standard::Flag(flag) => {
                    node.settings.insert(param.name, Setting::Flag(flag));
                }
                Standard::Text(text) => {
                    if let (ParamKind::Model, Err(message)) = (param.kind, models.load(text)) {
                        self.fault(&entry.file, entry.line, format!("{}: {message}", param.name));
                    }
                    node.settings.insert(param.name, Setting::Text(text.to_owned()));
                }
                Standard::Required => {
                    let message = format!("{} lacks its {}: {}", entry.id, param.name, param.help);
                    self.fault(&entry.file, entry.line, message);
                }
            }
            return;
        };
        match (param.kind, &field.value.value) {
            (ParamKind::Number { .. }, Tree::Text(_)) => {
                node.wires.extend(self.wire(field, &field.value).map(|wire| (param.name, wire)));
            }
            (kind, value) => match setting(kind, value, entry, models) {
                Ok(setting) => {
                    node.settings.insert(param.name, setting);
                }
                Err(message) => self.at(field, message),
            },
        }
    }

    /// The wire that a text of a field names.
    fn wire(&mut self, field: &Field, value: &Located<Tree>) -> Option<Wire> {
        // Of a change from outside there is no line.
        let line = if field.line == 0 { 0 } else { value.line };
        let Tree::Text(text) = &value.value else {
            let message = format!("a wire is a text, the id of a node, not {}", value.value.kind());
            self.fault(&field.file, line, format!("{}: {message}", field.key));
            return None;
        };
        match self.source(text, &field.scope) {
            Ok(from) => Some(Wire { from, file: field.file.clone(), line }),
            Err(message) => {
                self.fault(&field.file, line, format!("{}: {message}", field.key));
                None
            }
        }
    }

    fn source(&self, text: &str, scope: &str) -> Result<Source, String> {
        let (name, port) = text.split_once('.').map_or((text, None), |(n, p)| (n, Some(p)));
        let id = format!("{scope}{name}");
        let position = self.entries.iter().position(|entry| entry.id == id);
        let Some(node) = position else {
            let near = self.entries.iter().filter_map(|entry| entry.id.strip_prefix(scope));
            return Err(unknown("node", name, near.filter(|id| !id.contains('/'))));
        };
        let card = self.entries[node].card;
        let ports = || card.outputs.iter().map(|port| port.name);
        let port = match port {
            None if card.outputs.is_empty() => {
                return Err(format!("{name} is an end: nothing comes out of it"));
            }
            None => 0,
            Some(port) => ports()
                .position(|name| name == port)
                .ok_or_else(|| unknown(&format!("port of {name} called"), port, ports()))?,
        };
        if port > 0 && self.entries[node].relay.is_some() {
            return Err(format!("within another workflow, {name} gives its image alone"));
        }
        Ok(Source { node, port })
    }

    fn choice(&mut self, entry: &Entry) -> Option<Choice> {
        let Some(on) = entry.field("on") else {
            let message = format!("{} lacks its on: the label or number that chooses", entry.id);
            self.fault(&entry.file, entry.line, message);
            return None;
        };
        let on = self.wire(on, &on.value)?;
        let otherwise = match entry.field("otherwise") {
            Some(field) => Some(self.wire(field, &field.value)?),
            None => None,
        };
        let Some(cases) = entry.field("cases") else {
            let message = format!("{} lacks its cases: what is chosen between", entry.id);
            self.fault(&entry.file, entry.line, message);
            return None;
        };
        let limits = entry.field("limits");
        let arms = match (&cases.value.value, limits) {
            (Tree::Table(table), None) => {
                let arms = table.iter().filter_map(|(label, value)| {
                    Some((label.value.clone(), self.wire(cases, value)?))
                });
                Arms::Labels(arms.collect())
            }
            (Tree::List(list), Some(limits)) => {
                let arms: Vec<_> = list.iter().filter_map(|v| self.wire(cases, v)).collect();
                let limits = self.limits(limits, list.len())?;
                Arms::Ranges { limits, arms }
            }
            (Tree::Table(_), Some(field)) => {
                self.at(field, "limits go with a list of cases; for labels leave them out".into());
                return None;
            }
            _ => {
                let message = "a table of label = wire; or, for a number, a list of wires \
                               together with limits = [ … ]";
                self.at(cases, message.into());
                return None;
            }
        };
        Some(Choice { on, arms, otherwise })
    }

    /// Rising numbers, one fewer than there are cases.
    fn limits(&mut self, field: &Field, cases: usize) -> Option<Vec<f32>> {
        let number = |value: &Located<Tree>| match value.value {
            Tree::Number(number) => Some(number as f32),
            _ => None,
        };
        let limits: Option<Vec<f32>> = match &field.value.value {
            Tree::List(list) => list.iter().map(number).collect(),
            _ => None,
        };
        let rising = |limits: &Vec<f32>| {
            limits.len() + 1 == cases && limits.windows(2).all(|pair| pair[0] < pair[1])
        };
        let good = limits.filter(rising);
        if good.is_none() {
            let message =
                format!("{} rising numbers are expected for {cases} cases", cases.max(1) - 1);
            self.at(field, message);
        }
        good
    }

    /// What concerns the workflow as a whole.
    fn whole(&mut self, nodes: &[Node]) {
        let first = self.entries.first().map(|entry| entry.file.clone());
        let file = first.unwrap_or_else(|| Arc::from(""));
        let takes = |entry: &&Entry| match entry.card.work {
            Work::Input => entry.field("file").is_none() && entry.relay.is_none(),
            Work::VideoInput => true,
            _ => false,
        };
        let given: Vec<_> = self.entries.iter().filter(takes).collect();
        match given[..] {
            [] => {
                let message = "no node of kind input takes the picture; add one without a file";
                self.fault(&file, 1, message.into());
            }
            [_] => {}
            [one, other, ..] => {
                let remedy = match (one.card.work, other.card.work) {
                    (Work::Input, Work::Input) => "the picture; wire one twice, or give one a file",
                    (Work::VideoInput, Work::VideoInput) => "the video; wire one twice",
                    _ => {
                        "what the workflow runs on, a picture and a video; make two workflows of it"
                    }
                };
                let message = format!("{} and {} both take {remedy}", one.id, other.id);
                self.fault(&other.file, other.line, message);
            }
        }
        if !nodes.iter().any(|node| node.card.is_end()) {
            let message = "nothing comes out; add a node of kind output (or score)";
            self.fault(&file, 1, message.into());
        }
        let outputs: Vec<_> =
            nodes.iter().filter(|node| matches!(node.card.work, Work::Output)).collect();
        self.video_ends(nodes);
        for node in &outputs {
            if !node.text(SUFFIX).chars().all(is_plain) {
                let message = format!(
                    "suffix {:?} is put into a file's name: use letters, digits, - and _",
                    node.text(SUFFIX)
                );
                self.fault(&node.file, node.line, message);
            }
        }
        for (i, node) in outputs.iter().enumerate() {
            let same = |other: &&&Node| other.text(SUFFIX) == node.text(SUFFIX);
            if let Some(other) = outputs[..i].iter().find(same) {
                let message = format!(
                    "{} would be written over by {}; give one a suffix = \"…\"",
                    other.id, node.id
                );
                self.fault(&node.file, node.line, message);
            }
        }
    }

    /// A video goes out once, and nothing else with it.
    fn video_ends(&mut self, nodes: &[Node]) {
        let ends = |node: &&Node| matches!(node.card.work, Work::VideoOutput);
        let mut outputs = nodes.iter().filter(ends);
        let Some(first) = outputs.next() else { return };
        if let Some(second) = outputs.next() {
            let message = format!("{} writes the video already; remove one of them", first.id);
            self.fault(&second.file, second.line, message);
        }
        let others = nodes.iter().filter(|node| node.card.is_end() && !ends(node));
        for node in others {
            let message = format!(
                "{} ends a picture and {} a video; make two workflows of it",
                node.id, first.id
            );
            self.fault(&node.file, node.line, message);
        }
    }

    fn circle(&mut self, nodes: &[Node], circle: &[usize]) {
        let ids: Vec<_> = circle.iter().map(|&node| nodes[node].id.as_str()).collect();
        let first = &nodes[circle[0]];
        let message = format!(
            "the wires go round in a circle: {} → {}; cut one of them",
            ids.join(" → "),
            first.id
        );
        self.fault(&first.file, first.line, message);
    }

    /// Types at both ends of every wire, sources first.
    fn types(&mut self, nodes: &mut [Node], order: &[usize]) {
        for &index in order {
            if let Some(choice) = nodes[index].choice.clone() {
                self.choice_types(nodes, index, &choice);
            }
            let node = &nodes[index];
            let faults: Vec<_> = node
                .wires
                .iter()
                .filter_map(|(name, wire)| {
                    let wanted = wanted(node.card, name);
                    let given = nodes[wire.from.node].kinds[wire.from.port];
                    let message = format!(
                        "{name}: {} is wanted, and {} gives {}{}",
                        article(wanted),
                        nodes[wire.from.node].port_name(wire.from.port),
                        article(given),
                        remedy(wanted, given, &nodes[wire.from.node])
                    );
                    (wanted != given).then_some((wire.file.clone(), wire.line, message))
                })
                .collect();
            for (file, line, message) in faults {
                self.fault(&file, line, message);
            }
        }
    }

    fn choice_types(&mut self, nodes: &mut [Node], index: usize, choice: &Choice) {
        let kind = |wire: &Wire| nodes[wire.from.node].kinds[wire.from.port];
        let (on, Some(first)) = (&choice.on, choice.arms().next()) else {
            let node = &nodes[index];
            let (file, line) = (node.file.clone(), node.line);
            self.fault(&file, line, "cases: there is none; add label = \"a node\"".into());
            return;
        };
        let given = kind(first);
        let mut faults = Vec::new();
        for wire in choice.arms().filter(|wire| kind(wire) != given) {
            let message = format!(
                "cases: all must be of one type, and {} gives {}, {} {}",
                nodes[wire.from.node].id,
                article(kind(wire)),
                nodes[first.from.node].id,
                article(given)
            );
            faults.push((wire.clone(), message));
        }
        let labels = &nodes[on.from.node].labels[on.from.port];
        match (&choice.arms, kind(on)) {
            (Arms::Labels(arms), PortType::Label) => {
                for (label, wire) in arms {
                    if !labels.contains(&label.as_str()) {
                        let message = unknown("label", label, labels.iter().copied());
                        faults.push((wire.clone(), format!("cases: {message}")));
                    }
                }
                let open = labels.iter().find(|l| !arms.iter().any(|(label, _)| label == *l));
                if let (Some(label), None) = (open, &choice.otherwise) {
                    let message = format!("no case for {label:?}; add one, or otherwise = \"…\"");
                    faults.push((on.clone(), message));
                }
            }
            (Arms::Ranges { .. }, PortType::Number) => {}
            (Arms::Labels(_), other) => {
                let message = format!("on: these cases choose by a label, not {}", article(other));
                faults.push((on.clone(), message));
            }
            (Arms::Ranges { .. }, other) => {
                let message = format!("on: limits choose by a number, not {}", article(other));
                faults.push((on.clone(), message));
            }
        }
        for (wire, message) in faults {
            self.fault(&wire.file, wire.line, message);
        }
        nodes[index].labels = vec![nodes[first.from.node].labels[first.from.port].clone()];
        nodes[index].kinds = vec![given];
    }

    /// Nodes that no end needs.
    fn unused(&mut self, nodes: &[Node]) {
        let mut needed = vec![false; nodes.len()];
        let mut open: Vec<_> = (0..nodes.len()).filter(|&i| nodes[i].card.is_end()).collect();
        while let Some(node) = open.pop() {
            if !std::mem::replace(&mut needed[node], true) {
                open.extend(nodes[node].sources().map(|source| source.node));
            }
        }
        let idle = nodes.iter().zip(&needed).filter(|(_, needed)| !**needed);
        for (node, _) in idle {
            let message = format!("nothing reads {}; wire it to something or remove it", node.id);
            self.fault(&node.file, node.line, message);
        }
    }
}

/// Whether a sign may stand in a file's name without leading anywhere else.
fn is_plain(sign: char) -> bool {
    sign.is_alphanumeric() || matches!(sign, '-' | '_')
}

fn wanted(card: &NodeCard, name: &str) -> PortType {
    // Parameters that are wired are numbers; the wire into an inner workflow is a picture.
    let relay = if name == "image" { PortType::Image } else { PortType::Number };
    card.input(name).map_or(relay, |port| port.kind)
}

fn article(kind: PortType) -> String {
    let article = if matches!(kind, PortType::Image) { "an" } else { "a" };
    format!("{article} {}", kind.name())
}

/// How to get what is wanted where something else was given.
fn remedy(wanted: PortType, given: PortType, from: &Node) -> String {
    match (wanted, given) {
        (PortType::Image, PortType::LinearImage) => {
            return "; put a node of kind display between".to_owned();
        }
        (PortType::LinearImage, PortType::Image) => {
            return "; put a node of kind linear between".to_owned();
        }
        _ => {}
    }
    let ports = from.kinds.iter().enumerate().filter(|(_, kind)| **kind == wanted);
    let ports: Vec<_> = ports.map(|(port, _)| from.port_name(port)).collect();
    match &ports[..] {
        [] => format!("; {} has none, wire another node", from.id),
        some => format!("; name another port: {}", some.join(", ")),
    }
}
