//! `relume workflows`: which workflows and nodes there are; checks and drawings of files.

use std::path::PathBuf;

use clap::Subcommand;
use relume::Workflow;
use relume::workflow::{BUILT_IN, Change, NODES, NodeCard, Param, ParamKind, Port, Standard};
use relume_media::atomic::{Overwrite, write_atomically};
use serde_json::json;

use super::run::{change, load_workflow};
use crate::console::{self, Console};
use crate::engine;
use crate::exit::{Code, Failure};

/// List, show, check and draw workflows; list the nodes they are made of
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  relume workflows list
  relume workflows show photo > mine.toml     to begin with
  relume workflows check mine.toml
  relume workflows draw mine.toml -o mine.svg
  relume workflows nodes model
  relume workflows schema > workflow.schema.json")]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// List the workflows that relume carries, one a line
    List {
        /// One JSON object per workflow
        #[arg(long)]
        json: bool,
    },
    /// Print the file of a workflow that relume carries
    Show {
        /// Name of the workflow
        name: String,
    },
    /// Check a workflow without running it
    Check {
        /// Workflow files, or names
        #[arg(required = true, value_name = "FILE|NAME")]
        files: Vec<String>,
        /// Change a setting before: node.key=value; may be given several times
        #[arg(long, value_name = "NODE.KEY=VALUE", value_parser = change)]
        set: Vec<Change>,
        /// Refuse workflows that name files
        #[arg(long)]
        no_files: bool,
        /// One JSON object per workflow, with everything that is wrong with it
        #[arg(long)]
        json: bool,
    },
    /// Draw a workflow as SVG
    Draw {
        /// Workflow file, or name
        #[arg(value_name = "FILE|NAME")]
        file: String,
        /// Where to; stdout without it
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
        /// Replace a file that exists
        #[arg(long)]
        overwrite: bool,
    },
    /// List the kinds of nodes, or show the ports and settings of one
    Nodes {
        /// Kind of node
        kind: Option<String>,
        /// One JSON object per kind
        #[arg(long)]
        json: bool,
    },
    /// Print a JSON schema of workflow files
    Schema,
}

/// Does what the action says.
pub(crate) fn run(args: &Args, quiet: bool) -> Result<Code, Failure> {
    let console = |json| Console { json, quiet };
    match &args.action {
        Action::List { json } => list(console(*json))?,
        Action::Show { name } => {
            let text = BUILT_IN.iter().find(|(known, _)| known == name).map(|(_, text)| *text);
            let known: Vec<_> = BUILT_IN.iter().map(|(name, _)| *name).collect();
            let unknown =
                || Failure::usage(format!("no workflow is called {name}; {}", known.join(", ")));
            console::print_bytes(text.ok_or_else(unknown)?.as_bytes())?;
        }
        Action::Check { files, set, no_files, json } => {
            return check(files, set, *no_files, console(*json));
        }
        Action::Draw { file, output, overwrite } => {
            let drawing = load(file)?.draw();
            match output {
                None => console::print_bytes(drawing.as_bytes())?,
                Some(path) => {
                    let policy = if *overwrite { Overwrite::Always } else { Overwrite::Never };
                    write_atomically(path, drawing.as_bytes(), policy)?;
                }
            }
        }
        Action::Nodes { kind, json } => nodes(kind.as_deref(), console(*json))?,
        Action::Schema => {
            let text = format!("{:#}\n", relume::workflow::schema());
            console::print_bytes(text.as_bytes())?;
        }
    }
    Ok(Code::Done)
}

fn load(file: &str) -> Result<Workflow, Failure> {
    let nothing: &[Change] = &[];
    Ok(Workflow::load(file, nothing, &engine::model)?)
}

fn list(console: Console) -> Result<(), Failure> {
    let width = BUILT_IN.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    for (name, text) in BUILT_IN {
        // Some cannot run before weights were imported; their help is there all the same.
        let help = text.lines().find_map(|line| line.strip_prefix("help = "));
        let help = help.unwrap_or_default().trim_matches('"');
        let ready = load(name).err().map(|failure| failure.message);
        let note = if ready.is_some() { "  (lacks weights)" } else { "" };
        console.text(&format!("{name:width$}  {help}{note}"))?;
        console.record("workflow", &json!({"name": name, "help": help, "lacks": ready}))?;
    }
    Ok(())
}

