//! `relume dataset`: what folders hold, what in them is broken, and new sets made of them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::{Subcommand, ValueEnum};
use rayon::prelude::*;
use relume_media::pan::PanOptions;
use relume_media::{DegradeOptions, Image, Size, Srgb};
use relume_train::datasets::{self, DATASETS, Dataset, Item, OpenOptions};
use relume_train::making::{How, MakeOptions, make};
use serde_json::json;

use crate::console::Console;
use crate::exit::{Code, Failure};
use crate::progress::{Meter, catch_interrupts, interrupted};

/// List kinds of datasets, check one, make one
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  relume dataset list
  relume dataset check photos
  relume dataset check LOL --split test --json
  relume dataset make pairs --from photos --seed 3            bad pictures as a camera makes them
  relume dataset make event --from photos --how event         dark event photos, three parts
  relume dataset make clips --from hdr --how autoexposure     video whose true light is known
  relume dataset make shards --from photos --shard 500        tar files of 500 pairs each")]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// List the kinds with their layouts
    List {
        /// One JSON object per kind
        #[arg(long)]
        json: bool,
    },
    /// Open every picture: how many, how large, what is broken, what has no counterpart
    Check {
        /// A folder, or a tar shard
        path: PathBuf,
        #[command(flatten)]
        which: Which,
        /// One JSON object
        #[arg(long)]
        json: bool,
    },
    /// Write pairs made of clean pictures
    Make {
        /// The new folder; it must be empty or missing
        out: PathBuf,
        /// The pictures: any dataset
        #[arg(long, value_name = "PATH")]
        from: PathBuf,
        #[command(flatten)]
        which: Which,
        /// How they are made bad
        #[arg(long, alias = "style", value_enum, default_value_t = Way::Camera)]
        how: Way,
        /// Seed of everything random
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// Clips of each scene, with --how autoexposure
        #[arg(long, value_name = "N", default_value_t = 1)]
        clips: usize,
        /// Frames of a clip
        #[arg(long, value_name = "N", default_value_t = 60)]
        frames: usize,
        /// Width of a clip's frames in pixels; they are five by three
        #[arg(long, value_name = "N", default_value_t = 640)]
        width: usize,
        /// Write tar shards of so many pairs instead of folders
        #[arg(long, value_name = "N")]
        shard: Option<usize>,
    },
}

