//! TIFF with gray and opacity, which the `image` crate cannot read though its decoder can.

use std::io::{BufRead, Seek};

use image::error::{DecodingError, ImageFormatHint};
use image::metadata::Orientation;
use image::{ColorType, ImageDecoder, ImageError, ImageFormat, ImageResult};
use tiff::TiffError;
use tiff::decoder::{Decoder, DecodingResult};
use tiff::tags::Tag;

/// Decoder of gray and opacity, 8 or 16 bit, interleaved.
pub(super) struct GrayAlphaDecoder<R: BufRead + Seek> {
    inner: Decoder<R>,
    size: (u32, u32),
    color: ColorType,
}

impl<R: BufRead + Seek> GrayAlphaDecoder<R> {
    /// Whether the file is of this kind; `reader` stands at the file's start before and after.
    pub(super) fn fits(reader: &mut R) -> bool {
        let fits = Self::color_in(&mut *reader).is_some();
        reader.rewind().is_ok() && fits
    }

    fn color_in(reader: &mut R) -> Option<ColorType> {
        let mut inner = Decoder::new(reader).ok()?;
        let interleaved = inner.find_tag_unsigned::<u16>(Tag::PlanarConfiguration).ok()? != Some(2);
        let extra = inner.find_tag_unsigned_vec::<u16>(Tag::ExtraSamples).ok()??;
        match inner.colortype().ok()? {
            _ if !interleaved || !matches!(extra[..], [1 | 2]) => None,
            tiff::ColorType::Multiband { bit_depth: 8, num_samples: 2 } => Some(ColorType::La8),
            tiff::ColorType::Multiband { bit_depth: 16, num_samples: 2 } => Some(ColorType::La16),
            _ => None,
        }
    }

    /// Reads the header.
    pub(super) fn new(mut reader: R) -> ImageResult<Self> {
        let color = Self::color_in(&mut reader);
        reader.rewind()?;
        let mut inner = Decoder::new(reader).map_err(damaged)?;
        let size = inner.dimensions().map_err(damaged)?;
        let color = color.ok_or_else(|| damaged(TiffError::LimitsExceeded))?;
        Ok(Self { inner, size, color })
    }
}

fn damaged(cause: TiffError) -> ImageError {
    ImageError::Decoding(DecodingError::new(ImageFormatHint::Exact(ImageFormat::Tiff), cause))
}

impl<R: BufRead + Seek> ImageDecoder for GrayAlphaDecoder<R> {
    fn dimensions(&self) -> (u32, u32) {
        self.size
    }

    fn color_type(&self) -> ColorType {
        self.color
    }

    fn orientation(&mut self) -> ImageResult<Orientation> {
        let tag = self.inner.find_tag_unsigned::<u8>(Tag::Orientation).map_err(damaged)?;
        Ok(tag.and_then(Orientation::from_exif).unwrap_or(Orientation::NoTransforms))
    }

    fn set_limits(&mut self, _: image::Limits) -> ImageResult<()> {
        // Size and bytes were checked by the caller; the decoder's own 256 MiB may be too little.
        Ok(())
    }

    fn read_image(self, buffer: &mut [u8]) -> ImageResult<()> {
        let mut limits = tiff::decoder::Limits::default();
        limits.decoding_buffer_size = buffer.len();
        match self.inner.with_limits(limits).read_image().map_err(damaged)? {
            DecodingResult::U8(samples) if samples.len() == buffer.len() => {
                buffer.copy_from_slice(&samples);
            }
            DecodingResult::U16(samples) if samples.len() * 2 == buffer.len() => {
                for (bytes, sample) in buffer.chunks_exact_mut(2).zip(samples) {
                    bytes.copy_from_slice(&sample.to_ne_bytes());
                }
            }
            _ => return Err(damaged(TiffError::IntSizeError)),
        }
        Ok(())
    }

    fn read_image_boxed(self: Box<Self>, buffer: &mut [u8]) -> ImageResult<()> {
        (*self).read_image(buffer)
    }
}
