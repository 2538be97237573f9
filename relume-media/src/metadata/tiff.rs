//! The directories of a TIFF: into a sidecar and back.
//!
//! EXIF has the structure of a TIFF. On the way out the EXIF block opens the new file, so that all
//! its offsets hold, maker notes included, and only the first directory is written anew. On the
//! way in the descriptive fields are gathered into a block of their own.

use super::directory::{self, Entry, Field, TiffView, Value};
use super::exif::{EXIF_DIRECTORY, GPS_DIRECTORY, INTEROP_DIRECTORY};
use super::{Sidecar, Warning, photoshop};
use crate::{Error, ErrorKind, Result, Size};

const XMP: u16 = 700;
const IPTC: u16 = 33723;
const PHOTOSHOP: u16 = 34377;
const ICC: u16 = 34675;
const MAKER_NOTE: u16 = 0x927C;
const DNG_VERSION: u16 = 50706;
const SUB_DIRECTORIES: u16 = 330;
const LAYERS: u16 = 37724;

/// The size that the first directory states.
pub(crate) fn size(bytes: &[u8]) -> Option<Size> {
    let view = TiffView::new(bytes)?;
    let number = |tag| view.number(&view.find(view.first()?, tag)?).map(|v| v as usize);
    Some(Size::new(number(256)?, number(257)?))
}

/// Fields that say how the pixels are stored; every writer sets its own.
fn is_structural(tag: u16) -> bool {
    matches!(
        tag,
        254..=259 | 262..=266 | 273 | 277..=281 | 284 | 288..=293 | 297 | 301 | 317..=325
            | SUB_DIRECTORIES | 338..=347 | 512..=521 | 529..=532
    )
}

fn is_block(tag: u16) -> bool {
    matches!(tag, XMP | IPTC | PHOTOSHOP | ICC | LAYERS)
}

/// Reads all fields beside the pixels.
///
/// # Errors
/// [`ErrorKind::Decode`] for a broken file, [`ErrorKind::Unsupported`] for a camera's raw file.
pub(crate) fn read(bytes: &[u8]) -> Result<Sidecar> {
    let damaged = || {
        Error::new(
            ErrorKind::Decode,
            "this TIFF has no readable directory (BigTIFF or damaged); re-save it as plain TIFF",
        )
    };
    let view = TiffView::new(bytes).ok_or_else(damaged)?;
    let first = view.first().ok_or_else(damaged)?;
    let entries = view.entries(first);
    let find = |tag| entries.iter().find(|entry| entry.tag == tag);
    let preview = find(254).and_then(|e| view.number(e)).is_some_and(|kind| kind & 1 == 1);
    let raw = bytes.get(8..10) == Some(b"CR") || find(DNG_VERSION).is_some();
    if raw || (preview && find(SUB_DIRECTORIES).is_some()) {
        return Err(Error::new(
            ErrorKind::Unsupported,
            "this is a camera's raw file; develop it first and save a 16-bit TIFF or PNG",
        ));
    }
    let block = |tag| find(tag).and_then(|entry| view.value(entry)).map(<[u8]>::to_vec);
    let resources = block(PHOTOSHOP).map(photoshop::without_thumbnails).unwrap_or_default();
    let iptc = block(IPTC).filter(|_| photoshop::find(&resources, photoshop::IPTC).is_none());
    let resources = match iptc {
        // Adobe pads the records to whole words; the padding is harmless.
        Some(iptc) => [photoshop::wrap(photoshop::IPTC, &iptc), resources].concat(),
        None => resources,
    };
    let mut sidecar = Sidecar {
        icc: block(ICC),
        xmp: block(XMP),
        photoshop: (!resources.is_empty()).then_some(resources),
        ..Sidecar::default()
    };
    sidecar.exif = gather_exif(&view, &entries, &mut sidecar.left_behind);
    let mut leave = |about: &str, message: &str| {
        sidecar.left_behind.push(Warning::new(about, message));
    };
    if view.next(first).is_some() {
        leave("further pages", "only the first page was read");
    }
    if find(SUB_DIRECTORIES).is_some() {
        leave("previews", "left out: they show the old picture");
    }
    if find(LAYERS).is_some() {
        leave("Photoshop layers", "left out: they hold the old pixels");
    }
    Ok(sidecar)
}

fn gather_exif(
    view: &TiffView<'_>,
    entries: &[Entry],
    warnings: &mut Vec<Warning>,
) -> Option<Vec<u8>> {
    let mut copier = Copier { view, left: view.bytes.len(), warnings };
    let mut fields = Vec::new();
    for entry in entries.iter().filter(|e| !is_structural(e.tag) && !is_block(e.tag)) {
        fields.extend(copier.copy(entry, 0));
    }
    if copier.left == 0 {
        let message = "partly left out: its fields claim more bytes than the file has";
        copier.warnings.push(Warning::new("EXIF", message));
    }
    if fields.is_empty() {
        return None;
    }
    let mut exif = directory::header(view.big_endian);
    let at = directory::append(&mut exif, fields, view.big_endian);
    exif[4..8].copy_from_slice(&directory::u32_bytes(at, view.big_endian));
    Some(exif)
}

