//! What the diagnosis says of pictures with known damage.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use relume::diagnose::{BlurKind, Diagnosis, diagnose};

use crate::cases::{self, Case, Kernel, Kind, SIDE};
use crate::{Outcome, median};

/// Seed of the first picture; no picture was fitted on.
pub(crate) const SEED: u64 = 50_000_000;
/// The same for the photos that no limit was set on.
pub(crate) const FRESH_SEED: u64 = 70_000_000;
/// Noise weaker than this many levels of 255 is not compared.
const LEAST_NOISE: f32 = 2.0 / 255.0;
/// Shake shorter than this many pixels is not compared.
const LEAST_SHAKE: f32 = 8.0;

/// A picture and what was said of it.
struct Seen {
    name: String,
    /// Whether the photo is dark before anything is done to it.
    dark_itself: bool,
    case: Case,
    diagnosis: Diagnosis,
}

pub(crate) fn run(photos: &[PathBuf], first_seed: u64, data: &Path) -> Outcome<()> {
    let kernels = kernels(data)?;
    let seen: Vec<Vec<Seen>> = photos
        .par_iter()
        .enumerate()
        .map(|(number, path)| {
            let photo = cases::load(path, SIDE)?;
            let dark_itself = diagnose(&photo).exposure.is_dark();
            let see = |(k, kind)| {
                let seed = first_seed + 100 * number as u64 + k as u64;
                let case = cases::make(kind, &photo, seed, &kernels, true)?;
                let diagnosis = diagnose(&case.image);
                let name = path.display().to_string();
                Ok(Seen { name, dark_itself, case, diagnosis })
            };
            Kind::ALL.into_iter().enumerate().map(see).collect()
        })
        .collect::<Outcome<_>>()?;
    let seen: Vec<Seen> = seen.into_iter().flatten().collect();
    println!("{} pictures of {} photos\n", seen.len(), photos.len());
    errors(&seen);
    confusion(&seen);
    blur_kinds(&seen);
    if std::env::var_os("RELUME_LIST").is_some() {
        list(&seen);
    }
    Ok(())
}

/// Levin's eight kernels.
pub(crate) fn kernels(data: &Path) -> Outcome<Vec<Kernel>> {
    let path = |i| data.join(format!("test/levin/kernel{i}.png"));
    (1..=8).map(|i| Kernel::load(&path(i))).collect()
}

fn of(seen: &[Seen], kind: Option<Kind>) -> impl Iterator<Item = &Seen> {
    seen.iter().filter(move |seen| kind.is_none_or(|kind| seen.case.kind == kind))
}

fn errors(seen: &[Seen]) {
    println!("| kind | pictures | key, EV | noise, % | shake length, % | direction, ° | disc, % |");
    println!("| --- | --- | --- | --- | --- | --- | --- |");
    let kinds = Kind::ALL.into_iter().map(Some).chain([None]);
    for kind in kinds {
        let key = of(seen, kind).map(|s| (s.diagnosis.exposure.key_ev - s.case.key_ev).abs());
        let noise = of(seen, kind).filter_map(|s| {
            let truth = s.case.sigma.iter().sum::<f32>() / 3.0;
            let off = (s.diagnosis.noise.mean_sigma() / truth - 1.0).abs();
            (truth >= LEAST_NOISE).then_some(100.0 * off)
        });
        // Whatever the picture is called.
        let shaken = || of(seen, kind).filter(|s| s.case.shake_px >= LEAST_SHAKE);
        let length = shaken().filter_map(|s| {
            let said = s.diagnosis.blur.shake.as_ref()?.length_px;
            Some(100.0 * (said / s.case.shake_px - 1.0).abs())
        });
        let angle = shaken().filter_map(|s| {
            let said = s.diagnosis.blur.shake.as_ref()?.angle_deg;
            Some(((said - s.case.angle_deg + 90.0).rem_euclid(180.0) - 90.0).abs())
        });
        let disc = of(seen, kind)
            .filter(|s| s.case.disc_px > 0.0)
            .filter_map(|s| Some(100.0 * (s.diagnosis.blur.disc_px? / s.case.disc_px - 1.0).abs()));
        let cell = |values: Vec<f32>| match values.len() {
            0 => "–".to_owned(),
            count => format!("{:.2} ({count})", median(values)),
        };
        println!(
            "| {} | {} | {} | {} | {} | {} | {} |",
            kind.map_or("all", Kind::name),
            of(seen, kind).count(),
            cell(key.collect()),
            cell(noise.collect()),
            cell(length.collect()),
            cell(angle.collect()),
            cell(disc.collect())
        );
    }
    println!();
}

fn confusion(seen: &[Seen]) {
    println!("| kind | fine | relight | restore | highlights | called fine, % |");
    println!("| --- | --- | --- | --- | --- | --- |");
    let row = |name: &str, choose: &dyn Fn(&Seen) -> bool| {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        let chosen: Vec<_> = seen.iter().filter(|seen| choose(seen)).collect();
        for seen in &chosen {
            *counts.entry(seen.diagnosis.verdict.name()).or_default() += 1;
        }
        let count = |name: &str| counts.get(name).copied().unwrap_or(0);
        println!(
            "| {name} | {} | {} | {} | {} | {:.1} |",
            count("fine"),
            count("relight"),
            count("restore"),
            count("highlights"),
            100.0 * count("fine") as f32 / chosen.len().max(1) as f32
        );
    };
    let fine = |seen: &Seen| seen.case.kind == Kind::Fine;
    row("fine, of well exposed photos", &|seen| fine(seen) && !seen.dark_itself);
    row("fine, of photos dark themselves", &|seen| fine(seen) && seen.dark_itself);
    for kind in Kind::ALL.into_iter().filter(|kind| *kind != Kind::Fine) {
        row(kind.name(), &|seen| seen.case.kind == kind);
    }
    row("all damaged", &|seen| !fine(seen));
    println!();
}

/// Of blurred pictures: what kind of blur was seen.
fn blur_kinds(seen: &[Seen]) {
    println!("| kind | sharp | shaken | out of focus |");
    println!("| --- | --- | --- | --- |");
    for kind in Kind::ALL {
        let count = |what: &dyn Fn(&Diagnosis) -> bool| {
            of(seen, Some(kind)).filter(|seen| what(&seen.diagnosis)).count()
        };
        let sharp = count(&|d| !d.blur.is_blurred());
        let shaken = count(&|d| d.blur.kind == BlurKind::Shaken);
        let defocused = count(&|d| d.blur.kind == BlurKind::Defocused);
        println!("| {} | {sharp} | {shaken} | {defocused} |", kind.name());
    }
    println!();
}

/// Everything, one JSON object a line, for whoever tunes the rules.
fn list(seen: &[Seen]) {
    for s in seen {
        let (kind, ev, shake_px, disc_px) =
            (s.case.kind, s.case.ev, s.case.shake_px, s.case.disc_px);
        let (sigma, angle, said) = (s.case.sigma, s.case.angle_deg, &s.diagnosis);
        let line = serde_json::json!({"name": s.name, "kind": kind, "ev": ev, "shake": shake_px,
            "angle": angle, "disc": disc_px, "sigma": sigma, "said": said});
        eprintln!("{line}");
    }
}
