//! Thousands of damaged pictures through the program: no crash, no fault of its own, no original
//! changed, and every result a whole picture. `RELUME_MUTATED` says how many.

use std::fs;
use std::path::Path;

use relume_media::photo::{BitDepth, SaveOptions};
use relume_media::{Image, Limits, Photo, PhotoFormat, Plane, Size};

use crate::run::{Dice, files, folder, relume, times};

/// Pictures in one run of the program.
const BATCH: usize = 100;

/// Small pictures of every format, depth and kind of metadata.
fn seeds() -> Vec<(PhotoFormat, Vec<u8>)> {
    let size = Size::new(19, 13);
    let mut seeds = Vec::new();
    for format in PhotoFormat::ALL {
        for kind in 0..4 {
            let mut photo = Photo::from_image(Image::from_fn(size, |x, y| {
                let v = ((x * 7 + y * 13) % 29) as f32 / 60.0;
                if kind == 1 { [v; 3] } else { [v, v * 0.8, 0.3 - v / 2.0] }
            }));
            photo.grey = kind == 1;
            photo.depth = if kind == 2 { BitDepth::Sixteen } else { BitDepth::Eight };
            photo.alpha = (kind == 3).then(|| Plane::filled(size, 0.5));
            if kind > 0 {
                let sidecar = &mut photo.sidecar;
                sidecar.exif = Some(
                    b"II\x2a\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0".to_vec(),
                );
                sidecar.xmp = Some(b"<x tiff:Orientation=\"6\" hdrgm:Version=\"1.0\"/>".to_vec());
                sidecar.photoshop = Some(b"8BIM\x04\x04\0\0\0\0\0\x02ab".to_vec());
                sidecar.comments.push(b"words".to_vec());
            }
            seeds.push((format, photo.encode(format, &SaveOptions::default()).unwrap().0));
        }
    }
    seeds
}

/// One to six kinds of damage.
fn damage(bytes: &mut Vec<u8>, other: &[u8], dice: &mut Dice) {
    for _ in 0..1 + dice.below(6) {
        if bytes.is_empty() {
            return;
        }
        // Headers are where the harm is done.
        let reach = if dice.below(2) == 0 { bytes.len().min(200) } else { bytes.len() };
        let at = dice.below(reach);
        let length = 1 + dice.below((bytes.len() - at).min(40));
        match dice.below(8) {
            0 | 1 => bytes[at] ^= 1 << dice.below(8),
            2 => bytes[at] = [0, 1, 0x7f, 0x80, 0xfe, 0xff][dice.below(6)],
            3 => bytes[at..at + length].fill([0, 0xff][dice.below(2)]),
            4 => drop(bytes.drain(at..at + length)),
            5 => {
                let piece = bytes[at..at + length].to_vec();
                bytes.splice(at..at, piece);
            }
            6 => {
                let from = dice.below(other.len());
                let piece = &other[from..(from + length).min(other.len())];
                bytes.splice(at..at + length, piece.iter().copied());
            }
            _ => bytes.truncate(at),
        }
    }
}

/// Restores a folder of damaged pictures; how many became results.
fn restore_batch(
    root: &Path,
    number: usize,
    all: &[(PhotoFormat, Vec<u8>)],
    dice: &mut Dice,
) -> usize {
    let photos = root.join("photos");
    fs::create_dir_all(&photos).unwrap();
    for index in 0..BATCH {
        let (format, seed) = &all[dice.below(all.len())];
        let mut bytes = seed.clone();
        let other = &all[dice.below(all.len())].1;
        damage(&mut bytes, other, dice);
        let name = format!("{number:04}-{index:03}.{}", format.extensions()[0]);
        fs::write(photos.join(name), bytes).unwrap();
    }
    let before = files(&photos);
    let run = ["--memory-limit", "3000", "restore", "photos", "-o", "out", "--json", "--always"];
    let outcome = relume(root, &run);
    assert!(matches!(outcome.code, 0 | 1 | 3), "{} {}", outcome.code, outcome.words);
    assert!(files(&photos) == before, "an original was changed");
    let records = outcome.records();
    let records: Vec<_> = records.iter().filter(|record| record["type"] == "restore").collect();
    assert_eq!(records.len(), BATCH, "every picture has its record");
    let mut done = 0;
    for record in records {
        if record["status"] == "done" {
            let result = root.join(record["output"].as_str().unwrap());
            Photo::load(&result, &Limits::default()).unwrap_or_else(|e| panic!("{record}: {e}"));
            done += 1;
        } else {
            // Nothing but "this file is bad": a fault of the program would be 6.
            assert_eq!(record["error"]["exit_code"], 3, "{record}");
            assert!(!record["error"]["message"].as_str().unwrap().contains("fault"), "{record}");
        }
    }
    assert_eq!(files(&root.join("out")).len(), done, "nothing half-written");
    fs::remove_dir_all(&photos).unwrap();
    let _ = fs::remove_dir_all(root.join("out"));
    done
}

#[test]
fn mutated_pictures_break_nothing() {
    let batches = times("RELUME_MUTATED", 200).div_ceil(BATCH);
    let folder = folder();
    let (all, mut dice) = (seeds(), Dice(14));
    let done: usize =
        (0..batches).map(|number| restore_batch(folder.path(), number, &all, &mut dice)).sum();
    let count = batches * BATCH;
    println!("{count} mutated pictures: {done} restored, {} refused", count - done);
    assert!(done > 0 && done < count, "{done} of {count}");
}
