//! TIFF directories, the structure of both TIFF files and EXIF: reading in place and writing anew.

/// A read-only look at a TIFF structure; every access is checked.
#[derive(Clone, Copy)]
pub(crate) struct TiffView<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) big_endian: bool,
}

/// One 12-byte entry of a directory.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry {
    pub(crate) tag: u16,
    pub(crate) kind: u16,
    pub(crate) count: u32,
    /// Where the entry stands.
    pub(crate) at: usize,
}

impl Entry {
    /// Bytes of the value, or `None` for an unknown type or a senseless count.
    pub(crate) fn len(&self) -> Option<usize> {
        let each = match self.kind {
            1 | 2 | 6 | 7 => 1,
            3 | 8 => 2,
            4 | 9 | 11 | 13 => 4,
            5 | 10 | 12 => 8,
            _ => return None,
        };
        (self.count as usize).checked_mul(each)
    }
}

impl<'a> TiffView<'a> {
    /// `None` when `bytes` does not begin like a (classic) TIFF.
    pub(crate) fn new(bytes: &'a [u8]) -> Option<Self> {
        match bytes.get(..4)? {
            b"II\x2a\0" => Some(Self { bytes, big_endian: false }),
            b"MM\0\x2a" => Some(Self { bytes, big_endian: true }),
            _ => None,
        }
    }

    pub(crate) fn u16(&self, at: usize) -> Option<u16> {
        let two = self.bytes.get(at..at.checked_add(2)?)?.try_into().ok()?;
        Some(if self.big_endian { u16::from_be_bytes(two) } else { u16::from_le_bytes(two) })
    }

    pub(crate) fn u32(&self, at: usize) -> Option<u32> {
        let four = self.bytes.get(at..at.checked_add(4)?)?.try_into().ok()?;
        Some(if self.big_endian { u32::from_be_bytes(four) } else { u32::from_le_bytes(four) })
    }

    /// Where the first directory stands.
    pub(crate) fn first(&self) -> Option<usize> {
        self.u32(4).map(|at| at as usize).filter(|at| *at >= 8)
    }

    /// Where the offset of the directory after the one at `directory` stands.
    pub(crate) fn next_pointer(&self, directory: usize) -> Option<usize> {
        let entries = usize::from(self.u16(directory)?);
        Some(directory + 2 + 12 * entries)
    }

    /// The directory after the one at `directory`.
    pub(crate) fn next(&self, directory: usize) -> Option<usize> {
        self.u32(self.next_pointer(directory)?).map(|at| at as usize).filter(|at| *at >= 8)
    }

    /// The entries of the directory at `directory`, as far as the bytes go.
    pub(crate) fn entries(&self, directory: usize) -> Vec<Entry> {
        let count = self.u16(directory).map_or(0, usize::from);
        (0..count)
            .map_while(|i| {
                let at = directory + 2 + 12 * i;
                self.bytes.get(at..at + 12)?;
                Some(Entry {
                    tag: self.u16(at)?,
                    kind: self.u16(at + 2)?,
                    count: self.u32(at + 4)?,
                    at,
                })
            })
            .collect()
    }

    /// The entry with `tag` in the directory at `directory`.
    pub(crate) fn find(&self, directory: usize, tag: u16) -> Option<Entry> {
        self.entries(directory).into_iter().find(|entry| entry.tag == tag)
    }

    /// The bytes of an entry's value.
    pub(crate) fn value(&self, entry: &Entry) -> Option<&'a [u8]> {
        let len = entry.len()?;
        let at = if len <= 4 { entry.at + 8 } else { self.u32(entry.at + 8)? as usize };
        self.bytes.get(at..at.checked_add(len)?)
    }

    /// The first number of an integer entry.
    pub(crate) fn number(&self, entry: &Entry) -> Option<u32> {
        match entry.kind {
            _ if entry.count == 0 => None,
            1 => self.value(entry)?.first().map(|v| u32::from(*v)),
            3 if entry.count <= 2 => self.u16(entry.at + 8).map(u32::from),
            3 => self.u16(self.u32(entry.at + 8)? as usize).map(u32::from),
            4 | 13 if entry.count == 1 => self.u32(entry.at + 8),
            4 | 13 => self.u32(self.u32(entry.at + 8)? as usize),
            _ => None,
        }
    }
}

