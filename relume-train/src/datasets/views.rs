//! Random and fixed views of a dataset, out of a cache of decoded pictures.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use half::f16;
use lru::LruCache;
use rand::{Rng, RngExt as _};
use relume::overexposed::{MAP, Table};
use relume_media::resize::{Filter, resize};
use relume_media::{Image, Linear, Rect, Size, Srgb};

use super::lens;
use super::{Dataset, Item};
use crate::{Error, Result};

/// Draws in a row that may fail before a run gives up.
const DRAWS: usize = 32;

/// Random changes that leave a picture true.
#[derive(Debug, Clone, Copy)]
pub struct Augment {
    /// Smallest scale at which a clean picture is cut; others keep theirs, and with it their noise.
    pub scale: f32,
    /// Share of views that are mirrored.
    pub mirror: f32,
    /// Share of views that are turned on their side.
    pub turn: f32,
}

/// Cuts views out of a dataset.
#[derive(Clone)]
pub struct Views {
    set: Arc<dyn Dataset>,
    indices: Vec<usize>,
    cache: Arc<Mutex<Cache>>,
    skipped: Arc<Mutex<BTreeMap<PathBuf, String>>>,
}

struct Cache {
    held: LruCache<usize, Arc<Stored>>,
    bytes: usize,
    limit: usize,
}

/// A decoded item, small enough to keep many.
enum Stored {
    Sharp(Pixels<u8>),
    Scene(Pixels<f16>),
    Pair(Pixels<u8>, Pixels<u8>),
    Alone(Pixels<u8>),
    Series(Vec<Pixels<u8>>, Option<usize>),
    Table(Arc<Table>),
}

/// Planar pixels `[3, h, w]`.
struct Pixels<T> {
    size: Size,
    values: Vec<T>,
}

impl Views {
    /// Views of every item of `set`, with at most `cache_bytes` of decoded pictures in memory.
    pub fn new(set: Box<dyn Dataset>, cache_bytes: usize) -> Self {
        let cache = Cache { held: LruCache::unbounded(), bytes: 0, limit: cache_bytes };
        Self {
            indices: (0..set.len()).collect(),
            set: Arc::from(set),
            cache: Arc::new(Mutex::new(cache)),
            skipped: Arc::default(),
        }
    }

    /// Number of items.
    pub fn len(&self) -> usize {
        self.indices.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.indices.is_empty()
    }

    /// Takes `count` items, spread evenly, away: what is left, and what was taken.
    #[must_use]
    pub fn hold_out(self, count: usize) -> (Self, Self) {
        let step = (self.indices.len() / count.max(1)).max(2);
        let (mut held, mut kept) = (Vec::new(), Vec::new());
        for (place, &index) in self.indices.iter().enumerate() {
            let take = place % step == step / 2 && held.len() < count;
            if take { held.push(index) } else { kept.push(index) }
        }
        (Self { indices: kept, ..self.clone() }, Self { indices: held, ..self })
    }

    /// Files that could not be used so far, with the reason.
    pub fn skipped(&self) -> Vec<(PathBuf, String)> {
        let skipped = lock(&self.skipped);
        skipped.iter().map(|(path, reason)| (path.clone(), reason.clone())).collect()
    }

    /// A random square view of a random item, `side` pixels or the item's shorter side, at least
    /// `least`; the same cut for all its pictures. A pure function of `rng` and the files; files
    /// that cannot be used are noted and others drawn.
    ///
    /// # Errors
    /// [`Error::Dataset`] when nothing usable is drawn many times in a row.
    pub fn random_view(
        &self,
        rng: &mut impl Rng,
        side: usize,
        least: usize,
        augment: &Augment,
    ) -> Result<Item> {
        self.drawn(rng, least)?.random_view(rng, side, augment)
    }

