//! The chunks of a WebP: into a sidecar and back.

use img_parts::Bytes;
use img_parts::webp::{CHUNK_ANIM, CHUNK_EXIF, CHUNK_ICCP, CHUNK_XMP, WebP};

use super::{Sidecar, Warning};
use crate::{Error, ErrorKind, Result, Size};

/// Reads all chunks beside the pixels.
///
/// # Errors
/// [`ErrorKind::Decode`] when the chunks do not fit together.
pub(crate) fn read(bytes: &Bytes) -> Result<Sidecar> {
    let webp = WebP::from_bytes(bytes.clone()).map_err(|_| {
        Error::new(
            ErrorKind::Decode,
            "this WebP ends before the picture is complete; copy it again from its source",
        )
    })?;
    let block = |id| {
        webp.chunk_by_id(id).and_then(|chunk| chunk.content().data()).map(|data| data.to_vec())
    };
    let mut sidecar = Sidecar {
        icc: block(CHUNK_ICCP),
        // Some programs put JPEG's mark in front.
        exif: block(CHUNK_EXIF)
            .map(|exif| exif.strip_prefix(b"Exif\0\0").map(<[u8]>::to_vec).unwrap_or(exif)),
        xmp: block(CHUNK_XMP),
        ..Sidecar::default()
    };
    if webp.has_chunk(CHUNK_ANIM) {
        let warning = Warning::new("animation", "only the first picture was read");
        sidecar.left_behind.push(warning);
    }
    Ok(sidecar)
}

/// Puts the sidecar's blocks around an encoded picture (a WebP with one chunk of pixels).
///
/// # Errors
/// [`ErrorKind::Encode`] when the file would exceed the 4 GiB of a WebP.
pub(crate) fn write(
    encoded: Vec<u8>,
    size: Size,
    alpha: bool,
    sidecar: &Sidecar,
    warnings: &mut Vec<Warning>,
) -> Result<Vec<u8>> {
    sidecar.warn_missing(
        &["extended XMP", "IPTC", "Photoshop resources", "comment"],
        "WebP",
        warnings,
    );
    sidecar.warn_png_chunks("WebP", warnings);
    let (icc, exif, xmp) = (&sidecar.icc, &sidecar.exif, &sidecar.xmp);
    if icc.is_none() && exif.is_none() && xmp.is_none() {
        return Ok(encoded);
    }
    let flag = |is: bool, bit: u8| if is { bit } else { 0 };
    let mut extended = vec![0; 10];
    extended[0] = flag(icc.is_some(), 0x20)
        | flag(alpha, 0x10)
        | flag(exif.is_some(), 0x08)
        | flag(xmp.is_some(), 0x04);
    extended[4..7].copy_from_slice(&(size.width as u32 - 1).to_le_bytes()[..3]);
    extended[7..10].copy_from_slice(&(size.height as u32 - 1).to_le_bytes()[..3]);

    let mut body = b"WEBP".to_vec();
    push_chunk(&mut body, b"VP8X", &extended);
    icc.iter().for_each(|icc| push_chunk(&mut body, b"ICCP", icc));
    body.extend(encoded.get(12..).unwrap_or_default());
    exif.iter().for_each(|exif| push_chunk(&mut body, b"EXIF", exif));
    xmp.iter().for_each(|xmp| push_chunk(&mut body, b"XMP ", xmp));
    let len = u32::try_from(body.len())
        .map_err(|_| Error::new(ErrorKind::Encode, "too large for a WebP; save as TIFF or PNG"))?;
    Ok([b"RIFF", &len.to_le_bytes()[..], &body].concat())
}

fn push_chunk(body: &mut Vec<u8>, id: &[u8; 4], data: &[u8]) {
    body.extend(id);
    body.extend((data.len() as u32).to_le_bytes());
    body.extend(data);
    body.resize(body.len().next_multiple_of(2), 0);
}
