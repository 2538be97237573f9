//! The networks this library knows. A new one is a file here and one line in [`MODELS`].

pub mod alen;
pub mod clip;
pub mod cues;
pub mod lantern;
pub mod mirnet;
pub mod oxnet;
pub mod oxselect;
pub mod sci;
pub mod sem;
pub mod zero_dce;

use relume_nn::{Facts, Graph, Weights};

use crate::{Error, Result};

/// Every network, in alphabetical order.
pub const MODELS: &[&ModelCard] = &[
    &alen::PUBLISHED,
    &alen::CLASSIFIER,
    &alen::COLOR_PART,
    &alen::GLOBAL_PART,
    &alen::LOCAL_PART,
    &alen::SMALL,
    &clip::CARD,
    &clip::PRIOR,
    &cues::CARD,
    &lantern::S,
    &lantern::XS,
    &mirnet::CARD,
    &mirnet::SMALL,
    &oxnet::B,
    &oxnet::S,
    &oxselect::CARD,
    &sci::CARD,
    &sem::CARD,
    &zero_dce::FULL,
    &zero_dce::LIGHT,
];

/// Most bytes of a weights file.
pub const LARGEST_WEIGHTS: u64 = 8 << 30;

/// The static description of a network.
#[derive(Debug)]
pub struct ModelCard {
    /// Name on the command line, in recipes and files.
    pub name: &'static str,
    /// One line: what it is for.
    pub help: &'static str,
    /// Where the idea comes from.
    pub source: &'static str,
    /// Output of the graph that is the picture.
    pub output: &'static str,
    /// Builds the graph.
    pub graph: fn() -> relume_nn::Result<Graph>,
    /// Our trained weights, if the program carries them: bytes of a safetensors file.
    pub weights: Option<&'static [u8]>,
}

impl ModelCard {
    /// Figures derived from the graph.
    ///
    /// # Errors
    /// When the graph does not build, which tests rule out.
    pub fn facts(&self) -> Result<Facts> {
        Ok(Facts::of(&(self.graph)()?, self.output)?)
    }

    /// The embedded weights, checked against the graph.
    ///
    /// # Errors
    /// [`Error::Model`] when the program carries none.
    pub fn load_weights(&self) -> Result<Weights> {
        let bytes = self.weights.ok_or_else(|| {
            let name = self.name;
            Error::Model(format!(
                "this program carries no weights for {name}: relume models import FILE --as {name}"
            ))
        })?;
        Ok(Weights::from_safetensors(bytes)?)
    }
}

/// Weights of another program's layout in that of `card`; those that need no change as they are.
///
/// # Errors
/// [`Error::Model`] when parts that belong together do not fit.
pub fn adopt(card: &ModelCard, weights: Weights) -> Result<Weights> {
    match card.name {
        name if name == clip::CARD.name => clip::adopt(weights),
        name if name == clip::PRIOR.name => Ok(clip::add_prompts(clip::adopt(weights)?, 2)),
        _ => Ok(weights),
    }
}

/// The graph of a network as the restorer runs it: the same parameters, what the restorer decides
/// as further inputs.
///
/// # Errors
/// When the layers do not make a graph, which tests rule out.
pub fn for_restoring(card: &ModelCard) -> relume_nn::Result<Graph> {
    if card.name == sem::CARD.name { sem::gated() } else { (card.graph)() }
}

/// Whether `text` means a weights file and not the name of a network: by its form alone, so that
/// what happens to lie in a folder changes nothing.
pub fn means_a_file(text: &str) -> bool {
    text.contains(['/', '\\', '.'])
}

/// Finds a network by name.
///
/// # Errors
/// [`Error::Model`] listing the names there are.
pub fn find(name: &str) -> Result<&'static ModelCard> {
    MODELS.iter().copied().find(|card| card.name == name).ok_or_else(|| {
        let known: Vec<_> = MODELS.iter().map(|card| card.name).collect();
        Error::Model(format!("no model is called {name}; there is {}", known.join(", ")))
    })
}
