//! Files that appear complete or not at all.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use crate::{Error, ErrorKind, Result};

/// What to do when the target exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Overwrite {
    /// Leave it alone and fail.
    #[default]
    Never,
    /// Replace it in one step.
    Always,
}

/// Writes `bytes` to a temporary file beside `path`, flushes it to disk, and renames it to `path`.
///
/// On any failure the temporary file is removed and an existing `path` is left as it was. A target
/// that is not a regular file (a pipe, a device) is written straight.
///
/// # Errors
/// [`ErrorKind::Write`] with the path and the cause.
pub fn write_atomically(path: &Path, bytes: &[u8], overwrite: Overwrite) -> Result<()> {
    let failed = |cause: io::Error| {
        let what = "could not be written; nothing was left behind";
        Error::io(ErrorKind::Write, what, cause).with_path(path)
    };
    match fs::metadata(path) {
        Ok(found) if found.is_dir() => {
            return Err(refused(path, "is a folder; name a file in it"));
        }
        Ok(found) if !found.is_file() => {
            let mut target = fs::OpenOptions::new().write(true).open(path).map_err(failed)?;
            return target.write_all(bytes).and_then(|()| target.flush()).map_err(failed);
        }
        _ => check_target(path, overwrite)?,
    }
    let folder = folder_of(path);
    if !folder.is_dir() {
        return Err(refused(path, "the folder does not exist; create it first"));
    }
    write_beside(path, folder, bytes, overwrite).map_err(|cause| {
        if cause.kind() == io::ErrorKind::AlreadyExists { exists(path) } else { failed(cause) }
    })
}

/// Fails early, before any work, when `path` may not be written.
///
/// # Errors
/// [`ErrorKind::Write`] when `path` exists and `overwrite` is [`Overwrite::Never`].
pub fn check_target(path: &Path, overwrite: Overwrite) -> Result<()> {
    if overwrite == Overwrite::Never && fs::symlink_metadata(path).is_ok_and(|m| !is_device(&m)) {
        return Err(exists(path));
    }
    Ok(())
}

fn is_device(found: &fs::Metadata) -> bool {
    !found.is_file() && !found.is_dir() && !found.is_symlink()
}

fn write_beside(path: &Path, folder: &Path, bytes: &[u8], overwrite: Overwrite) -> io::Result<()> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".relume-").suffix(".part");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // What a plain create would give: the umask still applies.
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    // `tempfile` would add the name of the temporary file, which is gone by then, to every error.
    let mut file = builder.tempfile_in(folder).map_err(|error| io::Error::from(error.kind()))?;
    file.as_file_mut().write_all(bytes)?;
    file.as_file().sync_all()?;
    match overwrite {
        Overwrite::Never => file.persist_noclobber(path)?,
        Overwrite::Always => file.persist(path)?,
    };
    // The rename itself reaches the disk with the folder; not every file system can be asked to.
    let _ = File::open(folder).and_then(|folder| folder.sync_all());
    Ok(())
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

fn exists(path: &Path) -> Error {
    refused(path, "exists already and was left alone; allow overwriting or choose another name")
}

fn refused(path: &Path, why: &str) -> Error {
    Error::new(ErrorKind::Write, why).with_path(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_is_replaced_only_when_asked() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.bin");
        write_atomically(&path, b"one", Overwrite::Never).unwrap();
        let error = write_atomically(&path, b"two", Overwrite::Never).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Write);
        assert_eq!(error.path(), Some(path.as_path()));
        assert_eq!(fs::read(&path).unwrap(), b"one");
        write_atomically(&path, b"two", Overwrite::Always).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(names(folder.path()), ["a.bin"]);
    }

    #[test]
    fn a_folder_and_a_missing_folder_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let missing = folder.path().join("no/such/a.bin");
        for path in [folder.path(), missing.as_path()] {
            let error = write_atomically(path, b"x", Overwrite::Always).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Write, "{error}");
        }
        assert!(names(folder.path()).is_empty());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_device_is_an_error_and_stays_a_device() {
        use std::os::unix::fs::FileTypeExt;
        let path = Path::new("/dev/full");
        let error = write_atomically(path, b"x", Overwrite::Never).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Write);
        assert!(fs::metadata(path).unwrap().file_type().is_char_device());
        write_atomically(Path::new("/dev/null"), b"x", Overwrite::Always).unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn the_file_has_the_permissions_of_a_plain_one() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let (ours, plain) = (folder.path().join("ours"), folder.path().join("plain"));
        write_atomically(&ours, b"x", Overwrite::Never).unwrap();
        fs::write(&plain, b"x").unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode(&ours), mode(&plain));
    }
}
