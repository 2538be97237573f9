//! The segments of a JPEG: into a sidecar and back.

use img_parts::Bytes;
use img_parts::jpeg::{Jpeg, JpegSegment, markers};

use super::{Sidecar, Warning, photoshop, xmp};
use crate::{Error, ErrorKind, Result};

const EXIF: &[u8] = b"Exif\0\0";
const XMP: &[u8] = b"http://ns.adobe.com/xap/1.0/\0";
const EXTENDED_XMP: &[u8] = b"http://ns.adobe.com/xmp/extension/\0";
const ICC: &[u8] = b"ICC_PROFILE\0";
const MPF: &[u8] = b"MPF\0";
const PHOTOSHOP: &[u8] = b"Photoshop 3.0\0";
const GAIN_MAP: &[u8] = b"urn:iso:std:iso:ts:21496:-1";
/// Most of a maker's own segments that are named.
const NAMED: usize = 20;
/// Most bytes of contents in one segment.
const SEGMENT: usize = 65533;

/// Reads all segments before the pixels.
///
/// # Errors
/// [`ErrorKind::Decode`] when the file ends before the picture is complete, and
/// [`ErrorKind::Unsupported`] for CMYK.
pub(crate) fn read(bytes: &Bytes) -> Result<Sidecar> {
    let truncated = || {
        Error::new(
            ErrorKind::Decode,
            "this JPEG ends before the picture is complete; copy it again from its source",
        )
    };
    let jpeg = Jpeg::from_bytes(bytes.clone()).map_err(|_| truncated())?;
    let mut sidecar = Sidecar::default();
    let mut parts = Parts::default();
    for segment in jpeg.segments() {
        if is_frame(segment.marker()) && segment.contents().get(5) == Some(&4) {
            return Err(Error::new(
                ErrorKind::Unsupported,
                "this JPEG is CMYK (for print); convert it to RGB first",
            ));
        }
        sort_segment(segment, &mut sidecar, &mut parts);
    }
    // `img-parts` keeps everything after the first scan's header in one piece.
    let scans: usize = jpeg.segments().iter().map(|s| s.len_with_entropy() - s.len()).sum();
    let scans = bytes.slice(bytes.len().saturating_sub(scans)..);
    let trailing = bytes_after_picture(&scans).ok_or_else(truncated)?;
    parts.finish(&mut sidecar, trailing);
    Ok(sidecar)
}

fn is_frame(marker: u8) -> bool {
    matches!(marker, 0xC0..=0xCF) && !matches!(marker, 0xC4 | 0xC8 | 0xCC)
}

/// What has to be put together from several segments.
#[derive(Default)]
struct Parts {
    icc: Vec<(u8, u8, Bytes)>,
    exif: Vec<u8>,
    photoshop: Vec<u8>,
    several_pictures: bool,
    gain_map: bool,
    others: Vec<String>,
}

fn sort_segment(segment: &JpegSegment, sidecar: &mut Sidecar, parts: &mut Parts) {
    let contents = segment.contents();
    match segment.marker() {
        markers::APP0 if contents.starts_with(b"JFIF\0") => {
            sidecar.density = contents.get(7..12).and_then(|v| v.try_into().ok());
        }
        markers::APP1 if contents.starts_with(EXIF) => {
            parts.exif.extend_from_slice(&contents[EXIF.len()..]);
        }
        markers::APP1 if contents.starts_with(XMP) && sidecar.xmp.is_none() => {
            sidecar.xmp = Some(contents[XMP.len()..].to_vec());
        }
        // The name is followed by a digest of 32 letters and two lengths.
        markers::APP1
            if contents.starts_with(EXTENDED_XMP) && contents.len() >= EXTENDED_XMP.len() + 40 =>
        {
            sidecar.extended_xmp.push(contents.to_vec());
        }
        markers::APP2 if contents.starts_with(ICC) && contents.len() >= ICC.len() + 2 => {
            let at = ICC.len();
            parts.icc.push((contents[at], contents[at + 1], contents.slice(at + 2..)));
        }
        markers::APP2 if contents.starts_with(MPF) => parts.several_pictures = true,
        markers::APP2 if contents.starts_with(GAIN_MAP) => parts.gain_map = true,
        markers::APP11 if contains(contents, b"c2pa") => {
            let warning = Warning::new(
                "C2PA",
                "content credentials removed: they vouch for the old pixels only",
            );
            if !sidecar.left_behind.contains(&warning) {
                sidecar.left_behind.push(warning);
            }
        }
        markers::APP13 if contents.starts_with(PHOTOSHOP) => {
            parts.photoshop.extend_from_slice(&contents[PHOTOSHOP.len()..]);
        }
        markers::COM => sidecar.comments.push(contents.to_vec()),
        // How the old pixels were coded; the new ones have their own.
        markers::APP14 if contents.starts_with(b"Adobe") => {}
        marker @ markers::APP0..=markers::APP15 => {
            let name: String = contents
                .iter()
                .take(20)
                .take_while(|b| b.is_ascii_graphic())
                .map(|b| char::from(*b))
                .collect();
            let other = format!("APP{} {name}", marker - markers::APP0).trim_end().to_owned();
            if parts.others.len() < NAMED && !parts.others.contains(&other) {
                parts.others.push(other);
            }
        }
        _ => {}
    }
}

