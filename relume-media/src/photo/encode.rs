//! From a [`Photo`] to a file's bytes.

use std::io::Cursor;

use image::codecs::{hdr, jpeg, openexr, png, webp};
use image::{ExtendedColorType, ImageEncoder, ImageError, Rgb};

use super::pixels::{Layout, interleave};
use super::{BitDepth, Photo, PhotoFormat, SaveOptions, encoding_of, tiff};
use crate::metadata::{self, Sidecar, Warning, exif};
use crate::{Error, ErrorKind, Plane, Result, Size};

pub(super) fn encode(
    photo: &Photo,
    format: PhotoFormat,
    options: &SaveOptions,
) -> Result<(Vec<u8>, Vec<Warning>)> {
    if !(1..=100).contains(&options.quality) {
        return Err(Error::new(
            ErrorKind::Parameter,
            format!("JPEG quality {} is outside 1 to 100", options.quality),
        ));
    }
    if photo.size().pixels() == 0 {
        return Err(Error::new(ErrorKind::Encode, "the picture has no pixels"));
    }
    let mut warnings = photo.sidecar.left_behind.clone();
    let depth = choose_depth(photo, format, options, &mut warnings);
    let alpha = choose_alpha(photo, format, &mut warnings);
    let sidecar = prepare_sidecar(photo, format, depth, &mut warnings);
    let (encoding, _) = encoding_of(&sidecar, format, depth);
    let big_endian = format == PhotoFormat::Tiff && metadata::tiff::is_big_endian(&sidecar);
    let grey = photo.grey && format.holds_grey() && profile_space(&sidecar) != Some(*b"RGB ");
    let samples = interleave(
        &photo.image,
        alpha,
        &Layout {
            encoding: &encoding,
            depth,
            grey,
            big_endian: big_endian || (format != PhotoFormat::Tiff && cfg!(target_endian = "big")),
        },
    );
    let raster = Raster { samples, size: photo.size(), depth, grey, alpha: alpha.is_some() };
    let bytes = match format {
        PhotoFormat::Jpeg => {
            metadata::jpeg::write(raster.jpeg(options.quality)?, &sidecar, &mut warnings)?
        }
        PhotoFormat::Png => metadata::png::write(raster.png()?, &sidecar, &mut warnings)?,
        PhotoFormat::WebP => {
            let encoded = raster.webp()?;
            metadata::webp::write(encoded, raster.size, raster.alpha, &sidecar, &mut warnings)?
        }
        PhotoFormat::Tiff => tiff::write(&raster, big_endian, &sidecar, &mut warnings)?,
        PhotoFormat::OpenExr => raster.exr()?,
        PhotoFormat::RadianceHdr => raster.hdr()?,
    };
    Ok((bytes, warnings))
}

fn choose_depth(
    photo: &Photo,
    format: PhotoFormat,
    options: &SaveOptions,
    warnings: &mut Vec<Warning>,
) -> BitDepth {
    let depth = format.nearest_depth(options.depth.unwrap_or(photo.depth));
    if depth < photo.depth && options.depth.is_none() {
        let message = format!("{} holds {depth}, the photo has {}", format.name(), photo.depth);
        warnings.push(Warning::new("bit depth", message));
    }
    // Colors beyond sRGB that a profile can hold are none of this; light above white is.
    let above = photo.depth == BitDepth::Float && photo.image.values().iter().any(|v| *v > 1.0);
    if depth != BitDepth::Float && above {
        let message = format!("light above white was cut off: {} cannot hold it", format.name());
        warnings.push(Warning::new("highlights", message));
    }
    depth
}

fn choose_alpha<'a>(
    photo: &'a Photo,
    format: PhotoFormat,
    warnings: &mut Vec<Warning>,
) -> Option<&'a Plane> {
    let alpha = photo.alpha.as_ref()?;
    if format.holds_alpha() {
        return Some(alpha);
    }
    if alpha.values.iter().any(|v| *v < 1.0) {
        let message = format!("left out: {} cannot hold it", format.name());
        warnings.push(Warning::new("transparency", message));
    }
    None
}

/// The sidecar as this file can carry it.
fn prepare_sidecar(
    photo: &Photo,
    format: PhotoFormat,
    depth: BitDepth,
    warnings: &mut Vec<Warning>,
) -> Sidecar {
    let mut sidecar = photo.sidecar.clone();
    if let Some(exif) = &mut sidecar.exif {
        exif::set_size(exif, photo.size());
    }
    if format.is_linear() {
        let all = [
            "ICC profile",
            "EXIF",
            "XMP",
            "extended XMP",
            "IPTC",
            "Photoshop resources",
            "comment",
        ];
        sidecar.warn_missing(&all, format.name(), warnings);
        sidecar.warn_png_chunks(format.name(), warnings);
        return Sidecar::default();
    }
    // A gray profile in a file of three channels is invalid.
    let three = !(photo.grey && format.holds_grey());
    if three && profile_space(&sidecar) == Some(*b"GRAY") {
        sidecar.icc = None;
        let message = format!("left out: a gray profile, but {} stores color", format.name());
        warnings.push(Warning::new("ICC profile", message));
    }
    // Linear light in a file that people will take for display-encoded.
    if format == PhotoFormat::Tiff && depth == BitDepth::Float && sidecar.icc.is_none() {
        let message = "floating point TIFF without a profile is written as linear light";
        if photo.format != PhotoFormat::Tiff {
            warnings.push(Warning::new("light", message));
        }
    }
    sidecar
}

