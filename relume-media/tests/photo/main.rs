//! Photos there and back: pixels, colors, metadata, and files that mean harm.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "tests may do both, but clippy knows only those inside the crate"
)]

mod color;
mod combinations;
mod exiftool;
mod formats;
mod hostile;
mod metadata;
mod orientation;
mod segments;
mod tiff_metadata;

use std::path::PathBuf;

use relume_media::photo::SaveOptions;
use relume_media::{Image, Limits, Photo, PhotoFormat, Size, Srgb};

/// A folder that vanishes with the test, and a file name in it.
fn scratch(name: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    (folder, path)
}

/// A smooth picture in which no two corners are alike.
fn gradient(width: usize, height: usize) -> Image<Srgb> {
    Image::from_fn(Size::new(width, height), |x, y| {
        [x as f32 / width as f32, y as f32 / height as f32, 0.25]
    })
}

fn encode(photo: &Photo, format: PhotoFormat) -> Vec<u8> {
    photo.encode(format, &SaveOptions::default()).unwrap().0
}

fn decode(bytes: Vec<u8>) -> Photo {
    Photo::decode(bytes, None, &Limits::default()).unwrap()
}

/// Largest difference of two pictures of one size.
fn difference(a: &Image<Srgb>, b: &Image<Srgb>) -> f32 {
    assert_eq!(a.size(), b.size());
    a.values().iter().zip(b.values()).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}
