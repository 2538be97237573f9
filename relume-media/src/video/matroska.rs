//! The smallest Matroska stream that carries raw frames with exact times to FFmpeg.
//!
//! Ticks are microseconds, every frame is a cluster of its own (RFC 9559, RFC 8794). Nothing
//! else that FFmpeg reads from a pipe keeps times of variable distance exactly.

use std::io::{self, Write};

use super::Frame;
use super::format::PixelFormat;
use super::info::{ColorTags, Hdr10};
use crate::Size;

/// What a stream of raw frames says about itself.
#[derive(Debug, Clone)]
pub(super) struct Track<'a> {
    pub(super) size: Size,
    pub(super) format: PixelFormat,
    pub(super) pixel_aspect: Option<(u32, u32)>,
    pub(super) frame_rate: Option<(u32, u32)>,
    pub(super) color: &'a ColorTags,
    pub(super) hdr: Hdr10,
}

/// Writes the head of the stream.
pub(super) fn write_head(to: &mut impl Write, track: &Track<'_>) -> io::Result<()> {
    let head = [
        unsigned(0x4286, 1),
        unsigned(0x42F7, 1),
        unsigned(0x42F2, 4),
        unsigned(0x42F3, 8),
        element(0x4282, b"matroska"),
        unsigned(0x4287, 4),
        unsigned(0x4285, 2),
    ];
    let info = [unsigned(0x2A_D7B1, 1000), element(0x4D80, b"relume"), element(0x5741, b"relume")];
    let mut entry = vec![
        unsigned(0xD7, 1),
        unsigned(0x73C5, 1),
        unsigned(0x83, 1),
        unsigned(0x9C, 0),
        element(0x86, b"V_UNCOMPRESSED"),
        element(0xE0, &video(track)),
    ];
    if let Some((frames, seconds)) = track.frame_rate {
        let nanoseconds = 1_000_000_000 * u64::from(seconds) / u64::from(frames);
        entry.push(unsigned(0x23_E383, nanoseconds.max(1)));
    }
    to.write_all(&element(0x1A45_DFA3, &head.concat()))?;
    // A segment of unknown length.
    to.write_all(&[0x18, 0x53, 0x80, 0x67, 0x01, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF])?;
    to.write_all(&element(0x1549_A966, &info.concat()))?;
    to.write_all(&element(0x1654_AE6B, &element(0xAE, &entry.concat())))
}

/// Writes one frame, shown at `time_us` microseconds (0 or more) after the stream's beginning.
pub(super) fn write_frame(to: &mut impl Write, frame: &Frame, time_us: u64) -> io::Result<()> {
    // Track 1, no time beside the cluster's, no flags.
    let block_head = [0x81, 0, 0, 0];
    let time = unsigned(0xE7, time_us);
    let duration = match u64::try_from(frame.duration_us) {
        Ok(duration) if duration > 0 => unsigned(0x9B, duration),
        _ => Vec::new(),
    };
    let block = block_head.len() + frame.samples.len();
    let group = start(0xA1, block).len() + block + duration.len();
    let cluster = time.len() + start(0xA0, group).len() + group;
    let head = [start(0x1F43_B675, cluster), time, start(0xA0, group), start(0xA1, block)].concat();
    to.write_all(&head)?;
    to.write_all(&block_head)?;
    to.write_all(&frame.samples)?;
    to.write_all(&duration)
}

fn video(track: &Track<'_>) -> Vec<u8> {
    let Size { width, height } = track.size;
    let (across, down) = track.pixel_aspect.unwrap_or((1, 1));
    [
        unsigned(0x9A, 2), // progressive
        unsigned(0xB0, width as u64),
        unsigned(0xBA, height as u64),
        unsigned(0x54B0, width as u64 * u64::from(across)),
        unsigned(0x54BA, height as u64 * u64::from(down)),
        unsigned(0x54B2, 3), // the two before are a ratio
        element(0x2E_B524, &track.format.four_cc()),
        element(0x55B0, &color(track)),
    ]
    .concat()
}

