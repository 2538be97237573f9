//! Color profiles: kept, and the colors with them.

use moxcms::ColorProfile;
use relume_media::photo::BitDepth;
use relume_media::{Image, Photo, PhotoFormat, Size, Srgb};

use crate::{decode, encode};

/// A PNG made without this crate: `samples` with the profile `icc` attached. The profile comes as
/// bytes because every encoding of one carries the second at which it was made.
fn with_profile(samples: &[u16], side: u32, sixteen: bool, icc: &[u8]) -> Vec<u8> {
    use image::ImageEncoder;
    let mut out = Vec::new();
    let mut encoder = image::codecs::png::PngEncoder::new(&mut out);
    encoder.set_icc_profile(icc.to_vec()).unwrap();
    if sixteen {
        let bytes: Vec<u8> = samples.iter().flat_map(|v| v.to_ne_bytes()).collect();
        encoder.write_image(&bytes, side, side, image::ExtendedColorType::Rgb16).unwrap();
    } else {
        let bytes: Vec<u8> = samples.iter().map(|v| (v >> 8) as u8).collect();
        encoder.write_image(&bytes, side, side, image::ExtendedColorType::Rgb8).unwrap();
    }
    out
}

/// Every combination of 16 levels, the corners of the gamut among them.
fn all_colors() -> Vec<u16> {
    (0..4096u16).flat_map(|i| [i & 15, (i >> 4) & 15, i >> 8]).map(|v| v * 4369).collect()
}

fn samples_of(png: &[u8]) -> Vec<u16> {
    let decoded = image::load_from_memory(png).unwrap();
    match decoded {
        image::DynamicImage::ImageRgb8(b) => b.iter().map(|v| u16::from(*v) * 257).collect(),
        other => other.into_rgb16().into_raw(),
    }
}

#[test]
fn wide_gamut_pictures_keep_profile_and_colors() {
    let profiles = [
        ("Display P3", ColorProfile::new_display_p3()),
        ("Adobe RGB", ColorProfile::new_adobe_rgb()),
        ("ProPhoto", ColorProfile::new_pro_photo_rgb()),
    ];
    for (name, profile) in profiles {
        let icc = profile.encode().unwrap();
        for (sixteen, most) in [(false, 0), (true, 48)] {
            let file = with_profile(&all_colors(), 64, sixteen, &icc);
            let photo = decode(file.clone());
            let (low, high) = photo
                .image
                .values()
                .iter()
                .fold((0.0f32, 0.0f32), |(low, high), v| (low.min(*v), high.max(*v)));
            assert!(low < -0.1 && high > 1.05, "{name}: nothing outside sRGB: {low} to {high}");
            let saved = encode(&photo, PhotoFormat::Png);
            let worst = samples_of(&file)
                .iter()
                .zip(samples_of(&saved))
                .map(|(a, b)| a.abs_diff(b))
                .max()
                .unwrap();
            println!("{name}, 16 bit {sixteen}: worst difference {worst}/65535");
            assert!(worst <= most, "{name}: {worst}");
            assert_eq!(decode(saved).sidecar.icc.as_ref(), Some(&icc), "{name}");
        }
    }
}

#[test]
fn a_profile_is_applied_on_the_way_in() {
    // Green of Display P3 lies outside sRGB; its grays are sRGB's grays.
    let samples: Vec<u16> = [[0, 65535, 0], [32896, 32896, 32896], [0, 0, 0], [65535; 3]].concat();
    let icc = ColorProfile::new_display_p3().encode().unwrap();
    let photo = decode(with_profile(&samples, 2, true, &icc));
    let green = photo.image.get(0, 0);
    for (value, known) in green.into_iter().zip([-0.5116, 1.0183, -0.3107]) {
        assert!((value - known).abs() < 3e-3, "{green:?}");
    }
    let gray = photo.image.get(1, 0);
    assert!(gray.into_iter().all(|v| (v - 32896.0 / 65535.0).abs() < 1e-3), "{gray:?}");
}

#[test]
fn jpeg_webp_and_tiff_carry_the_profile_too() {
    let icc = ColorProfile::new_display_p3().encode().unwrap();
    let photo = decode(with_profile(&all_colors(), 64, false, &icc));
    for format in [PhotoFormat::Jpeg, PhotoFormat::WebP, PhotoFormat::Tiff] {
        let again = decode(encode(&photo, format));
        assert_eq!(again.sidecar.icc.as_ref(), Some(&icc), "{}", format.name());
        let center = |photo: &Photo| photo.image.values().iter().sum::<f32>() / 12288.0;
        assert!((center(&again) - center(&photo)).abs() < 0.01, "{}", format.name());
        if format != PhotoFormat::Jpeg {
            assert!(crate::difference(&again.image, &photo.image) < 1e-5, "{}", format.name());
        }
    }
}

#[test]
fn a_profile_of_several_segments_survives_a_jpeg() {
    // Over 64 KiB: a real profile, lengthened by a private tag's worth of bytes at its end.
    let mut icc = ColorProfile::new_display_p3().encode().unwrap();
    icc.extend((0..150_000u32).map(|i| (i % 251) as u8));
    let len = icc.len() as u32;
    icc[..4].copy_from_slice(&len.to_be_bytes());
    let mut photo = Photo::from_image(crate::gradient(16, 16));
    photo.sidecar.icc = Some(icc.clone());
    let again = decode(encode(&photo, PhotoFormat::Jpeg));
    assert_eq!(again.sidecar.icc, Some(icc));
}

#[test]
fn gray_profiles_stay_with_gray_pictures_only() {
    let icc = ColorProfile::new_gray_with_gamma(1.8).encode().unwrap();
    let image = Image::<Srgb>::from_fn(Size::new(16, 16), |x, y| [(x + 16 * y) as f32 / 255.0; 3]);
    let mut photo = Photo::from_image(image);
    (photo.grey, photo.depth) = (true, BitDepth::Sixteen);
    photo.sidecar.icc = Some(icc.clone());
    for format in [PhotoFormat::Png, PhotoFormat::Tiff] {
        let again = decode(encode(&photo, format));
        assert!(again.grey, "{}", format.name());
        assert_eq!(again.sidecar.icc.as_ref(), Some(&icc), "{}", format.name());
        assert!(crate::difference(&again.image, &photo.image) < 1e-3, "{}", format.name());
    }
    let (bytes, warnings) = photo.encode(PhotoFormat::WebP, &Default::default()).unwrap();
    let about: Vec<_> = warnings.iter().map(|warning| warning.about.as_str()).collect();
    assert_eq!(about, ["bit depth", "ICC profile"]);
    let again = decode(bytes);
    assert_eq!(again.sidecar.icc, None);
    assert!(crate::difference(&again.image, &photo.image) < 0.6 / 255.0);
}

#[test]
fn a_broken_profile_is_carried_and_named() {
    let mut photo = Photo::from_image(crate::gradient(16, 16));
    photo.sidecar.icc = Some(b"not a profile, but somebody's bytes".to_vec());
    let again = decode(encode(&photo, PhotoFormat::Png));
    assert_eq!(again.sidecar.icc, photo.sidecar.icc);
    let warnings = again.encode(PhotoFormat::Png, &Default::default()).unwrap().1;
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert_eq!(warnings[0].about, "ICC profile");
    assert!(crate::difference(&again.image, &photo.image) < 0.6 / 255.0);
}
