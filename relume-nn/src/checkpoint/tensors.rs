//! From a storage's bytes to a tensor's values: kinds of numbers, places and strides.

use half::slice::HalfFloatSliceExt as _;
use half::{bf16, f16};

/// What a storage holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    F64,
    F32,
    F16,
    Bf16,
    /// Whole numbers or truth values of so many bytes.
    Whole(usize),
}

impl Kind {
    /// The kind of a storage class or a `torch` type, such as `torch HalfStorage`.
    pub(super) fn of(global: &str) -> Option<Self> {
        let (module, name) = global.split_once(' ')?;
        if !matches!(module, "torch" | "torch.cuda" | "torch.storage") {
            return None;
        }
        Some(match name {
            "DoubleStorage" | "float64" => Self::F64,
            "FloatStorage" | "float32" => Self::F32,
            "HalfStorage" | "float16" => Self::F16,
            "BFloat16Storage" | "bfloat16" => Self::Bf16,
            "LongStorage" | "int64" | "uint64" => Self::Whole(8),
            "IntStorage" | "int32" | "uint32" => Self::Whole(4),
            "ShortStorage" | "int16" | "uint16" => Self::Whole(2),
            "CharStorage" | "ByteStorage" | "BoolStorage" | "UntypedStorage" | "int8" | "uint8"
            | "bool" => Self::Whole(1),
            _ => return None,
        })
    }

    /// Bytes of one number.
    pub(super) fn bytes(self) -> usize {
        match self {
            Self::F64 => 8,
            Self::F32 => 4,
            Self::F16 | Self::Bf16 => 2,
            Self::Whole(bytes) => bytes,
        }
    }

    /// Whether there are no fractions.
    pub(super) fn is_whole(self) -> bool {
        matches!(self, Self::Whole(_))
    }

    /// All numbers of `bytes`, one after the other.
    pub(super) fn values(self, bytes: &[u8]) -> Vec<f32> {
        if self != Self::F16 {
            return bytes.chunks_exact(self.bytes()).map(|bytes| self.value(bytes)).collect();
        }
        // The processor converts several at once.
        let halves = bytes.chunks_exact(2).map(|b| f16::from_le_bytes([b[0], b[1]]));
        let halves: Vec<f16> = halves.collect();
        let mut values = vec![0.0; halves.len()];
        halves.convert_to_f32_slice(&mut values);
        values
    }

    /// The number that just so many bytes hold; whole numbers are not read.
    pub(super) fn value(self, bytes: &[u8]) -> f32 {
        match (self, bytes) {
            (Self::F32, &[a, b, c, d]) => f32::from_le_bytes([a, b, c, d]),
            (Self::F16, &[a, b]) => f16::from_le_bytes([a, b]).to_f32(),
            (Self::Bf16, &[a, b]) => bf16::from_le_bytes([a, b]).to_f32(),
            (Self::F64, &[a, b, c, d, e, f, g, h]) => {
                f64::from_le_bytes([a, b, c, d, e, f, g, h]) as f32
            }
            _ => f32::NAN,
        }
    }
}

/// A run of numbers in the file.
#[derive(Debug)]
pub(super) struct Storage<'a> {
    pub(super) key: &'a str,
    pub(super) kind: Kind,
    /// Numbers of that kind.
    pub(super) length: usize,
}

/// A tensor: which numbers of a storage, in which order.
#[derive(Debug)]
pub(super) struct Slice<'a> {
    pub(super) storage: Storage<'a>,
    pub(super) kind: Kind,
    /// Place of the first number.
    pub(super) first: usize,
    pub(super) shape: Vec<usize>,
    /// Numbers from one index of an axis to the next.
    pub(super) strides: Vec<usize>,
}

