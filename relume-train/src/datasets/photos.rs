//! Folders of sharp, well-exposed photographs, held in memory as 8-bit pixels.

use std::path::{Path, PathBuf};

use rand::{Rng, RngExt as _};
use rayon::prelude::*;
use relume_media::resize::{Filter, resize};
use relume_media::{Image, Limits, Photo, Rect, Size, Srgb};

use crate::{Error, Result};

const EXTENSIONS: &[&str] = &["jpg", "jpeg", "png", "webp"];

/// One photograph.
struct Picture {
    size: Size,
    rgb: Vec<u8>,
}

/// Photographs to cut sharp views from.
pub struct Photos {
    pictures: Vec<Picture>,
}

impl Photos {
    /// Decodes every photograph below `folders` whose shorter side is at least `side`.
    ///
    /// # Errors
    /// [`Error::Dataset`] when a folder cannot be read or holds nothing of use.
    pub fn load(
        folders: &[PathBuf],
        free: Option<&std::collections::HashSet<PathBuf>>,
        side: usize,
    ) -> Result<Self> {
        let paths = super::files(folders, EXTENSIONS, free)?;
        let read = |path: &PathBuf| -> Result<Option<Picture>> {
            let image = Photo::load(path, &Limits::default())?.image;
            let size = image.size();
            let large = size.width.min(size.height) >= side;
            Ok(large.then(|| Picture { size, rgb: image.to_rgb8() }))
        };
        let pictures: Vec<Option<Picture>> = paths.par_iter().map(read).collect::<Result<_>>()?;
        let pictures: Vec<Picture> = pictures.into_iter().flatten().collect();
        if pictures.is_empty() {
            let path = folders.first().map_or(Path::new("").to_owned(), Clone::clone);
            let message = format!("no photograph of at least {side} pixels may be used");
            return Err(Error::Dataset { path, message });
        }
        Ok(Self { pictures })
    }

    /// Takes `count` photographs, spread evenly, away for validation.
    #[must_use]
    pub fn hold_out(&mut self, count: usize) -> Self {
        let step = (self.pictures.len() / count.max(1)).max(2);
        let mut held = Vec::new();
        let mut kept = Vec::new();
        for (index, picture) in std::mem::take(&mut self.pictures).into_iter().enumerate() {
            let take = index % step == step / 2 && held.len() < count;
            if take { held.push(picture) } else { kept.push(picture) }
        }
        self.pictures = kept;
        Self { pictures: held }
    }

    /// Number of photographs.
    pub fn len(&self) -> usize {
        self.pictures.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.pictures.is_empty()
    }

    /// A random square view of a random photograph: place, scale 0.5 to 1, mirrored, turned.
    ///
    /// # Errors
    /// Never for photographs that [`load`](Self::load) accepted.
    pub fn random_view(&self, rng: &mut impl Rng, side: usize) -> Result<Image<Srgb>> {
        let index = rng.random_range(0..self.pictures.len());
        let short = self.pictures[index].size.width.min(self.pictures[index].size.height);
        let largest = (2 * side).min(short);
        let source = rng.random_range(side..=largest);
        let size = self.pictures[index].size;
        let x = rng.random_range(0..=size.width - source);
        let y = rng.random_range(0..=size.height - source);
        let mut view = self.cut(index, Rect { x, y, size: Size::new(source, source) }, side)?;
        if rng.random() {
            view = view.flip_horizontal();
        }
        if rng.random_bool(0.25) {
            view = view.transpose();
        }
        Ok(view)
    }

    /// The square view in the middle of photograph `index`, at full scale.
    ///
    /// # Errors
    /// Never for photographs that [`load`](Self::load) accepted.
    pub fn middle_view(&self, index: usize, side: usize) -> Result<Image<Srgb>> {
        let size = self.pictures[index].size;
        let (x, y) = ((size.width - side) / 2, (size.height - side) / 2);
        self.cut(index, Rect { x, y, size: Size::new(side, side) }, side)
    }

    fn cut(&self, index: usize, rect: Rect, side: usize) -> Result<Image<Srgb>> {
        let Picture { size, rgb } = &self.pictures[index];
        let mut bytes = Vec::with_capacity(3 * rect.size.pixels());
        for y in rect.y..rect.y + rect.size.height {
            let start = 3 * (y * size.width + rect.x);
            bytes.extend_from_slice(&rgb[start..start + 3 * rect.size.width]);
        }
        let view = Image::from_rgb8(rect.size, &bytes)?;
        if rect.size.width == side {
            return Ok(view);
        }
        let small = resize(&view.to_linear(), Size::new(side, side), Filter::Lanczos3);
        Ok(small.map(|v| v.clamp(0.0, 1.0)).to_srgb())
    }
}