/// The color space an ICC profile is for: `RGB `, `GRAY`, …
fn profile_space(sidecar: &Sidecar) -> Option<[u8; 4]> {
    sidecar.icc.as_deref()?.get(16..20)?.try_into().ok()
}

/// Interleaved samples, ready for an encoder.
pub(super) struct Raster {
    pub(super) samples: Vec<u8>,
    pub(super) size: Size,
    pub(super) depth: BitDepth,
    pub(super) grey: bool,
    pub(super) alpha: bool,
}

impl Raster {
    fn color(&self) -> ExtendedColorType {
        use ExtendedColorType::{L8, L16, La8, La16, Rgb8, Rgb16, Rgb32F, Rgba8, Rgba16, Rgba32F};
        match (self.depth, self.grey, self.alpha) {
            (BitDepth::Eight, true, false) => L8,
            (BitDepth::Eight, true, true) => La8,
            (BitDepth::Eight, false, false) => Rgb8,
            (BitDepth::Eight, false, true) => Rgba8,
            (BitDepth::Sixteen, true, false) => L16,
            (BitDepth::Sixteen, true, true) => La16,
            (BitDepth::Sixteen, false, false) => Rgb16,
            (BitDepth::Sixteen, false, true) => Rgba16,
            (BitDepth::Float, _, false) => Rgb32F,
            (BitDepth::Float, _, true) => Rgba32F,
        }
    }

    fn encode_with(&self, encoder: impl ImageEncoder, format: PhotoFormat) -> Result<()> {
        let (width, height) = (self.size.width as u32, self.size.height as u32);
        encoder
            .write_image(&self.samples, width, height, self.color())
            .map_err(|error| failed(format, self.size, &error))
    }

    fn jpeg(&self, quality: u8) -> Result<Vec<u8>> {
        let mut out = Vec::new();
        if self.size.width > 65535 || self.size.height > 65535 {
            return Err(too_large(PhotoFormat::Jpeg, self.size));
        }
        let encoder = jpeg::JpegEncoder::new_with_quality(&mut out, quality);
        self.encode_with(encoder, PhotoFormat::Jpeg)?;
        Ok(out)
    }

    fn png(&self) -> Result<Vec<u8>> {
        let mut out = Vec::new();
        let encoder = png::PngEncoder::new_with_quality(
            &mut out,
            // Within 5 % of the default's size in a third of its time.
            png::CompressionType::Level(3),
            png::FilterType::Adaptive,
        );
        self.encode_with(encoder, PhotoFormat::Png)?;
        Ok(out)
    }

    fn webp(&self) -> Result<Vec<u8>> {
        let mut out = Vec::new();
        if self.size.width > 16384 || self.size.height > 16384 {
            return Err(too_large(PhotoFormat::WebP, self.size));
        }
        self.encode_with(webp::WebPEncoder::new_lossless(&mut out), PhotoFormat::WebP)?;
        Ok(out)
    }

    fn exr(&self) -> Result<Vec<u8>> {
        let mut out = Cursor::new(Vec::new());
        self.encode_with(openexr::OpenExrEncoder::new(&mut out), PhotoFormat::OpenExr)?;
        Ok(out.into_inner())
    }

    fn hdr(&self) -> Result<Vec<u8>> {
        let value = |bytes: &[u8]| f32::from_ne_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
        let pixels: Vec<Rgb<f32>> = self
            .samples
            .chunks_exact(12)
            .map(|rgb| Rgb(rounded_up([value(rgb), value(&rgb[4..]), value(&rgb[8..])])))
            .collect();
        let mut out = Vec::new();
        hdr::HdrEncoder::new(&mut out)
            .encode(&pixels, self.size.width, self.size.height)
            .map_err(|error| failed(PhotoFormat::RadianceHdr, self.size, &error))?;
        Ok(out)
    }
}

/// Adds half a step of the shared exponent's scale: the encoder cuts off, this makes it round.
fn rounded_up(rgb: [f32; 3]) -> [f32; 3] {
    let rgb = rgb.map(|v| v.max(0.0));
    let brightest = rgb.into_iter().fold(0.0, f32::max);
    if brightest < 1e-30 {
        return [0.0; 3];
    }
    let step = (brightest.log2().floor() + 1.0).exp2() / 256.0;
    rgb.map(|v| (v + 0.5 * step).min(255.9 * step))
}

fn too_large(format: PhotoFormat, size: Size) -> Error {
    Error::new(
        ErrorKind::Encode,
        format!("{size} pixels are more than a {} can hold; save as PNG or TIFF", format.name()),
    )
}

fn failed(format: PhotoFormat, size: Size, cause: &ImageError) -> Error {
    Error::new(
        ErrorKind::Encode,
        format!("{size} pixels could not be written as {}: {cause}", format.name()),
    )
}
