//! Workflows: a TOML or JSON file of nodes with typed ports, checked before a pixel is read.
//!
//! Neighbours: `tree` and `json` read text with line numbers, `file` puts workflows in workflows in
//! their place, `check` turns what is written into a `graph` that can run, `run` runs it from its
//! ends backwards; `video` holds what is to be done to a video until it is written. `recipe` writes
//! down a run, `draw` draws a graph. A new kind of node is a file in `nodes` and a line in [`NODES`].

mod built_in;
mod cache;
mod call;
mod card;
mod check;
mod draw;
mod fault;
mod file;
mod graph;
mod json;
mod models;
pub mod nodes;
mod order;
mod recipe;
mod run;
mod schema;
mod settings;
mod tree;
mod value;
mod video;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use relume_media::{Photo, Progress};

pub use built_in::BUILT_IN;
pub use cache::Cache;
pub use call::Call;
pub use card::{NodeCard, Param, ParamKind, Port, Standard, Work};
pub use fault::{Fault, Faults};
pub use models::{ModelSource, own_models};
pub use nodes::NODES;
pub use recipe::FileHash;
pub use run::{Event, Outcome, Output, Watch};
pub use schema::{node_schema, schema};
pub use value::{FrameWindow, PortType, Value};
pub use video::{PIECE_FRAMES, VideoOutput, VideoSteps};

use crate::{Restorer, Result};
use file::{Field, Origin};
use tree::Located;

/// Name of the workflow that suits most pictures.
pub const DEFAULT: &str = "photo";

/// A workflow that was checked: it can run on any picture.
#[derive(Debug)]
pub struct Workflow {
    /// Its name: what the file says, else what the file is called.
    pub name: String,
    /// One line: what it is for.
    pub help: String,
    nodes: Vec<graph::Node>,
    models: BTreeMap<String, Arc<Restorer>>,
}

/// A setting from outside: `node.key` and what it becomes, as it would stand in a TOML file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// `node.key`.
    pub target: String,
    /// The value.
    pub value: String,
}

/// What a node that ran said.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct NodeReport {
    /// Its id.
    pub id: String,
    /// Its kind.
    pub kind: &'static str,
    /// Words and numbers that came out, by port.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub values: BTreeMap<&'static str, serde_json::Value>,
    /// What was chosen, and by what.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chosen: Option<String>,
    /// Wall time.
    #[serde(skip)]
    pub seconds: f64,
}

impl Workflow {
    /// Reads and checks a workflow: a file if `name` looks like one (it has an extension or a
    /// slash), else one of [`BUILT_IN`].
    ///
    /// # Errors
    /// [`crate::Error::Workflow`] with everything that is wrong: file, line and remedy.
    pub fn load(name: &str, changes: &[Change], models: &ModelSource<'_>) -> Result<Self> {
        let (text, origin) =
            file::find_text(name, None).map_err(|message| Faults::one(name, 0, message))?;
        let usual = Path::new(name).file_stem().map(|stem| stem.to_string_lossy().into_owned());
        Self::check(&text, &origin, usual.unwrap_or_default(), changes, models)
    }

