//! What a network is punished for. A new loss is a file here and one line in [`LOSSES`].

mod charbonnier;
mod coarse;
mod color_constancy;
mod confidence;
mod contrastive;
mod copy_gate;
mod cross_entropy;
mod cue;
mod edge;
mod encoder;
mod exposure;
mod flow;
mod frequency;
mod given;
mod gradient;
mod illumination_detail;
mod illumination_smoothness;
mod l1;
mod l2;
mod linear;
mod log_gradient;
mod log_light;
mod matching;
mod ms_ssim;
mod parameters;
mod perceptual;
mod policy;
mod prior;
mod prompt;
mod pu21;
mod spatial_consistency;
mod ssim;
mod temporal;

use burn::tensor::Tensor;

pub use cue::Cue;
pub use encoder::Encoder;
pub use given::Given;
pub use parameters::Parameter;
pub use perceptual::Perceptual;
pub use prior::Prior;

use crate::Result;

/// Every loss, in alphabetical order.
pub const LOSSES: &[&LossCard] = &[
    &charbonnier::CARD,
    &coarse::CARD,
    &color_constancy::CARD,
    &confidence::CARD,
    &contrastive::CARD,
    &copy_gate::CARD,
    &cross_entropy::CARD,
    &cue::CARD,
    &edge::CARD,
    &exposure::CARD,
    &flow::CARD,
    &frequency::CARD,
    &gradient::CARD,
    &illumination_detail::CARD,
    &illumination_smoothness::CARD,
    &l1::CARD,
    &l2::CARD,
    &log_gradient::CARD,
    &log_light::CARD,
    &matching::CARD,
    &ms_ssim::CARD,
    &perceptual::CARD,
    &policy::CARD,
    &prior::CARD,
    &prompt::CARD,
    &pu21::CARD,
    &spatial_consistency::CARD,
    &ssim::CARD,
    &temporal::CARD,
];

/// A differentiable judgement of what a network gave.
pub trait Loss: Send + Sync {
    /// One value, 0 or more for all but a few, smaller for a better answer.
    ///
    /// # Errors
    /// [`Error::Setup`](crate::Error::Setup) when a tensor is missing or has an unfit shape.
    fn value(&self, given: &Given<'_>) -> Result<Tensor<1>>;

    /// The outputs of the network it looks at, the judged one first.
    fn outputs(&self) -> Vec<&str>;
}

/// The static description of a loss.
#[derive(Debug)]
pub struct LossCard {
    /// Name in recipes.
    pub name: &'static str,
    /// One line: what it compares and how.
    pub help: &'static str,
    /// Where it comes from.
    pub source: &'static str,
    /// What it takes beside `kind` and `weight`.
    pub parameters: fn() -> Vec<Parameter>,
    /// Sets it up from the table of a recipe without `kind` and `weight`.
    pub build: fn(&toml::Table) -> std::result::Result<Box<dyn Loss>, String>,
}

/// Finds a loss by name.
///
/// # Errors
/// A message with the names there are, and the one probably meant.
pub fn find(name: &str) -> std::result::Result<&'static LossCard, String> {
    LOSSES.iter().copied().find(|card| card.name == name).ok_or_else(|| {
        let names = || LOSSES.iter().map(|card| card.name);
        let near = crate::nearest(name, names());
        let near = near.map_or(String::new(), |near| format!("; did you mean {near}?"));
        format!(
            "no loss is called {name}; there is {}{near}",
            names().collect::<Vec<_>>().join(", ")
        )
    })
}

/// Sets up the loss called `kind` from the table of a recipe without `kind` and `weight`. A loss
/// that judges the picture looks at the output `picture` where the table names none.
///
/// # Errors
/// A message for an unknown kind, an unknown parameter or a value out of range.
pub fn build(
    kind: &str,
    table: &toml::Table,
    picture: &str,
) -> std::result::Result<Box<dyn Loss>, String> {
    let card = find(kind)?;
    let mut table = table.clone();
    let judges_picture = |p: &Parameter| p.name == "output" && p.default.as_str() == Some("");
    if !table.contains_key("output") && (card.parameters)().iter().any(judges_picture) {
        table.insert("output".into(), picture.into());
    }
    (card.build)(&table).map_err(|message| format!("{kind}: {}", message.trim_end()))
}

/// Every loss with its parameters and their defaults, as comments of a recipe.
pub fn explain() -> String {
    let mut text = String::new();
    for card in LOSSES {
        text += &format!("# {}: {} ({})\n", card.name, card.help, card.source);
        for Parameter { name, help, default, range } in (card.parameters)() {
            let range = if range.is_empty() { String::new() } else { format!("; {range}") };
            text += &format!("#   {:32} # {help}{range}\n", format!("{name} = {default}"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cards_are_in_order_and_described() {
        assert!(LOSSES.windows(2).all(|pair| pair[0].name < pair[1].name));
        for card in LOSSES {
            assert!(!card.help.is_empty() && !card.source.is_empty(), "{}", card.name);
            assert_eq!(find(card.name).unwrap().help, card.help);
            for parameter in (card.parameters)() {
                assert!(!parameter.help.is_empty(), "{} {}", card.name, parameter.name);
            }
        }
    }

    #[test]
    fn mistakes_are_named() {
        let table = |text: &str| text.parse::<toml::Table>().unwrap();
        let refuse = |kind: &str, text: &str| build(kind, &table(text), "restored").err().unwrap();
        assert!(refuse("charbonier", "").contains("did you mean charbonnier?"));
        assert!(refuse("charbonnier", "epsilom = 1").contains("epsilon"));
        assert!(refuse("charbonnier", "epsilon = -1").contains("charbonnier: epsilon is -1"));
        assert!(refuse("perceptual", "").contains("network"));
    }

    #[test]
    fn the_picture_is_judged_where_the_recipe_names_no_output() {
        let outputs = |kind: &str, text: &str| {
            let loss = build(kind, &text.parse().unwrap(), "restored").unwrap();
            loss.outputs().into_iter().map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(outputs("l1", ""), ["restored"]);
        assert_eq!(outputs("l1", "output = \"brightness\""), ["brightness"]);
        assert_eq!(outputs("illumination_smoothness", ""), ["curves"]);
    }

    #[test]
    fn the_explanation_shows_every_default() {
        let text = explain();
        assert!(text.contains("#   epsilon = 0.001"), "{text}");
        assert!(LOSSES.iter().all(|card| text.contains(&format!("# {}: ", card.name))));
    }
}
