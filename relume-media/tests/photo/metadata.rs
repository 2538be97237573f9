//! What exiftool lists before and after.

use std::fs;
use std::path::Path;

use relume_media::photo::SaveOptions;
use relume_media::{Limits, Photo, PhotoFormat, Size};

use crate::{encode, exiftool, gradient, scratch};

/// A JPEG with every kind of block, turned by `orientation`.
pub(crate) fn make_jpeg(path: &Path, orientation: u8) {
    fs::write(path, encode(&Photo::from_image(gradient(48, 32)), PhotoFormat::Jpeg)).unwrap();
    let folder = path.parent().unwrap();
    let (icc, thumbnail) = (folder.join("p3.icc"), folder.join("thumbnail.jpg"));
    fs::write(&icc, moxcms::ColorProfile::new_display_p3().encode().unwrap()).unwrap();
    fs::write(&thumbnail, encode(&Photo::from_image(gradient(16, 12)), PhotoFormat::Jpeg)).unwrap();
    let arguments = [
        "-overwrite_original".to_owned(),
        "-q".to_owned(),
        format!("-ICC_Profile<={}", icc.display()),
        format!("-ThumbnailImage<={}", thumbnail.display()),
        format!("-IFD0:Orientation#={orientation}"),
        "-Make=Relume".to_owned(),
        "-Model=Night 1".to_owned(),
        "-DateTimeOriginal=2026:11:23 21:30:00".to_owned(),
        "-ISO=6400".to_owned(),
        "-LensModel=35mm F1.8".to_owned(),
        "-UserComment=fort the record".to_owned(),
        "-ExifImageWidth=48".to_owned(),
        "-ExifImageHeight=32".to_owned(),
        "-GPSLatitude=47.5".to_owned(),
        "-GPSLatitudeRef=N".to_owned(),
        "-GPSLongitude=19.04".to_owned(),
        "-GPSLongitudeRef=E".to_owned(),
        "-XMP:Title=Night bridge".to_owned(),
        "-XMP:Rating=4".to_owned(),
        "-IPTC:Keywords=night".to_owned(),
        "-IPTC:Keywords=bridge".to_owned(),
        "-IPTC:City=Budapest".to_owned(),
        "-Comment=straight from the camera".to_owned(),
        "-JFIF:XResolution=300".to_owned(),
        "-JFIF:YResolution=300".to_owned(),
    ];
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    exiftool::run(path, &arguments);
}

#[test]
fn a_jpeg_keeps_every_block_and_the_listing_differs_only_where_it_must() {
    if exiftool::missing() {
        return;
    }
    let (folder, input) = scratch("in.jpg");
    make_jpeg(&input, 6);
    let photo = Photo::load(&input, &Limits::default()).unwrap();
    assert_eq!(photo.size(), Size::new(32, 48), "upright");
    let output = folder.path().join("out.jpg");
    let warnings = photo.save(&output, &SaveOptions::default()).unwrap();
    assert_eq!(warnings, []);

    let (before, after) = (exiftool::list(&input), exiftool::list(&output));
    assert!(before.len() > 70, "only {} tags in the listing", before.len());
    let changed = exiftool::differences(&before, &after);
    let allowed = |name: &str| {
        let name = name.split_whitespace().last().unwrap();
        let thumbnail = name.starts_with("Thumbnail")
            || before.keys().any(|n| n.starts_with("[IFD1]") && n.ends_with(&format!(" {name}")));
        thumbnail
            || matches!(name, "Orientation" | "ImageWidth" | "ImageHeight" | "ImageSize")
            || matches!(name, "ExifImageWidth" | "ExifImageHeight")
    };
    let unexpected: Vec<_> = changed.iter().filter(|(name, ..)| !allowed(name)).collect();
    assert!(unexpected.is_empty(), "{unexpected:#?}");

    let value = |name: &str| {
        let found = after.iter().find(|(tag, _)| tag.ends_with(&format!(" {name}")));
        found.map(|(_, value)| value.as_str())
    };
    assert_eq!(value("Orientation"), Some("1"));
    assert_eq!((value("ExifImageWidth"), value("ExifImageHeight")), (Some("32"), Some("48")));
    assert_eq!(value("ThumbnailImage"), None, "the thumbnail showed the old picture");
    assert!(exiftool::run(&input, &["-b", "-ThumbnailImage"]).len() > 100);
    for (name, expected) in [
        ("GPSLatitude", "47.5"),
        ("Title", "Night bridge"),
        ("City", "Budapest"),
        ("Comment", "straight from the camera"),
        ("LensModel", "35mm F1.8"),
        ("ProfileDescription", "Display P3"),
    ] {
        assert_eq!(value(name), Some(expected), "{name}");
    }
}

