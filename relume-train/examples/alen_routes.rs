//! How often the classifier of alen-small is right, and whether two routes are better than one.
//!
//! `cargo run --release -p relume-train --example alen_routes -- [WEIGHTS] [SHEET.webp]`
//!
//! Pictures of known kind are made of photographs that its recipe holds out. Prints the tables of
//! `docs/models/alen.md`; writes a sheet of the pictures that were taken for the wrong kind.
#![allow(clippy::print_stdout, reason = "an example prints")]

use std::path::Path;

use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;
use relume::Restorer;
use relume::metrics::{psnr, ssim};
use relume::models::alen::{self, Route, Routing};
use relume_media::atomic::Overwrite;
use relume_media::photo::SaveOptions;
use relume_media::resize::{Filter, resize};
use relume_media::{Image, Photo, Progress, Size, Srgb};
use relume_nn::Weights;
use relume_nn::cpu::Network;
use relume_train::datasets::{Item, OpenOptions, Views, open};
use relume_train::sources::Sources;
use relume_train::tasks::alen::{Made, darken};
use relume_train::{Recipe, Result};

/// Pictures made of each photograph and kind.
const MADE: u64 = 4;
/// Side in pixels of what is judged.
const SIDE: usize = 352;
const SEED: u64 = 8;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let weights = match arguments.first() {
        Some(file) => {
            let message = |e: std::io::Error| relume::Error::Model(format!("{file}: {e}"));
            Weights::read(&std::fs::read(file).map_err(message)?)?
        }
        None => alen::SMALL.load_weights()?,
    };
    let recipe = Recipe::load(&here.join("recipes/alen-small-classifier.toml"))?;
    let (_, held_out) = Sources::open(&recipe.first().data)?;
    let views = held_out.ok_or_else(|| relume::Error::Model("nothing is held out".into()))?;
    let mut made = Vec::new();
    for place in 0..views.len() {
        let Some(item) = views.middle_view(place, SIDE)? else { continue };
        for kind in [false, true] {
            for again in 0..MADE {
                let mut rng = ChaCha8Rng::seed_from_u64(SEED);
                rng.set_stream(place as u64 * 2 * MADE + u64::from(kind) * MADE + again);
                made.push(darken(item.clone(), kind, &mut rng, &recipe.first().degradation)?);
            }
        }
    }
    let wrong = confusion(&weights, &made)?;
    if let Some(path) = arguments.get(1) {
        sheet(&wrong, Path::new(path))?;
    }
    tables(&weights, &made, &here.join("../../shared/data"))
}

/// Prints what was taken for what; returns the pictures taken for the wrong kind.
fn confusion<'a>(weights: &Weights, made: &'a [Made]) -> Result<Vec<&'a Made>> {
    let network = Network::new((alen::SMALL.graph)()?, weights.clone())?;
    let mut counts = [[0; 2]; 2];
    let mut wrong = Vec::new();
    for one in made {
        let said = Routing::of(&network, &one.input, Route::Auto)?.probability_local > 0.5;
        counts[usize::from(one.local)][usize::from(said)] += 1;
        if said != one.local {
            wrong.push(one);
        }
    }
    println!("| is | said: all over | said: in places |\n| --- | --- | --- |");
    for (name, [all_over, places]) in ["dark all over", "dark in places"].iter().zip(counts) {
        println!("| {name} | {all_over} | {places} |");
    }
    let right = made.len() - wrong.len();
    println!("right: {right} of {}, {:.2} %\n", made.len(), percent(right, made.len()));
    Ok(wrong)
}

fn percent(part: usize, whole: usize) -> f64 {
    100.0 * part as f64 / whole.max(1) as f64
}

/// Writes the first pictures side by side.
fn sheet(wrong: &[&Made], path: &Path) -> Result<()> {
    const CELL: usize = 112;
    const ACROSS: usize = 8;
    let shown = wrong.len().min(2 * ACROSS);
    if shown == 0 {
        return Ok(());
    }
    let cell = Size::new(CELL, CELL);
    let small = |one: &&Made| resize(&one.input.to_linear(), cell, Filter::Area).to_srgb();
    let cells: Vec<Image<Srgb>> = wrong[..shown].iter().map(small).collect();
    let size = Size::new(CELL * ACROSS.min(shown), CELL * shown.div_ceil(ACROSS));
    let pixel = |x: usize, y: usize| {
        let place = y / CELL * ACROSS + x / CELL;
        cells.get(place).map_or([1.0; 3], |cell| cell.get(x % CELL, y % CELL))
    };
    let options = SaveOptions { overwrite: Overwrite::Always, ..SaveOptions::default() };
    Photo::from_image(Image::from_fn(size, pixel)).save(path, &options)?;
    Ok(())
}

/// Prints each route alone, and both, on every set.
fn tables(weights: &Weights, made: &[Made], data: &Path) -> Result<()> {
    let kinds = [false, true].map(|kind| {
        let chosen = made.iter().filter(move |one| one.local == kind).step_by(MADE as usize);
        chosen.map(|one| (one.input.clone(), one.target.clone())).collect::<Vec<_>>()
    });
    let [all_over, places] = kinds;
    let both: Vec<_> = all_over.iter().chain(&places).cloned().collect();
    let mut sets = vec![
        ("held out, dark all over", all_over),
        ("held out, dark in places", places),
        ("held out, both", both),
    ];
    let folders = [
        ("LOL v1 eval15", "test/lol_v1_eval15"),
        ("exposure series, under to mid", "train/exposure"),
    ];
    for (name, folder) in folders {
        if data.join(folder).is_dir() {
            sets.push((name, pairs(&data.join(folder))?));
        }
    }
    println!("| set | method | PSNR | SSIM |\n| --- | --- | --- | --- |");
    for (name, pairs) in &sets {
        let title = format!("{name} ({})", pairs.len());
        row(&title, "input", pairs, |input| Ok(input.clone()))?;
        for (method, route) in [
            ("global alone", Route::Global),
            ("local alone", Route::Local),
            ("routed", Route::Auto),
        ] {
            let restorer = Restorer::new(&alen::SMALL, weights.clone())?.always(true);
            let restorer = restorer.route(Some(route))?;
            let run = |input: &Image<Srgb>| Ok(restorer.image(input, &Progress::silent())?.0);
            row(&title, method, pairs, run)?;
        }
    }
    Ok(())
}

/// Dark pictures and what they should be.
type Pairs = Vec<(Image<Srgb>, Image<Srgb>)>;

fn pairs(folder: &Path) -> Result<Pairs> {
    let views = Views::new(open(folder, None, &OpenOptions::default())?, 0);
    let mut pairs = Vec::new();
    for place in 0..views.len() {
        match views.middle_view(place, 600)? {
            Some(Item::Pair { input, target }) => pairs.push((input, target)),
            Some(Item::Series { mut exposures, target: Some(best) }) => {
                let target = exposures.remove(best);
                pairs.push((exposures.swap_remove(0), target));
            }
            _ => {}
        }
    }
    Ok(pairs)
}

fn row(
    set: &str,
    method: &str,
    pairs: &Pairs,
    run: impl Fn(&Image<Srgb>) -> Result<Image<Srgb>>,
) -> Result<()> {
    let (mut peak, mut alike) = (0.0, 0.0);
    for (input, target) in pairs {
        let made = run(input)?;
        peak += psnr(&made, target)?;
        alike += ssim(&made, target)?;
    }
    let count = pairs.len().max(1) as f64;
    println!("| {set} | {method} | {:.2} | {:.4} |", peak / count, alike / count);
    Ok(())
}
