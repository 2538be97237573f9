//! How often the cue encoder tells the look of a picture, and finds its twin.
//!
//! `cargo run --release -p relume-train --example cue_looks -- [WEIGHTS] [FOLDER...]`
//!
//! Crops of clean photographs that it has not seen are made noisy, dark and blurred. Prints which look
//! was taken for which, and how often the crop nearest in content is the same crop in another look.
#![allow(clippy::print_stdout, reason = "an example prints")]

use std::path::{Path, PathBuf};

use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;
use relume::models::clip::{IMAGE, IMAGE_FEATURES, PROMPT_FEATURES, QUALITY_FEATURES};
use relume::models::cues::{CARD, LOOKS};
use relume_media::{Limits, Photo, Rect, Size};
use relume_nn::{Feeds, Graph, Tensor, Weights, reference};
use relume_train::Result;
use relume_train::tasks::cues::damaged;

const SIDE: usize = 128;
/// Where crops are cut: shares of the free way, sideways and down.
const PLACES: [(f32, f32); 4] = [(0.15, 0.2), (0.5, 0.5), (0.85, 0.3), (0.4, 0.85)];

/// A crop in one look, as the encoder sees it.
struct Seen {
    crop: usize,
    look: usize,
    content: Vec<f32>,
    quality: Vec<f32>,
}

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let weights = match arguments.next() {
        Some(file) => {
            let message = |e: std::io::Error| relume::Error::Model(format!("{file}: {e}"));
            Weights::read(&std::fs::read(&file).map_err(message)?)?
        }
        None => CARD.load_weights()?,
    };
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/test");
    let mut folders: Vec<PathBuf> = arguments.map(PathBuf::from).collect();
    if folders.is_empty() {
        folders = ["kodak", "gopro/sharp"].iter().map(|folder| data.join(folder)).collect();
    }
    let graph = (CARD.graph)()?;
    let prompts = reference::run(&graph, &weights, &Feeds::new(), &[PROMPT_FEATURES])?;
    let prompts = rows(&prompts[PROMPT_FEATURES]);
    let all = see(&graph, &weights, &folders)?;

    let mut counts = [[0_usize; LOOKS.len()]; LOOKS.len()];
    let mut twins = 0;
    for one in &all {
        let said = nearest(&one.quality, prompts.iter().map(Vec::as_slice));
        counts[one.look][said] += 1;
        let others: Vec<&Seen> = all.iter().filter(|other| other.look != one.look).collect();
        let found = nearest(&one.content, others.iter().map(|other| other.content.as_slice()));
        twins += usize::from(others[found].crop == one.crop);
    }
    println!("| is | {} |\n| --- |{}", LOOKS.join(" | "), " --- |".repeat(LOOKS.len()));
    for (look, row) in LOOKS.iter().zip(&counts) {
        let cells: Vec<String> = row.iter().map(usize::to_string).collect();
        println!("| {look} | {} |", cells.join(" | "));
    }
    let right: usize = (0..LOOKS.len()).map(|i| counts[i][i]).sum();
    let percent = |part: usize| 100.0 * part as f64 / all.len() as f64;
    println!("\nlooks told: {right} of {}, {:.1} %", all.len(), percent(right));
    println!("twins found: {twins} of {}, {:.1} %", all.len(), percent(twins));
    Ok(())
}

/// Every crop of every picture, in every look.
fn see(graph: &Graph, weights: &Weights, folders: &[PathBuf]) -> Result<Vec<Seen>> {
    let mut all = Vec::new();
    let mut crop = 0;
    for folder in folders {
        let message =
            |e: std::io::Error| relume::Error::Model(format!("{}: {e}", folder.display()));
        let entries = std::fs::read_dir(folder).map_err(message)?;
        let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        files.sort();
        for file in files {
            let picture = Photo::load(&file, &Limits::default())?.image;
            for (across, down) in PLACES {
                let at = |length: usize, share: f32| ((length - SIDE) as f32 * share) as usize;
                let (x, y) = (at(picture.width(), across), at(picture.height(), down));
                let clean = picture.crop(Rect { x, y, size: Size::new(SIDE, SIDE) })?;
                for (look, name) in LOOKS.iter().enumerate() {
                    let mut rng = ChaCha8Rng::seed_from_u64(1);
                    rng.set_stream((crop * LOOKS.len() + look) as u64);
                    let image = damaged(&clean, name, &mut rng)?;
                    let channels = (0..3).flat_map(|c| image.channel(c).to_vec()).collect();
                    let tensor = Tensor::new([1, 3, SIDE, SIDE], channels);
                    let feeds = Feeds::from([(IMAGE.to_owned(), tensor)]);
                    let wanted = [IMAGE_FEATURES, QUALITY_FEATURES];
                    let found = reference::run(graph, weights, &feeds, &wanted)?;
                    let [content, quality] = wanted.map(|name| found[name].values.clone());
                    all.push(Seen { crop, look, content, quality });
                }
                crop += 1;
            }
        }
    }
    Ok(all)
}

fn rows(tensor: &Tensor) -> Vec<Vec<f32>> {
    tensor.values.chunks(tensor.values.len() / tensor.shape[0]).map(<[f32]>::to_vec).collect()
}

/// Which of `others` points in the direction most like that of `one`.
fn nearest<'a>(one: &[f32], others: impl Iterator<Item = &'a [f32]>) -> usize {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
    let scores = others.map(|other| dot(one, other) / dot(other, other).sqrt());
    scores.enumerate().max_by(|a, b| a.1.total_cmp(&b.1)).map_or(0, |(place, _)| place)
}
