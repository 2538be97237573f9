//! How well does the diagnosis see, and does it pay to follow it? Pictures with known damage.
//!
//! ```text
//! cargo run --release -p relume --example diagnosis -- measure   tables of docs/diagnosis.md
//! cargo run --release -p relume --example diagnosis -- check     the same on photos that no limit was set on
//! cargo run --release -p relume --example diagnosis -- route     the default workflow against others
//! cargo run --release -p relume --example diagnosis -- fit       fits the network that reads blur
//! ```
//! Every picture follows from a photo, a kind of damage and a seed; no photo serves both for fitting
//! and for measuring.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "the program's output is its tables")]

mod cases;
mod fit;
mod measure;
mod route;

use std::error::Error;
use std::path::{Path, PathBuf};

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// Of the clean photographs, every so many is kept for measuring, from this one on.
const KEPT: (usize, usize) = (13, 2);

fn main() -> Outcome<()> {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
    match std::env::args().nth(1).as_deref() {
        Some("fit") => fit::run(&data),
        Some("measure") => measure::run(&measuring(&data)?, measure::SEED, &data),
        Some("check") => measure::run(&fresh(&data)?, measure::FRESH_SEED, &data),
        Some("route") => route::run(&data),
        _ => Err("give measure, check, route or fit".into()),
    }
}

/// Photos to fit on: clean ones that may be used freely and are not kept for measuring.
fn fitting(data: &Path) -> Outcome<Vec<PathBuf>> {
    clean_not_kept(data, "free")
}

/// Photos to check on: of those that may not be used freely, and so were not fitted on, one in four.
fn fresh(data: &Path) -> Outcome<Vec<PathBuf>> {
    Ok(clean_not_kept(data, "research")?.into_iter().step_by(4).collect())
}

/// Clean photos of a tier, without those kept for measuring.
fn clean_not_kept(data: &Path, tier: &str) -> Outcome<Vec<PathBuf>> {
    let manifest = std::fs::read_to_string(data.join("MANIFEST.tsv"))?;
    let fits = |path: &Path| {
        let name = path.strip_prefix(data).unwrap_or(path).to_string_lossy().into_owned();
        manifest.lines().any(|line| {
            let mut fields = line.split('\t');
            fields.next() == Some(name.as_str()) && fields.nth(6) == Some(tier)
        })
    };
    let clean = cases::photos(&data.join("train/clean"))?.into_iter().enumerate();
    let (every, first) = KEPT;
    Ok(clean.filter(|(i, path)| i % every != first && fits(path)).map(|(_, path)| path).collect())
}

/// Photos to measure on that no network of ours has seen.
fn unseen(data: &Path) -> Outcome<Vec<PathBuf>> {
    let mut photos = cases::photos(&data.join("test/kodak"))?;
    photos.extend(cases::photos(&data.join("test/lol_v1_eval15/high"))?);
    Ok(photos)
}

/// Photos to measure the diagnosis on: those, and the clean ones kept from fitting it.
fn measuring(data: &Path) -> Outcome<Vec<PathBuf>> {
    let mut photos = unseen(data)?;
    let (every, first) = KEPT;
    photos.extend(cases::photos(&data.join("train/clean"))?.into_iter().skip(first).step_by(every));
    Ok(photos)
}

/// The middle of some values; none of none.
fn median(mut values: Vec<f32>) -> f32 {
    values.sort_by(f32::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f32::NAN)
}