    /// A random item, all of it.
    ///
    /// # Errors
    /// As [`random_view`](Self::random_view).
    pub fn random_whole(&self, rng: &mut impl Rng) -> Result<Item> {
        let stored = self.drawn(rng, 1)?;
        let rect = Rect { x: 0, y: 0, size: stored.size() };
        stored.cut(&|pixels| pixels.cut(rect))
    }

    /// A random item that can be used.
    fn drawn(&self, rng: &mut impl Rng, least: usize) -> Result<Arc<Stored>> {
        let mut last = String::new();
        for _ in 0..DRAWS {
            let index = self.indices[rng.random_range(0..self.indices.len())];
            match self.stored(index, least) {
                Ok(stored) => return Ok(stored),
                Err(error) => last = error.to_string(),
            }
        }
        let path = self.set.files(self.indices[0]).into_iter().next().unwrap_or_default();
        let path = path.parent().map(ToOwned::to_owned).unwrap_or(path);
        let message = format!("{DRAWS} pictures in a row cannot be used, the last because: {last}");
        Err(Error::Dataset { path, message })
    }

    /// The middle of an item, at most `side` pixels wide and high, at full scale; nothing, and a
    /// note, if it cannot be read.
    ///
    /// # Errors
    /// When the middle cannot be cut.
    pub fn middle_view(&self, place: usize, side: usize) -> Result<Option<Item>> {
        let Ok(stored) = self.stored(self.indices[place], 1) else { return Ok(None) };
        stored.middle_view(side).map(Some)
    }

    /// The decoded item, from the cache if it is there.
    fn stored(&self, index: usize, least: usize) -> Result<Arc<Stored>> {
        let known = lock(&self.cache).held.get(&index).cloned();
        let read = known.map_or_else(|| self.read(index), Ok);
        let checked = read.and_then(|stored| {
            let size = stored.size();
            if size.width.min(size.height) >= least {
                return Ok(stored);
            }
            let path = self.set.files(index).into_iter().next().unwrap_or_default();
            let message = format!("is {}×{}; {least} are needed", size.width, size.height);
            Err(Error::Dataset { path, message })
        });
        if let Err(error) = &checked {
            let path = self.set.files(index).into_iter().next().unwrap_or_default();
            lock(&self.skipped).insert(path, error.to_string());
        }
        checked
    }

    fn read(&self, index: usize) -> Result<Arc<Stored>> {
        let stored = Arc::new(Stored::new(self.set.read(index)?));
        let mut cache = lock(&self.cache);
        cache.bytes += stored.bytes();
        if let Some(old) = cache.held.put(index, stored.clone()) {
            cache.bytes -= old.bytes();
        }
        while cache.bytes > cache.limit {
            let Some((_, old)) = cache.held.pop_lru() else { break };
            cache.bytes -= old.bytes();
        }
        Ok(stored)
    }
}

