//! Every format there and back: depth, gray, transparency, light above white.

use std::collections::BTreeSet;

use relume_media::photo::{BitDepth, SaveOptions};
use relume_media::{Image, Limits, Linear, Photo, PhotoFormat, Plane, Size, Srgb};

use crate::{decode, difference, encode, gradient, scratch};

fn photo(depth: BitDepth, grey: bool, alpha: bool) -> Photo {
    let size = Size::new(37, 301);
    let at = |x: usize, y: usize| (x + 37 * y) as f32 / size.pixels() as f32;
    let image = Image::<Srgb>::from_fn(size, |x, y| {
        if grey { [at(x, y); 3] } else { [at(x, y), 1.0 - at(x, y), at(y % 37, x)] }
    });
    let opacity =
        Plane { size, values: (0..size.pixels()).map(|i| (i % 7) as f32 / 6.0).collect() };
    let mut photo = Photo::from_image(image);
    (photo.depth, photo.grey) = (depth, grey);
    photo.alpha = alpha.then_some(opacity);
    photo
}

#[test]
fn lossless_formats_keep_depth_gray_and_transparency() {
    let cases = [
        (PhotoFormat::Png, &[BitDepth::Eight, BitDepth::Sixteen][..]),
        (PhotoFormat::Tiff, &[BitDepth::Eight, BitDepth::Sixteen]),
        (PhotoFormat::WebP, &[BitDepth::Eight]),
    ];
    for (format, depths) in cases {
        for (&depth, grey, alpha) in depths.iter().flat_map(|depth| {
            [(depth, false, false), (depth, true, false), (depth, false, true), (depth, true, true)]
        }) {
            let case = format!("{} {depth} grey {grey} alpha {alpha}", format.name());
            let photo = photo(depth, grey, alpha);
            let (bytes, warnings) = photo.encode(format, &SaveOptions::default()).unwrap();
            assert_eq!(warnings, [], "{case}");
            let again = decode(bytes);
            let step = if depth == BitDepth::Eight { 1.0 / 255.0 } else { 1.0 / 65535.0 };
            assert!(difference(&again.image, &photo.image) < 0.51 * step, "{case}");
            assert_eq!((again.format, again.depth), (format, depth), "{case}");
            assert_eq!(again.grey, grey && format != PhotoFormat::WebP, "{case}");
            match (&again.alpha, &photo.alpha) {
                (Some(a), Some(b)) => {
                    let off = a.values.iter().zip(&b.values).map(|(a, b)| (a - b).abs());
                    assert!(off.fold(0.0, f32::max) < 0.51 * step, "{case}");
                }
                (a, b) => assert_eq!(a.is_some(), b.is_some(), "{case}"),
            }
            // A second round changes nothing at all.
            assert_eq!(decode(encode(&again, format)).image, again.image, "{case}");
        }
    }
}

#[test]
fn sixteen_bit_files_have_more_than_256_levels() {
    for format in [PhotoFormat::Png, PhotoFormat::Tiff] {
        let bytes = encode(&photo(BitDepth::Sixteen, false, false), format);
        // Counted by the decoder alone, past our own reading.
        let decoded = image::load_from_memory(&bytes).unwrap();
        let image::DynamicImage::ImageRgb16(samples) = decoded else {
            panic!("{} is not 16 bit", format.name())
        };
        let levels: BTreeSet<u16> = samples.iter().copied().collect();
        println!("{}: {} levels", format.name(), levels.len());
        assert!(levels.len() > 10_000, "{}: {}", format.name(), levels.len());
        assert_eq!(decode(bytes).depth, BitDepth::Sixteen);
    }
}

#[test]
fn jpeg_is_close_and_names_what_it_cannot_hold() {
    let source = photo(BitDepth::Sixteen, false, true);
    let (bytes, warnings) = source.encode(PhotoFormat::Jpeg, &SaveOptions::default()).unwrap();
    let about: Vec<_> = warnings.iter().map(|warning| warning.about.as_str()).collect();
    assert_eq!(about, ["bit depth", "transparency"]);
    let again = decode(bytes);
    assert_eq!((again.depth, again.alpha.is_some()), (BitDepth::Eight, false));
    let grey = photo(BitDepth::Eight, true, false);
    assert!(decode(encode(&grey, PhotoFormat::Jpeg)).grey);
    let smooth = Photo::from_image(gradient(64, 64));
    let off = difference(&decode(encode(&smooth, PhotoFormat::Jpeg)).image, &smooth.image);
    assert!(off < 0.02, "{off}");
    let bad = SaveOptions { quality: 0, ..SaveOptions::default() };
    assert!(smooth.encode(PhotoFormat::Jpeg, &bad).is_err());
}

#[test]
fn jpeg_color_is_not_subsampled() {
    let bytes = encode(&Photo::from_image(gradient(64, 64)), PhotoFormat::Jpeg);
    let frame = bytes.windows(2).position(|w| w == b"\xff\xc0").unwrap();
    // Component id and its sampling factors, three times.
    let factors: Vec<u8> = (0..3).map(|i| bytes[frame + 11 + 3 * i]).collect();
    assert_eq!(factors, [0x11; 3]);
}

