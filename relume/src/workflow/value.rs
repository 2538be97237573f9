//! What travels along wires.

use std::sync::Arc;

use relume_media::{Image, Linear, Plane, Srgb};

use super::video::VideoSteps;

/// The kinds of things that wires carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum PortType {
    /// A picture in display light.
    Image,
    /// A picture in linear light.
    LinearImage,
    /// A video, with what is to be done to it: it is streamed when it is written, never held.
    Video,
    /// A frame of a video with its neighbours; a photo is a window of one.
    FrameWindow,
    /// One value a pixel, 0 to 1.
    Mask,
    /// One of a few words.
    Label,
    /// A number.
    Number,
    /// Words.
    Text,
}

impl PortType {
    /// Its name in messages and drawings.
    pub fn name(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::LinearImage => "linear image",
            Self::Video => "video",
            Self::FrameWindow => "frame window",
            Self::Mask => "mask",
            Self::Label => "label",
            Self::Number => "number",
            Self::Text => "text",
        }
    }
}

/// A frame and the frames around it, all of one size.
#[derive(Debug, Clone)]
pub struct FrameWindow {
    /// Frames in order of time, at least one.
    pub frames: Vec<Arc<Image<Srgb>>>,
    /// Which of them is the current one.
    pub current: usize,
}

impl FrameWindow {
    /// A photo: a window of one.
    pub fn of_photo(image: Arc<Image<Srgb>>) -> Self {
        Self { frames: vec![image], current: 0 }
    }

    /// The frame `offset` after the current one (before it, if negative); beyond the window the
    /// nearest there is.
    pub fn frame(&self, offset: isize) -> Option<&Arc<Image<Srgb>>> {
        let last = self.frames.len().saturating_sub(1);
        self.frames.get(self.current.saturating_add_signed(offset).min(last))
    }
}

/// Something on a wire; pictures are shared, not copied.
#[derive(Debug, Clone)]
pub enum Value {
    /// [`PortType::Image`]
    Image(Arc<Image<Srgb>>),
    /// [`PortType::LinearImage`]
    Linear(Arc<Image<Linear>>),
    /// [`PortType::Video`]
    Video(Arc<VideoSteps>),
    /// [`PortType::FrameWindow`]
    Frames(Arc<FrameWindow>),
    /// [`PortType::Mask`]
    Mask(Arc<Plane>),
    /// [`PortType::Label`]
    Label(&'static str),
    /// [`PortType::Number`]
    Number(f32),
    /// [`PortType::Text`]
    Text(String),
}

impl Value {
    /// A picture in display light.
    pub fn image(image: Image<Srgb>) -> Self {
        Self::Image(Arc::new(image))
    }

    /// A picture in linear light.
    pub fn linear(image: Image<Linear>) -> Self {
        Self::Linear(Arc::new(image))
    }

    /// A mask.
    pub fn mask(plane: Plane) -> Self {
        Self::Mask(Arc::new(plane))
    }

    /// Its kind.
    pub fn kind(&self) -> PortType {
        match self {
            Self::Image(_) => PortType::Image,
            Self::Linear(_) => PortType::LinearImage,
            Self::Video(_) => PortType::Video,
            Self::Frames(_) => PortType::FrameWindow,
            Self::Mask(_) => PortType::Mask,
            Self::Label(_) => PortType::Label,
            Self::Number(_) => PortType::Number,
            Self::Text(_) => PortType::Text,
        }
    }

    /// What a report says of it: words and numbers as they are, of pictures nothing.
    pub fn told(&self) -> Option<serde_json::Value> {
        match self {
            Self::Label(label) => Some((*label).into()),
            Self::Number(number) => Some(f64::from(*number).into()),
            Self::Text(text) => Some(text.as_str().into()),
            _ => None,
        }
    }

    /// Bytes of memory it holds.
    pub(super) fn bytes(&self) -> usize {
        let pixels = |n: usize| 4 * n;
        match self {
            Self::Image(image) => pixels(image.values().len()),
            Self::Linear(image) => pixels(image.values().len()),
            Self::Frames(window) => {
                window.frames.iter().map(|frame| pixels(frame.values().len())).sum()
            }
            Self::Mask(plane) => pixels(plane.values.len()),
            Self::Video(_) | Self::Label(_) | Self::Number(_) => 16,
            Self::Text(text) => text.len(),
        }
    }
}
