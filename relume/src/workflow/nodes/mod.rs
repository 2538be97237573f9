//! The kinds of nodes. A new one is a file here and one line in [`NODES`].

mod blend;
mod choose;
mod classify;
mod compare;
mod crop;
mod curve;
mod degrade;
mod diagnose;
mod display;
mod exposure;
mod frame;
mod input;
mod linear;
mod mask;
mod model;
pub(super) mod output;
mod resize;
mod score;
mod sharpen;
mod video_denoise;
mod video_input;
mod video_model;
pub(super) mod video_output;
mod video_trim;
mod white_balance;
pub(super) mod workflow;

use super::NodeCard;

/// Every kind of node, in alphabetical order.
pub const NODES: &[&NodeCard] = &[
    &blend::CARD,
    &choose::CARD,
    &classify::CARD,
    &compare::CARD,
    &crop::CARD,
    &curve::CARD,
    &degrade::CARD,
    &diagnose::CARD,
    &display::CARD,
    &exposure::CARD,
    &frame::CARD,
    &input::CARD,
    &linear::CARD,
    &mask::CARD,
    &model::CARD,
    &output::CARD,
    &resize::CARD,
    &score::CARD,
    &sharpen::CARD,
    &video_denoise::CARD,
    &video_input::CARD,
    &video_model::CARD,
    &video_output::CARD,
    &video_trim::CARD,
    &white_balance::CARD,
    &workflow::CARD,
];

/// The kind of node called `name`.
pub fn find(name: &str) -> Option<&'static NodeCard> {
    NODES.iter().copied().find(|card| card.name == name)
}
