//! How the samples of a frame lie in memory: planes, their sizes, and the bits of a sample.

use crate::Size;

/// Which planes a frame has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Planes {
    /// Luma alone.
    Gray,
    /// Luma and two chroma planes, each smaller by these powers of two in width and height.
    Yuv(u8, u8),
    /// Green, blue, red, in this order.
    Gbr,
}

/// Planes and depth of a frame; samples of more than 8 bits take two bytes, low one first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PixelFormat {
    /// The planes.
    pub planes: Planes,
    /// Bits of a sample: 8, 10, 12 or 16.
    pub bits: u8,
}

/// What a name of FFmpeg for a pixel format means here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Understood {
    /// The format that holds all of it but opacity.
    pub(super) format: PixelFormat,
    /// Whether the original has opacity.
    pub(super) alpha: bool,
    /// Whether the name says full range.
    pub(super) full_range: bool,
}

impl PixelFormat {
    /// Planar 4:2:0 with 8 bits, the most common.
    pub const YUV420: Self = Self { planes: Planes::Yuv(1, 1), bits: 8 };

    /// The name FFmpeg has for it.
    pub fn name(self) -> String {
        let base = match self.planes {
            Planes::Gray => "gray",
            Planes::Gbr => "gbrp",
            Planes::Yuv(0, 0) => "yuv444p",
            Planes::Yuv(1, 0) => "yuv422p",
            Planes::Yuv(2, 0) => "yuv411p",
            Planes::Yuv(0, _) => "yuv440p",
            Planes::Yuv(..) => "yuv420p",
        };
        if self.bits == 8 { base.to_owned() } else { format!("{base}{}le", self.bits) }
    }

    /// The FourCC that FFmpeg's Matroska reader knows it by.
    pub(super) fn four_cc(self) -> [u8; 4] {
        let deep = |kind: u8, chroma: u8| [kind, b'3', chroma, self.bits];
        match (self.planes, self.bits) {
            (Planes::Gray, 8) => *b"Y800",
            (Planes::Gray, bits) => [b'Y', b'1', 0, bits],
            (Planes::Gbr, _) => deep(b'G', 0),
            (Planes::Yuv(0, 0), 8) => *b"444P",
            (Planes::Yuv(1, 0), 8) => *b"Y42B",
            (Planes::Yuv(2, 0), _) => *b"Y41B",
            (Planes::Yuv(0, _), 8) => *b"440P",
            (Planes::Yuv(..), 8) => *b"I420",
            (Planes::Yuv(0, 0), _) => deep(b'Y', 0),
            (Planes::Yuv(1, 0), _) => deep(b'Y', 10),
            (Planes::Yuv(..), _) => deep(b'Y', 11),
        }
    }

    /// Bytes of one sample.
    pub(super) fn sample_bytes(self) -> usize {
        if self.bits > 8 { 2 } else { 1 }
    }

    /// Columns and rows of every plane of a frame of `size`; chroma of odd sizes is rounded up.
    pub fn plane_sizes(self, size: Size) -> Vec<Size> {
        match self.planes {
            Planes::Gray => vec![size],
            Planes::Gbr => vec![size; 3],
            Planes::Yuv(x, y) => {
                let width = size.width.div_ceil(1 << x);
                let chroma = Size::new(width, size.height.div_ceil(1 << y));
                vec![size, chroma, chroma]
            }
        }
    }

    /// Bytes of a whole frame of `size`.
    pub fn frame_bytes(self, size: Size) -> usize {
        self.plane_sizes(size).iter().map(|plane| plane.pixels()).sum::<usize>()
            * self.sample_bytes()
    }

