//! Saved and loaded again, a photo is the same: every format, depth, channel and set of blocks.

use relume_media::metadata::Sidecar;
use relume_media::photo::{BitDepth, SaveOptions};
use relume_media::{Image, Photo, PhotoFormat, Plane, Size};

use crate::{decode, difference};

/// EXIF with one field.
const EXIF: &[u8] = b"II\x2a\0\x08\0\0\0\x01\0\x0f\x01\x02\0\x04\0\0\0cam\0\0\0\0\0";
const XMP: &[u8] = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'>night</x:xmpmeta>";
const IPTC: &[u8] = b"8BIM\x04\x04\0\0\0\0\0\x08\x1c\x02\x19\0\x03cat";

/// The blocks that the bits of `which` choose.
fn sidecar(which: u32) -> Sidecar {
    let chosen = |bit: u32, bytes: &[u8]| (which >> bit & 1 == 1).then(|| bytes.to_vec());
    let icc = moxcms::ColorProfile::new_display_p3().encode().unwrap();
    Sidecar {
        exif: chosen(0, EXIF),
        xmp: chosen(1, XMP),
        photoshop: chosen(2, IPTC),
        icc: chosen(3, &icc),
        comments: chosen(4, b"words").into_iter().collect(),
        ..Sidecar::default()
    }
}

fn photo(size: Size, depth: BitDepth, (grey, alpha): (bool, bool), which: u32) -> Photo {
    let levels = if depth == BitDepth::Eight { 255.0_f32 } else { 65535.0 };
    let at = |n: usize| ((n * 7919 % 1009) as f32 / 1009.0 * levels).round() / levels;
    let image = Image::from_fn(size, |x, y| {
        let n = x + 31 * y;
        if grey { [at(n); 3] } else { [at(n), at(n + 1), at(n + 2)] }
    });
    let mut photo = Photo::from_image(image);
    (photo.depth, photo.grey, photo.sidecar) = (depth, grey, sidecar(which));
    photo.alpha = alpha.then(|| Plane { size, values: (0..size.pixels()).map(at).collect() });
    photo
}

/// The blocks that a format has a place for.
fn holds(format: PhotoFormat) -> &'static [&'static str] {
    match format {
        PhotoFormat::Jpeg => &["EXIF", "XMP", "IPTC", "ICC profile", "comment"],
        PhotoFormat::Png => &["EXIF", "XMP", "ICC profile", "PNG chunks"],
        PhotoFormat::Tiff => &["EXIF", "XMP", "IPTC", "ICC profile"],
        PhotoFormat::WebP => &["EXIF", "XMP", "ICC profile"],
        _ => &[],
    }
}

fn check(format: PhotoFormat, photo: &Photo, case: &str) {
    let (bytes, warnings) = photo.encode(format, &SaveOptions::default()).unwrap();
    let first = decode(bytes);
    assert_eq!(first.size(), photo.size(), "{case}");
    // Every block comes back, byte for byte, or is named.
    for block in photo.sidecar.blocks() {
        // A comment of a JPEG is a text chunk of a PNG.
        let kept =
            holds(format).contains(&block) || (block, format) == ("comment", PhotoFormat::Png);
        let named = warnings.iter().any(|warning| warning.about == block);
        assert!(kept != named, "{case}: {block} kept {kept}, named {named}: {warnings:?}");
    }
    let (before, after) = (&photo.sidecar, &first.sidecar);
    for (block, same) in [
        ("EXIF", before.exif == after.exif || format == PhotoFormat::Tiff),
        ("XMP", before.xmp == after.xmp),
        ("IPTC", before.iptc() == after.iptc()),
        ("ICC profile", before.icc == after.icc),
        ("comment", before.comments == after.comments),
    ] {
        assert!(same || !holds(format).contains(&block), "{case}: {block} differs");
    }
    assert_eq!(first.alpha.is_some(), photo.alpha.is_some() && format.holds_alpha(), "{case}");
    // What was written once is written again: the same pixels, in linear light but for the last bit
    // of `f32`; for lossy JPEG the same blocks.
    let (bytes, _) = first.encode(format, &SaveOptions::default()).unwrap();
    let second = decode(bytes);
    let allowed = match format {
        PhotoFormat::Jpeg => f32::INFINITY,
        PhotoFormat::OpenExr | PhotoFormat::RadianceHdr => 1e-5,
        _ => 0.0,
    };
    let off = difference(&second.image, &first.image);
    assert!(off <= allowed && second.alpha == first.alpha, "{case}: pixels differ by {off}");
    assert_eq!(second.sidecar, first.sidecar, "{case}");
    assert_eq!((second.depth, second.grey), (first.depth, first.grey), "{case}");
}

#[test]
fn every_combination_survives_there_and_back() {
    let mut count = 0;
    for format in PhotoFormat::ALL {
        for depth in [BitDepth::Eight, BitDepth::Sixteen] {
            for channels in [(false, false), (true, false), (false, true), (true, true)] {
                for which in 0..32 {
                    let size = Size::new(1 + count % 9, 1 + count % 7);
                    let case = format!("{} {depth} {channels:?} {which:05b}", format.name());
                    check(format, &photo(size, depth, channels, which), &case);
                    count += 1;
                }
            }
        }
    }
    assert_eq!(count, 6 * 2 * 4 * 32);
}