/// One field of a directory to be written.
pub(crate) struct Field {
    pub(crate) tag: u16,
    pub(crate) kind: u16,
    pub(crate) count: u32,
    pub(crate) value: Value,
}

/// What a [`Field`] holds.
pub(crate) enum Value {
    /// Bytes in the order of the structure.
    Bytes(Vec<u8>),
    /// The four bytes of an entry that points to data already in place.
    InPlace([u8; 4]),
    /// A directory of its own.
    Directory(Vec<Field>),
}

impl Field {
    pub(crate) fn bytes(tag: u16, kind: u16, value: Vec<u8>) -> Self {
        Self { tag, kind, count: value.len() as u32, value: Value::Bytes(value) }
    }

    pub(crate) fn shorts(tag: u16, values: &[u16], big_endian: bool) -> Self {
        let bytes = values.iter().flat_map(|v| u16_bytes(*v, big_endian)).collect();
        Self { tag, kind: 3, count: values.len() as u32, value: Value::Bytes(bytes) }
    }

    pub(crate) fn longs(tag: u16, values: &[u32], big_endian: bool) -> Self {
        let bytes = values.iter().flat_map(|v| u32_bytes(*v, big_endian)).collect();
        Self { tag, kind: 4, count: values.len() as u32, value: Value::Bytes(bytes) }
    }
}

pub(crate) fn u16_bytes(value: u16, big_endian: bool) -> [u8; 2] {
    if big_endian { value.to_be_bytes() } else { value.to_le_bytes() }
}

pub(crate) fn u32_bytes(value: u32, big_endian: bool) -> [u8; 4] {
    if big_endian { value.to_be_bytes() } else { value.to_le_bytes() }
}

/// Appends a directory and all its values to `out`; returns where it stands.
pub(crate) fn append(out: &mut Vec<u8>, mut fields: Vec<Field>, big_endian: bool) -> u32 {
    fields.sort_by_key(|field| field.tag);
    out.resize(out.len().next_multiple_of(2), 0);
    let start = out.len();
    out.extend(u16_bytes(fields.len() as u16, big_endian));
    out.resize(start + 2 + 12 * fields.len() + 4, 0);
    for (i, field) in fields.into_iter().enumerate() {
        let slot = match field.value {
            Value::InPlace(slot) => slot,
            Value::Directory(inner) => u32_bytes(append(out, inner, big_endian), big_endian),
            Value::Bytes(value) if value.len() <= 4 => {
                let mut slot = [0; 4];
                slot[..value.len()].copy_from_slice(&value);
                slot
            }
            Value::Bytes(value) => {
                out.resize(out.len().next_multiple_of(2), 0);
                let at = out.len() as u32;
                out.extend(value);
                u32_bytes(at, big_endian)
            }
        };
        let at = start + 2 + 12 * i;
        out[at..at + 2].copy_from_slice(&u16_bytes(field.tag, big_endian));
        out[at + 2..at + 4].copy_from_slice(&u16_bytes(field.kind, big_endian));
        out[at + 4..at + 8].copy_from_slice(&u32_bytes(field.count, big_endian));
        out[at + 8..at + 12].copy_from_slice(&slot);
    }
    start as u32
}

/// An empty TIFF: byte order, and no directory yet.
pub(crate) fn header(big_endian: bool) -> Vec<u8> {
    if big_endian { b"MM\0\x2a\0\0\0\0".to_vec() } else { b"II\x2a\0\0\0\0\0".to_vec() }
}