impl Slice<'_> {
    /// The values, row-major, if they are at most `limit` and lie inside `data`.
    pub(super) fn values(&self, data: &[u8], limit: usize) -> Result<Vec<f32>, String> {
        let width = self.kind.bytes();
        let declared = self.storage.length.checked_mul(self.storage.kind.bytes());
        if declared.is_none_or(|bytes| bytes > data.len()) {
            return Err(format!(
                "storage {} has {} bytes; {} numbers do not fit",
                self.storage.key,
                data.len(),
                self.storage.length
            ));
        }
        let count = self.shape.iter().try_fold(1_usize, |n, &side| n.checked_mul(side));
        let count = count.filter(|&n| n <= limit).ok_or_else(|| {
            format!("a tensor of {:?} in so small a file: nothing honest needs that", self.shape)
        })?;
        if self.strides.len() != self.shape.len() {
            return Err(format!("shape {:?} with strides {:?}", self.shape, self.strides));
        }
        if count == 0 {
            return Ok(Vec::new());
        }
        let last = self
            .shape
            .iter()
            .zip(&self.strides)
            .try_fold(self.first, |last, (n, by)| last.checked_add((n - 1).checked_mul(*by)?));
        if last.is_none_or(|last| last >= data.len() / width) {
            return Err(format!("its numbers lie outside of storage {}", self.storage.key));
        }
        let mut values = Vec::with_capacity(count);
        let mut index = vec![0; self.shape.len()];
        let mut place = self.first;
        loop {
            values.push(self.kind.value(&data[place * width..(place + 1) * width]));
            if !self.advance(&mut index, &mut place) {
                return Ok(values);
            }
        }
    }

    /// Moves to the next index, last axis first; false after the last.
    fn advance(&self, index: &mut [usize], place: &mut usize) -> bool {
        for axis in (0..index.len()).rev() {
            index[axis] += 1;
            // The step past the end may leave the range of numbers; it is taken back below.
            *place = place.wrapping_add(self.strides[axis]);
            if index[axis] < self.shape[axis] {
                return true;
            }
            *place = place.wrapping_sub(index[axis].wrapping_mul(self.strides[axis]));
            index[axis] = 0;
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slice(first: usize, shape: &[usize], strides: &[usize]) -> Result<Vec<f32>, String> {
        let data: Vec<u8> = (0..12_u8).flat_map(|n| f32::from(n).to_le_bytes()).collect();
        let storage = Storage { key: "0", kind: Kind::F32, length: 12 };
        let (shape, strides) = (shape.to_vec(), strides.to_vec());
        Slice { storage, kind: Kind::F32, first, shape, strides }.values(&data, 100)
    }

    #[test]
    fn strides_are_honoured() {
        assert_eq!(slice(0, &[2, 3], &[3, 1]).unwrap(), [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
        assert_eq!(slice(1, &[3, 2], &[1, 3]).unwrap(), [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]);
        assert_eq!(slice(11, &[], &[]).unwrap(), [11.0]);
        assert_eq!(slice(11, &[1], &[usize::MAX]).unwrap(), [11.0]);
        assert_eq!(slice(5, &[2, 2], &[0, 0]).unwrap(), [5.0; 4]);
        assert!(slice(0, &[0, 7], &[1, 1]).unwrap().is_empty());
    }

    #[test]
    fn places_outside_are_refused() {
        for (first, shape, strides) in [
            (0, &[13][..], &[1][..]),
            (12, &[1], &[1]),
            (0, &[2, 2], &[11, 1]),
            (usize::MAX, &[2], &[1]),
            (0, &[2], &[usize::MAX]),
            (0, &[usize::MAX, 2], &[0, 0]),
            (0, &[1 << 20], &[0]),
            (3, &[1, 13], &[usize::MAX, 1]),
            (0, &[2], &[1, 1]),
        ] {
            assert!(slice(first, shape, strides).is_err(), "{first} {shape:?} {strides:?}");
        }
    }

    #[test]
    fn every_kind_of_fraction_is_read() {
        let read = |kind: Kind, bytes: &[u8]| {
            let storage = Storage { key: "0", kind, length: 1 };
            let slice = Slice { storage, kind, first: 0, shape: vec![1], strides: vec![1] };
            slice.values(bytes, 1).unwrap()[0]
        };
        assert_eq!(read(Kind::F64, &1.5_f64.to_le_bytes()), 1.5);
        assert_eq!(read(Kind::F16, &f16::from_f32(1.5).to_le_bytes()), 1.5);
        assert_eq!(read(Kind::Bf16, &bf16::from_f32(1.5).to_le_bytes()), 1.5);
    }
}
