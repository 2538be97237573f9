//! WebDataset shards: tar files in which files of one name and several endings are one sample.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use relume_media::{Image, Limits, Photo, Srgb};

use super::files::{below, has_extension};
use super::{Dataset, DatasetCard, Item, OpenOptions};
use crate::{Error, Result};

/// The ending of the picture to be restored, and of what it should be, before `.png` and the like.
const INPUT: &str = "lq";
const TARGET: &str = "gt";
/// Largest picture file in a shard, in bytes.
const LARGEST: u64 = 1 << 30;

/// Tar files: one, or a folder of them.
pub(super) const CARD: DatasetCard = DatasetCard {
    name: "shards",
    help: "tar files of samples: pairs of .lq and .gt, or .gt alone, which training damages",
    layout: "ANY-000000.tar: 000123.lq.png 000123.gt.png 000123.json",
    source: "WebDataset; written by `relume dataset make --shards`",
    recognise: |path| {
        if path.is_dir() {
            let files = below(path, &["tar"], &OpenOptions::default());
            files.is_ok_and(|files| !files.is_empty())
        } else {
            has_extension(path, &["tar"])
        }
    },
    open: |path, options| Ok(Box::new(Shards::open(path, options)?)),
};

/// Where a file lies in a shard.
#[derive(Debug, Clone)]
struct Place {
    shard: PathBuf,
    start: u64,
    length: u64,
    name: String,
}

#[derive(Debug, Default)]
struct Sample {
    input: Option<Place>,
    target: Option<Place>,
}

struct Shards {
    samples: Vec<(String, Sample)>,
    leftovers: Vec<(PathBuf, String)>,
}

impl Shards {
    fn open(path: &Path, options: &OpenOptions) -> Result<Self> {
        let files = match path.is_dir() {
            true => below(path, &["tar"], options)?,
            false => vec![path.to_owned()],
        };
        let mut found: BTreeMap<String, Sample> = BTreeMap::new();
        let mut leftovers = Vec::new();
        for file in files {
            let shard = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            for place in index(&file)? {
                let (key, kind) = split(&place.name);
                let sample = found.entry(format!("{shard}/{key}")).or_default();
                match kind {
                    INPUT => sample.input = Some(place),
                    TARGET => sample.target = Some(place),
                    _ => {}
                }
            }
        }
        let mut samples = Vec::new();
        for (name, sample) in found {
            match &sample {
                Sample { target: Some(_), .. } => samples.push((name, sample)),
                Sample { input: Some(place), .. } => {
                    let why = format!("{} has no target", place.name);
                    leftovers.push((place.shard.clone(), why));
                }
                _ => {}
            }
        }
        Ok(Self { samples, leftovers })
    }
}

/// Every file of a shard, its size checked against the shard's.
fn index(path: &Path) -> Result<Vec<Place>> {
    let wrong = |message: String| Error::Dataset { path: path.to_owned(), message };
    let damaged = |cause: std::io::Error| wrong(format!("is no whole tar file: {cause}"));
    let file = File::open(path).map_err(|cause| wrong(cause.to_string()))?;
    let whole = file.metadata().map_err(|cause| wrong(cause.to_string()))?.len();
    let mut archive = tar::Archive::new(file);
    let mut places = Vec::new();
    for entry in archive.entries_with_seek().map_err(damaged)? {
        let entry = entry.map_err(damaged)?;
        if !entry.header().entry_type().is_file() {
            continue;
        }
        let (start, length) = (entry.raw_file_position(), entry.size());
        let name = entry.path().map_err(damaged)?.to_string_lossy().into_owned();
        if start.checked_add(length).is_none_or(|end| end > whole) || length > LARGEST {
            return Err(wrong(format!("is cut off or damaged: {name} claims {length} bytes")));
        }
        places.push(Place { shard: path.to_owned(), start, length, name });
    }
    Ok(places)
}

/// `000123.lq.png` as sample and kind: everything up to the first dot of the file name, and what
/// lies between the dots.
fn split(name: &str) -> (&str, &str) {
    let folder = name.rfind('/').map_or(0, |at| at + 1);
    let Some(dot) = name[folder..].find('.').map(|at| folder + at) else { return (name, "") };
    let kind = name[dot + 1..].split('.').next().unwrap_or_default();
    (&name[..dot], kind)
}

impl Place {
    fn read(&self) -> Result<Image<Srgb>> {
        let wrong = |message: String| Error::Dataset { path: self.shard.clone(), message };
        let mut bytes = Vec::new();
        let read = File::open(&self.shard).and_then(|mut file| {
            file.seek(SeekFrom::Start(self.start))?;
            file.take(self.length).read_to_end(&mut bytes)
        });
        read.map_err(|cause| wrong(format!("{}: {cause}", self.name)))?;
        let inside = self.shard.join(&self.name);
        Ok(Photo::decode(bytes, Some(&inside), &Limits::default())?.image)
    }
}

impl Dataset for Shards {
    fn len(&self) -> usize {
        self.samples.len()
    }

    fn name(&self, index: usize) -> String {
        self.samples[index].0.clone()
    }

    fn files(&self, index: usize) -> Vec<PathBuf> {
        let Sample { input, target } = &self.samples[index].1;
        let shards = input.iter().chain(target).map(|place| place.shard.clone());
        let mut shards: Vec<_> = shards.collect();
        shards.dedup();
        shards
    }

    fn read(&self, index: usize) -> Result<Item> {
        let (name, Sample { input, target }) = &self.samples[index];
        let target = target.as_ref().map(Place::read).transpose()?;
        let input = input.as_ref().map(Place::read).transpose()?;
        match (input, target) {
            (Some(input), Some(target)) if input.size() == target.size() => {
                Ok(Item::Pair { input, target })
            }
            (None, Some(target)) => Ok(Item::Sharp(target)),
            (input, target) => {
                let size = |picture: Option<Image<Srgb>>| {
                    picture.map_or("nothing".to_owned(), |picture| picture.size().to_string())
                };
                let message =
                    format!("{name} is {}, its target {}; one size", size(input), size(target));
                let path = self.files(index).into_iter().next().unwrap_or_default();
                Err(Error::Dataset { path, message })
            }
        }
    }

    fn leftovers(&self) -> Vec<(PathBuf, String)> {
        self.leftovers.clone()
    }
}
