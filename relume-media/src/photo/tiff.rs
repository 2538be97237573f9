//! Pixels of a TIFF: uncompressed strips, as every program reads them.

use super::BitDepth;
use super::encode::Raster;
use crate::Result;
use crate::metadata::directory::Field;
use crate::metadata::{self, Sidecar, Warning};

/// Bytes a strip should have about.
const STRIP: usize = 1 << 18;

/// A whole TIFF file.
pub(super) fn write(
    raster: &Raster,
    big_endian: bool,
    sidecar: &Sidecar,
    warnings: &mut Vec<Warning>,
) -> Result<Vec<u8>> {
    let (bits, sample_format) = match raster.depth {
        BitDepth::Eight => (8, 1),
        BitDepth::Sixteen => (16, 1),
        BitDepth::Float => (32, 3),
    };
    let color = if raster.grey { 1 } else { 3 };
    let channels = color + u16::from(raster.alpha);
    let row = raster.size.width * usize::from(channels) * (bits / 8);
    let rows = (STRIP / row).clamp(1, raster.size.height);
    let lengths: Vec<u32> =
        raster.samples.chunks(rows * row).map(|strip| strip.len() as u32).collect();
    let starts: Vec<u32> = (0..lengths.len()).map(|i| (i * rows * row) as u32).collect();
    let short = |tag, values: &[u16]| Field::shorts(tag, values, big_endian);
    let long = |tag, values: &[u32]| Field::longs(tag, values, big_endian);
    let each = |value: u16| vec![value; usize::from(channels)];
    let mut fields = vec![
        long(256, &[raster.size.width as u32]),
        long(257, &[raster.size.height as u32]),
        short(258, &each(bits as u16)),
        short(259, &[1]),                               // no compression
        short(262, &[if raster.grey { 1 } else { 2 }]), // black is zero, or RGB
        short(277, &[channels]),
        long(278, &[rows as u32]),
        long(279, &lengths),
        short(284, &[1]), // interleaved
        short(339, &each(sample_format)),
    ];
    if raster.alpha {
        fields.push(short(338, &[2])); // opacity, colors not multiplied with it
    }
    metadata::tiff::write(&raster.samples, &starts, fields, sidecar, warnings)
}
