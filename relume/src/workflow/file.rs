//! A workflow as it is written: nodes of known kinds, their keys not looked at yet.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use relume_media::limits::read_text;

use super::card::{NodeCard, Work};
use super::fault::{Fault, Faults};
use super::nodes::{self, NODES};
use super::tree::{Located, Table, Tree, read};
use super::{built_in, nearest};

/// Deepest nesting of workflows in workflows.
const DEPTH: usize = 8;
/// Most nodes of a workflow with all workflows in it, which few files could make endless.
const NODES_AT_MOST: usize = 1000;
/// Most bytes of a workflow file.
const BYTES: u64 = 1 << 20;

/// Where a workflow's text comes from.
#[derive(Debug, Clone)]
pub(super) struct Origin {
    /// Its name in messages.
    pub(super) name: Arc<str>,
    /// Where relative paths start; none for what the program carries.
    pub(super) folder: Option<PathBuf>,
    /// Whether it came without files and may name none.
    pub(super) alone: bool,
}

impl Origin {
    pub(super) fn of_path(path: &Path) -> Self {
        let path: PathBuf = path.components().collect();
        let folder = path.parent().unwrap_or(Path::new("")).to_owned();
        Self { name: path.display().to_string().into(), folder: Some(folder), alone: false }
    }

    pub(super) fn built_in(name: &str) -> Self {
        Self { name: format!("{name} (built in)").into(), folder: None, alone: false }
    }
}

/// A key of a node.
#[derive(Debug, Clone)]
pub(super) struct Field {
    pub(super) file: Arc<str>,
    pub(super) line: usize,
    pub(super) key: String,
    pub(super) value: Located<Tree>,
    /// What the nodes that its wires name begin with: the workflow it stands in.
    pub(super) scope: Arc<str>,
}

/// A node of a workflow.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    /// With the ids of the nodes around it: `light/exposure`.
    pub(super) id: String,
    pub(super) card: &'static NodeCard,
    pub(super) file: Arc<str>,
    pub(super) line: usize,
    /// Where its relative paths start.
    pub(super) folder: Option<PathBuf>,
    /// Whether it may name no files.
    pub(super) alone: bool,
    pub(super) fields: Vec<Field>,
    /// For the input of a workflow in a workflow: the wire to where it stands.
    pub(super) relay: Option<Field>,
}

impl Entry {
    pub(super) fn field(&self, key: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.key == key)
    }
}

/// A workflow file, those in it put in their places.
#[derive(Debug, Clone)]
pub(super) struct File {
    pub(super) name: String,
    pub(super) help: String,
    pub(super) entries: Vec<Entry>,
}

/// Reads a workflow and all workflows in it.
pub(super) fn load(text: &str, origin: &Origin) -> Result<File, Faults> {
    let mut found = Vec::new();
    let mut reader = Reader { stack: Vec::new(), found: &mut found, left: NODES_AT_MOST };
    let file = reader.file(text, origin, "")?;
    Faults::unless(found, file)
}

struct Reader<'a> {
    /// The workflows that are being read, outermost first.
    stack: Vec<Arc<str>>,
    found: &'a mut Vec<Fault>,
    /// Nodes that may still come.
    left: usize,
}

