//! From a file's bytes to a [`Photo`].

use std::fs::File;
use std::io::{BufRead, BufReader, Cursor, Read, Seek};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use image::codecs::{hdr, jpeg, openexr, png, tiff, webp};
use image::{DynamicImage, ExtendedColorType, ImageDecoder, ImageError, ImageResult};
use img_parts::Bytes;

use super::gray_tiff::GrayAlphaDecoder;
use super::{Photo, PhotoFormat, Probe, encoding_of, pixels};
use crate::limits::Limits;
use crate::metadata::{self, Sidecar, Warning};
use crate::{Error, ErrorKind, Result, Size};

/// Reads a whole file, if it is not too large.
pub(super) fn read_file(path: &Path, limits: &Limits) -> Result<Vec<u8>> {
    let failed = |cause| Error::io(ErrorKind::Read, "could not be read", cause);
    let file = File::open(path).map_err(failed)?;
    let found = file.metadata().map_err(failed)?;
    if found.is_dir() {
        return Err(Error::new(ErrorKind::Read, "is a folder, not a picture"));
    }
    limits.check_bytes("the file", found.len())?;
    let mut bytes = Vec::with_capacity(found.len() as usize);
    file.take(limits.bytes.saturating_add(1)).read_to_end(&mut bytes).map_err(failed)?;
    Ok(bytes)
}

pub(super) fn decode(bytes: Vec<u8>, limits: &Limits) -> Result<Photo> {
    let format = PhotoFormat::from_content(&bytes)?;
    limits.check_bytes("the file", bytes.len() as u64)?;
    guarded(format, || {
        let bytes = Bytes::from(bytes);
        if format == PhotoFormat::Tiff
            && let Some(size) = metadata::tiff::size(&bytes)
        {
            // Its decoder looks at the strips first, and finds fault with them.
            limits.check_size(size)?;
        }
        let decoder = open_decoder(Cursor::new(bytes.clone()), format).map_err(|error| {
            // Our own reader has the clearer words for files that are cut short.
            read_sidecar(&bytes, format).err().unwrap_or_else(|| explain(error, format))
        })?;
        let decoder = check_header(decoder, format, limits)?;
        let mut sidecar = read_sidecar(&bytes, format)?;
        let mut decoded =
            DynamicImage::from_decoder(decoder).map_err(|error| explain(error, format))?;
        drop(bytes);
        decoded.apply_orientation(sidecar.take_orientation());
        let (encoding, ignored) = encoding_of(&sidecar, format, pixels::depth_of(decoded.color()));
        if let Some(reason) = ignored {
            sidecar.left_behind.push(Warning::new(
                "ICC profile",
                format!("carried along but not applied: {reason}; colors are taken as sRGB"),
            ));
        }
        let planes = pixels::planes(decoded, &encoding)?;
        Ok(Photo {
            image: planes.image,
            alpha: planes.alpha,
            depth: planes.depth,
            grey: planes.grey,
            format,
            sidecar,
        })
    })
}

pub(super) fn probe(path: &Path) -> Result<Probe> {
    let failed = |cause| Error::io(ErrorKind::Read, "could not be read", cause);
    if path.is_dir() {
        return Err(Error::new(ErrorKind::Read, "is a folder, not a picture"));
    }
    let file = File::open(path).map_err(failed)?;
    // Some decoders read the whole file to tell its size.
    Limits::default().check_bytes("the file", file.metadata().map_err(failed)?.len())?;
    let mut reader = BufReader::new(file);
    let format = PhotoFormat::from_content(reader.fill_buf().map_err(failed)?)?;
    guarded(format, || {
        let mut decoder = open_decoder(reader, format).map_err(|error| explain(error, format))?;
        let (width, height) = decoder.dimensions();
        let size = Size::new(width as usize, height as usize);
        let turned = decoder.orientation().is_ok_and(|orientation| orientation.to_exif() >= 5);
        let color = decoder.color_type();
        Ok(Probe {
            size: if turned { Size::new(size.height, size.width) } else { size },
            format,
            depth: pixels::depth_of(color),
            grey: !color.has_color(),
            alpha: color.has_alpha(),
        })
    })
}