    /// Checks a workflow whose text is in memory. `name` is for messages; relative paths in it
    /// start where `name` lies.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn parse(
        text: &str,
        name: &str,
        changes: &[Change],
        models: &ModelSource<'_>,
    ) -> Result<Self> {
        let usual = Path::new(name).file_stem().map(|stem| stem.to_string_lossy().into_owned());
        let origin = Origin::of_path(Path::new(name));
        Self::check(text, &origin, usual.unwrap_or_default(), changes, models)
    }

    /// Checks a workflow that came from outside, without files: it may name what the program
    /// carries and what `models` finds by name, but no file.
    ///
    /// # Errors
    /// As [`load`](Self::load), and for every file that is named.
    pub fn alone(
        text: &str,
        name: &str,
        changes: &[Change],
        models: &ModelSource<'_>,
    ) -> Result<Self> {
        let usual = Path::new(name).file_stem().map(|stem| stem.to_string_lossy().into_owned());
        let origin = Origin { alone: true, ..Origin::of_path(Path::new(name)) };
        Self::check(text, &origin, usual.unwrap_or_default(), changes, models)
    }

    fn check(
        text: &str,
        origin: &Origin,
        usual_name: String,
        changes: &[Change],
        models: &ModelSource<'_>,
    ) -> Result<Self> {
        let mut file = file::load(text, origin)?;
        for change in changes {
            apply(&mut file, change)?;
        }
        let mut models = models::Models::new(models);
        let nodes = check::check(&file.entries, &mut models)?;
        let name = if file.name.is_empty() { usual_name } else { file.name };
        Ok(Self { name, help: file.help, nodes, models: models.into_loaded() })
    }

    /// Runs on one photo. `stem` is the name of its file without the extension.
    ///
    /// # Errors
    /// When a node fails or the caller cancels.
    pub fn run(
        &self,
        photo: Photo,
        stem: &str,
        cache: &mut Cache,
        watch: &Watch<'_>,
    ) -> Result<Outcome> {
        run::Runner::new(self, photo, stem, watch, cache).run()
    }

    /// Runs on one photo, telling nobody and keeping nothing: the main picture.
    ///
    /// # Errors
    /// When a node fails, or the workflow has no output.
    pub fn photo(&self, photo: &Photo) -> Result<Photo> {
        let progress = Progress::silent();
        let watch = Watch { progress: &progress, nodes: &|_, _| {} };
        let made = self.run(photo.clone(), "", &mut Cache::off(), &watch)?;
        let main = made.outputs.into_iter().min_by_key(|output| !output.suffix.is_empty());
        let none = || crate::Error::Parameter(format!("{} has no output", self.name));
        Ok(main.ok_or_else(none)?.photo)
    }

    /// The number of nodes.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there is no node, which checks rule out.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// Whether the workflow writes anything at all: some only measure.
    pub fn has_output(&self) -> bool {
        self.nodes.iter().any(|node| matches!(node.card.work, Work::Output | Work::VideoOutput))
    }

    /// Whether it runs on a video, and not on a photo.
    pub fn takes_video(&self) -> bool {
        self.nodes.iter().any(|node| matches!(node.card.work, Work::VideoInput))
    }
}

/// The file of a workflow as JSON, whether it is written in TOML or in JSON. Only what makes it a
/// file at all is checked.
///
/// # Errors
/// [`crate::Error::Workflow`] when it is neither.
pub fn to_json(text: &str, name: &str) -> Result<serde_json::Value> {
    Ok(tree::to_json(&tree::read(text, name)?))
}

/// Whether a workflow file, as [`to_json`] gives it, is for videos. It is not checked.
pub fn begins_with_video(file: &serde_json::Value) -> bool {
    let nodes = file["node"].as_array().map_or(&[][..], Vec::as_slice);
    let takes =
        |kind: &str| nodes::find(kind).is_some_and(|card| matches!(card.work, Work::VideoInput));
    nodes.iter().any(|node| node["kind"].as_str().is_some_and(takes))
}

/// Lays a change from outside over a file.
fn apply(file: &mut file::File, change: &Change) -> std::result::Result<(), Faults> {
    let label = format!("--set {}={}", change.target, change.value);
    let wrong = |message: String| Faults::one(&label, 0, message);
    let (id, key) = change
        .target
        .rsplit_once('.')
        .ok_or_else(|| wrong("give node.key=value, as in better.strength=0.5".into()))?;
    let ids = file.entries.iter().map(|entry| entry.id.as_str()).collect::<Vec<_>>();
    let at = ids.iter().position(|known| *known == id);
    let at = at.ok_or_else(|| wrong(file::unknown("node", id, ids.iter().copied())))?;
    if matches!(key, "id" | "kind") {
        return Err(wrong(format!("the {key} of a node cannot be changed from outside")));
    }
    let entry = &mut file.entries[at];
    let scope = id.rsplit_once('/').map_or(String::new(), |(around, _)| format!("{around}/"));
    entry.fields.retain(|field| field.key != key);
    entry.fields.push(Field {
        file: label.as_str().into(),
        line: 0,
        key: key.to_owned(),
        value: Located { line: 0, value: tree::read_value(&change.value) },
        scope: scope.into(),
    });
    Ok(())
}

/// How alike two names must be, from 0 to 1, to be taken for each other.
const ALIKE: f64 = 0.75;

/// The one of `known` that `name` was probably meant to be.
fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    known
        .map(|other| (strsim::jaro_winkler(name, other), other))
        .filter(|(alike, _)| *alike >= ALIKE)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, other)| other)
}
