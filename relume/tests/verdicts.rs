//! Diagnosis on real photographs; skipped where the shared data is not there.
#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]
#![allow(clippy::print_stdout, reason = "a skipped test says so")]

use std::path::{Path, PathBuf};

use relume::diagnose::{Verdict, diagnose};
use relume_media::degrade::{Degradation, FixedDegradation};
use relume_media::{Limits, Photo};

fn pictures(folder: &str) -> Option<Vec<PathBuf>> {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data").join(folder);
    let Ok(entries) = std::fs::read_dir(&data) else {
        println!("skipped: {} is not there", data.display());
        return None;
    };
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    Some(files)
}

fn verdict(path: &Path) -> Verdict {
    diagnose(&Photo::load(path, &Limits::default()).unwrap().image).verdict
}

/// Share of the pictures of a folder that get one of the wanted verdicts.
fn share(folder: &str, most: usize, wanted: &[Verdict]) -> Option<f64> {
    let files = pictures(folder)?;
    let step = files.len().div_ceil(most);
    let chosen: Vec<_> = files.iter().step_by(step).collect();
    let hits = chosen.iter().filter(|path| wanted.contains(&verdict(path))).count();
    Some(hits as f64 / chosen.len() as f64)
}

#[test]
fn good_photos_are_fine() {
    for (folder, least) in
        [("test/kodak", 1.0), ("test/lol_v1_eval15/high", 1.0), ("train/clean", 0.85)]
    {
        let Some(share) = share(folder, 160, &[Verdict::Fine]) else { return };
        assert!(share >= least, "{folder}: {share:.2}");
    }
}

#[test]
fn shaken_photos_in_good_light_are_not_fine() {
    let Some(files) = pictures("train/clean") else { return };
    let shake = FixedDegradation { shake_px: 14.0, ..FixedDegradation::default() };
    let (mut seen, mut count) = (0, 0);
    for (seed, file) in files.iter().step_by(20).enumerate() {
        let sharp = Photo::load(file, &Limits::default()).unwrap().image;
        let done = Degradation::fixed(seed as u64, sharp.size(), &shake).apply(&sharp).unwrap();
        count += 1;
        seen += usize::from(diagnose(&done.image).verdict != Verdict::Fine);
    }
    assert!(4 * seen >= 3 * count, "{seen} of {count}");
}

#[test]
fn the_line_of_the_shake_is_found() {
    let Some(files) = pictures("test/kodak") else { return };
    let shake = FixedDegradation { shake_px: 16.0, ..FixedDegradation::default() };
    let mut off = [Vec::new(), Vec::new()];
    for (seed, file) in files.iter().enumerate() {
        let sharp = Photo::load(file, &Limits::default()).unwrap().image;
        let degradation = Degradation::fixed(seed as u64, sharp.size(), &shake);
        let done = degradation.apply(&sharp).unwrap();
        let seen = diagnose(&done.image).blur.shake.unwrap();
        off[0].push((seen.length_px / 16.0 - 1.0).abs());
        let turned = seen.angle_deg - degradation.shake.angle_deg;
        off[1].push(((turned + 90.0).rem_euclid(180.0) - 90.0).abs());
    }
    let [length, angle] = off.map(|mut values| {
        values.sort_by(f32::total_cmp);
        values[values.len() / 2]
    });
    assert!(length <= 0.25 && angle <= 15.0, "length off by {length}, direction by {angle}");
}

#[test]
fn dark_photos_are_not_fine() {
    for folder in ["test/lol_v1_eval15/low", "test/lime", "test/dark_wild", "test/low_misc"] {
        let wanted = [Verdict::Relight, Verdict::Restore];
        let Some(share) = share(folder, 60, &wanted) else { return };
        assert_eq!(share, 1.0, "{folder}");
    }
    let Some(noisy) = share("test/lol_v1_eval15/low", 60, &[Verdict::Restore]) else { return };
    assert!(noisy > 0.8, "{noisy:.2}");
}

#[test]
fn over_exposed_photos_have_lost_highlights() {
    let Some(files) = pictures("test/exposure_wild") else { return };
    for start in ["Justin", "Probably", "a3354"] {
        let begins = |path: &&PathBuf| {
            path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(start))
        };
        assert_eq!(verdict(files.iter().find(begins).unwrap()), Verdict::Highlights, "{start}");
    }
}