fn check(
    files: &[String],
    changes: &[Change],
    no_files: bool,
    console: Console,
) -> Result<Code, Failure> {
    let mut code = Code::Done;
    for file in files {
        match load_workflow(file, changes, no_files) {
            Ok(workflow) => {
                console.text(&format!("{file}: good, {} nodes", workflow.len()))?;
                let takes = if workflow.takes_video() { "video" } else { "photo" };
                let fields = json!({"file": file, "status": "good", "name": workflow.name,
                                    "help": workflow.help, "takes": takes, "nodes": workflow.len()});
                console.record("workflow", &fields)?;
            }
            Err(error) => {
                let faults = match &error {
                    relume::Error::Workflow(faults) => faults.list().to_vec(),
                    _ => Vec::new(),
                };
                let failure = Failure::from(error);
                let fields = json!({"file": file, "status": "broken", "faults": faults,
                                    "message": failure.message});
                console.record("workflow", &fields)?;
                console::complain(&failure);
                code = failure.code;
            }
        }
    }
    Ok(code)
}

fn nodes(kind: Option<&str>, console: Console) -> Result<(), Failure> {
    if kind.is_none() {
        let width = NODES.iter().map(|card| card.name.len()).max().unwrap_or(0);
        for card in NODES {
            console.text(&format!("{:width$}  {}", card.name, card.help))?;
            console.record("node", &about(card))?;
        }
        return Ok(());
    }
    let kind = kind.unwrap_or_default();
    let known: Vec<_> = NODES.iter().map(|card| card.name).collect();
    let unknown =
        || Failure::usage(format!("no kind of node is called {kind}; {}", known.join(", ")));
    let card = NODES.iter().find(|card| card.name == kind).ok_or_else(unknown)?;
    console.record("node", &about(card))?;
    console.text(&format!("{}: {}", card.name, card.help))?;
    let port = |way: &str, port: &Port| {
        let open = if port.required { "" } else { ", may be open" };
        let labels = match port.labels {
            [] => String::new(),
            labels => format!(" ({})", labels.join(", ")),
        };
        let kind = port.kind.name();
        format!("  {way:7}  {:14}  {kind}{labels}{open}: {}", port.name, port.help)
    };
    for input in card.inputs {
        console.text(&port("input", input))?;
    }
    for param in card.params {
        let (range, default) = (range(param), default(param));
        console.text(&format!("  setting  {:14}  {range}{default}: {}", param.name, param.help))?;
    }
    for output in card.outputs {
        console.text(&port("output", output))?;
    }
    Ok(())
}

fn range(param: &Param) -> String {
    match param.kind {
        ParamKind::Number { least, most, whole } => {
            let what = if whole { "whole number" } else { "number" };
            format!("{what} {least} to {most}")
        }
        ParamKind::Flag => "true or false".to_owned(),
        ParamKind::Choice(words) => words().join(" | "),
        ParamKind::Model => "model".to_owned(),
        ParamKind::File => "file".to_owned(),
        ParamKind::Text => "text".to_owned(),
    }
}

fn default(param: &Param) -> String {
    match param.default {
        Standard::Required => ", must be set".to_owned(),
        Standard::Open => ", may be open".to_owned(),
        Standard::Number(number) => format!(", {number} by default"),
        Standard::Flag(flag) => format!(", {flag} by default"),
        Standard::Text(text) => format!(", {text:?} by default"),
    }
}

fn about(card: &NodeCard) -> serde_json::Value {
    let ports = |ports: &[Port]| -> Vec<_> {
        let one = |port: &Port| {
            json!({"name": port.name, "type": port.kind, "help": port.help,
                   "required": port.required, "labels": port.labels})
        };
        ports.iter().map(one).collect()
    };
    let params: Vec<_> = card
        .params
        .iter()
        .map(|param| {
            json!({"name": param.name, "help": param.help, "range": range(param),
                   "default": default(param).trim_start_matches(", ")})
        })
        .collect();
    json!({"name": card.name, "help": card.help, "inputs": ports(card.inputs),
           "settings": params, "outputs": ports(card.outputs)})
}
