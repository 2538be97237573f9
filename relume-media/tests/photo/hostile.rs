//! Damaged, misnamed and oversized files, and targets that cannot be written.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use relume_media::atomic::Overwrite;
use relume_media::photo::SaveOptions;
use relume_media::{Error, ErrorKind, Limits, Photo, PhotoFormat};

use crate::{encode, gradient, scratch};

fn fails(bytes: Vec<u8>) -> Error {
    let name = Path::new("some/photo.jpg");
    let error = Photo::decode(bytes, Some(name), &Limits::default()).unwrap_err();
    assert_eq!(error.path(), Some(name));
    error
}

#[test]
fn empty_files_and_other_files_are_named() {
    for (bytes, words) in [
        (&b""[..], "empty"),
        (b"dear diary", "not a picture"),
        (b"\xff\xd8\xff", "ends before"),
        (b"\x89PNG\r\n\x1a\n", "PNG"),
    ] {
        let error = fails(bytes.to_vec());
        assert_eq!(error.kind(), ErrorKind::Decode, "{error}");
        assert!(error.to_string().contains(words), "{error}");
    }
    assert_eq!(fails(b"\0\0\0\x18ftypheic".to_vec()).kind(), ErrorKind::Unsupported);
}

#[test]
fn truncated_files_are_errors_in_every_format() {
    let photo = Photo::from_image(gradient(120, 90));
    for format in PhotoFormat::ALL {
        let bytes = encode(&photo, format);
        for share in [0.1, 0.5, 0.9] {
            let cut = (bytes.len() as f64 * share) as usize;
            let error = fails(bytes[..cut].to_vec());
            let case = format!("{} cut at {share}: {error}", format.name());
            assert_eq!(error.kind(), ErrorKind::Decode, "{case}");
            println!("{case}");
        }
    }
}

#[test]
fn flipped_bits_never_panic() {
    let mut photo = Photo::from_image(gradient(40, 30));
    photo.sidecar.icc = Some(moxcms::ColorProfile::new_display_p3().encode().unwrap());
    photo.sidecar.exif = Some(b"II\x2a\0\x08\0\0\0\0\0\0\0\0\0".to_vec());
    photo.sidecar.photoshop = Some(b"8BIM\x04\x04\0\0\0\0\0\x02ab".to_vec());
    let limits = Limits { pixels: 10_000_000, bytes: 1 << 28 };
    let mut state = 1u64;
    let mut random = |below: usize| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    for format in PhotoFormat::ALL {
        let bytes = encode(&photo, format);
        for _ in 0..150 {
            let mut damaged = bytes.clone();
            for _ in 0..1 + random(4) {
                // Headers are where the harm is done.
                let reach = if random(2) == 0 { damaged.len().min(400) } else { damaged.len() };
                let at = random(reach);
                damaged[at] ^= 1 << random(8);
            }
            if let Ok(loaded) = Photo::decode(damaged, None, &limits) {
                let _ = loaded.encode(format, &SaveOptions::default());
            }
        }
    }
}

#[test]
fn a_wrong_extension_still_loads() {
    let (_folder, path) = scratch("really_a.jpg");
    let photo = Photo::from_image(gradient(20, 10));
    fs::write(&path, encode(&photo, PhotoFormat::Png)).unwrap();
    let loaded = Photo::load(&path, &Limits::default()).unwrap();
    assert_eq!(loaded.format, PhotoFormat::Png);
    assert_eq!(Photo::probe(&path).unwrap().format, PhotoFormat::Png);
}

/// A file whose header claims 60000×60000 pixels.
fn huge(format: PhotoFormat) -> Vec<u8> {
    let side = 60_000u32;
    let mut bytes = encode(&Photo::from_image(gradient(64, 64)), format);
    let place = |bytes: &[u8], before: &[u8]| {
        bytes.windows(before.len()).position(|w| w == before).unwrap() + before.len()
    };
    match format {
        PhotoFormat::Jpeg => {
            let at = place(&bytes, b"\xff\xc0\0\x11\x08");
            bytes[at..at + 2].copy_from_slice(&(side as u16).to_be_bytes());
            bytes[at + 2..at + 4].copy_from_slice(&(side as u16).to_be_bytes());
        }
        PhotoFormat::Png => {
            bytes[16..20].copy_from_slice(&side.to_be_bytes());
            bytes[20..24].copy_from_slice(&side.to_be_bytes());
            let crc = crc32(&bytes[12..29]);
            bytes[29..33].copy_from_slice(&crc.to_be_bytes());
        }
        PhotoFormat::Tiff => {
            for tag in [0x100u16, 0x101] {
                let at = place(&bytes, &[&tag.to_le_bytes()[..], &[4, 0, 1, 0, 0, 0]].concat());
                bytes[at..at + 4].copy_from_slice(&side.to_le_bytes());
            }
        }
        PhotoFormat::RadianceHdr => {
            let text = b"-Y 64 +X 64\n";
            let at = place(&bytes, text) - text.len();
            bytes.splice(at..at + text.len(), *b"-Y 60000 +X 60000\n");
        }
        PhotoFormat::OpenExr => {
            for name in ["dataWindow", "displayWindow"] {
                let name = [name.as_bytes(), b"\0box2i\0\x10\0\0\0"].concat();
                let at = place(&bytes, &name) + 8;
                bytes[at..at + 4].copy_from_slice(&(side - 1).to_le_bytes());
                bytes[at + 4..at + 8].copy_from_slice(&(side - 1).to_le_bytes());
            }
            let at = place(&bytes, b"chunkCount\0int\0\x04\0\0\0");
            // The encoder writes tiles of 64×64.
            let chunks = side.div_ceil(64).pow(2);
            bytes[at..at + 4].copy_from_slice(&chunks.to_le_bytes());
        }
        _ => panic!("no such header"),
    }
    bytes
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            if crc & 1 == 1 { crc >> 1 ^ 0xEDB8_8320 } else { crc >> 1 }
        })
    })
}

