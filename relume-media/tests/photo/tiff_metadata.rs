//! Metadata to and from TIFF, which shares its structure with EXIF.

use std::fs;

use relume_media::photo::SaveOptions;
use relume_media::{ErrorKind, Limits, Photo, PhotoFormat};

use crate::{encode, exiftool, gradient, metadata, scratch};

fn is_carried(tag: &str) -> bool {
    let group = tag.split(']').next().unwrap_or_default().trim_start_matches('[');
    let own = tag.ends_with(" Orientation") || tag.contains("ExifImage");
    // Structure of the file, and JPEG's way to place its chroma samples.
    let structure = tag.ends_with(" YCbCrPositioning") || tag.ends_with("Offset");
    let groups = ["ExifIFD", "GPS", "XMP-", "ICC", "IFD0", "IPTC", "Photoshop"];
    groups.iter().any(|g| group.starts_with(g)) && !own && !structure
}

#[test]
fn a_jpeg_becomes_a_tiff_and_a_jpeg_again_without_loss() {
    if exiftool::missing() {
        return;
    }
    let (folder, input) = scratch("in.jpg");
    metadata::make_jpeg(&input, 3);
    let tiff = folder.path().join("middle.tif");
    let output = folder.path().join("out.jpg");
    let photo = Photo::load(&input, &Limits::default()).unwrap();
    let warnings = photo.save(&tiff, &SaveOptions::default()).unwrap();
    let about: Vec<_> = warnings.iter().map(|warning| warning.about.as_str()).collect();
    assert_eq!(about, ["comment"]);
    let again = Photo::load(&tiff, &Limits::default()).unwrap();
    assert_eq!(again.save(&output, &SaveOptions::default()).unwrap(), []);

    let before = exiftool::list(&input);
    for path in [&tiff, &output] {
        let after = exiftool::list(path);
        assert!(!after.keys().any(|tag| tag.contains("Warning")), "{after:#?}");
        let mut checked = 0;
        for (tag, value) in before.iter().filter(|(tag, _)| is_carried(tag)) {
            assert_eq!(after.get(tag), Some(value), "{} lost {tag}", path.display());
            checked += 1;
        }
        println!("{}: {checked} tags", path.display());
        assert!(checked > 50, "{checked}");
    }
    let warning = exiftool::run(&tiff, &["-validate", "-warning", "-a"]);
    println!("{}", String::from_utf8_lossy(&warning));
}

#[test]
fn a_tiff_made_by_exiftool_keeps_its_listing() {
    if exiftool::missing() {
        return;
    }
    let (folder, input) = scratch("in.tif");
    fs::write(&input, encode(&Photo::from_image(gradient(40, 30)), PhotoFormat::Tiff)).unwrap();
    exiftool::run(
        &input,
        &[
            "-overwrite_original",
            "-q",
            "-Orientation#=6",
            "-Make=Relume",
            "-ISO=800",
            "-GPSLatitude=47.5",
            "-GPSLatitudeRef=N",
            "-IPTC:City=Budapest",
            "-XMP:Title=Bridge",
            "-XResolution=240",
        ],
    );
    let output = folder.path().join("out.tif");
    let photo = Photo::load(&input, &Limits::default()).unwrap();
    assert_eq!(photo.save(&output, &SaveOptions::default()).unwrap(), []);
    let (before, after) = (exiftool::list(&input), exiftool::list(&output));
    for (tag, value) in before.iter().filter(|(tag, _)| is_carried(tag)) {
        let structure = ["ImageWidth", "ImageHeight", "StripOffsets", "RowsPerStrip"];
        let structure =
            structure.iter().any(|name| tag.ends_with(name)) || tag.ends_with("StripByteCounts");
        if !structure {
            assert_eq!(after.get(tag), Some(value), "lost {tag}");
        }
    }
    assert_eq!(after.get("[IFD0]          Orientation").map(String::as_str), Some("1"));
}

#[test]
fn a_raw_file_is_not_mistaken_for_its_preview() {
    let (_folder, path) = scratch("in.dng");
    let mut photo = Photo::from_image(gradient(40, 30));
    // DNGVersion in the first directory.
    let mut exif = b"II\x2a\0\x08\0\0\0\x01\0\x12\xc6\x01\0\x04\0\0\0".to_vec();
    exif.extend([1, 4, 0, 0, 0, 0, 0, 0]);
    photo.sidecar.exif = Some(exif);
    fs::write(&path, encode(&photo, PhotoFormat::Tiff)).unwrap();
    let error = Photo::load(&path, &Limits::default()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
}
