//! Changes to EXIF in place: no offset moves, so maker notes stay readable.

use super::directory::{TiffView, u16_bytes, u32_bytes};
use crate::Size;

/// Tag of the pointer to the EXIF directory.
pub(crate) const EXIF_DIRECTORY: u16 = 0x8769;
/// Tag of the pointer to the GPS directory.
pub(crate) const GPS_DIRECTORY: u16 = 0x8825;
/// Tag of the pointer to the interoperability directory, inside the EXIF directory.
pub(crate) const INTEROP_DIRECTORY: u16 = 0xA005;

/// Removes the thumbnail, which shows the old picture: its directory is unlinked, its bytes are
/// cut off where they end the block and zeroed elsewhere.
pub(crate) fn drop_thumbnail(exif: &mut Vec<u8>) -> bool {
    let Some((pointer, thumbnail)) = find_thumbnail(exif) else { return false };
    exif[pointer..pointer + 4].fill(0);
    if let Some((start, end)) = thumbnail {
        exif[start..end].fill(0);
        if end == exif.len() {
            exif.truncate(start);
        }
    }
    true
}

/// The pointer to the thumbnail's directory, and the range of its bytes.
fn find_thumbnail(exif: &[u8]) -> Option<(usize, Option<(usize, usize)>)> {
    let view = TiffView::new(exif)?;
    let first = view.first()?;
    let pointer = view.next_pointer(first)?;
    let second = view.next(first)?;
    let number = |tag| view.number(&view.find(second, tag)?).map(|v| v as usize);
    let range = (|| {
        let (start, len) = (number(0x201)?, number(0x202)?);
        let end = start.checked_add(len)?;
        (start >= 8 && end <= exif.len()).then_some((start, end))
    })();
    Some((pointer, range))
}

/// Writes the picture's size where the EXIF states one.
pub(crate) fn set_size(exif: &mut [u8], size: Size) {
    let mut patches = Vec::new();
    if let Some(view) = TiffView::new(exif)
        && let Some(first) = view.first()
    {
        let inner = view.find(first, EXIF_DIRECTORY).and_then(|e| view.number(&e));
        let places = [
            (Some(first), 0x100, size.width),
            (Some(first), 0x101, size.height),
            (inner.map(|at| at as usize), 0xA002, size.width),
            (inner.map(|at| at as usize), 0xA003, size.height),
        ];
        for (directory, tag, value) in places {
            let Some(entry) = directory.and_then(|at| view.find(at, tag)) else { continue };
            match entry.kind {
                3 if entry.count == 1 && value <= 0xFFFF => {
                    let two = u16_bytes(value as u16, view.big_endian);
                    patches.push((entry.at + 8, two.to_vec()));
                }
                4 if entry.count == 1 => {
                    let four = u32_bytes(value as u32, view.big_endian);
                    patches.push((entry.at + 8, four.to_vec()));
                }
                _ => {}
            }
        }
    }
    for (at, bytes) in patches {
        exif[at..at + bytes.len()].copy_from_slice(&bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::super::directory::{Field, Value, append, header};
    use super::*;

    fn with_thumbnail(big_endian: bool, last: bool) -> (Vec<u8>, usize) {
        let mut exif = header(big_endian);
        let inner =
            vec![Field::shorts(0xA002, &[7], big_endian), Field::longs(0xA003, &[9], big_endian)];
        let pointer =
            Field { tag: EXIF_DIRECTORY, kind: 4, count: 1, value: Value::Directory(inner) };
        let fields = vec![Field::shorts(0x112, &[6], big_endian), pointer];
        let first = append(&mut exif, fields, big_endian);
        exif[4..8].copy_from_slice(&u32_bytes(first, big_endian));
        let at = exif.len() as u32 + 30;
        let fields =
            vec![Field::longs(0x201, &[at], big_endian), Field::longs(0x202, &[5], big_endian)];
        let second = append(&mut exif, fields, big_endian);
        let pointer = TiffView::new(&exif).unwrap().next_pointer(first as usize).unwrap();
        exif[pointer..pointer + 4].copy_from_slice(&u32_bytes(second, big_endian));
        assert_eq!(exif.len(), at as usize);
        exif.extend(b"THUMB");
        if !last {
            exif.extend(b"maker");
        }
        (exif, at as usize)
    }

    #[test]
    fn the_thumbnail_goes_and_nothing_else_moves() {
        for (big_endian, last) in [(false, true), (true, true), (false, false), (true, false)] {
            let (mut exif, at) = with_thumbnail(big_endian, last);
            let before = exif.clone();
            assert!(drop_thumbnail(&mut exif));
            assert!(!exif.windows(5).any(|w| w == b"THUMB"));
            assert_eq!(exif.len(), if last { at } else { before.len() });
            let changed = (0..at).filter(|i| exif[*i] != before[*i]).count();
            assert!(changed <= 4, "only the link changed");
            assert!(exif.ends_with(b"maker") != last);
            assert!(!drop_thumbnail(&mut exif));
        }
    }

    #[test]
    fn the_size_is_written_in_either_byte_order() {
        for big_endian in [false, true] {
            let (mut exif, _) = with_thumbnail(big_endian, true);
            set_size(&mut exif, Size::new(640, 480));
            let view = TiffView::new(&exif).unwrap();
            let inner = view.find(view.first().unwrap(), EXIF_DIRECTORY).unwrap();
            let inner = view.number(&inner).unwrap() as usize;
            let read = |tag| view.number(&view.find(inner, tag).unwrap()).unwrap();
            assert_eq!((read(0xA002), read(0xA003)), (640, 480));
        }
    }

    #[test]
    fn nonsense_is_left_alone() {
        for bytes in
            [&b""[..], b"II\x2a\0", b"II\x2a\0\xff\xff\xff\xff", b"MM\0\x2a\0\0\0\x08\xff\xff"]
        {
            let mut copy = bytes.to_vec();
            assert!(!drop_thumbnail(&mut copy));
            set_size(&mut copy, Size::new(1, 1));
            assert_eq!(copy, bytes);
        }
    }
}