/// Copies fields out of their file.
struct Copier<'a> {
    view: &'a TiffView<'a>,
    /// Bytes that may still be copied. Honest fields do not share bytes, so together they fit in
    /// the file; thousands that point to the same ones would make gigabytes of a small file.
    left: usize,
    warnings: &'a mut Vec<Warning>,
}

impl Copier<'_> {
    fn copy(&mut self, entry: &Entry, depth: usize) -> Option<Field> {
        self.take(1)?;
        let is_directory = matches!(
            (depth, entry.tag),
            (0, EXIF_DIRECTORY | GPS_DIRECTORY) | (1, INTEROP_DIRECTORY)
        );
        let value = if is_directory {
            let inner = self.view.entries(self.view.number(entry)? as usize);
            self.take(12 * inner.len())?;
            Value::Directory(inner.iter().filter_map(|e| self.copy(e, depth + 1)).collect())
        } else {
            let bytes = self.view.value(entry)?;
            self.take(bytes.len())?;
            Value::Bytes(bytes.to_vec())
        };
        let warning = Warning::new(
            "maker notes",
            "moved inside the file; some programs may no longer read all of them",
        );
        if entry.tag == MAKER_NOTE && !self.warnings.contains(&warning) {
            self.warnings.push(warning);
        }
        Some(Field { tag: entry.tag, kind: entry.kind, count: entry.count, value })
    }

    /// Counts bytes; none once there are too many.
    fn take(&mut self, bytes: usize) -> Option<()> {
        let left = self.left.checked_sub(bytes);
        // Too many once is too many for all that come.
        self.left = left.unwrap_or(0);
        left.map(|_| ())
    }
}

/// Whether a TIFF that carries this sidecar has to be big-endian.
pub(crate) fn is_big_endian(sidecar: &Sidecar) -> bool {
    opening(sidecar).is_some_and(|view| view.big_endian)
}

/// The EXIF block, if a TIFF can begin with it.
fn opening(sidecar: &Sidecar) -> Option<TiffView<'_>> {
    let view = TiffView::new(sidecar.exif.as_deref()?)?;
    view.first()?;
    Some(view)
}

/// Puts together a TIFF: EXIF, `pixels` in strips, and the first directory with `fields` (how
/// the pixels are stored; strip offsets are relative to `pixels`) and the sidecar's blocks.
///
/// # Errors
/// [`ErrorKind::Encode`] when the file would exceed the 4 GiB of a TIFF.
pub(crate) fn write(
    pixels: &[u8],
    strips: &[u32],
    mut fields: Vec<Field>,
    sidecar: &Sidecar,
    warnings: &mut Vec<Warning>,
) -> Result<Vec<u8>> {
    let big_endian = is_big_endian(sidecar);
    let mut out = match opening(sidecar) {
        Some(view) => {
            let carried = view.entries(view.first().unwrap_or(0)).into_iter();
            let carried = carried.filter(|e| !is_structural(e.tag) && !is_block(e.tag));
            fields.extend(carried.filter_map(|entry| {
                let slot = view.bytes.get(entry.at + 8..entry.at + 12)?.try_into().ok()?;
                let value = Value::InPlace(slot);
                Some(Field { tag: entry.tag, kind: entry.kind, count: entry.count, value })
            }));
            view.bytes.to_vec()
        }
        None => {
            sidecar.warn_missing(&["EXIF"], "TIFF with damaged EXIF", warnings);
            directory::header(big_endian)
        }
    };
    out.resize(out.len().next_multiple_of(16), 0);
    let blocks = [&sidecar.icc, &sidecar.xmp, &sidecar.photoshop, &sidecar.exif];
    let extra: usize = blocks.iter().map(|block| block.as_ref().map_or(0, Vec::len)).sum();
    if out.len() + pixels.len() + extra + (1 << 20) > u32::MAX as usize {
        return Err(Error::new(
            ErrorKind::Encode,
            "too large for a TIFF (4 GiB); save as PNG, or with fewer bits",
        ));
    }
    let start = out.len() as u32;
    out.extend(pixels);
    let offsets: Vec<u32> = strips.iter().map(|strip| start + strip).collect();
    fields.push(Field::longs(273, &offsets, big_endian));
    fields.extend(sidecar.icc.clone().map(|icc| Field::bytes(ICC, 7, icc)));
    fields.extend(sidecar.xmp.clone().map(|xmp| Field::bytes(XMP, 1, xmp)));
    fields.extend(sidecar.iptc().map(|iptc| Field::bytes(IPTC, 7, iptc.to_vec())));
    fields.extend(sidecar.photoshop.clone().map(|block| Field::bytes(PHOTOSHOP, 1, block)));
    let at = directory::append(&mut out, fields, big_endian);
    out[4..8].copy_from_slice(&directory::u32_bytes(at, big_endian));
    sidecar.warn_missing(&["extended XMP", "comment"], "TIFF", warnings);
    sidecar.warn_png_chunks("TIFF", warnings);
    Ok(out)
}