impl Reader<'_> {
    fn fault(&mut self, file: &str, line: usize, message: String) {
        self.found.push(Fault { file: file.to_owned(), line, message });
    }

    fn file(&mut self, text: &str, origin: &Origin, scope: &str) -> Result<File, Faults> {
        if text.len() as u64 > BYTES {
            let message = format!("it has {} bytes, and a workflow {BYTES} at most", text.len());
            return Err(Faults::one(&origin.name, 1, message));
        }
        let table = read(text, &origin.name)?;
        self.stack.push(origin.name.clone());
        let (mut name, mut help, mut entries) = (String::new(), String::new(), Vec::new());
        for (key, value) in table {
            match (key.value.as_str(), value.value) {
                ("name", Tree::Text(text)) => name = text,
                ("help", Tree::Text(text)) => help = text,
                ("node", Tree::List(list)) => entries = self.entries(list, origin, scope),
                // What a recipe tells of the run that wrote it.
                ("run", Tree::Table(_)) => {}
                ("name" | "help", other) => {
                    let message = format!("{} is a text, not {}", key.value, other.kind());
                    self.fault(&origin.name, key.line, message);
                }
                ("node" | "run", _) => {
                    let message = "nodes are tables: [[node]] in TOML, a list of objects in JSON";
                    self.fault(&origin.name, key.line, message.to_owned());
                }
                (other, _) => {
                    let message = unknown("key", other, ["name", "help", "node"].into_iter());
                    self.fault(&origin.name, key.line, message);
                }
            }
        }
        if entries.is_empty() && self.found.is_empty() {
            let message = "there is no node; begin with [[node]], id = \"photo\", kind = \"input\"";
            self.fault(&origin.name, 1, message.to_owned());
        }
        self.check_ids(&entries);
        let entries = self.expand(entries);
        self.stack.pop();
        Ok(File { name, help, entries })
    }

    fn entries(&mut self, list: Vec<Located<Tree>>, origin: &Origin, scope: &str) -> Vec<Entry> {
        if list.len() > self.left {
            let line = list.first().map_or(1, |node| node.line);
            let message =
                format!("with all workflows in it there are more than {NODES_AT_MOST} nodes");
            self.fault(&origin.name, line, message);
            return Vec::new();
        }
        self.left -= list.len();
        list.into_iter().filter_map(|node| self.entry(node, origin, scope)).collect()
    }

    fn entry(&mut self, node: Located<Tree>, origin: &Origin, scope: &str) -> Option<Entry> {
        let file = &origin.name;
        let Tree::Table(table) = node.value else {
            let message = format!("a node is a table, not {}", node.value.kind());
            self.fault(file, node.line, message);
            return None;
        };
        let id = self.word(&table, "id", node.line, file)?;
        let kind = self.word(&table, "kind", node.line, file)?;
        if id.value.is_empty() || !id.value.chars().all(is_id) {
            let message = format!("id {:?}: use letters, digits, - _ and /", id.value);
            self.fault(file, id.line, message);
            return None;
        }
        let Some(card) = nodes::find(&kind.value) else {
            let known = NODES.iter().map(|card| card.name);
            self.fault(file, kind.line, unknown("kind of node", &kind.value, known));
            return None;
        };
        let field = |(key, value): (Located<String>, Located<Tree>)| Field {
            file: file.clone(),
            line: key.line,
            key: key.value,
            value,
            scope: scope.into(),
        };
        Some(Entry {
            id: format!("{scope}{}", id.value),
            card,
            file: file.clone(),
            line: id.line,
            folder: origin.folder.clone(),
            alone: origin.alone,
            fields: table.into_iter().map(field).collect(),
            relay: None,
        })
    }

    fn word(
        &mut self,
        table: &Table,
        key: &str,
        line: usize,
        file: &str,
    ) -> Option<Located<String>> {
        match table.iter().find(|(name, _)| name.value == key) {
            Some((_, Located { line, value: Tree::Text(text) })) => {
                Some(Located { line: *line, value: text.clone() })
            }
            Some((name, other)) => {
                let message = format!("{key} is a text, not {}", other.value.kind());
                self.fault(file, name.line, message);
                None
            }
            None => {
                self.fault(file, line, format!("a node lacks its {key}; add {key} = \"…\""));
                None
            }
        }
    }

    fn check_ids(&mut self, entries: &[Entry]) {
        for (i, entry) in entries.iter().enumerate() {
            if let Some(first) = entries[..i].iter().find(|other| other.id == entry.id) {
                let message = format!(
                    "the id {:?} is taken by the node of line {}; choose another",
                    entry.id, first.line
                );
                self.fault(&entry.file, entry.line, message);
            }
        }
    }

    /// Puts the nodes of workflows in workflows behind the node that names them.
    fn expand(&mut self, entries: Vec<Entry>) -> Vec<Entry> {
        let mut all = Vec::with_capacity(entries.len());
        for mut entry in entries {
            if matches!(entry.card.work, Work::Workflow) {
                let inner = self.inner(&mut entry);
                all.extend(inner);
            }
            all.push(entry);
        }
        all
    }

    /// The nodes of the workflow that `entry` names; its wire then leads to their output.
    fn inner(&mut self, entry: &mut Entry) -> Vec<Entry> {
        let Some(named) = entry.field(nodes::workflow::USE).cloned() else { return Vec::new() };
        let Tree::Text(name) = &named.value.value else { return Vec::new() };
        if entry.alone && crate::models::means_a_file(name) {
            self.fault(&named.file, named.line, no_files(name));
            return Vec::new();
        }
        let (text, origin) = match find_text(name, entry.folder.as_deref()) {
            Ok(found) => found,
            Err(message) => {
                self.fault(&named.file, named.line, message);
                return Vec::new();
            }
        };
        if self.stack.contains(&origin.name) || self.stack.len() >= DEPTH {
            let chain = self.stack.join(" → ");
            let message = format!("the workflows go round in a circle: {chain} → {}", origin.name);
            self.fault(&named.file, named.line, message);
            return Vec::new();
        }
        let scope = format!("{}/", entry.id);
        let file = match self.file(&text, &origin, &scope) {
            Ok(file) => file,
            Err(faults) => {
                self.found.extend_from_slice(faults.list());
                return Vec::new();
            }
        };
        self.join(entry, &named, file.entries)
    }

    fn join(&mut self, entry: &mut Entry, named: &Field, inner: Vec<Entry>) -> Vec<Entry> {
        let is_output = |e: &Entry| matches!(e.card.work, Work::Output);
        let (outputs, mut rest): (Vec<_>, Vec<_>) = inner.into_iter().partition(is_output);
        let takes = |e: &&mut Entry| {
            matches!(e.card.work, Work::Input) && e.field("file").is_none() && e.relay.is_none()
        };
        let mut inputs: Vec<_> = rest.iter_mut().filter(takes).collect();
        if let ([output], [input], Some(wire)) =
            (&outputs[..], &mut inputs[..], entry.field("image").cloned())
        {
            input.relay = Some(wire);
            entry.fields.retain(|field| field.key != "image");
            entry.fields.extend(output.field("image").cloned());
        } else if entry.field("image").is_some() {
            let message = format!(
                "a workflow in a workflow has one input and one output; this one has {} and {}",
                inputs.len(),
                outputs.len()
            );
            self.fault(&named.file, named.line, message);
        }
        rest
    }
}

