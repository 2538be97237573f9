//! How large a picture may be before reading it is refused; on by default.

use std::io;
use std::path::Path;

use crate::{Error, ErrorKind, Result, Size};

/// Bounds on what a file may ask for, checked against its header before anything is decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Most pixels a picture may have. Default 300 million.
    pub pixels: u64,
    /// Most bytes for the file, and most bytes for its decoded samples. Default 4 GiB.
    pub bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { pixels: 300_000_000, bytes: 4 << 30 }
    }
}

impl Limits {
    /// Refuses a picture of `size` when it has too many pixels.
    ///
    /// # Errors
    /// [`ErrorKind::Limits`] naming the size and the limit.
    pub fn check_size(&self, size: Size) -> Result<()> {
        let pixels = (size.width as u64).saturating_mul(size.height as u64);
        if pixels <= self.pixels {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::Limits,
            format!(
                "the picture claims {size} pixels ({:.0} MP), the limit is {:.0} MP; \
                 a file that really is so large must be cut up first",
                pixels as f64 / 1e6,
                self.pixels as f64 / 1e6
            ),
        ))
    }

    /// Refuses `what` when it takes too many bytes.
    ///
    /// # Errors
    /// [`ErrorKind::Limits`] naming both numbers.
    pub fn check_bytes(&self, what: &str, bytes: u64) -> Result<()> {
        if bytes <= self.bytes {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::Limits,
            format!(
                "{what} takes {:.1} MiB, the limit is {:.1} MiB; \
                 raise the byte limit if you trust the file",
                bytes as f64 / f64::from(1 << 20),
                self.bytes as f64 / f64::from(1 << 20)
            ),
        ))
    }

    /// The same bounds for a decoder of the `image` crate.
    pub(crate) fn for_decoder(&self) -> image::Limits {
        let mut limits = image::Limits::no_limits();
        limits.max_alloc = Some(self.bytes);
        limits
    }
}

/// Reads a whole file: no folder, no device that never ends, and at most `most` bytes.
///
/// # Errors
/// What the system says, or that it is no file or too large.
pub fn read_bytes(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let found = std::fs::metadata(path)?;
    if !found.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no file"));
    }
    if found.len() > most {
        let message =
            format!("it has {} bytes, and a file of this kind {most} at most", found.len());
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
    }
    std::fs::read(path)
}

/// [`read_bytes`] of a text.
///
/// # Errors
/// As [`read_bytes`], and when it is not UTF-8.
pub fn read_text(path: &Path, most: u64) -> io::Result<String> {
    let not_text = |_| io::Error::new(io::ErrorKind::InvalidData, "it is no text in UTF-8");
    String::from_utf8(read_bytes(path, most)?).map_err(not_text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_at_the_limit_pass_and_one_more_fails() {
        let limits = Limits { pixels: 100, bytes: 10 };
        assert!(limits.check_size(Size::new(10, 10)).is_ok());
        assert_eq!(limits.check_size(Size::new(101, 1)).unwrap_err().kind(), ErrorKind::Limits);
        let huge = Size::new(usize::MAX, usize::MAX);
        assert_eq!(Limits::default().check_size(huge).unwrap_err().kind(), ErrorKind::Limits);
        assert!(limits.check_bytes("it", 10).is_ok());
        assert_eq!(limits.check_bytes("it", 11).unwrap_err().kind(), ErrorKind::Limits);
    }

    #[test]
    fn texts_are_files_of_a_bounded_size() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.toml");
        std::fs::write(&path, "x = 1").unwrap();
        assert_eq!(read_text(&path, 5).unwrap(), "x = 1");
        assert_eq!(read_text(&path, 4).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
        std::fs::write(&path, b"\xff").unwrap();
        for path in [&path, folder.path(), Path::new("/nowhere/a.toml"), Path::new("/dev/zero")] {
            assert!(read_text(path, 5).is_err(), "{}", path.display());
        }
    }
}
