//! JPEG segments and PNG chunks that a plain copy gets wrong.

use img_parts::jpeg::{Jpeg, JpegSegment, markers};
use img_parts::png::{Png, PngChunk};
use relume_media::{Photo, PhotoFormat};

use crate::{decode, encode, gradient};

/// A JPEG with `segments` of marker and contents after its first.
fn jpeg_with(segments: &[(u8, Vec<u8>)], tail: &[u8]) -> Vec<u8> {
    let bytes = encode(&Photo::from_image(gradient(48, 32)), PhotoFormat::Jpeg);
    let mut jpeg = Jpeg::from_bytes(bytes.into()).unwrap();
    let new = segments
        .iter()
        .map(|(marker, contents)| JpegSegment::new_with_contents(*marker, contents.clone().into()))
        .collect::<Vec<_>>();
    jpeg.segments_mut().splice(1..1, new);
    [&jpeg.encoder().bytes(), tail].concat()
}

/// Saves as JPEG again: the file, and what the warnings are about.
fn resave(bytes: Vec<u8>, format: PhotoFormat) -> (Vec<u8>, Vec<String>) {
    let (bytes, warnings) = decode(bytes).encode(format, &Default::default()).unwrap();
    (bytes, warnings.into_iter().map(|warning| warning.about).collect())
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

#[test]
fn what_fits_only_the_old_pixels_is_left_out_and_named() {
    let xmp =
        b"http://ns.adobe.com/xap/1.0/\0<x hdrgm:Version=\"1.0\" dc:title=\"kept\"/>".to_vec();
    let source = jpeg_with(
        &[
            (markers::APP2, b"MPF\0II\x2a\0\x08\0\0\0offsets".to_vec()),
            (markers::APP11, b"JP\0\x01\0\0\0\x01jumbc2pa manifest".to_vec()),
            (markers::APP1, xmp),
            (markers::APP4, b"QDebug\0numbers of a telephone".to_vec()),
        ],
        b"\xff\xd8 a gain map \xff\xd9",
    );
    let (saved, warnings) = resave(source, PhotoFormat::Jpeg);
    assert_eq!(warnings, ["C2PA", "gain map", "further pictures", "maker's segments"]);
    for gone in [&b"MPF\0"[..], b"c2pa", b"hdrgm:Version", b"QDebug", b"gain map"] {
        assert!(!contains(&saved, gone), "{:?}", String::from_utf8_lossy(gone));
    }
    assert!(contains(&saved, b"dc:title=\"kept\""));
}

#[test]
fn photoshop_keeps_iptc_and_loses_its_thumbnail() {
    let resource = |id: u16, data: &[u8]| {
        let len = (data.len() as u32).to_be_bytes();
        [b"8BIM", &id.to_be_bytes()[..], &[0, 0], &len, data].concat()
    };
    let iptc = resource(0x0404, b"\x1c\x02\x5a\0\x08Budapest\0");
    let digest = resource(0x0425, b"0123456789abcdef");
    let block = [&iptc, &resource(0x040C, b"old picture!")[..], &digest].concat();
    let source = jpeg_with(&[(markers::APP13, [b"Photoshop 3.0\0", &block[..]].concat())], b"");
    let photo = decode(source);
    assert_eq!(photo.sidecar.iptc(), Some(&b"\x1c\x02\x5a\0\x08Budapest\0"[..]));
    let saved = encode(&photo, PhotoFormat::Jpeg);
    assert!(contains(&saved, &[b"Photoshop 3.0\0", &iptc[..], &digest].concat()));
    assert!(!contains(&saved, b"old picture!"));
}

#[test]
fn exif_beyond_64_kib_is_written_to_several_segments_and_read_again() {
    // One long private field in the first directory.
    let mut exif = b"II\x2a\0\x08\0\0\0\x01\0\xf0\xfe\x07\0".to_vec();
    let long: Vec<u8> = (0..150_000u32).map(|i| (i % 253) as u8).collect();
    exif.extend((long.len() as u32).to_le_bytes());
    exif.extend([26, 0, 0, 0, 0, 0, 0, 0]);
    exif.extend(&long);
    let mut photo = Photo::from_image(gradient(16, 16));
    photo.sidecar.exif = Some(exif.clone());
    let (bytes, warnings) = photo.encode(PhotoFormat::Jpeg, &Default::default()).unwrap();
    assert_eq!(warnings.len(), 1);
    assert_eq!(warnings[0].about, "EXIF");
    assert_eq!(decode(bytes).sidecar.exif.as_ref(), Some(&exif));
    for format in [PhotoFormat::Png, PhotoFormat::WebP, PhotoFormat::Tiff] {
        let (bytes, warnings) = photo.encode(format, &Default::default()).unwrap();
        assert_eq!(warnings, []);
        assert!(contains(&bytes, &long), "{}", format.name());
    }
}

#[test]
fn xmp_beyond_64_kib_is_named_and_extended_xmp_carried() {
    let mut photo = Photo::from_image(gradient(16, 16));
    photo.sidecar.xmp = Some(vec![b' '; 70_000]);
    let warnings = photo.encode(PhotoFormat::Jpeg, &Default::default()).unwrap().1;
    assert_eq!(warnings[0].about, "XMP");
    assert_eq!(decode(encode(&photo, PhotoFormat::Png)).sidecar.xmp, photo.sidecar.xmp);

    let part = b"http://ns.adobe.com/xmp/extension/\x000123456789ABCDEF0123456789ABCDEF".to_vec();
    let part = [&part[..], &[0, 0, 0, 4, 0, 0, 0, 0], b"<x/>"].concat();
    let source = jpeg_with(&[(markers::APP1, part.clone())], b"");
    let (saved, warnings) = resave(source.clone(), PhotoFormat::Jpeg);
    assert!(contains(&saved, &part));
    assert!(warnings.is_empty());
    assert_eq!(resave(source, PhotoFormat::Png).1, ["extended XMP"]);
}

#[test]
fn png_chunks_stay_with_a_png_and_are_named_elsewhere() {
    let bytes = encode(&Photo::from_image(gradient(16, 16)), PhotoFormat::Png);
    let mut png = Png::from_bytes(bytes.into()).unwrap();
    let chunks = [
        (*b"tEXt", &b"Title\0Night bridge"[..]),
        (*b"pHYs", b"\0\0\x0b\x13\0\0\x0b\x13\x01"),
        (*b"sRGB", b"\0"),
        (*b"caBX", b"jumbc2pa"),
        (*b"prIV", b"depends on the pixels"),
    ];
    let new = chunks.map(|(kind, contents)| PngChunk::new(kind, contents.to_vec().into()));
    png.chunks_mut().splice(1..1, new);
    let source = png.encoder().bytes().to_vec();
    let (saved, warnings) = resave(source.clone(), PhotoFormat::Png);
    assert_eq!(warnings, ["C2PA", "PNG chunks"]);
    assert!(contains(&saved, b"tEXtTitle\0Night bridge") && contains(&saved, b"pHYs"));
    assert!(!contains(&saved, b"caBX") && !contains(&saved, b"prIV"));
    let (_, warnings) = resave(source.clone(), PhotoFormat::WebP);
    assert_eq!(warnings, ["C2PA", "PNG chunks", "PNG chunks"]);
    let named = decode(source).encode(PhotoFormat::Jpeg, &Default::default()).unwrap().1;
    assert!(named[2].message.contains("tEXt Title, pHYs left out"), "{}", named[2]);
}

#[test]
fn a_gamma_chunk_is_applied_and_kept() {
    let bytes = encode(&Photo::from_image(gradient(16, 16)), PhotoFormat::Png);
    let mut png = Png::from_bytes(bytes.clone().into()).unwrap();
    let linear = PngChunk::new(*b"gAMA", 100_000u32.to_be_bytes().to_vec().into());
    png.chunks_mut().insert(1, linear);
    let photo = decode(png.encoder().bytes().to_vec());
    // Half the numbers are half the light, which is 0.735 encoded.
    assert!((photo.image.get(8, 0)[0] - 0.735).abs() < 0.01, "{:?}", photo.image.get(8, 0));
    let saved = encode(&photo, PhotoFormat::Png);
    assert!(contains(&saved, b"gAMA\0\x01\x86\xa0"));
    let plain = |bytes: &[u8]| image::load_from_memory(bytes).unwrap().into_rgb8();
    assert_eq!(plain(&saved), plain(&bytes));
}

#[test]
fn cmyk_is_refused_with_a_remedy() {
    let bytes = encode(&Photo::from_image(gradient(16, 16)), PhotoFormat::Jpeg);
    let at = bytes.windows(2).position(|w| w == b"\xff\xc0").unwrap();
    // A fourth component in the frame header.
    let mut cmyk = bytes[..at + 2].to_vec();
    cmyk.extend([0, 20, 8, 0, 16, 0, 16, 4]);
    cmyk.extend(&bytes[at + 10..at + 19]);
    cmyk.extend([4, 0x11, 0]);
    cmyk.extend(&bytes[at + 19..]);
    let error = Photo::decode(cmyk, None, &Default::default()).unwrap_err();
    assert_eq!(error.kind(), relume_media::ErrorKind::Unsupported, "{error}");
}