/// Runs a decoder; a panic in it becomes an error.
fn guarded<T>(format: PhotoFormat, work: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| {
        Err(Error::new(
            ErrorKind::Decode,
            format!(
                "the {} decoder gave up on this damaged file; open and re-save it elsewhere",
                format.name()
            ),
        ))
    })
}

fn open_decoder<'a, R: BufRead + Seek + 'a>(
    mut reader: R,
    format: PhotoFormat,
) -> ImageResult<Box<dyn ImageDecoder + 'a>> {
    Ok(match format {
        PhotoFormat::Jpeg => Box::new(jpeg::JpegDecoder::new(reader)?),
        PhotoFormat::Png => Box::new(png::PngDecoder::new(reader)?),
        PhotoFormat::WebP => Box::new(webp::WebPDecoder::new(reader)?),
        PhotoFormat::Tiff if GrayAlphaDecoder::fits(&mut reader) => {
            Box::new(GrayAlphaDecoder::new(reader)?)
        }
        PhotoFormat::Tiff => Box::new(tiff::TiffDecoder::new(reader)?),
        PhotoFormat::OpenExr => Box::new(openexr::OpenExrDecoder::new(reader)?),
        PhotoFormat::RadianceHdr => Box::new(hdr::HdrDecoder::new(reader)?),
    })
}

/// Refuses what is too large or of the wrong kind before a pixel is decoded.
fn check_header<'a>(
    mut decoder: Box<dyn ImageDecoder + 'a>,
    format: PhotoFormat,
    limits: &Limits,
) -> Result<Box<dyn ImageDecoder + 'a>> {
    let (width, height) = decoder.dimensions();
    if width == 0 || height == 0 {
        return Err(Error::new(
            ErrorKind::Decode,
            "the picture has no pixels; its header is damaged",
        ));
    }
    limits.check_size(Size::new(width as usize, height as usize))?;
    limits.check_bytes("the decoded picture", decoder.total_bytes())?;
    if matches!(decoder.original_color_type(), ExtendedColorType::Cmyk8 | ExtendedColorType::Cmyk16)
    {
        return Err(Error::new(
            ErrorKind::Unsupported,
            format!("this {} is CMYK (for print); convert it to RGB first", format.name()),
        ));
    }
    decoder.set_limits(limits.for_decoder()).map_err(|error| explain(error, format))?;
    Ok(decoder)
}

fn read_sidecar(bytes: &Bytes, format: PhotoFormat) -> Result<Sidecar> {
    match format {
        PhotoFormat::Jpeg => metadata::jpeg::read(bytes),
        PhotoFormat::Png => metadata::png::read(bytes),
        PhotoFormat::WebP => metadata::webp::read(bytes),
        PhotoFormat::Tiff => metadata::tiff::read(bytes),
        PhotoFormat::OpenExr | PhotoFormat::RadianceHdr => Ok(Sidecar::default()),
    }
}

/// An error of the `image` crate in our words: cause and remedy.
fn explain(error: ImageError, format: PhotoFormat) -> Error {
    let name = format.name();
    let words = error.to_string();
    let cause = words.split_whitespace().collect::<Vec<_>>().join(" ");
    match error {
        ImageError::Limits(_) => Error::new(
            ErrorKind::Limits,
            format!("this {name} needs more memory than allowed ({cause}); raise the limits"),
        ),
        ImageError::Unsupported(_) => Error::new(
            ErrorKind::Unsupported,
            format!("this kind of {name} cannot be read ({cause}); re-save it as plain RGB"),
        ),
        ImageError::IoError(io) if io.kind() == std::io::ErrorKind::UnexpectedEof => Error::new(
            ErrorKind::Decode,
            format!(
                "this {name} ends before the picture is complete; copy it again from its source"
            ),
        ),
        _ => Error::new(
            ErrorKind::Decode,
            format!(
                "this {name} is damaged ({cause}); copy it again from its source, or re-save it"
            ),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_in_a_decoder_is_a_decode_error() {
        let outcome = guarded(PhotoFormat::Jpeg, || -> Result<()> { panic!("index out of range") });
        let error = outcome.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Decode);
        assert!(error.to_string().contains("JPEG decoder gave up"), "{error}");
    }
}