/// Which pictures of a path are meant.
#[derive(clap::Args)]
pub(super) struct Which {
    /// Kind of the dataset [default: recognised by its layout]
    #[arg(long)]
    kind: Option<String>,
    /// Part of the dataset, where it has parts
    #[arg(long)]
    split: Option<String>,
    /// Use only files that this tab-separated list calls free
    #[arg(long, value_name = "FILE")]
    manifest: Option<PathBuf>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Way {
    /// The simulated camera: dark, shaken, noisy
    Camera,
    /// Event photos: 10 to 20 % of the light, noise, 704×400, parts of 85, 10 and 5 %
    Event,
    /// Clips of a virtual camera that pans over scenes, with auto-exposure: frames and true light
    Autoexposure,
}

impl Which {
    /// The dataset at `path`, and its kind.
    pub(super) fn open(&self, path: &Path) -> Result<(&'static str, Box<dyn Dataset>), Failure> {
        let options = OpenOptions {
            split: self.split.clone(),
            manifest: self.manifest.clone(),
            ..OpenOptions::default()
        };
        let card = datasets::kind_of(path, self.kind.as_deref())?;
        Ok((card.name, datasets::open(path, Some(card.name), &options)?))
    }
}

/// Lists, checks or makes.
pub(crate) fn run(args: &Args, quiet: bool) -> Result<Code, Failure> {
    match &args.action {
        Action::List { json } => list(Console { json: *json, quiet }),
        Action::Check { path, which, json } => check(path, which, Console { json: *json, quiet }),
        Action::Make { out, from, which, how, seed, clips, frames, width, shard } => {
            let how = match how {
                Way::Camera => {
                    let options = DegradeOptions { untouched_share: 0.0, ..Default::default() };
                    How::Camera(Box::new(options))
                }
                Way::Event => How::Event,
                Way::Autoexposure => {
                    let height = (width * 3 / 5).max(8);
                    let (width, frames) = (*width, *frames);
                    let camera = PanOptions { width, height, frames, ..PanOptions::default() };
                    How::Pans(Box::new(camera), *clips)
                }
            };
            let options = MakeOptions { how, seed: *seed, shard: *shard };
            make_set(out, &*which.open(from)?.1, &options, quiet)
        }
    }
}

fn list(console: Console) -> Result<Code, Failure> {
    for card in DATASETS {
        console.text(&format!("{}\n  {}", card.name, card.help))?;
        for line in card.layout.lines() {
            console.text(&format!("    {line}"))?;
        }
        let record = json!({
            "name": card.name, "help": card.help, "layout": card.layout, "source": card.source,
        });
        console.record("dataset", &record)?;
    }
    Ok(Code::Done)
}

/// What is known of an item once it was read.
enum Finding {
    Good(&'static str, Size),
    Broken(PathBuf, String),
}

fn check(path: &Path, which: &Which, console: Console) -> Result<Code, Failure> {
    let (kind, set) = which.open(path)?;
    catch_interrupts()?;
    let meter = Meter::new(set.len() as u64, console.quiet || console.json);
    meter.begin(&path.display().to_string());
    let look = |index: usize| {
        if interrupted() {
            return Err(Failure::interrupted());
        }
        let finding = match set.read(index) {
            Ok(item) => {
                let (what, size) = about(&item);
                Finding::Good(what, size)
            }
            Err(error) => {
                let file = set.files(index).into_iter().next().unwrap_or_default();
                Finding::Broken(file, error.to_string())
            }
        };
        meter.one_more();
        Ok(finding)
    };
    let found = (0..set.len()).into_par_iter().map(look).collect::<Result<Vec<_>, _>>()?;
    drop(meter);
    report(path, kind, &found, &set.leftovers(), console)
}

/// What an item is called, and its size.
fn about(item: &Item) -> (&'static str, Size) {
    let first = |pictures: &[Image<Srgb>]| pictures.first().map_or(Size::new(0, 0), Image::size);
    match item {
        Item::Sharp(picture) => ("clean pictures", picture.size()),
        Item::Scene(scene) => ("scene-linear pictures", scene.size()),
        Item::Pair { input, .. } => ("pairs", input.size()),
        Item::Alone(picture) => ("pictures without a counterpart", picture.size()),
        Item::Series { exposures, .. } => ("exposure series", first(exposures)),
        Item::Table(table) => ("tables of rewards", Size::new(table.len(), table.len())),
    }
}

fn report(
    path: &Path,
    kind: &str,
    found: &[Finding],
    leftovers: &[(PathBuf, String)],
    console: Console,
) -> Result<Code, Failure> {
    let (mut counts, mut broken) = (BTreeMap::<&str, usize>::new(), Vec::new());
    let (mut least, mut most) = ([usize::MAX; 2], [0; 2]);
    for finding in found {
        match finding {
            Finding::Good(what, size) => {
                *counts.entry(what).or_default() += 1;
                let sides = [size.width, size.height];
                for axis in 0..2 {
                    least[axis] = least[axis].min(sides[axis]);
                    most[axis] = most[axis].max(sides[axis]);
                }
            }
            Finding::Broken(file, cause) => broken.push((file, cause)),
        }
    }
    console.text(&format!("{}: {kind}", path.display()))?;
    for (what, count) in &counts {
        console.text(&format!("  {count} {what}"))?;
    }
    let known = !counts.is_empty();
    if known {
        let range = |axis: usize| match least[axis] == most[axis] {
            true => least[axis].to_string(),
            false => format!("{} to {}", least[axis], most[axis]),
        };
        console.text(&format!("  {} pixels wide, {} high", range(0), range(1)))?;
    }
    for (file, cause) in &broken {
        console.text(&format!("  broken: {}: {cause}", file.display()))?;
    }
    for (file, cause) in leftovers {
        console.text(&format!("  left over: {}: {cause}", file.display()))?;
    }
    let sizes =
        known.then(|| json!({ "width": [least[0], most[0]], "height": [least[1], most[1]] }));
    console.record(
        "dataset",
        &json!({
            "path": path, "kind": kind, "counts": counts, "sizes": sizes, "broken": broken,
            "left_over": leftovers,
        }),
    )?;
    let fine = broken.is_empty() && leftovers.is_empty();
    Ok(if fine { Code::Done } else { Code::SomeFailed })
}

fn make_set(
    out: &Path,
    set: &dyn Dataset,
    options: &MakeOptions,
    quiet: bool,
) -> Result<Code, Failure> {
    catch_interrupts()?;
    let meter = Meter::of_one(&out.display().to_string(), quiet);
    let made = make(set, out, options, &meter.whole());
    drop(meter);
    let made = made.map_err(|error| match interrupted() {
        true => Failure::interrupted(),
        false => error.into(),
    })?;
    let console = Console { json: false, quiet };
    let what = if matches!(options.how, How::Pans(..)) { "clips" } else { "pairs" };
    console.note(&format!("{}: {} {what}", out.display(), made.pairs));
    for (name, cause) in &made.skipped {
        console.warn(&format!("left out: {name}: {cause}"));
    }
    Ok(if made.skipped.is_empty() { Code::Done } else { Code::SomeFailed })
}
