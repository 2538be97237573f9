//! What a client may choose: the same as `relume restore`, `video` and `run` offer.

use relume::models::{self, MODELS, ModelCard};
use relume_media::PhotoFormat;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::problem::Problem;

/// The model without a wish.
pub(crate) const MODEL: &str = "lantern-s";

/// Wishes for the restoration; what is left out is as the program does it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    /// Name of a model that `GET /v1/models` calls ready; none where a workflow runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) model: Option<String>,
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
    /// Videos: whether frames are averaged along their motion first [default: true].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) denoise: Option<bool>,
    /// Videos: codec of the result; otherwise the video's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) codec: Option<String>,
    /// Videos: quality on the encoder's scale, smaller is better.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0.0, maximum = 63.0)]
    pub(crate) crf: Option<f32>,
    /// Name of the workflow that runs; its text came with the job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) workflow: Option<String>,
    /// Settings of the workflow that were changed: `node.key=value`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) set: Vec<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            model: Some(MODEL.to_owned()),
            strength: None,
            brightness: None,
            always: false,
            compatible: false,
            quality: None,
            format: None,
            denoise: None,
            codec: None,
            crf: None,
            workflow: None,
            set: Vec::new(),
        }
    }
}

impl Settings {
    /// Takes the value of a form field; an empty one is no wish.
    pub(crate) fn set(&mut self, field: &str, text: &str) -> Result<(), Problem> {
        let text = text.trim();
        let given = !text.is_empty();
        match field {
            "model" if given => self.model = Some(model(text)?.name.to_owned()),
            "strength" if given => self.strength = Some(number(field, text, 0.0, 1.0)?),
            "brightness" if given => self.brightness = Some(number(field, text, 0.02, 0.9)?),
            "quality" if given => self.quality = Some(number(field, text, 1.0, 100.0)? as u8),
            "always" if given => self.always = yes(field, text)?,
            "compatible" if given => self.compatible = yes(field, text)?,
            "format" if given => self.format = Some(format(text)?.extensions()[0].to_owned()),
            "denoise" if given => self.denoise = Some(yes(field, text)?),
            "codec" if given => self.codec = Some(codec(text)?),
            "crf" if given => self.crf = Some(number(field, text, 0.0, 63.0)?),
            known if FIELDS.contains(&known) => {}
            _ => {
                return Err(Problem::bad_request(format!(
                    "there is no field {field:?}; use photo, video, {}",
                    FIELDS.join(", ")
                )));
            }
        }
        Ok(())
    }

    /// Refuses wishes that make no sense for what came.
    pub(crate) fn check(&self, photos: bool, videos: bool) -> Result<(), Problem> {
        let of_photos = self.compatible || self.quality.is_some() || self.format.is_some();
        let of_videos = self.denoise.is_some() || self.codec.is_some() || self.crf.is_some();
        if of_photos && videos {
            let detail = "compatible, quality and format are for photos; leave them out";
            return Err(Problem::unprocessable(detail));
        }
        if of_videos && photos {
            let detail = "denoise, codec and crf are for videos; leave them out";
            return Err(Problem::unprocessable(detail));
        }
        Ok(())
    }

    /// The wanted format of the result.
    pub(crate) fn wanted_format(&self) -> Option<PhotoFormat> {
        self.format.as_deref().and_then(|name| format(name).ok())
    }

    /// The arguments that make `relume restore`, `video` or `run` do the same.
    pub(crate) fn arguments(&self) -> Vec<String> {
        let mut arguments = Vec::new();
        let mut add = |name: &str, value: Option<String>| {
            if let Some(value) = value {
                arguments.extend([name.to_owned(), value]);
            }
        };
        add("--model", self.model.clone());
        add("--codec", self.codec.clone());
        add("--crf", self.crf.map(|value| value.to_string()));
        self.set.iter().for_each(|change| add("--set", Some(change.clone())));
        add("--strength", self.strength.map(|value| value.to_string()));
        add("--brightness", self.brightness.map(|value| value.to_string()));
        add("--quality", self.quality.map(|value| value.to_string()));
        let no_denoise = self.denoise == Some(false);
        for (flag, set) in [
            ("--always", self.always),
            ("--compatible", self.compatible),
            ("--no-denoise", no_denoise),
        ] {
            if set {
                arguments.push(flag.to_owned());
            }
        }
        arguments
    }
}

/// What a form may say beside photos and videos.
const FIELDS: [&str; 10] = [
    "model",
    "strength",
    "brightness",
    "always",
    "compatible",
    "quality",
    "format",
    "denoise",
    "codec",
    "crf",
];

/// Codecs that a client may choose.
const CODECS: [&str; 6] = ["h264", "hevc", "av1", "vp9", "prores", "ffv1"];

fn codec(text: &str) -> Result<String, Problem> {
    if CODECS.contains(&text) {
        return Ok(text.to_owned());
    }
    let message = format!("codec is {text:?}; use one of {}", CODECS.join(", "));
    Err(Problem::unprocessable(message))
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
        let fields = [("denoise", "false"), ("codec", "hevc"), ("crf", "20")];
        let settings = with(&fields).unwrap();
        let expected = "--model lantern-s --codec hevc --crf 20 --no-denoise";
        assert_eq!(settings.arguments().join(" "), expected);
        assert!(settings.check(true, false).is_err() && settings.check(false, true).is_ok());
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
            ("codec", "-f", 422),
            ("crf", "64", 422),
            ("denoise", "maybe", 422),
            ("colour", "1", 400),
        ];
        for (field, text, status) in cases {
            assert_eq!(with(&[(field, text)]).unwrap_err().status, status, "{field}={text}");
        }
    }
}