impl Parts {
    fn finish(mut self, sidecar: &mut Sidecar, trailing: usize) {
        self.icc.sort_by_key(|part| part.0);
        let count = self.icc.len();
        let whole = |(i, part): (usize, &(u8, u8, Bytes))| {
            usize::from(part.0) == i + 1 && usize::from(part.1) == count
        };
        if count > 0 && self.icc.iter().enumerate().all(whole) {
            sidecar.icc = Some(self.icc.iter().flat_map(|part| part.2.iter().copied()).collect());
        } else if count > 0 {
            sidecar.left_behind.push(Warning::new(
                "ICC profile",
                "left out: parts of it are missing; colors are taken as sRGB",
            ));
        }
        sidecar.exif = (!self.exif.is_empty()).then_some(self.exif);
        sidecar.photoshop = (!self.photoshop.is_empty())
            .then(|| photoshop::without_thumbnails(self.photoshop))
            .filter(|block| !block.is_empty());
        let promised = sidecar.xmp.as_mut().is_some_and(|packet| xmp::blank_gain_map(packet));
        if promised || self.gain_map {
            sidecar.left_behind.push(Warning::new(
                "gain map",
                "left out: it fits the old pixels only; the result is a plain (SDR) picture",
            ));
        }
        if self.several_pictures || trailing > 0 {
            let pointer = if self.several_pictures { " and the MPF index of them" } else { "" };
            sidecar.left_behind.push(Warning::new(
                "further pictures",
                format!(
                    "{trailing} bytes after the picture (previews, gain map, motion){pointer} \
                     left out"
                ),
            ));
        }
        if !self.others.is_empty() {
            sidecar.left_behind.push(Warning::new(
                "maker's segments",
                format!("{} left out: they may describe the old pixels", self.others.join(", ")),
            ));
        }
    }
}

/// How many bytes follow the picture's end mark, or `None` when there is no end mark.
fn bytes_after_picture(scans: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        at += scans.get(at..)?.iter().position(|&b| b == markers::P)?;
        match *scans.get(at + 1)? {
            // A stuffed byte, a restart mark.
            0x00 | 0x01 | 0xD0..=0xD7 => at += 2,
            markers::P => at += 1,
            markers::EOI => return Some(scans.len() - at - 2),
            // Tables and headers between the scans of a progressive picture.
            _ => {
                let len = scans.get(at + 2..at + 4)?;
                at += 2 + usize::from(u16::from_be_bytes([len[0], len[1]]));
            }
        }
    }
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

/// Puts the sidecar's blocks into an encoded JPEG.
///
/// # Errors
/// [`ErrorKind::Encode`] when `encoded` is not a JPEG.
pub(crate) fn write(
    encoded: Vec<u8>,
    sidecar: &Sidecar,
    warnings: &mut Vec<Warning>,
) -> Result<Vec<u8>> {
    let mut jpeg = Jpeg::from_bytes(encoded.into()).map_err(|error| {
        Error::new(ErrorKind::Encode, format!("the encoder wrote no valid JPEG: {error}"))
    })?;
    let segments = jpeg.segments_mut();
    let mut at = 0;
    if let Some(first) = segments.first_mut()
        && first.marker() == markers::APP0
    {
        at = 1;
        if let Some(density) = sidecar.density {
            let mut contents = first.contents().to_vec();
            contents[7..12].copy_from_slice(&density);
            *first = JpegSegment::new_with_contents(markers::APP0, contents.into());
        }
    }
    segments.splice(at..at, blocks(sidecar, warnings));
    sidecar.warn_png_chunks("JPEG", warnings);
    Ok(jpeg.encoder().bytes().to_vec())
}

fn blocks(sidecar: &Sidecar, warnings: &mut Vec<Warning>) -> Vec<JpegSegment> {
    let mut segments = Vec::new();
    let mut push = |marker, parts: &[&[u8]]| {
        segments.push(JpegSegment::new_with_contents(marker, parts.concat().into()));
    };
    if let Some(exif) = &sidecar.exif {
        let pieces = exif.chunks(SEGMENT - EXIF.len());
        if pieces.len() > 1 {
            warnings.push(Warning::new(
                "EXIF",
                "larger than one JPEG segment: written to several, which not every program reads",
            ));
        }
        pieces.for_each(|piece| push(markers::APP1, &[EXIF, piece]));
    }
    if let Some(packet) = &sidecar.xmp {
        if packet.len() <= SEGMENT - XMP.len() {
            push(markers::APP1, &[XMP, packet]);
        } else {
            warnings.push(Warning::new(
                "XMP",
                "left out: larger than the 64 KiB of a JPEG segment; save as PNG, TIFF or WebP",
            ));
        }
    }
    sidecar.extended_xmp.iter().for_each(|part| push(markers::APP1, &[part]));
    if let Some(block) = &sidecar.photoshop {
        for piece in block.chunks(SEGMENT - PHOTOSHOP.len()) {
            push(markers::APP13, &[PHOTOSHOP, piece]);
        }
    }
    if let Some(icc) = &sidecar.icc {
        let pieces = icc.chunks(SEGMENT - ICC.len() - 2);
        if let Ok(count) = u8::try_from(pieces.len()) {
            for (number, piece) in (1..=count).zip(pieces) {
                push(markers::APP2, &[ICC, &[number, count], piece]);
            }
        } else {
            warnings.push(Warning::new("ICC profile", "left out: too large for a JPEG"));
        }
    }
    for comment in &sidecar.comments {
        comment.chunks(SEGMENT).for_each(|piece| push(markers::COM, &[piece]));
    }
    segments
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_mark_is_found_behind_every_scan() {
        assert_eq!(bytes_after_picture(b"ab\xff\x00\xff\xd0c\xff\xd9"), Some(0));
        assert_eq!(bytes_after_picture(b"ab\xff\xd9tail"), Some(4));
        // A table between two scans that happens to hold the mark.
        assert_eq!(bytes_after_picture(b"a\xff\xc4\0\x04\xff\xd9b\xff\xd9x"), Some(1));
        assert_eq!(bytes_after_picture(b"ab\xff\x00c"), None);
        assert_eq!(bytes_after_picture(b"ab\xff"), None);
    }
}
