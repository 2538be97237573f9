//! What a node is called with: its settings and what its wires brought.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use relume_media::{Image, Limits, Linear, Photo, Plane, Progress, Srgb};

use super::card::ParamKind;
use super::graph::{Node, Setting};
use super::value::{FrameWindow, Value};
use super::video::VideoSteps;
use crate::{Error, Restorer, Result};

/// Settings and values of a node that is to run. Asking for a port or a parameter that the node's
/// card does not have is an error.
pub struct Call<'a> {
    pub(super) node: &'a Node,
    pub(super) values: BTreeMap<&'static str, Value>,
    pub(super) models: &'a BTreeMap<String, Arc<Restorer>>,
    /// Name of the picture at hand, without its extension.
    pub(super) stem: &'a str,
    pub(super) progress: &'a Progress<'a>,
}

impl Call<'_> {
    /// The picture at an input.
    ///
    /// # Errors
    /// When nothing is wired there.
    pub fn image(&self, input: &str) -> Result<&Arc<Image<Srgb>>> {
        self.optional_image(input).ok_or_else(|| self.lacks(input))
    }

    /// The picture at an input that may be open.
    pub fn optional_image(&self, input: &str) -> Option<&Arc<Image<Srgb>>> {
        match self.values.get(input) {
            Some(Value::Image(image)) => Some(image),
            _ => None,
        }
    }

    /// The picture in linear light at an input.
    ///
    /// # Errors
    /// When nothing is wired there.
    pub fn linear(&self, input: &str) -> Result<&Arc<Image<Linear>>> {
        match self.values.get(input) {
            Some(Value::Linear(image)) => Ok(image),
            _ => Err(self.lacks(input)),
        }
    }

    /// The frames at an input.
    ///
    /// # Errors
    /// When nothing is wired there.
    pub fn frames(&self, input: &str) -> Result<&FrameWindow> {
        match self.values.get(input) {
            Some(Value::Frames(frames)) => Ok(frames),
            _ => Err(self.lacks(input)),
        }
    }

    /// The video at an input, with what is to be done to it so far.
    ///
    /// # Errors
    /// When nothing is wired there.
    pub fn video(&self, input: &str) -> Result<&Arc<VideoSteps>> {
        match self.values.get(input) {
            Some(Value::Video(video)) => Ok(video),
            _ => Err(self.lacks(input)),
        }
    }

    /// The mask at an input that may be open.
    pub fn mask(&self, input: &str) -> Option<&Plane> {
        match self.values.get(input) {
            Some(Value::Mask(mask)) => Some(mask),
            _ => None,
        }
    }

    /// A number that is set or wired; a wired one is held within the range of the parameter.
    ///
    /// # Errors
    /// When there is none.
    pub fn number(&self, name: &str) -> Result<f32> {
        self.optional_number(name)?.ok_or_else(|| self.lacks(name))
    }

    /// A number that may be left open.
    ///
    /// # Errors
    /// When what is wired is no number but NaN.
    pub fn optional_number(&self, name: &str) -> Result<Option<f32>> {
        if let Some(Value::Number(value)) = self.values.get(name) {
            if value.is_nan() {
                let message = format!("{}: what is wired to {name} is no number", self.node.id);
                return Err(Error::Parameter(message));
            }
            return Ok(Some(match self.node.card.param(name).map(|param| param.kind) {
                Some(ParamKind::Number { least, most, whole }) => {
                    let value = value.clamp(least, most);
                    if whole { value.round() } else { value }
                }
                _ => *value,
            }));
        }
        Ok(match self.node.settings.get(name) {
            Some(Setting::Number(number)) => Some(*number),
            _ => None,
        })
    }

    /// What a flag is set to.
    pub fn flag(&self, name: &str) -> bool {
        matches!(self.node.settings.get(name), Some(Setting::Flag(true)))
    }

    /// What a text is set to; empty if nothing.
    pub fn text(&self, name: &str) -> &str {
        self.node.text(name)
    }

    /// The network that a parameter names, if it names one.
    pub fn model(&self, name: &str) -> Option<&Arc<Restorer>> {
        self.models.get(self.text(name))
    }

    /// The photo of a file that a parameter names.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn photo(&self, name: &str) -> Result<Photo> {
        let path = self.text(name).replace("{stem}", self.stem);
        Ok(Photo::load(Path::new(&path), &Limits::default())?)
    }

    /// Where to tell the share of the node's work that is done, and hear of a wish to stop.
    pub fn progress(&self) -> &Progress<'_> {
        self.progress
    }

    fn lacks(&self, name: &str) -> Error {
        Error::Parameter(format!("{} lacks its {name}", self.node.id))
    }
}