#[test]
fn linear_formats_keep_light_above_white_and_below_black() {
    let size = Size::new(19, 11);
    let linear = Image::<Linear>::from_fn(size, |x, y| {
        [0.001 * x as f32, 1.5 * y as f32, if x == 3 { -0.25 } else { 900.0 }]
    });
    let source = Photo::from_linear(&linear);
    let off = |a: &Image<Linear>, b: &Image<Linear>| {
        let each = a.values().iter().zip(b.values());
        each.map(|(a, b)| (a - b).abs() / (1.0 + b.abs())).fold(0.0, f32::max)
    };
    assert!(off(&source.to_linear(), &linear) < 1e-5);
    for format in [PhotoFormat::OpenExr, PhotoFormat::Tiff] {
        let again = decode(encode(&source, format));
        assert_eq!(again.depth, BitDepth::Float, "{}", format.name());
        let off = off(&again.to_linear(), &linear);
        println!("{}: {off}", format.name());
        assert!(off < 1e-5, "{}: {off}", format.name());
    }
    // Eight bits of mantissa shared by the three colors, and nothing below black.
    let bright = Image::<Linear>::from_fn(size, |x, y| [1.0 + x as f32, 2.0 + y as f32, 3.5]);
    let again = decode(encode(&Photo::from_linear(&bright), PhotoFormat::RadianceHdr));
    for y in 0..11 {
        for x in 0..19 {
            let (is, should) = (again.to_linear().get(x, y), bright.get(x, y));
            let brightest = should.into_iter().fold(0.0, f32::max);
            let off = is.iter().zip(should).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(off <= brightest / 250.0, "{is:?}, should be {should:?}");
        }
    }

    assert_eq!(
        encode(&again, PhotoFormat::RadianceHdr),
        encode(&Photo::from_linear(&bright), PhotoFormat::RadianceHdr),
        "it drifts"
    );

    let (bytes, warnings) = source.encode(PhotoFormat::Png, &SaveOptions::default()).unwrap();
    let about: Vec<_> = warnings.iter().map(|warning| warning.about.as_str()).collect();
    assert_eq!(about, ["bit depth", "highlights"]);
    let again = decode(bytes);
    // 0.010 of the light is 0.0998 encoded.
    assert!((again.image.get(10, 0)[0] - 0.0998).abs() < 0.001);
}

#[test]
fn not_a_number_becomes_a_number() {
    let linear = Image::<Linear>::from_fn(Size::new(2, 1), |_, _| [f32::NAN, f32::INFINITY, 1.0]);
    let photo = decode(encode(&Photo::from_linear(&linear), PhotoFormat::OpenExr));
    assert!(photo.image.values().iter().all(|v| v.is_finite()));
    assert!(photo.to_linear().get(0, 0)[1] > 65_000.0);
}

#[test]
fn opacity_of_a_floating_point_file_stays_between_none_and_all() {
    let mut photo = Photo::from_linear(&Image::<Linear>::black(Size::new(3, 1)));
    photo.alpha = Some(Plane { size: photo.size(), values: vec![-2.0, 0.5, 7.0] });
    let again = decode(encode(&photo, PhotoFormat::OpenExr));
    assert_eq!(again.alpha.unwrap().values, [0.0, 0.5, 1.0]);
}

#[test]
fn new_pixels_keep_the_file_and_scale_the_transparency() {
    let source = photo(BitDepth::Sixteen, false, true);
    let larger = source.clone().with_image(gradient(74, 602));
    assert_eq!(larger.alpha.as_ref().unwrap().size, Size::new(74, 602));
    assert_eq!((larger.depth, larger.size()), (BitDepth::Sixteen, Size::new(74, 602)));
    let (bytes, _) = larger.encode(PhotoFormat::Png, &SaveOptions::default()).unwrap();
    assert_eq!(decode(bytes).size(), Size::new(74, 602));
}

#[test]
fn the_probe_says_what_the_photo_is() {
    for format in PhotoFormat::ALL {
        for (grey, alpha) in [(false, false), (true, false), (false, true)] {
            let (_folder, path) = scratch(&format!("photo.{}", format.extensions()[0]));
            photo(BitDepth::Sixteen, grey, alpha).save(&path, &SaveOptions::default()).unwrap();
            let probe = Photo::probe(&path).unwrap();
            let loaded = Photo::load(&path, &Limits::default()).unwrap();
            assert_eq!(probe.size, loaded.size(), "{}", format.name());
            assert_eq!(probe.format, format);
            assert_eq!(probe.depth, loaded.depth, "{}", format.name());
            assert_eq!(probe.grey, loaded.grey, "{}", format.name());
            assert_eq!(probe.alpha, loaded.alpha.is_some(), "{}", format.name());
        }
    }
}

#[test]
fn pictures_of_other_programs_load() {
    let shared = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
    if !shared.is_dir() {
        println!("skipped: no shared data beside the repository");
        return;
    }
    let folders = ["hdr", "test/kodak", "test/dicm", "test/night_lights", "test/lime"];
    let mut loaded = 0;
    for folder in folders {
        let Ok(entries) = std::fs::read_dir(shared.join(folder)) else { continue };
        for entry in entries.take(3) {
            let path = entry.unwrap().path();
            if PhotoFormat::from_path(&path).is_none() {
                continue;
            }
            let photo = Photo::load(&path, &Limits::default()).unwrap();
            assert_eq!(Photo::probe(&path).unwrap().size, photo.size());
            assert!(photo.image.values().iter().all(|v| v.is_finite()));
            loaded += 1;
        }
    }
    println!("{loaded} pictures of other programs");
    assert!(loaded > 0);
}
