//! Videos as data: probed, read and written by FFmpeg as a program of its own, never linked.
//!
//! ```text
//! VideoInfo::probe → VideoReader → Frame … FrameWindow … Frame → VideoWriter → join
//! ```
//!
//! A frame keeps the samples of the file, in its depth and matrix; [`Coding`] turns them into an
//! [`Image`] in display light and back. Y4M needs no FFmpeg.

mod color;
mod encoder;
mod format;
mod info;
mod join;
mod matroska;
mod reader;
mod times;
mod timestamps;
mod tool;
mod window;
mod writer;
mod y4m;

pub use color::{Coding, Transfer};
pub use encoder::{EncodeOptions, Encoder};
pub use format::{PixelFormat, Planes};
pub use info::{ColorTags, Hdr10, OtherStream, StreamKind, VideoInfo};
pub use join::{Cut, Part, join, losses};
pub use reader::VideoReader;
pub use tool::Ffmpeg;
pub use window::{FrameWindow, Windows};
pub use writer::VideoWriter;
pub use y4m::{Y4mHead, Y4mReader, Y4mWriter};

use crate::{Image, Result, Size, Srgb};

/// One frame: when it is shown, and its samples, planes one after the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// When it is shown, in microseconds of the file's clock.
    pub time_us: i64,
    /// How long it is shown, in microseconds; 0 when that is not known.
    pub duration_us: i64,
    /// The samples, laid out as the coding's [`PixelFormat`] says.
    pub samples: Vec<u8>,
}

/// Where frames come from.
pub trait FrameSource: Send {
    /// Width and height of every frame.
    fn size(&self) -> Size;
    /// How samples become light.
    fn coding(&self) -> &Coding;
    /// The next frame in the order of showing; none at the end.
    ///
    /// # Errors
    /// When the source is damaged, or what reads it was ended.
    fn read(&mut self) -> Result<Option<Frame>>;
}

/// Where frames go to.
pub trait FrameSink: Send {
    /// How light becomes samples.
    fn coding(&self) -> &Coding;
    /// Takes a frame; times must grow.
    ///
    /// # Errors
    /// When the frame cannot be written.
    fn write(&mut self, frame: &Frame) -> Result<()>;
    /// Completes what was written.
    ///
    /// # Errors
    /// When it cannot be completed; what is there then is of no use.
    fn finish(self: Box<Self>) -> Result<()>;
}

impl Frame {
    /// The picture in display light.
    ///
    /// # Errors
    /// When the samples are not those of a frame of `size`.
    pub fn image(&self, size: Size, coding: &Coding) -> Result<Image<Srgb>> {
        coding.decode(size, &self.samples)
    }

    /// The same moment with another picture.
    #[must_use]
    pub fn with_image(&self, image: &Image<Srgb>, coding: &Coding) -> Self {
        Self { samples: coding.encode(image), ..*self }
    }
}
