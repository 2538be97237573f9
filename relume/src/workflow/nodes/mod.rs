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
#[cfg(test)]
#[path = "../../../tests/adding_a_node/grey.rs"]
mod grey;
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
    #[cfg(test)]
    &grey::CARD,
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

#[cfg(test)]
mod tests {
    use relume_media::light::luma;
    use relume_media::{Image, Photo, Size, Srgb};

    use super::super::{Workflow, own_models, schema};

    /// `docs/adding-a-node.md`, followed to the letter in the tests alone: its file stands in
    /// `tests/adding_a_node`, its lines stand above.
    #[test]
    fn the_node_of_the_page_about_adding_one_works() {
        let page = include_str!("../../../../docs/adding-a-node.md");
        let blocks: Vec<&str> = page.split("```").skip(1).step_by(2).collect();
        let block =
            |start: &str| blocks.iter().find_map(|block| block.strip_prefix(start)).unwrap();
        assert_eq!(block("rust\n//!"), &include_str!("../../../tests/adding_a_node/grey.rs")[3..]);
        let lines: Vec<_> =
            block("rust\nmod").lines().filter_map(|l| l.split("//").next()).collect();
        assert_eq!(lines.iter().map(|l| l.trim()).collect::<Vec<_>>(), ["grey;", "&grey::CARD,"]);
        let schema = schema();
        let kinds = schema["properties"]["node"]["items"]["oneOf"].as_array().unwrap();
        assert!(kinds.iter().any(|kind| kind["properties"]["kind"]["const"] == "grey"));
        let node = block("toml\n");
        let text = format!(
            "[[node]]\nid = 'photo'\nkind = 'input'\n{node}[[node]]\nid = 'r'\nkind = 'output'\n\
             image = 'old'\n"
        );
        let workflow = Workflow::parse(&text, "old.toml", &[], &own_models).unwrap();
        let picture =
            Image::<Srgb>::from_fn(Size::new(4, 2), |x, y| [0.1 * x as f32, 0.2, 0.3 * y as f32]);
        let made = workflow.photo(&Photo::from_image(picture.clone())).unwrap();
        let (was, is) = (picture.get(3, 1), made.image.get(3, 1));
        for c in 0..3 {
            assert!((is[c] - (was[c] + 0.8 * (luma(was) - was[c]))).abs() < 1e-6, "{is:?}");
        }
    }
}
