//! The picture formats: how to recognise them and what they can hold.

use std::path::Path;

use crate::{Error, ErrorKind, Result};

/// How many bits a sample of a picture file has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum BitDepth {
    /// 256 levels.
    Eight,
    /// 65536 levels.
    Sixteen,
    /// Floating point, values beyond 1 included.
    Float,
}

impl std::fmt::Display for BitDepth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Eight => "8 bit",
            Self::Sixteen => "16 bit",
            Self::Float => "floating point",
        })
    }
}

/// A picture file format that can be read and written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum PhotoFormat {
    /// JPEG, 8 bit, lossy.
    Jpeg,
    /// PNG, 8 and 16 bit.
    Png,
    /// WebP, 8 bit; written without loss.
    WebP,
    /// TIFF, 8 and 16 bit and floating point.
    Tiff,
    /// OpenEXR: linear light, floating point.
    #[serde(rename = "exr")]
    OpenExr,
    /// Radiance HDR: linear light, shared exponent.
    #[serde(rename = "hdr")]
    RadianceHdr,
}

impl PhotoFormat {
    /// All formats.
    pub const ALL: [Self; 6] =
        [Self::Jpeg, Self::Png, Self::WebP, Self::Tiff, Self::OpenExr, Self::RadianceHdr];

    /// The format that a file name's extension stands for.
    pub fn from_path(path: &Path) -> Option<Self> {
        let extension = path.extension()?.to_str()?.to_ascii_lowercase();
        Self::ALL.into_iter().find(|format| format.extensions().contains(&extension.as_str()))
    }

    /// Extensions in use; the first is the one to give a new file.
    pub fn extensions(self) -> &'static [&'static str] {
        match self {
            Self::Jpeg => &["jpg", "jpeg", "jpe", "jfif"],
            Self::Png => &["png"],
            Self::WebP => &["webp"],
            Self::Tiff => &["tif", "tiff"],
            Self::OpenExr => &["exr"],
            Self::RadianceHdr => &["hdr", "pic", "rgbe"],
        }
    }

    /// Name for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Jpeg => "JPEG",
            Self::Png => "PNG",
            Self::WebP => "WebP",
            Self::Tiff => "TIFF",
            Self::OpenExr => "OpenEXR",
            Self::RadianceHdr => "Radiance HDR",
        }
    }

    /// Whether its numbers are linear light.
    pub fn is_linear(self) -> bool {
        matches!(self, Self::OpenExr | Self::RadianceHdr)
    }

    /// Whether it can hold transparency.
    pub fn holds_alpha(self) -> bool {
        !matches!(self, Self::Jpeg | Self::RadianceHdr)
    }

    /// Whether it can hold a picture without color as one channel.
    pub fn holds_grey(self) -> bool {
        matches!(self, Self::Jpeg | Self::Png | Self::Tiff)
    }

    /// Whether it can hold a color profile.
    pub fn holds_icc(self) -> bool {
        !self.is_linear()
    }

    /// The depth closest to `depth` that it can hold.
    pub fn nearest_depth(self, depth: BitDepth) -> BitDepth {
        match self {
            Self::Jpeg | Self::WebP => BitDepth::Eight,
            Self::Png => depth.min(BitDepth::Sixteen),
            Self::Tiff => depth,
            Self::OpenExr | Self::RadianceHdr => BitDepth::Float,
        }
    }

    /// Recognises a file by its first bytes (16 are enough), whatever its name says.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] for a known format that cannot be read, with the remedy;
    /// [`ErrorKind::Decode`] for an empty file and for anything that is no picture.
    pub fn from_content(bytes: &[u8]) -> Result<Self> {
        if bytes.is_empty() {
            return Err(Error::new(
                ErrorKind::Decode,
                "the file is empty; copy it again from its source",
            ));
        }
        let known: &[(&[u8], Self)] = &[
            (b"\xff\xd8\xff", Self::Jpeg),
            (b"\x89PNG\r\n\x1a\n", Self::Png),
            (b"II\x2a\0", Self::Tiff),
            (b"MM\0\x2a", Self::Tiff),
            (b"\x76\x2f\x31\x01", Self::OpenExr),
            (b"#?RADIANCE", Self::RadianceHdr),
            (b"#?RGBE", Self::RadianceHdr),
        ];
        if let Some((_, format)) = known.iter().find(|(magic, _)| bytes.starts_with(magic)) {
            return Ok(*format);
        }
        if bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP") {
            return Ok(Self::WebP);
        }
        Err(match unreadable(bytes) {
            Some((name, remedy)) => {
                Error::new(ErrorKind::Unsupported, format!("{name} cannot be read; {remedy}"))
            }
            None => Error::new(
                ErrorKind::Decode,
                "this is not a picture: its content is none of JPEG, PNG, WebP, TIFF, OpenEXR \
                 and Radiance HDR; check that the file is complete and the right one",
            ),
        })
    }
}

