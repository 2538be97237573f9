//! Damaged inputs and unwritable outputs: one clear error, the fitting code, nothing touched.

use std::fs;
use std::path::Path;

use crate::run::{Outcome, files, folder, names, picture, relume};

/// A PNG whose header claims 60000 × 60000 pixels.
pub(crate) fn huge_png() -> Vec<u8> {
    let mut bytes = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR".to_vec();
    let header = [60_000_u32.to_be_bytes(), 60_000_u32.to_be_bytes()].concat();
    bytes.extend_from_slice(&header);
    bytes.extend_from_slice(&[8, 2, 0, 0, 0]);
    let crc = crc32(&bytes[12..]);
    bytes.extend_from_slice(&crc.to_be_bytes());
    bytes.extend_from_slice(b"\0\0\0\0IDAT\x35\xaf\x06\x1e");
    bytes
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| {
            (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg())
        })
    })
}

/// Runs every verb that reads a picture on a file and checks that nothing changed.
fn refuse(folder: &Path, name: &str, parts: &[&str]) {
    let before = files(folder);
    let runs: [&[&str]; 4] = [
        &["restore", name],
        &["inspect", name],
        &["degrade", name, "-o", "out.png"],
        &["score", name, "good.png"],
    ];
    for arguments in runs {
        let outcome: Outcome = relume(folder, arguments);
        outcome.assert_one_error(3, parts);
        assert!(files(folder) == before, "{arguments:?} changed the folder");
    }
}

#[test]
fn damaged_files_are_refused_with_code_3() {
    let folder = folder();
    let good = picture(&folder.path().join("good.png"));
    picture(&folder.path().join("good.jpg"));
    let jpeg = fs::read(folder.path().join("good.jpg")).unwrap();
    let png = fs::read(good).unwrap();
    let write = |name: &str, bytes: &[u8]| fs::write(folder.path().join(name), bytes).unwrap();
    write("cut.png", &png[..png.len() / 2]);
    write("cut.jpg", &jpeg[..jpeg.len() / 4]);
    write("empty.jpg", b"");
    write("words.jpg", b"This is no picture, whatever its name says.");
    write("huge.png", &huge_png());
    for name in ["cut.png", "cut.jpg", "empty.jpg", "words.jpg"] {
        refuse(folder.path(), name, &[name]);
    }
    refuse(folder.path(), "huge.png", &["huge.png", "60000×60000", "limit"]);
    refuse(folder.path(), "missing.jpg", &["missing.jpg"]);
}

#[test]
fn a_wrong_extension_does_not_matter() {
    let folder = folder();
    let png = picture(&folder.path().join("a.png"));
    fs::rename(png, folder.path().join("a.jpg")).unwrap();
    let records = relume(folder.path(), &["inspect", "a.jpg", "--json"]).records();
    assert_eq!(records[0]["format"], "png");
}

#[test]
fn an_unwritable_target_is_code_4() {
    let folder = folder();
    picture(&folder.path().join("good.png"));
    fs::write(folder.path().join("file"), b"not a folder").unwrap();
    let before = files(folder.path());
    for verb in ["restore", "degrade"] {
        relume(folder.path(), &[verb, "good.png", "-o", "file/out.png"])
            .assert_one_error(4, &["file"]);
    }
    assert!(files(folder.path()) == before);
}

#[cfg(unix)]
#[test]
fn a_read_only_folder_is_code_4() {
    use std::os::unix::fs::PermissionsExt;
    let folder = folder();
    picture(&folder.path().join("good.png"));
    let closed = folder.path().join("closed");
    fs::create_dir(&closed).unwrap();
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o555)).unwrap();
    if fs::write(closed.join("probe"), b"x").is_ok() {
        println!("skipped: this user may write to read-only folders (root)");
        return;
    }
    for verb in ["restore", "degrade"] {
        relume(folder.path(), &[verb, "good.png", "-o", "closed/out.png"])
            .assert_one_error(4, &["closed"]);
    }
    assert!(names(&closed).is_empty());
}

/// A small file system, unmounted when dropped.
#[cfg(target_os = "linux")]
pub(crate) struct SmallDisk(tempfile::TempDir);

#[cfg(target_os = "linux")]
impl SmallDisk {
    /// Of `size`, such as `64k`; none where this user may not mount.
    #[allow(clippy::print_stdout, reason = "a skipped test says so")]
    pub(crate) fn mount(size: &str) -> Option<Self> {
        let place = folder();
        let mounted = std::process::Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"])
            .arg(place.path())
            .output();
        let mounted = mounted.is_ok_and(|output| output.status.success());
        if !mounted {
            println!("skipped: this user may not mount a small file system");
        }
        mounted.then_some(Self(place))
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }
}

#[cfg(target_os = "linux")]
impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg(self.0.path()).output();
    }
}

/// A picture that no codec makes much smaller.
pub(crate) fn noise(path: &Path, side: usize) {
    let noise = relume_media::Image::from_fn(relume_media::Size::new(side, side), |x, y| {
        [3_u64, 5, 7]
            .map(|k| ((x as u64 * 7919 * k) ^ (y as u64 * 104_729 * k)) as f32 % 97.0 / 97.0)
    });
    relume_media::Photo::from_image(noise).save(path, &Default::default()).unwrap();
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_code_4_and_leaves_nothing() {
    let Some(disk) = SmallDisk::mount("64k") else { return };
    let folder = folder();
    let large = folder.path().join("large.png");
    noise(&large, 300);
    let target = disk.path().join("out.png");
    let (large, target) = (large.to_str().unwrap(), target.to_str().unwrap());
    for verb in [&["restore"][..], &["degrade", "--ev", "0"]] {
        relume(folder.path(), &[verb, &[large, "-o", target]].concat())
            .assert_one_error(4, &["out.png"]);
    }
    assert!(names(disk.path()).is_empty(), "{:?}", names(disk.path()));
}
