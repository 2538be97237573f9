//! A workflow in a workflow.

use crate::workflow::{NodeCard, Param, ParamKind, Port, PortType, Standard, Work};

/// The parameter that names it.
pub(in crate::workflow) const USE: &str = "use";

/// Another workflow, with one input and one output, in place of this node.
pub(super) static CARD: NodeCard = NodeCard {
    name: "workflow",
    help: "another workflow with one input and one output: a file, or one that relume carries",
    inputs: &[Port::new("image", PortType::Image, "what its input takes")],
    params: &[Param {
        name: USE,
        help: "name of a workflow of relume, or a file beside this one",
        kind: ParamKind::Text,
        default: Standard::Required,
    }],
    outputs: &[Port::new("image", PortType::Image, "what its output gives")],
    effort: 0,
    work: Work::Workflow,
};
