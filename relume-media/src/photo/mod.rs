//! [`Photo`]: a picture file as pixels and everything needed to save it faithfully.

mod decode;
mod encode;
mod format;
mod gray_tiff;
mod pixels;
mod samples;
mod tiff;

use std::path::Path;

use crate::atomic::{Overwrite, check_target, write_atomically};
use crate::icc::{Encoding, decode_extended, encode_extended};
use crate::limits::Limits;
use crate::metadata::{Sidecar, Warning};
use crate::{Error, ErrorKind, Image, Linear, Plane, Result, Size, Srgb};

pub use format::{BitDepth, PhotoFormat};
pub use pixels::Sample;

/// A picture file: upright pixels in the working space, and what else the file holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Photo {
    /// sRGB primaries, display-encoded. Colors outside sRGB lie below 0 or above 1, where the
    /// curve goes on (mirrored below 0), and so does light above white in OpenEXR and HDR.
    pub image: Image<Srgb>,
    /// Opacity, 0 to 1, the size of `image`.
    pub alpha: Option<Plane>,
    /// Bits a sample of the file.
    pub depth: BitDepth,
    /// Whether the file has one channel only; `image` then holds it three times.
    pub grey: bool,
    /// The file's format.
    pub format: PhotoFormat,
    /// Color profile and metadata.
    pub sidecar: Sidecar,
}

/// What a file's header says, without its pixels decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Probe {
    /// Columns and rows of the upright picture.
    pub size: Size,
    /// The file's format, by its content.
    pub format: PhotoFormat,
    /// Bits a sample.
    pub depth: BitDepth,
    /// Whether it has one channel only.
    pub grey: bool,
    /// Whether it has transparency.
    pub alpha: bool,
}

/// How to save a [`Photo`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SaveOptions {
    /// JPEG quality, 1 to 100. Default 95; color is never subsampled.
    pub quality: u8,
    /// Bits a sample; `None` keeps the photo's own, as far as the format holds them.
    pub depth: Option<BitDepth>,
    /// What to do when the target exists.
    pub overwrite: Overwrite,
}

impl Default for SaveOptions {
    fn default() -> Self {
        Self { quality: 95, depth: None, overwrite: Overwrite::Never }
    }
}

impl Photo {
    /// A photo of our own making: 8-bit PNG without metadata, until saved as something else.
    pub fn from_image(image: Image<Srgb>) -> Self {
        Self {
            image,
            alpha: None,
            depth: BitDepth::Eight,
            grey: false,
            format: PhotoFormat::Png,
            sidecar: Sidecar::default(),
        }
    }

    /// A photo of linear light: floating point OpenEXR without metadata.
    pub fn from_linear(image: &Image<Linear>) -> Self {
        let values = image.values().iter().map(|v| encode_extended(*v)).collect();
        let image = Image::from_planar(image.size(), values).expect("as many values as before");
        Self { depth: BitDepth::Float, format: PhotoFormat::OpenExr, ..Self::from_image(image) }
    }

    /// The pixels in linear light, negative values and values above 1 included.
    pub fn to_linear(&self) -> Image<Linear> {
        let values = self.image.values().iter().map(|v| decode_extended(*v)).collect();
        Image::from_planar(self.image.size(), values).expect("as many values as before")
    }

    /// Columns and rows.
    pub fn size(&self) -> Size {
        self.image.size()
    }

    /// The same photo with other pixels; opacity is scaled along when the size changes.
    #[must_use]
    pub fn with_image(mut self, image: Image<Srgb>) -> Self {
        let size = image.size();
        self.alpha = self.alpha.map(|alpha| pixels::scale_plane(alpha, size));
        self.image = image;
        self
    }

    /// Reads a file; its format is recognised by its content, whatever its name says.
    ///
    /// # Errors
    /// [`ErrorKind::Read`] when the file cannot be opened, [`ErrorKind::Limits`] when it is too
    /// large, [`ErrorKind::Decode`] when it is damaged or no picture, [`ErrorKind::Unsupported`]
    /// when it is a picture of a kind that cannot be read.
    pub fn load(path: &Path, limits: &Limits) -> Result<Self> {
        Self::decode(read_file(path, limits)?, Some(path), limits)
    }

    /// Reads a file that is in memory already; `name` is for messages.
    ///
    /// # Errors
    /// As [`Photo::load`].
    pub fn decode(bytes: Vec<u8>, name: Option<&Path>, limits: &Limits) -> Result<Self> {
        decode::decode(bytes, limits).map_err(|error| match name {
            Some(name) => error.with_path(name),
            None => error,
        })
    }

