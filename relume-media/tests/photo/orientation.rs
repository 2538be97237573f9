//! All eight orientations come out upright, once.

use std::fs;

use relume_media::photo::SaveOptions;
use relume_media::{Image, Limits, Photo, PhotoFormat, Size, Srgb};

use crate::{decode, encode, scratch};

/// Four blocks of color: red and green above, blue and white below.
fn corners() -> Image<Srgb> {
    Image::from_fn(Size::new(48, 32), |x, y| match (x < 24, y < 16) {
        (true, true) => [0.9, 0.1, 0.1],
        (false, true) => [0.1, 0.9, 0.1],
        (true, false) => [0.1, 0.1, 0.9],
        (false, false) => [0.9, 0.9, 0.9],
    })
}

/// How a camera stores the upright picture under `orientation`, by the table of the EXIF
/// standard: where the stored row 0 and column 0 lie in the picture.
fn stored(upright: &Image<Srgb>, orientation: u8) -> Image<Srgb> {
    let (w, h) = (upright.width(), upright.height());
    let size = if orientation >= 5 { Size::new(h, w) } else { Size::new(w, h) };
    Image::from_fn(size, |column, row| {
        let (x, y) = match orientation {
            1 => (column, row),                 // top, left
            2 => (w - 1 - column, row),         // top, right
            3 => (w - 1 - column, h - 1 - row), // bottom, right
            4 => (column, h - 1 - row),         // bottom, left
            5 => (row, column),                 // left, top
            6 => (w - 1 - row, column),         // right, top
            7 => (w - 1 - row, h - 1 - column), // right, bottom
            _ => (row, h - 1 - column),         // left, bottom
        };
        upright.get(x, y)
    })
}

/// A minimal EXIF block that says only `orientation`.
fn exif(orientation: u8, big_endian: bool) -> Vec<u8> {
    let mut exif = if big_endian {
        b"MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\0\0\0\0\0\0\0".to_vec()
    } else {
        b"II\x2a\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\0\0\0\0\0\0\0\0".to_vec()
    };
    exif[if big_endian { 19 } else { 18 }] = orientation;
    exif
}

#[test]
fn all_eight_come_out_upright_in_every_format_and_are_reset() {
    let upright = corners();
    let formats = [PhotoFormat::Jpeg, PhotoFormat::Png, PhotoFormat::WebP, PhotoFormat::Tiff];
    for format in formats {
        for orientation in 1..=8 {
            let case = format!("{} orientation {orientation}", format.name());
            let mut photo = Photo::from_image(stored(&upright, orientation));
            photo.sidecar.exif = Some(exif(orientation, orientation % 2 == 0));
            let (_folder, path) = scratch(&format!("turned.{}", format.extensions()[0]));
            fs::write(&path, encode(&photo, format)).unwrap();

            let probe = Photo::probe(&path).unwrap();
            assert_eq!(probe.size, upright.size(), "{case}");
            let loaded = Photo::load(&path, &Limits::default()).unwrap();
            assert_eq!(loaded.size(), upright.size(), "{case}");
            for (x, y) in [(6, 6), (40, 6), (6, 26), (40, 26)] {
                let (is, should) = (loaded.image.get(x, y), upright.get(x, y));
                let off = is.iter().zip(should).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
                assert!(off < 0.05, "{case}: ({x}, {y}) is {is:?}, should be {should:?}");
            }
            // A second round does not turn it again.
            let again = decode(loaded.encode(format, &SaveOptions::default()).unwrap().0);
            assert_eq!(again.size(), upright.size(), "{case}, again");
            assert!(again.image.get(6, 6)[0] > 0.8, "{case}, again");
            let carried = again.sidecar.exif.unwrap();
            let oriented = image::metadata::Orientation::from_exif_chunk(&carried).unwrap();
            assert_eq!(oriented.to_exif(), 1, "{case}");
        }
    }
}
