//! What a picture file holds beside its pixels, carried from any format to any other.
//!
//! Every reader fills a [`Sidecar`], every writer drains it; what a target cannot hold becomes a
//! [`Warning`]. Blocks are carried byte for byte, except for what must change because the pixels
//! did: orientation, dimensions, and the thumbnails that still show the old picture.

pub(crate) mod directory;
pub(crate) mod exif;
pub(crate) mod jpeg;
pub(crate) mod photoshop;
pub(crate) mod png;
pub(crate) mod tiff;
pub(crate) mod webp;
pub(crate) mod xmp;

/// Something of the source that the result does not have, or has differently.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Warning {
    /// What it is about: `XMP`, `transparency`, `C2PA`, …
    pub about: String,
    /// What happened to it, and why.
    pub message: String,
}

impl Warning {
    pub(crate) fn new(about: impl Into<String>, message: impl Into<String>) -> Self {
        Self { about: about.into(), message: message.into() }
    }
}

impl std::fmt::Display for Warning {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.about, self.message)
    }
}

/// The blocks of a picture file beside its pixels.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Sidecar {
    /// ICC color profile.
    pub icc: Option<Vec<u8>>,
    /// EXIF, GPS included: a TIFF structure, from its byte order mark on.
    pub exif: Option<Vec<u8>>,
    /// XMP packet.
    pub xmp: Option<Vec<u8>>,
    /// Extended XMP: the contents of the JPEG segments that hold it.
    pub extended_xmp: Vec<Vec<u8>>,
    /// Photoshop image resources, IPTC among them.
    pub photoshop: Option<Vec<u8>>,
    /// Comments of a JPEG.
    pub comments: Vec<Vec<u8>>,
    /// Pixel density as the JFIF header writes it: unit, then x and y, big-endian.
    pub density: Option<[u8; 5]>,
    /// Further chunks of a PNG: kind and contents.
    pub png_chunks: Vec<([u8; 4], Vec<u8>)>,
    /// What the source held and no result can: reported with every save.
    pub left_behind: Vec<Warning>,
}

impl Sidecar {
    /// The IPTC block (IIM records), if there is one.
    pub fn iptc(&self) -> Option<&[u8]> {
        photoshop::find(self.photoshop.as_deref()?, photoshop::IPTC)
    }

    /// The names of the blocks present, as warnings and listings use them.
    pub fn blocks(&self) -> Vec<&'static str> {
        let present = [
            ("ICC profile", self.icc.is_some()),
            ("EXIF", self.exif.is_some()),
            ("XMP", self.xmp.is_some()),
            ("extended XMP", !self.extended_xmp.is_empty()),
            ("IPTC", self.iptc().is_some()),
            ("Photoshop resources", self.photoshop.is_some() && self.iptc().is_none()),
            ("comment", !self.comments.is_empty()),
            ("PNG chunks", !self.png_chunks.is_empty()),
        ];
        present.iter().filter(|(_, is)| *is).map(|(name, _)| *name).collect()
    }

    /// Brings EXIF and XMP in line with pixels that stand upright, and drops the EXIF thumbnail.
    /// Returns the orientation that the pixels still need.
    pub(crate) fn take_orientation(&mut self) -> image::metadata::Orientation {
        use image::metadata::Orientation;
        let Some(exif) = &mut self.exif else { return Orientation::NoTransforms };
        let orientation =
            Orientation::remove_from_exif_chunk(exif).unwrap_or(Orientation::NoTransforms);
        exif::drop_thumbnail(exif);
        if orientation != Orientation::NoTransforms
            && let Some(xmp) = &mut self.xmp
        {
            xmp::reset_orientation(xmp);
        }
        orientation
    }

    /// Names what only PNG can hold of this sidecar.
    pub(crate) fn warn_png_chunks(&self, format: &str, warnings: &mut Vec<Warning>) {
        let names = png::names(&self.png_chunks);
        if !names.is_empty() {
            warnings.push(Warning::new(
                "PNG chunks",
                format!("{} left out: {format} has no place for them", names.join(", ")),
            ));
        }
    }

    /// Names the blocks out of `missing` that are present.
    pub(crate) fn warn_missing(
        &self,
        missing: &[&'static str],
        format: &str,
        warnings: &mut Vec<Warning>,
    ) {
        for name in self.blocks().into_iter().filter(|name| missing.contains(name)) {
            let message = format!("left out: {format} has no place for it");
            warnings.push(Warning::new(name, message));
        }
    }
}