fn color(track: &Track<'_>) -> Vec<u8> {
    let tags = track.color;
    let range = match tags.range.as_deref() {
        Some("pc") => 2,
        Some(_) => 1,
        None => 0,
    };
    let mut out = [
        unsigned(0x55B1, code(MATRICES, tags.matrix.as_deref())),
        unsigned(0x55B9, range),
        unsigned(0x55BA, code(TRANSFERS, tags.transfer.as_deref())),
        unsigned(0x55BB, code(PRIMARIES, tags.primaries.as_deref())),
    ]
    .concat();
    if let Some([pixel, frame]) = track.hdr.light_level {
        out.extend(unsigned(0x55BC, u64::from(pixel)));
        out.extend(unsigned(0x55BD, u64::from(frame)));
    }
    if let Some((corners, [least, greatest])) = track.hdr.mastering {
        let places = corners.iter().flatten().chain([&greatest, &least]);
        let values = places.zip(0x55D1..).flat_map(|(v, id)| element(id, &v.to_be_bytes()));
        out.extend(element(0x55D0, &values.collect::<Vec<_>>()));
    }
    out
}

/// Numbers of ITU-T H.273.
const MATRICES: &[(&str, u64)] = &[
    ("gbr", 0),
    ("rgb", 0),
    ("bt709", 1),
    ("fcc", 4),
    ("bt470bg", 5),
    ("smpte170m", 6),
    ("smpte240m", 7),
    ("bt2020nc", 9),
];
const TRANSFERS: &[(&str, u64)] = &[
    ("bt709", 1),
    ("bt470m", 4),
    ("gamma22", 4),
    ("bt470bg", 5),
    ("gamma28", 5),
    ("smpte170m", 6),
    ("smpte240m", 7),
    ("linear", 8),
    ("iec61966-2-1", 13),
    ("bt2020-10", 14),
    ("bt2020-12", 15),
    ("smpte2084", 16),
    ("arib-std-b67", 18),
];
const PRIMARIES: &[(&str, u64)] = &[
    ("bt709", 1),
    ("bt470m", 4),
    ("bt470bg", 5),
    ("smpte170m", 6),
    ("smpte240m", 7),
    ("film", 8),
    ("bt2020", 9),
    ("smpte428", 10),
    ("smpte431", 11),
    ("smpte432", 12),
];

/// 2 is "unspecified".
fn code(table: &[(&str, u64)], name: Option<&str>) -> u64 {
    table.iter().find(|(known, _)| Some(*known) == name).map_or(2, |(_, code)| *code)
}

/// An element's identifier and size.
fn start(id: u32, size: usize) -> Vec<u8> {
    let bytes = id.to_be_bytes();
    let mut out = bytes[(id.leading_zeros() / 8) as usize..].to_vec();
    out.extend(((size as u64) | (1 << 56)).to_be_bytes());
    out
}

fn element(id: u32, content: &[u8]) -> Vec<u8> {
    let mut out = start(id, content.len());
    out.extend(content);
    out
}

fn unsigned(id: u32, value: u64) -> Vec<u8> {
    let bytes = value.to_be_bytes();
    element(id, &bytes[(value.leading_zeros() / 8).min(7) as usize..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_laid_out_as_the_standard_says() {
        assert_eq!(unsigned(0xD7, 0), [0xD7, 1, 0, 0, 0, 0, 0, 0, 1, 0]);
        assert_eq!(unsigned(0x2A_D7B1, 1000)[3..], [1, 0, 0, 0, 0, 0, 0, 2, 3, 0xE8]);
        let frame = Frame { time_us: 0, duration_us: 40, samples: vec![7, 8] };
        let mut out = Vec::new();
        write_frame(&mut out, &frame, 1_000_000).unwrap();
        // The cluster's size is what follows its head.
        let size = u64::from_be_bytes(out[4..12].try_into().unwrap()) & !(1 << 56);
        assert_eq!(out.len() as u64, 12 + size);
        assert!(out.windows(6).any(|six| six == [0x81, 0, 0, 0, 7, 8]));
    }

    #[test]
    fn names_have_the_numbers_of_the_standard() {
        assert_eq!(code(TRANSFERS, Some("smpte2084")), 16);
        assert_eq!(code(MATRICES, Some("bt2020nc")), 9);
        assert_eq!(code(PRIMARIES, None), 2);
    }
}