#[test]
fn a_header_of_60000_by_60000_is_refused_at_once() {
    for format in [
        PhotoFormat::Jpeg,
        PhotoFormat::Png,
        PhotoFormat::Tiff,
        PhotoFormat::RadianceHdr,
        PhotoFormat::OpenExr,
    ] {
        let start = Instant::now();
        let error = fails(huge(format));
        let took = start.elapsed();
        println!("{} in {took:?}: {error}", format.name());
        assert_eq!(error.kind(), ErrorKind::Limits, "{}: {error}", format.name());
        assert!(took < Duration::from_millis(200), "{}: {took:?}", format.name());
    }
}

#[test]
fn limits_count_pixels_and_bytes() {
    let bytes = encode(&Photo::from_image(gradient(100, 100)), PhotoFormat::Png);
    let kind = |limits| Photo::decode(bytes.clone(), None, &limits).map_err(|e| e.kind()).err();
    let all = Limits::default();
    assert_eq!(kind(Limits { pixels: 10_000, ..all }), None);
    assert_eq!(kind(Limits { pixels: 9_999, ..all }), Some(ErrorKind::Limits));
    assert_eq!(kind(Limits { bytes: 29_999, ..all }), Some(ErrorKind::Limits));
    let (_folder, path) = scratch("photo.png");
    fs::write(&path, &bytes).unwrap();
    let small = Limits { bytes: 10, ..all };
    assert_eq!(Photo::load(&path, &small).unwrap_err().kind(), ErrorKind::Limits);
}

#[test]
fn missing_files_and_folders_are_read_errors() {
    let (folder, path) = scratch("missing.jpg");
    for path in [path.as_path(), folder.path()] {
        let error = Photo::load(path, &Limits::default()).unwrap_err();
        assert_eq!((error.kind(), error.path()), (ErrorKind::Read, Some(path)), "{error}");
        assert_eq!(Photo::probe(path).unwrap_err().kind(), ErrorKind::Read);
    }
}

#[test]
fn saving_never_overwrites_unasked_nor_writes_unknown_formats() {
    let (folder, path) = scratch("photo.png");
    let photo = Photo::from_image(gradient(20, 10));
    photo.save(&path, &SaveOptions::default()).unwrap();
    let before = fs::read(&path).unwrap();
    let other = Photo::from_image(gradient(10, 20));
    let error = other.save(&path, &SaveOptions::default()).unwrap_err();
    assert_eq!((error.kind(), error.path()), (ErrorKind::Write, Some(path.as_path())));
    assert_eq!(fs::read(&path).unwrap(), before);
    let anyway = SaveOptions { overwrite: Overwrite::Always, ..SaveOptions::default() };
    other.save(&path, &anyway).unwrap();
    assert_eq!(Photo::probe(&path).unwrap().size, other.size());

    let unknown = folder.path().join("photo.xyz");
    let error = photo.save(&unknown, &SaveOptions::default()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

/// Runs `work` with a small file system of its own at a folder, where this machine allows it.
#[cfg(target_os = "linux")]
fn on_small_disk(options: &str, work: impl FnOnce(&Path)) {
    use std::process::Command;
    let folder = tempfile::tempdir().unwrap();
    let mounted = Command::new("mount")
        .args(["-t", "tmpfs", "-o", options, "tmpfs"])
        .arg(folder.path())
        .output()
        .is_ok_and(|output| output.status.success());
    if !mounted {
        println!("skipped: no right to mount a small disk");
        return;
    }
    let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| work(folder.path())));
    let _ = Command::new("umount").arg(folder.path()).status();
    if let Err(panic) = result {
        std::panic::resume_unwind(panic);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_leaves_the_folder_as_it_was() {
    on_small_disk("size=64k", |folder| {
        let path = folder.join("photo.png");
        fs::write(&path, b"the original").unwrap();
        let noise = relume_media::Image::from_fn(relume_media::Size::new(300, 300), |x, y| {
            [x, y, x * y].map(|v| (v * 7919 % 1000) as f32 / 1000.0)
        });
        let anyway = SaveOptions { overwrite: Overwrite::Always, ..SaveOptions::default() };
        let error = Photo::from_image(noise).save(&path, &anyway).unwrap_err();
        println!("{error}");
        assert!(!error.to_string().contains(".part"), "{error}");
        assert_eq!((error.kind(), error.path()), (ErrorKind::Write, Some(path.as_path())));
        assert_eq!(fs::read(&path).unwrap(), b"the original");
        assert_eq!(fs::read_dir(folder).unwrap().count(), 1, "something was left behind");
    });
}

#[cfg(target_os = "linux")]
#[test]
fn a_read_only_target_is_a_write_error() {
    on_small_disk("size=64k,ro", |folder| {
        let path = folder.join("photo.png");
        let photo = Photo::from_image(gradient(20, 10));
        let error = photo.save(&path, &SaveOptions::default()).unwrap_err();
        println!("{error}");
        assert_eq!((error.kind(), error.path()), (ErrorKind::Write, Some(path.as_path())));
    });
    // A place where not even root may create a file.
    let path = Path::new("/proc/relume-photo.png");
    let photo = Photo::from_image(gradient(20, 10));
    assert_eq!(photo.save(path, &SaveOptions::default()).unwrap_err().kind(), ErrorKind::Write);
}
