//! The workflows that a client can name: those of relume, and those the user saved, a file each.

use std::fs;
use std::path::PathBuf;

use axum::http::StatusCode;
use relume::workflow::{BUILT_IN, begins_with_video, to_json};
use relume_media::atomic::{Overwrite, write_atomically};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::App;
use super::problem::{Fault, Problem};
use super::routes::lists::is_ready;
use super::settings::MODEL;
use crate::exit::Failure;

/// Workflows that a user may save.
const MOST: usize = 500;
/// Characters of a name.
const LENGTH: usize = 64;

/// A workflow that can be run by its name.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct Workflow {
    /// Its name.
    #[schema(pattern = "^[a-z0-9][a-z0-9-]{0,63}$")]
    pub(crate) name: String,
    /// What it is for.
    help: String,
    /// Whether the user saved it; the others belong to relume.
    own: bool,
    /// `photo` or `video`.
    takes: &'static str,
    /// Whether the weights of all its models are there.
    ready: bool,
}

/// A workflow with its file.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WorkflowFile {
    #[serde(flatten)]
    pub(crate) workflow: Workflow,
    /// The file, TOML or JSON.
    pub(crate) text: String,
    /// What is in the file, as JSON.
    pub(crate) file: Value,
}

/// What is known of a workflow without checking it.
fn about(name: &str, file: &Value, own: bool) -> Workflow {
    let nodes = file["node"].as_array().map_or(&[][..], Vec::as_slice);
    let is = |node: &Value, kind: &str| node["kind"] == kind;
    let model = |node: &Value| node["model"].as_str().unwrap_or(MODEL).to_owned();
    let mut models = nodes.iter().filter(|n| is(n, "model") || is(n, "video-model")).map(model);
    Workflow {
        name: name.to_owned(),
        help: file["help"].as_str().unwrap_or_default().to_owned(),
        own,
        takes: if begins_with_video(file) { "video" } else { "photo" },
        ready: models.all(|model| is_ready(&model)),
    }
}

/// Whether this may be the name of a workflow; nothing in it means anything to a file system.
fn is_name(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let bytes = name.as_bytes();
    (1..=LENGTH).contains(&bytes.len())
        && plain(bytes[0])
        && bytes.iter().all(|&b| plain(b) || b == b'-')
}

fn is_built_in(name: &str) -> bool {
    BUILT_IN.iter().any(|(known, _)| *known == name)
}

impl App {
    fn place_of(&self, name: &str) -> PathBuf {
        self.data.workflows().join(format!("{name}.toml"))
    }

    /// All workflows, relume's first.
    pub(crate) fn workflows(&self) -> Vec<Workflow> {
        let built_in =
            BUILT_IN.iter().map(|(name, text)| (name.to_string(), text.to_string(), false));
        let folder = fs::read_dir(self.data.workflows()).into_iter().flatten().flatten();
        let mut own: Vec<_> = folder
            .filter_map(|entry| {
                let file = entry.file_name().to_string_lossy().into_owned();
                let name = file.strip_suffix(".toml").filter(|name| is_name(name))?.to_owned();
                Some((name, fs::read_to_string(entry.path()).ok()?, true))
            })
            .collect();
        own.sort();
        let all = built_in.chain(own);
        let file = |name: &str, text: &str| to_json(text, name).unwrap_or_default();
        all.map(|(name, text, own)| about(&name, &file(&name, &text), own)).collect()
    }

    /// A workflow with its file.
    pub(crate) fn workflow(&self, name: &str) -> Result<WorkflowFile, Problem> {
        let built_in = BUILT_IN.iter().find(|(known, _)| *known == name);
        let text = match built_in {
            Some((_, text)) => Some((*text).to_owned()),
            None if is_name(name) => fs::read_to_string(self.place_of(name)).ok(),
            None => None,
        };
        let detail = "there is no such workflow; see GET /v1/workflows";
        let text = text.ok_or_else(|| Problem::new(StatusCode::NOT_FOUND, detail))?;
        let file = to_json(&text, name).map_err(|error| Problem::from(Failure::from(error)))?;
        let workflow = about(name, &file, built_in.is_none());
        Ok(WorkflowFile { workflow, text, file })
    }

    /// Saves a workflow that was checked; whether it is new.
    pub(crate) fn save_workflow(&self, name: &str, text: &str) -> Result<bool, Problem> {
        refuse_built_in(name)?;
        if !is_name(name) {
            let detail = "a workflow's name has 1 to 64 small letters, digits and -";
            return Err(Problem::unprocessable(detail));
        }
        let place = self.place_of(name);
        let is_new = !place.exists();
        if is_new && self.workflows().len() >= MOST {
            let detail = format!("{MOST} workflows are saved already; remove one");
            return Err(Problem::new(StatusCode::INSUFFICIENT_STORAGE, detail));
        }
        write_atomically(&place, text.as_bytes(), Overwrite::Always)
            .map_err(|error| self.explain(Failure::from(error)))?;
        Ok(is_new)
    }

    /// Removes a workflow that the user saved.
    pub(crate) fn remove_workflow(&self, name: &str) -> Result<(), Problem> {
        refuse_built_in(name)?;
        // Names of workflows that are there, and nothing else.
        self.workflow(name)?;
        fs::remove_file(self.place_of(name)).map_err(|cause| {
            self.console.warn(&format!("the workflow {name} could not be removed: {cause}"));
            Problem::internal()
        })
    }
}

fn refuse_built_in(name: &str) -> Result<(), Problem> {
    if is_built_in(name) {
        let detail = format!("{name} belongs to relume; take another name");
        return Err(Problem::new(StatusCode::CONFLICT, detail));
    }
    Ok(())
}

/// What a check found wrong, as `relume workflows check --json` says it.
pub(crate) fn faults(record: &Value) -> Option<Problem> {
    if record["status"] != "broken" {
        return None;
    }
    let faults: Vec<Fault> = serde_json::from_value(record["faults"].clone()).unwrap_or_default();
    Some(Problem::of_workflow(faults))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_mean_nothing_to_a_file_system() {
        assert!(["evening", "a", "2-stops", "video-night"].iter().all(|name| is_name(name)));
        for wrong in ["", "-a", "a b", "A", "../x", "a/b", "a.toml", "nä", &"x".repeat(65)] {
            assert!(!is_name(wrong), "{wrong}");
        }
    }

    #[test]
    fn what_a_workflow_takes_is_seen_in_its_file() {
        for (name, text) in BUILT_IN {
            let seen = about(name, &to_json(text, name).unwrap(), false);
            assert_eq!(seen.takes == "video", *name == "video-night", "{name}");
            assert!(!seen.help.is_empty());
        }
    }
}
