//! [`NodeCard`]: a kind of node as data. Help, checks, the JSON schema and web forms follow from it.

use super::call::Call;
use super::value::{PortType, Value};
use crate::Result;

/// The static description of a kind of node.
#[derive(Debug)]
pub struct NodeCard {
    /// What `kind` says in a file.
    pub name: &'static str,
    /// One line: what it does.
    pub help: &'static str,
    /// Where wires end.
    pub inputs: &'static [Port],
    /// What is set in the file.
    pub params: &'static [Param],
    /// Where wires begin; the first is meant where a wire names the node alone.
    pub outputs: &'static [Port],
    /// Time it takes against a plain step over all pixels; for progress.
    pub effort: u32,
    /// What it does.
    pub work: Work,
}

/// Where a wire ends or begins.
#[derive(Debug, Clone, Copy)]
pub struct Port {
    /// Its name: the key in a file, or what follows the dot.
    pub name: &'static str,
    /// What passes through.
    pub kind: PortType,
    /// One line.
    pub help: &'static str,
    /// Inputs: whether a wire must end here.
    pub required: bool,
    /// Label outputs: the words there are.
    pub labels: &'static [&'static str],
}

impl Port {
    /// An input that must be wired, or an output.
    pub const fn new(name: &'static str, kind: PortType, help: &'static str) -> Self {
        Self { name, kind, help, required: true, labels: &[] }
    }

    /// An input that may be left open.
    pub const fn optional(name: &'static str, kind: PortType, help: &'static str) -> Self {
        Self { name, kind, help, required: false, labels: &[] }
    }

    /// An output that says one of a few words.
    pub const fn label(
        name: &'static str,
        labels: &'static [&'static str],
        help: &'static str,
    ) -> Self {
        Self { name, kind: PortType::Label, help, required: true, labels }
    }
}

/// What is set in the file. A number may also be wired: the file then says where it comes from.
#[derive(Debug, Clone, Copy)]
pub struct Param {
    /// The key in a file.
    pub name: &'static str,
    /// One line, with the unit.
    pub help: &'static str,
    /// What it may be.
    pub kind: ParamKind,
    /// What it is where the file says nothing.
    pub default: Standard,
}

/// What a parameter may be.
#[derive(Debug, Clone, Copy)]
pub enum ParamKind {
    /// A number in a range; `whole` without fractions.
    Number {
        /// The least.
        least: f32,
        /// The most.
        most: f32,
        /// Whether fractions make no sense.
        whole: bool,
    },
    /// True or false.
    Flag,
    /// One of some words.
    Choice(fn() -> Vec<&'static str>),
    /// A network: a name, or the path of a weights file.
    Model,
    /// A picture beside the workflow file; `{stem}` stands for the name of the picture at hand.
    File,
    /// Any words.
    Text,
}

impl ParamKind {
    /// A number in a range.
    pub const fn number(least: f32, most: f32) -> Self {
        Self::Number { least, most, whole: false }
    }

    /// A whole number in a range.
    pub const fn whole(least: f32, most: f32) -> Self {
        Self::Number { least, most, whole: true }
    }
}

/// What a parameter is where the file says nothing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Standard {
    /// The file must say it.
    Required,
    /// The node does what suits the picture, or nothing.
    Open,
    /// A number.
    Number(f32),
    /// True or false.
    Flag(bool),
    /// A word.
    Text(&'static str),
}

/// What a kind of node does.
#[derive(Debug, Clone, Copy)]
pub enum Work {
    /// Values out of values, one for every output, in order.
    Plain(fn(&Call<'_>) -> Result<Vec<Value>>),
    /// The same, and wanted for its own sake: it runs although nothing reads it.
    Measure(fn(&Call<'_>) -> Result<Vec<Value>>),
    /// Where pictures come in.
    Input,
    /// Where pictures go out.
    Output,
    /// Where a video comes in.
    VideoInput,
    /// Where a video goes out.
    VideoOutput,
    /// One of several wires, by a label or a number.
    Choose,
    /// Another workflow in place of this node.
    Workflow,
}

impl NodeCard {
    /// The input called `name`.
    pub fn input(&self, name: &str) -> Option<&'static Port> {
        self.inputs.iter().find(|port| port.name == name)
    }

    /// The parameter called `name`.
    pub fn param(&self, name: &str) -> Option<&'static Param> {
        self.params.iter().find(|param| param.name == name)
    }

    /// Whether it is wanted for its own sake.
    pub(super) fn is_end(&self) -> bool {
        matches!(self.work, Work::Output | Work::VideoOutput | Work::Measure(_))
    }

    /// Every key that a file may give it.
    pub(super) fn keys(&self) -> impl Iterator<Item = &'static str> + Clone {
        let choose: &[&str] = match self.work {
            Work::Choose => &["on", "cases", "limits", "otherwise"],
            _ => &[],
        };
        let inputs = self.inputs.iter().map(|port| port.name);
        let own = ["id", "kind"].into_iter().chain(choose.iter().copied());
        own.chain(inputs).chain(self.params.iter().map(|param| param.name))
    }
}