/// A poisoned lock only means that another thread panicked while it looked.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Stored {
    fn new(item: Item) -> Self {
        match item {
            Item::Sharp(image) => Self::Sharp(Pixels::of(&image)),
            Item::Scene(image) => Self::Scene(Pixels {
                size: image.size(),
                values: image.values().iter().map(|&v| f16::from_f32(v.min(6e4))).collect(),
            }),
            Item::Pair { input, target } => Self::Pair(Pixels::of(&input), Pixels::of(&target)),
            Item::Alone(image) => Self::Alone(Pixels::of(&image)),
            Item::Series { exposures, target } => {
                Self::Series(exposures.iter().map(Pixels::of).collect(), target)
            }
            Item::Table(table) => Self::Table(table),
        }
    }

    fn size(&self) -> Size {
        match self {
            Self::Sharp(image) | Self::Alone(image) | Self::Pair(image, _) => image.size,
            Self::Scene(image) => image.size,
            Self::Series(images, _) => images.first().map_or(Size::new(0, 0), |image| image.size),
            Self::Table(_) => Size::new(MAP.1, MAP.0),
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Self::Sharp(image) | Self::Alone(image) => image.values.len(),
            Self::Scene(image) => 2 * image.values.len(),
            Self::Pair(input, target) => input.values.len() + target.values.len(),
            Self::Series(images, _) => images.iter().map(|image| image.values.len()).sum(),
            Self::Table(table) => 4 * MAP.0 * MAP.1 * table.len() * table.len(),
        }
    }

    fn random_view(&self, rng: &mut impl Rng, side: usize, augment: &Augment) -> Result<Item> {
        if let Self::Scene(scene) = self {
            return Ok(Item::Scene(lens::random_view(&scene.image()?, rng, side)?));
        }
        let size = self.size();
        let short = size.width.min(size.height);
        let side = side.min(short);
        let source = if matches!(self, Self::Sharp(_)) {
            let largest = ((side as f32 / augment.scale).round() as usize).clamp(side, short);
            rng.random_range(side..=largest)
        } else {
            side
        };
        let x = rng.random_range(0..=size.width - source);
        let y = rng.random_range(0..=size.height - source);
        let rect = Rect { x, y, size: Size::new(source, source) };
        let mirror = rng.random_bool(f64::from(augment.mirror));
        let turn = rng.random_bool(f64::from(augment.turn));
        self.cut(&|pixels| {
            let mut view = pixels.cut(rect)?;
            if source != side {
                let small = resize(&view.to_linear(), Size::new(side, side), Filter::Lanczos3);
                view = small.map(|v| v.clamp(0.0, 1.0)).to_srgb();
            }
            if mirror {
                view = view.flip_horizontal();
            }
            Ok(if turn { view.transpose() } else { view })
        })
    }

    fn middle_view(&self, side: usize) -> Result<Item> {
        let size = self.size();
        if let Self::Scene(scene) = self {
            return Ok(Item::Scene(lens::middle_view(&scene.image()?, side)?));
        }
        let (width, height) = (side.min(size.width), side.min(size.height));
        let (x, y) = ((size.width - width) / 2, (size.height - height) / 2);
        let rect = Rect { x, y, size: Size::new(width, height) };
        self.cut(&|pixels| pixels.cut(rect))
    }

    /// An item whose pictures are cut alike.
    fn cut(&self, cut: &dyn Fn(&Pixels<u8>) -> Result<Image<Srgb>>) -> Result<Item> {
        Ok(match self {
            Self::Sharp(image) => Item::Sharp(cut(image)?),
            Self::Alone(image) => Item::Alone(cut(image)?),
            Self::Pair(input, target) => Item::Pair { input: cut(input)?, target: cut(target)? },
            Self::Series(images, target) => {
                let exposures = images.iter().map(cut).collect::<Result<_>>()?;
                Item::Series { exposures, target: *target }
            }
            Self::Scene(image) => Item::Scene(image.image()?),
            Self::Table(table) => Item::Table(table.clone()),
        })
    }
}

impl Pixels<u8> {
    fn of(image: &Image<Srgb>) -> Self {
        let byte = |&v: &f32| (v.clamp(0.0, 1.0) * 255.0).round() as u8;
        Self { size: image.size(), values: image.values().iter().map(byte).collect() }
    }

    fn cut(&self, rect: Rect) -> Result<Image<Srgb>> {
        let mut values = Vec::with_capacity(3 * rect.size.pixels());
        for plane in self.values.chunks(self.size.pixels().max(1)) {
            for y in rect.y..rect.y + rect.size.height {
                let row = &plane[y * self.size.width + rect.x..][..rect.size.width];
                values.extend(row.iter().map(|&byte| f32::from(byte) / 255.0));
            }
        }
        Ok(Image::from_planar(rect.size, values)?)
    }
}

impl Pixels<f16> {
    fn image(&self) -> Result<Image<Linear>> {
        let values = self.values.iter().map(|v| v.to_f32()).collect();
        Ok(Image::from_planar(self.size, values)?)
    }
}
