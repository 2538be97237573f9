//! Kinds of files that can be read: pictures and videos, recognised by how they begin.

use relume_media::PhotoFormat;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A kind of file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// A picture.
    Photo(PhotoFormat),
    /// A video.
    Video(Container),
}

/// A container of videos.
#[derive(Debug)]
pub(crate) struct Card {
    name: &'static str,
    content_type: &'static str,
    extensions: &'static [&'static str],
    begins: fn(&[u8]) -> bool,
}

/// A container, by its card.
pub(crate) type Container = &'static Card;

const CONTAINERS: &[Card] = &[
    Card {
        name: "mov",
        content_type: "video/quicktime",
        extensions: &["mov", "qt"],
        begins: |start| start.get(4..12) == Some(b"ftypqt  "),
    },
    Card {
        name: "mp4",
        content_type: "video/mp4",
        extensions: &["mp4", "m4v"],
        begins: |start| start.get(4..8) == Some(b"ftyp") && !is_still(start),
    },
    Card {
        name: "matroska",
        content_type: "video/x-matroska",
        extensions: &["mkv", "webm"],
        begins: |start| start.starts_with(&[0x1a, 0x45, 0xdf, 0xa3]),
    },
    Card {
        name: "avi",
        content_type: "video/x-msvideo",
        extensions: &["avi"],
        begins: |start| start.starts_with(b"RIFF") && start.get(8..12) == Some(b"AVI "),
    },
    Card {
        name: "gif",
        content_type: "image/gif",
        extensions: &["gif"],
        begins: |start| start.starts_with(b"GIF8"),
    },
    Card {
        name: "y4m",
        content_type: "video/x-yuv4mpeg",
        extensions: &["y4m"],
        begins: |start| start.starts_with(b"YUV4MPEG2"),
    },
];

impl PartialEq for Card {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Card {}

/// HEIF and AVIF are stills in the container of MP4.
fn is_still(start: &[u8]) -> bool {
    let brands: [&[u8]; 6] = [b"heic", b"heix", b"mif1", b"msf1", b"avif", b"avis"];
    start.get(8..12).is_some_and(|brand| brands.contains(&brand))
}

impl Format {
    /// The video that begins so, if it is one.
    pub(crate) fn of_video(start: &[u8]) -> Option<Self> {
        CONTAINERS.iter().find(|card| (card.begins)(start)).map(Self::Video)
    }

    /// What the extension of a name says.
    pub(crate) fn of_name(name: &str) -> Option<Self> {
        let path = std::path::Path::new(name);
        let extension = path.extension()?.to_str()?.to_ascii_lowercase();
        let fits = |card: &&Card| card.extensions.contains(&extension.as_str());
        let photo = PhotoFormat::from_path(path).map(Self::Photo);
        photo.or_else(|| CONTAINERS.iter().find(fits).map(Self::Video))
    }

    /// The usual extension.
    pub(crate) fn extension(self) -> &'static str {
        match self {
            Self::Photo(format) => format.extensions()[0],
            Self::Video(card) => card.extensions[0],
        }
    }

    /// Whether both are pictures, or both videos.
    pub(crate) fn is_like(self, other: Self) -> bool {
        matches!(self, Self::Video(_)) == matches!(other, Self::Video(_))
    }

    /// What a browser is told about a file of this format.
    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Self::Video(card) => card.content_type,
            Self::Photo(PhotoFormat::Jpeg) => "image/jpeg",
            Self::Photo(PhotoFormat::Png) => "image/png",
            Self::Photo(PhotoFormat::WebP) => "image/webp",
            Self::Photo(PhotoFormat::Tiff) => "image/tiff",
            Self::Photo(PhotoFormat::OpenExr) => "image/x-exr",
            Self::Photo(PhotoFormat::RadianceHdr) => "image/vnd.radiance",
            Self::Photo(_) => "application/octet-stream",
        }
    }

    fn word(self) -> Value {
        match self {
            Self::Photo(format) => serde_json::to_value(format).unwrap_or_default(),
            Self::Video(card) => card.name.into(),
        }
    }
}

impl Serialize for Format {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.word().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Format {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let photos = PhotoFormat::ALL.into_iter().map(Self::Photo);
        let mut all = photos.chain(CONTAINERS.iter().map(Self::Video));
        let found = all.find(|format| format.word() == *text);
        found.ok_or_else(|| serde::de::Error::custom("no format of pictures or videos"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn videos_are_known_by_how_they_begin() {
        let cases: [(&[u8], Option<&str>); 8] = [
            (b"\0\0\0\x20ftypisom\0\0\x02\0", Some("mp4")),
            (b"\0\0\0\x14ftypqt  \0\0\x02\0", Some("mov")),
            (b"\x1a\x45\xdf\xa3\x01\0\0\0\0\0\0\0\0\0\0\0", Some("matroska")),
            (b"RIFF\0\0\0\0AVI LIST", Some("avi")),
            (b"RIFF\0\0\0\0WEBPVP8 ", None),
            (b"\0\0\0\x20ftypavif\0\0\0\0", None),
            (b"#EXTM3U\nhttp://x", None),
            (b"YUV4MPEG2 W96 H6", Some("y4m")),
        ];
        for (start, expected) in cases {
            let found = Format::of_video(start);
            assert_eq!(found.map(Format::word), expected.map(Value::from), "{start:?}");
        }
    }

    #[test]
    fn a_format_is_read_back_from_its_word() {
        for name in ["a.jpg", "a.tif", "a.mp4", "a.WEBM", "a.gif"] {
            let format = Format::of_name(name).unwrap();
            let text = serde_json::to_string(&format).unwrap();
            assert_eq!(serde_json::from_str::<Format>(&text).unwrap(), format);
        }
        assert_eq!(Format::of_name("a.exe"), None);
    }
}
