//! How pictures are made better: everything that the bytes of a result depend on, beside the
//! program itself. The same words on the command line, in manifests, in queues and in Python.

use std::num::NonZeroUsize;

use relume::models::alen::Route;
use serde::{Deserialize, Serialize};

/// A model and the user's wishes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, clap::Args)]
#[serde(deny_unknown_fields, default)]
pub struct Recipe {
    /// Name of a model (see `relume models list`) or path of a weights file
    #[arg(long, default_value = "lantern-s")]
    pub model: String,
    /// How much of the effect, 0 to 1 [default: 1; with sem, what the picture's exposure calls for]
    #[arg(long, value_parser = share)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub strength: Option<f32>,
    /// How much bright parts are kept from being brightened, 0 to 1; for sem [default: 0.5]
    #[arg(long, value_name = "SHARE", value_parser = share)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub protect_highlights: Option<f32>,
    /// Quick look: light from a copy so many times smaller, applied at full size; for sem
    #[arg(long, value_name = "TIMES")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preview: Option<NonZeroUsize>,
    /// Mean brightness to aim at, 0.02 to 0.9 [default: what suits the picture]
    #[arg(long, value_parser = brightness)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub brightness: Option<f32>,
    /// Restore also pictures that are fine already (see `relume inspect`); they are left alone
    /// otherwise
    #[arg(long)]
    #[serde(skip_serializing_if = "is_false")]
    pub always: bool,
    /// With mirnet: as its authors' program does it, 400 pixels on the short side, 8 bits
    #[arg(long)]
    #[serde(skip_serializing_if = "is_false")]
    pub compatible: bool,
    /// Way to light a picture, with alen: auto, local (dark in places), global (dark all over) or
    /// published (as its authors' program) [default: auto]
    #[arg(long, value_parser = route)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub route: Option<Route>,
    /// JPEG quality of the results, 1 to 100
    #[arg(long, default_value_t = 95, value_parser = clap::value_parser!(u8).range(1..=100))]
    pub quality: u8,
}

impl Default for Recipe {
    fn default() -> Self {
        Self {
            model: "lantern-s".to_owned(),
            strength: None,
            protect_highlights: None,
            preview: None,
            brightness: None,
            always: false,
            compatible: false,
            route: None,
            quality: 95,
        }
    }
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde hands out references")]
fn is_false(value: &bool) -> bool {
    !value
}

fn share(text: &str) -> Result<f32, String> {
    crate::commands::number(text, 0.0, 1.0)
}

fn brightness(text: &str) -> Result<f32, String> {
    crate::commands::number(text, 0.02, 0.9)
}

fn route(text: &str) -> Result<Route, String> {
    text.parse()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_on_the_command_line_and_in_files_are_the_same() {
        #[derive(clap::Parser)]
        struct Line {
            #[command(flatten)]
            recipe: Recipe,
        }
        let line = <Line as clap::Parser>::parse_from(["relume"]).recipe;
        assert_eq!(line, Recipe::default());
        assert_eq!(serde_json::from_str::<Recipe>("{}").unwrap(), line);
        let text = serde_json::to_string(&line).unwrap();
        assert_eq!(text, r#"{"model":"lantern-s","quality":95}"#);
        assert_eq!(serde_json::from_str::<Recipe>(&text).unwrap(), line);
        assert!(serde_json::from_str::<Recipe>(r#"{"strenght":1}"#).is_err());
    }
}