/// The text that `name` means: a file beside the workflow if it looks like one, else built in.
pub(super) fn find_text(name: &str, folder: Option<&Path>) -> Result<(String, Origin), String> {
    if !crate::models::means_a_file(name) {
        let text = built_in::find(name).ok_or_else(|| {
            let known = built_in::BUILT_IN.iter().map(|(name, _)| *name);
            let message = unknown("workflow", name, known);
            format!("{message} (a file is named with its extension)")
        })?;
        return Ok((text.to_owned(), Origin::built_in(name)));
    }
    // Without `./`, so that one file has one name.
    let path: PathBuf = folder.unwrap_or(Path::new("")).join(name).components().collect();
    let text = read_text(&path, BYTES).map_err(|cause| {
        format!("the workflow {} cannot be read: {cause}; check its name", path.display())
    })?;
    Ok((text, Origin::of_path(&path)))
}

fn is_id(sign: char) -> bool {
    sign.is_ascii_alphanumeric() || matches!(sign, '-' | '_' | '/')
}

/// The refusal of a file in a workflow that came without files.
pub(super) fn no_files(name: &str) -> String {
    format!("{name:?} is a file, and this workflow came without files; name what relume carries")
}

/// `there is no WHAT "name"`, with the nearest known one, or all of them.
pub(super) fn unknown<'a>(
    what: &str,
    name: &str,
    known: impl Iterator<Item = &'a str> + Clone,
) -> String {
    match nearest(name, known.clone()) {
        Some(near) => format!("there is no {what} {name:?}; did you mean {near:?}"),
        None => {
            let all: Vec<_> = known.collect();
            format!("there is no {what} {name:?}; there is {}", all.join(", "))
        }
    }
}
