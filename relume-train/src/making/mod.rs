//! Writing pairs: clean pictures made bad once, so that others can learn from them too.

mod event;
mod pans;
mod shards;

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use rand::SeedableRng as _;
use rand::seq::SliceRandom as _;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use relume_media::atomic::{Overwrite, write_atomically};
use relume_media::pan::PanOptions;
use relume_media::photo::SaveOptions;
use relume_media::{DegradeOptions, Photo, PhotoFormat, Progress};
use serde_json::{Value, json};

use crate::datasets::{Dataset, Item};
use crate::tasks::{Damaged, pair};
use crate::{Error, Result};

/// How a clean picture is made bad.
#[derive(Debug, Clone)]
pub enum How {
    /// By the simulated camera. Pairs of the set are written as they are.
    Camera(Box<DegradeOptions>),
    /// As the event-photo enhancer's authors made theirs: darkened to 10–20 %, noise, 400 pixels on
    /// the short side, the middle 704×400; parts of 85, 10 and 5 %.
    Event,
    /// Clips of a virtual camera with auto-exposure, so many of each scene.
    Pans(Box<PanOptions>, usize),
}

/// What is written.
#[derive(Debug, Clone)]
pub struct MakeOptions {
    /// How pictures are made bad.
    pub how: How,
    /// The same seed gives the same bytes, whatever the number of threads.
    pub seed: u64,
    /// Samples in a tar shard; folders of pictures without.
    pub shard: Option<usize>,
}

/// What came of it.
#[derive(Debug, Clone, Default)]
pub struct Made {
    /// Pairs written.
    pub pairs: usize,
    /// Items that were left out, with the cause.
    pub skipped: Vec<(String, String)>,
}

/// One pair as files.
struct Sample {
    /// Its part, if there are parts, and its name in it.
    part: Option<&'static str>,
    name: String,
    input: Vec<u8>,
    target: Vec<u8>,
    record: Value,
}

/// The name of the record that is written last: where it stands, the set is complete.
pub const RECORD: &str = "made.json";

/// Writes pairs made of `set` into the folder `out`, which must be empty or missing.
///
/// # Errors
/// [`Error::Dataset`] when `out` holds something or nothing could be made, [`Error::Media`] when a
/// file cannot be written or the caller cancels.
pub fn make(
    set: &dyn Dataset,
    out: &Path,
    options: &MakeOptions,
    progress: &Progress<'_>,
) -> Result<Made> {
    std::fs::create_dir_all(out).map_err(Error::folder(out))?;
    if std::fs::read_dir(out).map_err(Error::folder(out))?.next().is_some() {
        let message = "is not empty; name another folder for the new set".into();
        return Err(Error::Dataset { path: out.to_owned(), message });
    }
    if let How::Pans(camera, clips) = &options.how {
        if options.shard.is_some() {
            return Err(Error::Setup("clips are written as folders, not as shards".into()));
        }
        return pans::make(set, out, (camera, *clips, options.seed), progress);
    }
    let parts = parts(set.len(), options);
    let skipped = Mutex::new(Vec::new());
    let done = AtomicUsize::new(0);
    let sample = |index: usize| -> Result<Option<Sample>> {
        let share = done.fetch_add(1, Ordering::Relaxed) as f32 / set.len().max(1) as f32;
        progress.report(share)?;
        match Sample::new(set, index, parts[index], options) {
            Ok(sample) => Ok(Some(sample)),
            Err(error) => {
                let mut skipped = skipped.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                skipped.push((set.name(index), error.to_string()));
                Ok(None)
            }
        }
    };
    let pairs = match options.shard {
        Some(size) => shards::write(set.len(), size.max(1), out, &sample)?,
        None => {
            let wrote = (0..set.len()).into_par_iter().map(|index| {
                sample(index)?.map_or(Ok(0), |sample| sample.write(out, &options.how).map(|()| 1))
            });
            wrote.sum::<Result<usize>>()?
        }
    };
    let mut skipped = skipped.into_inner().unwrap_or_default();
    skipped.sort();
    if pairs == 0 {
        let cause = skipped.first().map_or("the set is empty", |(_, cause)| cause);
        let message = format!("no pair could be made: {cause}");
        return Err(Error::Dataset { path: out.to_owned(), message });
    }
    let how = match options.how {
        How::Camera(_) => "camera",
        How::Event => "event",
        How::Pans(..) => "autoexposure",
    };
    let record = json!({
        "relume": env!("CARGO_PKG_VERSION"), "how": how, "seed": options.seed, "pairs": pairs,
        "skipped": skipped,
    });
    let text = serde_json::to_string_pretty(&record).unwrap_or_default();
    write_atomically(&out.join(RECORD), text.as_bytes(), Overwrite::Never)?;
    Ok(Made { pairs, skipped })
}

/// The part of each item: none, or 85 % to train with, 10 % to choose by, 5 % to test.
fn parts(count: usize, options: &MakeOptions) -> Vec<Option<&'static str>> {
    if !matches!(options.how, How::Event) {
        return vec![None; count];
    }
    let (train, val) = (count * 85 / 100, count * 10 / 100);
    let mut order: Vec<usize> = (0..count).collect();
    order.shuffle(&mut ChaCha8Rng::seed_from_u64(options.seed));
    let mut parts = vec![Some("test"); count];
    order.iter().take(train).for_each(|&index| parts[index] = Some("train"));
    order.iter().skip(train).take(val).for_each(|&index| parts[index] = Some("val"));
    parts
}

impl Sample {
    fn new(
        set: &dyn Dataset,
        index: usize,
        part: Option<&'static str>,
        options: &MakeOptions,
    ) -> Result<Self> {
        let mut rng = ChaCha8Rng::seed_from_u64(options.seed);
        rng.set_stream(index as u64 + 1);
        let source = set.name(index);
        let (Damaged { input, target }, name) = match (&options.how, set.read(index)?) {
            (How::Event, Item::Sharp(picture)) => {
                (event::pair(&picture, &mut rng)?, format!("img_{index}"))
            }
            (How::Event, _) => {
                return Err(Error::Setup("event pairs are made of clean photographs".into()));
            }
            (How::Pans(..), _) => return Err(Error::Setup("clips are no pairs".into())),
            (How::Camera(harm), item) => {
                let made = pair(item, &mut rng, harm)?;
                let useless = || Error::Setup("it cannot be made into a pair".into());
                (made.ok_or_else(useless)?, format!("{index:06}"))
            }
        };
        let png = |image| -> Result<Vec<u8>> {
            Ok(Photo::from_image(image).encode(PhotoFormat::Png, &SaveOptions::default())?.0)
        };
        let record = json!({ "source": source, "seed": options.seed, "stream": index + 1 });
        Ok(Self { part, name, input: png(input)?, target: png(target)?, record })
    }

    /// Two files in two folders.
    fn write(&self, out: &Path, how: &How) -> Result<()> {
        let folder = self.part.map_or_else(|| out.to_owned(), |part| out.join(part));
        let names = match how {
            How::Camera(_) => ["input", "target"],
            How::Event => ["imgs", "targets"],
            How::Pans(..) => return Err(Error::Setup("clips are no pairs".into())),
        };
        for (name, bytes) in names.iter().zip([&self.input, &self.target]) {
            let folder: PathBuf = folder.join(name);
            std::fs::create_dir_all(&folder).map_err(Error::folder(&folder))?;
            let path = folder.join(format!("{}.png", self.name));
            write_atomically(&path, bytes, Overwrite::Never)?;
        }
        Ok(())
    }
}