    /// Reads a file's header only.
    ///
    /// # Errors
    /// As [`Photo::load`]; the only limit is the usual one on the bytes of the file.
    pub fn probe(path: &Path) -> Result<Probe> {
        decode::probe(path).map_err(|error| error.with_path(path))
    }

    /// Writes a file in the format of its extension (without one, in the photo's own), complete
    /// or not at all. Returns what the file could not take along.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] for an unknown extension, [`ErrorKind::Encode`] when the format
    /// cannot hold the picture, [`ErrorKind::Write`] when the file cannot be written.
    pub fn save(&self, path: &Path, options: &SaveOptions) -> Result<Vec<Warning>> {
        check_target(path, options.overwrite)?;
        let format = self.format_for(path)?;
        let (bytes, warnings) =
            self.encode(format, options).map_err(|error| error.with_path(path))?;
        write_atomically(path, &bytes, options.overwrite)?;
        Ok(warnings)
    }

    /// The format of a file called `path`: that of its extension; without one, the photo's own.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] for an unknown extension.
    pub fn format_for(&self, path: &Path) -> Result<PhotoFormat> {
        match path.extension() {
            None => Ok(self.format),
            Some(_) => PhotoFormat::from_path(path).ok_or_else(|| unknown_extension(path)),
        }
    }

    /// The bytes of a file in `format`, and what they could not take along.
    ///
    /// # Errors
    /// [`ErrorKind::Encode`] when the format cannot hold the picture, [`ErrorKind::Parameter`]
    /// for a quality outside 1 to 100.
    pub fn encode(
        &self,
        format: PhotoFormat,
        options: &SaveOptions,
    ) -> Result<(Vec<u8>, Vec<Warning>)> {
        encode::encode(self, format, options)
    }
}

/// The bytes of a picture's file, for [`Photo::decode`].
///
/// # Errors
/// [`ErrorKind::Read`] when the file cannot be opened, [`ErrorKind::Limits`] when it is too large.
pub fn read_file(path: &Path, limits: &Limits) -> Result<Vec<u8>> {
    decode::read_file(path, limits).map_err(|error| error.with_path(path))
}

fn unknown_extension(path: &Path) -> Error {
    let known: Vec<_> = PhotoFormat::ALL.iter().map(|format| format.extensions()[0]).collect();
    Error::new(
        ErrorKind::Unsupported,
        format!("no picture format has this extension; use one of {}", known.join(", ")),
    )
    .with_path(path)
}

/// How the numbers of a file in `format` with this sidecar relate to the working space; the
/// reason, if a color profile had to be ignored.
fn encoding_of(
    sidecar: &Sidecar,
    format: PhotoFormat,
    depth: BitDepth,
) -> (Encoding, Option<String>) {
    if format.is_linear() {
        return (Encoding::Linear, None);
    }
    if format == PhotoFormat::Png
        && let Some(encoding) = png_encoding(sidecar)
    {
        return (encoding, None);
    }
    match sidecar.icc.as_deref().map(Encoding::from_icc) {
        Some(Ok(encoding)) => (encoding, None),
        Some(Err(reason)) => (Encoding::Srgb, Some(reason)),
        // Floating point without a profile is written by programs that work in linear light.
        None if depth == BitDepth::Float => (Encoding::Linear, None),
        None => (Encoding::Srgb, None),
    }
}

/// The encoding that PNG's own chunks describe.
fn png_encoding(sidecar: &Sidecar) -> Option<Encoding> {
    let chunk =
        |name| sidecar.png_chunks.iter().find(|(kind, _)| kind == name).map(|(_, c)| c.as_slice());
    if let Some(&[primaries, transfer, _, _]) = chunk(b"cICP") {
        let cicp = moxcms::CicpProfile {
            color_primaries: primaries.try_into().ok()?,
            transfer_characteristics: transfer.try_into().ok()?,
            matrix_coefficients: moxcms::MatrixCoefficients::Identity,
            full_range: true,
        };
        return Encoding::from_profile(&moxcms::ColorProfile::new_from_cicp(cicp)).ok();
    }
    let gamma = chunk(b"gAMA").and_then(|c| c.try_into().ok()).map(u32::from_be_bytes)?;
    let plain = sidecar.icc.is_none() && chunk(b"sRGB").is_none();
    // 45455 is what sRGB pictures say.
    let usual = gamma == 0 || (44_000..47_000).contains(&gamma);
    (plain && !usual).then(|| Encoding::from_gamma(100_000.0 / gamma as f32))
}
