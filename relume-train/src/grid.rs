//! Pictures side by side.

use relume_media::{Image, Rect, Size, Srgb};

use crate::Result;

/// Rows of pictures side by side; smaller ones sit in the upper left corner of a grey cell.
pub(crate) fn grid(rows: &[Vec<Image<Srgb>>]) -> Image<Srgb> {
    let pictures = || rows.iter().flatten().map(Image::size);
    let width = pictures().map(|size| size.width).max().unwrap_or(1);
    let height = pictures().map(|size| size.height).max().unwrap_or(1);
    let columns = rows.iter().map(Vec::len).max().unwrap_or(1).max(1);
    Image::from_fn(Size::new(columns * width, rows.len().max(1) * height), |x, y| {
        let picture = rows.get(y / height).and_then(|row| row.get(x / width));
        let (x, y) = (x % width, y % height);
        let inside = picture.filter(|p| x < p.size().width && y < p.size().height);
        inside.map_or([0.25; 3], |picture| picture.get(x, y))
    })
}

/// The middle of a picture, at most `side` pixels wide and high.
///
/// # Errors
/// When it cannot be cut.
pub(crate) fn middle(picture: &Image<Srgb>, side: usize) -> Result<Image<Srgb>> {
    let Size { width, height } = picture.size();
    let size = Size::new(width.min(side), height.min(side));
    let rect = Rect { x: (width - size.width) / 2, y: (height - size.height) / 2, size };
    Ok(picture.crop(rect)?)
}