    /// What FFmpeg's `name` means; names not known are read as 16-bit RGB, which FFmpeg makes of
    /// anything.
    pub(super) fn understand(name: &str) -> Understood {
        let name = name.trim_end_matches("le").trim_end_matches("be");
        let alpha = ["yuva", "gbrap", "rgba", "bgra", "argb", "abgr", "ya8", "ya16", "pal8"]
            .iter()
            .any(|start| name.starts_with(start));
        let digits = name.rsplit(|c: char| !c.is_ascii_digit()).next().unwrap_or_default();
        let bits = match digits.parse::<u8>() {
            Ok(9 | 10) => 10,
            Ok(11 | 12) => 12,
            Ok(13..=16 | 48 | 64) => 16,
            _ => 8,
        };
        let has = |part: &str| name.contains(part);
        let planes = if has("411") {
            Planes::Yuv(2, 0)
        } else if name.starts_with("gray") || name.starts_with("ya") || has("mono") {
            Planes::Gray
        } else if has("rgb") || has("bgr") || has("gbr") || name == "pal8" {
            Planes::Gbr
        } else if has("444") || has("xyz") || has("ayuv") || has("vuy") || has("xv") {
            Planes::Yuv(0, 0)
        } else if ["422", "nv16", "nv20", "p210", "p216", "p212"].iter().any(|p| has(p)) {
            Planes::Yuv(1, 0)
        } else if has("440") && bits > 8 {
            // Raw frames of this kind have no name that FFmpeg would read again.
            Planes::Yuv(0, 0)
        } else if has("440") {
            Planes::Yuv(0, 1)
        } else if ["420", "nv12", "nv21", "p010", "p012", "p016"].iter().any(|p| has(p)) {
            Planes::Yuv(1, 1)
        } else {
            let format = Self { planes: Planes::Gbr, bits: 16 };
            return Understood { format, alpha, full_range: true };
        };
        // `p010`, `p210`, `nv20` and their like say the depth last; 4:1:1 is 8 bit alone.
        let bits = match name {
            "nv12" | "nv21" | "nv16" | "nv24" | "nv42" | "ya8" | "pal8" => 8,
            "nv20" => 10,
            _ if has("411") || has("yuyv") || has("uyvy") || has("mono") => 8,
            _ => bits,
        };
        let full_range = name.starts_with("yuvj") || planes == Planes::Gbr;
        Understood { format: Self { planes, bits }, alpha, full_range }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_understood() {
        let yuv = |x, y, bits| PixelFormat { planes: Planes::Yuv(x, y), bits };
        let gbr = |bits| PixelFormat { planes: Planes::Gbr, bits };
        let gray = |bits| PixelFormat { planes: Planes::Gray, bits };
        let cases = [
            ("yuv420p", yuv(1, 1, 8)),
            ("yuvj420p", yuv(1, 1, 8)),
            ("yuv420p10le", yuv(1, 1, 10)),
            ("yuv422p10be", yuv(1, 0, 10)),
            ("yuv444p12le", yuv(0, 0, 12)),
            ("yuv444p", yuv(0, 0, 8)),
            ("yuva420p", yuv(1, 1, 8)),
            ("yuv411p", yuv(2, 0, 8)),
            ("nv12", yuv(1, 1, 8)),
            ("p010le", yuv(1, 1, 10)),
            ("yuyv422", yuv(1, 0, 8)),
            ("gbrp", gbr(8)),
            ("gbrp10le", gbr(10)),
            ("rgb24", gbr(8)),
            ("rgba64be", gbr(16)),
            ("rgb48le", gbr(16)),
            ("bgra", gbr(8)),
            ("pal8", gbr(8)),
            ("gray", gray(8)),
            ("gray10le", gray(10)),
            ("monob", gray(8)),
        ];
        for (name, format) in cases {
            assert_eq!(PixelFormat::understand(name).format, format, "{name}");
        }
        assert!(PixelFormat::understand("yuva444p10le").alpha);
        assert!(PixelFormat::understand("yuvj422p").full_range);
        assert!(!PixelFormat::understand("yuv420p").full_range);
    }

    #[test]
    fn odd_sizes_round_chroma_up() {
        let size = Size::new(5, 3);
        assert_eq!(PixelFormat::YUV420.frame_bytes(size), 15 + 2 * 6);
        let deep = PixelFormat { planes: Planes::Yuv(0, 0), bits: 10 };
        assert_eq!(deep.frame_bytes(size), 90);
        assert_eq!(deep.name(), "yuv444p10le");
    }
}