/// Name and remedy for formats that people may bring along.
fn unreadable(bytes: &[u8]) -> Option<(&'static str, &'static str)> {
    const CONVERT: &str = "convert it to PNG or JPEG first";
    const DEVELOP: &str = "develop it first and save a 16-bit TIFF or PNG";
    if bytes.get(4..8) == Some(b"ftyp") {
        return Some(match bytes.get(8..12) {
            Some(b"heic" | b"heix" | b"mif1" | b"msf1" | b"hevc") => ("HEIC", CONVERT),
            Some(b"avif" | b"avis") => ("AVIF", CONVERT),
            Some(b"crx ") => ("a camera's raw file (CR3)", DEVELOP),
            _ => ("a video", "take a frame out of it first"),
        });
    }
    let known: &[(&[u8], &str, &str)] = &[
        (b"GIF8", "GIF", CONVERT),
        (b"BM", "BMP", CONVERT),
        (b"\xff\x0a", "JPEG XL", CONVERT),
        (b"\0\0\0\x0cJXL ", "JPEG XL", CONVERT),
        (b"\0\0\0\x0cjP  ", "JPEG 2000", CONVERT),
        (b"8BPS", "a Photoshop document", "export it as PNG or TIFF first"),
        (b"%PDF", "PDF", "export the picture in it first"),
        (b"II\x2b\0", "BigTIFF", "re-save it as plain TIFF"),
        (b"MM\0\x2b", "BigTIFF", "re-save it as plain TIFF"),
        (b"FUJIFILM", "a camera's raw file (RAF)", DEVELOP),
        (b"IIRO", "a camera's raw file (ORF)", DEVELOP),
        (b"IIU\0", "a camera's raw file (RW2)", DEVELOP),
        (b"qoif", "QOI", CONVERT),
    ];
    known.iter().find(|(magic, ..)| bytes.starts_with(magic)).map(|(_, n, r)| (*n, *r))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_contents_are_recognised() {
        let by_name = |name: &str| PhotoFormat::from_path(Path::new(name));
        assert_eq!(by_name("a.JPeG"), Some(PhotoFormat::Jpeg));
        assert_eq!(by_name("a.b/c.tif"), Some(PhotoFormat::Tiff));
        assert_eq!(by_name("a.txt"), None);
        assert_eq!(by_name("jpg"), None);
        let kind = |bytes: &[u8]| PhotoFormat::from_content(bytes).map_err(|e| e.kind());
        assert_eq!(kind(b"RIFF\0\0\0\0WEBPVP8 "), Ok(PhotoFormat::WebP));
        assert_eq!(kind(b"RIFF\0\0\0\0AVI LIST"), Err(ErrorKind::Decode));
        assert_eq!(kind(b""), Err(ErrorKind::Decode));
        assert_eq!(kind(b"hello"), Err(ErrorKind::Decode));
        assert_eq!(kind(b"\0\0\0\x18ftypheic"), Err(ErrorKind::Unsupported));
        assert_eq!(kind(b"GIF89a"), Err(ErrorKind::Unsupported));
    }
}