#[test]
fn an_upright_jpeg_without_thumbnail_has_the_same_listing() {
    if exiftool::missing() {
        return;
    }
    let (folder, input) = scratch("in.jpg");
    make_jpeg(&input, 1);
    exiftool::run(&input, &["-overwrite_original", "-q", "-IFD1:all="]);
    let photo = Photo::load(&input, &Limits::default()).unwrap();
    let output = folder.path().join("out.jpg");
    photo.save(&output, &SaveOptions::default()).unwrap();
    let changed = exiftool::differences(&exiftool::list(&input), &exiftool::list(&output));
    assert_eq!(changed, []);
    for block in ["-EXIF", "-XMP", "-IPTC", "-ICC_Profile", "-Photoshop"] {
        let bytes = |path| exiftool::run(path, &["-b", block]);
        assert_eq!(bytes(&input), bytes(&output), "{block}");
    }
}

#[test]
fn png_and_webp_carry_what_they_can_and_name_the_rest() {
    if exiftool::missing() {
        return;
    }
    let (folder, input) = scratch("in.jpg");
    make_jpeg(&input, 8);
    let photo = Photo::load(&input, &Limits::default()).unwrap();
    let cases: [(&str, &[&str], &[&str]); 2] =
        [("out.png", &["Comment"], &["IPTC"]), ("out.webp", &[], &["IPTC", "comment"])];
    for (name, more, missing) in cases {
        let output = folder.path().join(name);
        let warnings = photo.save(&output, &SaveOptions::default()).unwrap();
        let about: Vec<_> = warnings.iter().map(|warning| warning.about.as_str()).collect();
        assert_eq!(about, missing, "{name}: {warnings:?}");
        let (before, after) = (exiftool::list(&input), exiftool::list(&output));
        for (tag, value) in &before {
            let group = tag.split(']').next().unwrap().trim_start_matches('[');
            let carried = ["ExifIFD", "GPS", "XMP-", "ICC", "IFD0"];
            let own = tag.ends_with(" Orientation") || tag.contains("ExifImage");
            if carried.iter().any(|g| group.starts_with(g)) && !own {
                assert_eq!(after.get(tag), Some(value), "{name} lost {tag}");
            }
        }
        let tags: Vec<_> = after.keys().filter_map(|tag| tag.split_whitespace().last()).collect();
        for tag in more {
            assert!(tags.contains(tag), "{name} lost {tag}");
        }
        // And back again: the same blocks, byte for byte.
        let again = Photo::load(&output, &Limits::default()).unwrap();
        assert_eq!(again.sidecar.xmp, photo.sidecar.xmp);
        assert_eq!(again.sidecar.icc, photo.sidecar.icc);
        let len = |photo: &Photo| photo.sidecar.exif.as_ref().map(Vec::len);
        assert_eq!(len(&again), len(&photo));
        assert_eq!(again.size(), photo.size());
    }
}

#[test]
fn formats_for_linear_light_name_every_block_they_lose() {
    if exiftool::missing() {
        return;
    }
    let (folder, input) = scratch("in.jpg");
    make_jpeg(&input, 1);
    let photo = Photo::load(&input, &Limits::default()).unwrap();
    for name in ["out.exr", "out.hdr"] {
        let warnings = photo.save(&folder.path().join(name), &SaveOptions::default()).unwrap();
        let about: Vec<_> = warnings.iter().map(|warning| warning.about.as_str()).collect();
        assert_eq!(about, ["ICC profile", "EXIF", "XMP", "IPTC", "comment"], "{name}");
    }
}
