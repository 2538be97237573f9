//! What takes part in an evaluation. A new baseline is one line in [`BASELINES`].

use std::fmt::Write as _;
use std::path::Path;

use relume::baselines::clahe;
use relume::metrics::align;
use relume::{Restorer, models};
use relume_media::{Image, Progress, Srgb};
use sha2::{Digest as _, Sha256};

use crate::{Error, Result};

/// Input and truth, if there is one, to the result.
pub type Make = fn(&Image<Srgb>, Option<&Image<Srgb>>) -> Result<Image<Srgb>>;

/// Something anyone can do without a network.
#[derive(Debug)]
pub struct Baseline {
    /// Name in tables.
    pub name: &'static str,
    /// One line: what it does.
    pub help: &'static str,
    /// What does it.
    pub make: Make,
}

/// The rows that every table has.
pub const BASELINES: &[Baseline] = &[
    Baseline { name: "input", help: "the picture as it came", make: |input, _| Ok(input.clone()) },
    Baseline {
        name: "oracle gamma",
        help: "the one gain and gamma that fit the truth best: it has seen the answer",
        make: |input, truth| match truth {
            Some(truth) => Ok(align(input, truth)?),
            None => Ok(input.clone()),
        },
    },
    Baseline {
        name: "CLAHE",
        help: "local histogram equalisation, 8x8 tiles, clip limit 2",
        make: |input, _| Ok(clahe(input)),
    },
];

/// A row of the table.
#[derive(Debug)]
pub enum Contestant {
    /// Without a network.
    Baseline(&'static Baseline),
    /// A network with its weights.
    Model {
        /// Its name, or the path of its file.
        name: String,
        /// Of the bytes of the weights, hexadecimal.
        sha256: String,
        /// Runs it, on good pictures too.
        restorer: Box<Restorer>,
    },
}

impl Contestant {
    /// A network of this program by its name, or by the path of a weights file.
    ///
    /// # Errors
    /// [`Error::Library`] when it is unknown or its weights do not fit.
    pub fn model(name: &str) -> Result<Self> {
        let wrong = |e: std::io::Error| relume::Error::Model(format!("{name}: {e}"));
        let (restorer, sha256) = if models::means_a_file(name) {
            let bytes = std::fs::read(name).map_err(wrong)?;
            (Restorer::from_file(Path::new(name))?, sha256(&bytes))
        } else {
            let restorer = Restorer::load(name)?;
            (restorer, sha256(models::find(name)?.weights.unwrap_or_default()))
        };
        // What the network itself does, on every picture alike.
        let restorer = Box::new(restorer.unguarded());
        Ok(Self::Model { name: name.to_owned(), sha256, restorer })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        match self {
            Self::Baseline(baseline) => baseline.name,
            Self::Model { name, .. } => name,
        }
    }

    /// What it is.
    pub fn help(&self) -> &str {
        match self {
            Self::Baseline(baseline) => baseline.help,
            Self::Model { restorer, .. } => restorer.card().help,
        }
    }

    /// Of its weights.
    pub fn sha256(&self) -> Option<&str> {
        match self {
            Self::Baseline(_) => None,
            Self::Model { sha256, .. } => Some(sha256),
        }
    }

    /// What it makes of a picture.
    ///
    /// # Errors
    /// When the network does not run, or the truth has another size.
    pub fn run(&self, input: &Image<Srgb>, truth: Option<&Image<Srgb>>) -> Result<Image<Srgb>> {
        match self {
            Self::Baseline(baseline) => (baseline.make)(input, truth),
            Self::Model { restorer, .. } => {
                Ok(restorer.image(input, &Progress::silent()).map_err(Error::Library)?.0)
            }
        }
    }
}

/// SHA-256 of bytes, hexadecimal.
pub(super) fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
