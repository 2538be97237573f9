//! What a client may choose for a photo: the same as `relume restore` offers.

use relume::models::{self, MODELS, ModelCard};
use relume_media::PhotoFormat;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::problem::Problem;

/// The model without a wish.
pub(crate) const MODEL: &str = "lantern-s";

/// Wishes for the restoration; what is left out is as `relume restore` does it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    /// Name of a model that `GET /v1/models` calls ready.
    pub(crate) model: String,
    /// How much of the effect, 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0.0, maximum = 1.0)]
    pub(crate) strength: Option<f32>,
    /// Mean brightness to aim at, 0.02 to 0.9.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0.02, maximum = 0.9)]
    pub(crate) brightness: Option<f32>,
    /// Restore also photos that are fine already.
    #[serde(default)]
    pub(crate) always: bool,
    /// With mirnet: as its authors' program does it.
    #[serde(default)]
    pub(crate) compatible: bool,
    /// JPEG quality of the result, 1 to 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 100)]
    pub(crate) quality: Option<u8>,
    /// Format of the result: jpg, png, webp, tif, exr or hdr; otherwise the photo's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) format: Option<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            model: MODEL.to_owned(),
            strength: None,
            brightness: None,
            always: false,
            compatible: false,
            quality: None,
            format: None,
        }
    }
}

impl Settings {
    /// Takes the value of a form field; an empty one is no wish.
    pub(crate) fn set(&mut self, field: &str, text: &str) -> Result<(), Problem> {
        let text = text.trim();
        let given = !text.is_empty();
        match field {
            "model" if given => self.model = model(text)?.name.to_owned(),
            "strength" if given => self.strength = Some(number(field, text, 0.0, 1.0)?),
            "brightness" if given => self.brightness = Some(number(field, text, 0.02, 0.9)?),
            "quality" if given => self.quality = Some(number(field, text, 1.0, 100.0)? as u8),
            "always" if given => self.always = yes(field, text)?,
            "compatible" if given => self.compatible = yes(field, text)?,
            "format" if given => self.format = Some(format(text)?.extensions()[0].to_owned()),
            "model" | "strength" | "brightness" | "quality" | "always" | "compatible"
            | "format" => {}
            _ => {
                return Err(Problem::bad_request(format!(
                    "there is no field {field:?}; use photo, model, strength, brightness, always, \
                     compatible, quality and format"
                )));
            }
        }
        Ok(())
    }

    /// The wanted format of the result.
    pub(crate) fn wanted_format(&self) -> Option<PhotoFormat> {
        self.format.as_deref().and_then(|name| format(name).ok())
    }

    /// The arguments that make `relume restore` do the same.
    pub(crate) fn arguments(&self) -> Vec<String> {
        let mut arguments = vec!["--model".to_owned(), self.model.clone()];
        let mut add = |name: &str, value: Option<String>| {
            if let Some(value) = value {
                arguments.extend([name.to_owned(), value]);
            }
        };
        add("--strength", self.strength.map(|value| value.to_string()));
        add("--brightness", self.brightness.map(|value| value.to_string()));
        add("--quality", self.quality.map(|value| value.to_string()));
        for (flag, set) in [("--always", self.always), ("--compatible", self.compatible)] {
            if set {
                arguments.push(flag.to_owned());
            }
        }
        arguments
    }
}

/// Whether a network makes a picture out of a picture; others are parts, or judge.
pub(crate) fn restores(card: &ModelCard) -> bool {
    [models::lantern::S.output, models::sem::CARD.output].contains(&card.output)
}

fn model(name: &str) -> Result<&'static ModelCard, Problem> {
    MODELS.iter().copied().find(|card| card.name == name && restores(card)).ok_or_else(|| {
        let names = MODELS.iter().filter(|card| restores(card)).map(|card| card.name);
        let names: Vec<_> = names.collect();
        let message = format!("no model is called {name:?}; there is {}", names.join(", "));
        Problem::unprocessable(message)
    })
}

fn number(field: &str, text: &str, least: f32, most: f32) -> Result<f32, Problem> {
    let value = text.parse().ok().filter(|value| (least..=most).contains(value));
    let message = || format!("{field} is {text:?}; give a number from {least} to {most}");
    value.ok_or_else(|| Problem::unprocessable(message()))
}

fn yes(field: &str, text: &str) -> Result<bool, Problem> {
    match text {
        "true" | "1" | "on" => Ok(true),
        "false" | "0" | "off" => Ok(false),
        _ => Err(Problem::unprocessable(format!("{field} is {text:?}; give true or false"))),
    }
}

fn format(text: &str) -> Result<PhotoFormat, Problem> {
    let text = text.to_ascii_lowercase();
    let known = PhotoFormat::ALL.into_iter().find(|f| f.extensions().contains(&text.as_str()));
    known.ok_or_else(|| {
        let names = PhotoFormat::ALL.map(|format| format.extensions()[0]).join(", ");
        Problem::unprocessable(format!("format is {text:?}; use one of {names}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(fields: &[(&str, &str)]) -> Result<Settings, Problem> {
        let mut settings = Settings::default();
        for (field, text) in fields {
            settings.set(field, text)?;
        }
        Ok(settings)
    }

    #[test]
    fn fields_become_arguments_of_the_program() {
        let fields =
            [("strength", "0.5"), ("always", "true"), ("quality", "80"), ("brightness", "")];
        let settings = with(&fields).unwrap();
        let expected = "--model lantern-s --strength 0.5 --quality 80 --always";
        assert_eq!(settings.arguments().join(" "), expected);
    }

    #[test]
    fn wrong_fields_are_refused_with_their_status() {
        let cases = [
            ("strength", "1.1", 422),
            ("strength", "NaN", 422),
            ("brightness", "0.01", 422),
            ("quality", "0", 422),
            ("model", "clip", 422),
            ("model", "../../etc/passwd.safetensors", 422),
            ("model", "--output", 422),
            ("always", "maybe", 422),
            ("format", "svg", 422),
            ("colour", "1", 400),
        ];
        for (field, text, status) in cases {
            assert_eq!(with(&[(field, text)]).unwrap_err().status, status, "{field}={text}");
        }
    }
}
