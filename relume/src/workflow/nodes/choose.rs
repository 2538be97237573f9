//! One of several wires.

use crate::workflow::{NodeCard, Port, PortType, Work};

/// The wire that a label or a number says; the others are not computed.
pub(super) static CARD: NodeCard = NodeCard {
    name: "choose",
    help: "one of several wires, by a label (cases = { label = wire }) or a number (cases = \
           [wires], limits = [rising numbers]); what is not chosen is never computed",
    inputs: &[],
    params: &[],
    // The type is that of what is chosen from.
    outputs: &[Port::new("chosen", PortType::Image, "what was chosen, of whatever type")],
    effort: 1,
    work: Work::Choose,
};
