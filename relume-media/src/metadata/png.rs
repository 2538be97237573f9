//! The chunks of a PNG: into a sidecar and back.

use img_parts::png::{Png, PngChunk};
use img_parts::{Bytes, ImageEXIF, ImageICC};

use super::{Sidecar, Warning};
use crate::{Error, ErrorKind, Result};

const XMP: &[u8] = b"XML:com.adobe.xmp\0";
/// Most kinds of chunks that are named.
const NAMED: usize = 20;

/// Reads all chunks beside the pixels.
///
/// # Errors
/// [`ErrorKind::Decode`] when the chunks do not fit together.
pub(crate) fn read(bytes: &Bytes) -> Result<Sidecar> {
    let png = Png::from_bytes(bytes.clone()).map_err(|_| {
        Error::new(
            ErrorKind::Decode,
            "this PNG ends before the picture is complete; copy it again from its source",
        )
    })?;
    let mut sidecar = Sidecar {
        icc: png.icc_profile().map(|icc| icc.to_vec()),
        exif: png.exif().map(|exif| exif.to_vec()),
        ..Sidecar::default()
    };
    for chunk in png.chunks() {
        sort_chunk(chunk, &mut sidecar);
    }
    Ok(sidecar)
}

fn sort_chunk(chunk: &PngChunk, sidecar: &mut Sidecar) {
    let contents = chunk.contents();
    let mut leave = |about: &str, message: &str| {
        let warning = Warning::new(about, message);
        if sidecar.left_behind.len() < NAMED && !sidecar.left_behind.contains(&warning) {
            sidecar.left_behind.push(warning);
        }
    };
    match &chunk.kind() {
        // Pixels and how they were stored, and blocks read above.
        b"IHDR" | b"PLTE" | b"IDAT" | b"IEND" | b"tRNS" | b"bKGD" | b"hIST" | b"sBIT" | b"iCCP"
        | b"eXIf" => {}
        b"acTL" | b"fcTL" | b"fdAT" => leave("animation", "only the first picture was read"),
        b"caBX" => {
            leave("C2PA", "content credentials removed: they vouch for the old pixels only");
        }
        b"iTXt" if contents.starts_with(XMP) && sidecar.xmp.is_none() => {
            match plain_xmp(contents) {
                Some(packet) => sidecar.xmp = Some(packet.to_vec()),
                None => sidecar.png_chunks.push((*b"iTXt", contents.to_vec())),
            }
        }
        kind @ (b"tEXt" | b"zTXt" | b"iTXt" | b"tIME" | b"pHYs" | b"gAMA" | b"cHRM" | b"sRGB"
        | b"cICP" | b"mDCV" | b"cLLI") => sidecar.png_chunks.push((*kind, contents.to_vec())),
        // The fourth letter says whether a chunk survives changed pixels.
        kind if kind[3].is_ascii_lowercase() => {
            sidecar.png_chunks.push((*kind, contents.to_vec()));
        }
        kind => {
            let name = String::from_utf8_lossy(&kind[..]);
            leave("PNG chunks", &format!("{name} left out: it depends on the old pixels"));
        }
    }
}

/// The packet in an uncompressed XMP chunk.
fn plain_xmp(contents: &[u8]) -> Option<&[u8]> {
    let rest = contents.strip_prefix(XMP)?.strip_prefix(&[0, 0])?;
    // Language tag and translated keyword, both usually empty.
    let rest = &rest[rest.iter().position(|&b| b == 0)? + 1..];
    Some(&rest[rest.iter().position(|&b| b == 0)? + 1..])
}

/// Names of chunks for a message; those that only restate sRGB are not worth one.
pub(crate) fn names(chunks: &[([u8; 4], Vec<u8>)]) -> Vec<String> {
    let worth = chunks.iter().filter(|(kind, _)| !matches!(kind, b"sRGB" | b"gAMA" | b"cHRM"));
    worth
        .take(NAMED)
        .map(|(kind, contents)| {
            let name = String::from_utf8_lossy(kind);
            let text = matches!(kind, b"tEXt" | b"zTXt" | b"iTXt");
            match contents.split(|&b| b == 0).next().filter(|_| text) {
                Some(keyword) => format!("{name} {}", String::from_utf8_lossy(keyword)),
                None => name.into_owned(),
            }
        })
        .collect()
}

/// Puts the sidecar's blocks into an encoded PNG.
///
/// # Errors
/// [`ErrorKind::Encode`] when `encoded` is not a PNG.
pub(crate) fn write(
    encoded: Vec<u8>,
    sidecar: &Sidecar,
    warnings: &mut Vec<Warning>,
) -> Result<Vec<u8>> {
    let mut png = Png::from_bytes(encoded.into()).map_err(|error| {
        Error::new(ErrorKind::Encode, format!("the encoder wrote no valid PNG: {error}"))
    })?;
    let mut chunks: Vec<PngChunk> = Vec::new();
    for (kind, contents) in &sidecar.png_chunks {
        chunks.push(PngChunk::new(*kind, contents.clone().into()));
    }
    if let Some(packet) = &sidecar.xmp {
        let contents = [XMP, &[0, 0, 0, 0], packet].concat();
        chunks.push(PngChunk::new(*b"iTXt", contents.into()));
    }
    for comment in &sidecar.comments {
        chunks.push(comment_chunk(comment));
    }
    // Behind IHDR: before the palette and the pixels, where all of them may stand.
    png.chunks_mut().splice(1..1, chunks);
    png.set_exif(sidecar.exif.clone().map(Bytes::from));
    png.set_icc_profile(sidecar.icc.clone().map(Bytes::from));
    sidecar.warn_missing(&["extended XMP", "IPTC", "Photoshop resources"], "PNG", warnings);
    Ok(png.encoder().bytes().to_vec())
}

fn comment_chunk(comment: &[u8]) -> PngChunk {
    // tEXt is Latin-1, iTXt is UTF-8; plain ASCII is both.
    let utf8 = !comment.is_ascii() && std::str::from_utf8(comment).is_ok();
    let (kind, head): ([u8; 4], &[u8]) =
        if utf8 { (*b"iTXt", b"Comment\0\0\0\0\0") } else { (*b"tEXt", b"Comment\0") };
    PngChunk::new(kind, [head, comment].concat().into())
}
