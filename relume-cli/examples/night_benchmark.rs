//! Is `relume restore` better than what anyone can do by hand?
//!
//! Makes a fixed set of degraded crops out of pictures that no network was trained on, as
//! `relume degrade` would (the seeds are constants below), and compares input, auto-gamma, CLAHE
//! and restoration with the truth: *blind*, as they come, and *aligned*, after the one gain and
//! gamma per picture that fits the truth best. The same rows for LOL v1 eval15, and how much
//! restoration changes good pictures.
//!
//! ```text
//! cargo run --release -p relume-cli --example night_benchmark
//! cargo run --release -p relume-cli --example night_benchmark -- --model weights.safetensors \
//!     --json --pictures /tmp/seen
//! cargo run --release -p relume-cli --example night_benchmark -- \
//!     --model relight.safetensors,deblur.safetensors:as-bright
//! ```
//!
//! The last line runs one network after the other; `:as-bright` lets one leave the light as it finds it.
#![allow(clippy::print_stdout, reason = "the program's output is its table")]

use std::error::Error;
use std::path::{Path, PathBuf};

use clap::Parser;
use relume::Restorer;
use relume::baselines::{auto_gamma, clahe};
use relume::metrics::{align, psnr, ssim};
use relume_media::photo::SaveOptions;
use relume_media::resize::{Filter, resize};
use relume_media::{Degradation, DegradeOptions, Image, Limits, Photo, Progress, Rect, Size, Srgb};
use serde::Serialize;

type Outcome<T> = Result<T, Box<dyn Error>>;

/// Side of the crops in pixels.
const SIDE: usize = 384;
/// Where crops are cut: shares of the free way, sideways and down.
const PLACES: [(f32, f32); 2] = [(0.1, 0.25), (0.9, 0.75)];
/// Seed of the first crop; each further crop takes the next.
const FIRST_SEED: u64 = 20_261_123;
/// Pictures with a longer side are halved first, so that the truth is sharp.
const LONGEST: usize = 1200;

/// The sets that are degraded here.
const NIGHT: [&str; 3] = ["kodak", "night_lights", "gopro"];

/// Compare restoration with what anyone can do by hand.
#[derive(Parser)]
struct Args {
    /// Name of a model, or path of a weights file; several with commas between run one after the other
    #[arg(long, default_value = "lantern-s")]
    model: String,
    /// Folder of the test pictures
    #[arg(long, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data/test"))]
    data: PathBuf,
    /// Print JSON instead of Markdown
    #[arg(long)]
    json: bool,
    /// Write side-by-side PNGs into this folder: input, auto-gamma, restore, truth
    #[arg(long, value_name = "DIR")]
    pictures: Option<PathBuf>,
    /// Leave restoration out
    #[arg(long)]
    baselines_only: bool,
}

/// A bad picture and the truth behind it.
struct Pair {
    set: &'static str,
    name: String,
    input: Image<Srgb>,
    truth: Image<Srgb>,
}

/// Figures of one picture, or their mean.
#[derive(Clone, Copy, Default, Serialize)]
struct Figures {
    psnr: f64,
    ssim: f64,
    psnr_aligned: f64,
    ssim_aligned: f64,
}

/// A network of a chain.
struct Link {
    model: String,
    /// Whether its picture stays as bright as it is.
    as_bright: bool,
}

/// What restores a picture: one network as `relume restore` runs it, or several, always.
struct Chain(Vec<Link>);

impl Chain {
    fn of(models: &str) -> Self {
        let link = |text: &str| match text.strip_suffix(":as-bright") {
            Some(model) => Link { model: model.to_owned(), as_bright: true },
            None => Link { model: text.to_owned(), as_bright: false },
        };
        Self(models.split(',').map(link).collect())
    }

    /// The restored picture, and whether it was left alone.
    fn restore(&self, input: &Image<Srgb>) -> Outcome<(Image<Srgb>, bool)> {
        let (mut image, mut alone) = (input.clone(), true);
        for Link { model, as_bright } in &self.0 {
            let mut restorer = load(model)?.always(self.0.len() > 1);
            if *as_bright {
                restorer = restorer.brightness(Some(brightness(&image).clamp(0.02, 0.9)))?;
            }
            let (restored, report) = restorer.image(&image, &Progress::silent())?;
            (image, alone) = (restored, alone && report.left_alone);
        }
        Ok((image, alone))
    }
}

/// Mean luma in display light.
fn brightness(image: &Image<Srgb>) -> f32 {
    let pixels = image.size().pixels() as f64;
    let mean = |c| image.channel(c).iter().map(|&v| f64::from(v)).sum::<f64>() / pixels;
    relume_media::light::luma([mean(0) as f32, mean(1) as f32, mean(2) as f32])
}

/// A picture of a set, and the figures of every method.
struct Measured {
    set: &'static str,
    figures: Vec<Figures>,
}

#[derive(Serialize)]
struct Row {
    set: String,
    method: &'static str,
    pictures: usize,
    #[serde(flatten)]
    figures: Figures,
}

fn main() -> Outcome<()> {
    let args = Args::parse();
    let chain = (!args.baselines_only).then(|| Chain::of(&args.model));
    let mut pairs = night_pairs(&args.data)?;
    pairs.extend(lol_pairs(&args.data)?);
    let mut measured = Vec::new();
    let mut left_alone = Vec::new();
    for pair in &pairs {
        let results = methods(pair, chain.as_ref(), &mut left_alone)?;
        let all = results.iter().map(|(_, result)| figures(result, &pair.truth));
        measured.push(Measured { set: pair.set, figures: all.collect::<Outcome<_>>()? });
        if let Some(folder) = &args.pictures {
            write_side_by_side(folder, pair, &results)?;
        }
    }
    let rows = rows(&measured);
    let untouched = match &chain {
        Some(Chain(links)) if links.len() == 1 => untouched(&args.data, &args.model)?,
        _ => Vec::new(),
    };
    if args.json {
        let report = serde_json::json!({
            "model": args.model, "rows": rows, "left_alone": left_alone,
            "good_pictures_psnr_to_themselves": untouched,
        });
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        print_markdown(&rows, &untouched);
        println!(
            "\nBad pictures that restore left alone: {}: {}",
            left_alone.len(),
            left_alone.join(", ")
        );
    }
    Ok(())
}

fn load(model: &str) -> Outcome<Restorer> {
    let path = Path::new(model);
    Ok(if path.is_file() { Restorer::from_file(path)? } else { Restorer::load(model)? })
}

/// The crops, degraded with the defaults of `relume degrade`.
fn night_pairs(data: &Path) -> Outcome<Vec<Pair>> {
    let options = DegradeOptions { untouched_share: 0.0, ..DegradeOptions::default() };
    let mut pairs = Vec::new();
    for (set, folder) in NIGHT.into_iter().zip(["kodak", "night_lights", "gopro/sharp"]) {
        for file in files(&data.join(folder))? {
            let whole = halved_if_large(picture(&file)?);
            for (number, place) in PLACES.into_iter().enumerate() {
                let truth = crop(&whole, place)?;
                let seed = FIRST_SEED + pairs.len() as u64;
                let input = Degradation::sample(seed, truth.size(), &options).apply(&truth)?.image;
                pairs.push(Pair { set, name: format!("{}-{number}", stem(&file)), input, truth });
            }
        }
    }
    Ok(pairs)
}

/// LOL v1 eval15, whole pictures.
fn lol_pairs(data: &Path) -> Outcome<Vec<Pair>> {
    let folder = data.join("lol_v1_eval15");
    let pair = |file: &PathBuf| {
        let truth = folder.join("high").join(file.file_name().unwrap_or_default());
        let (input, truth) = (picture(file)?, picture(&truth)?);
        Ok(Pair { set: "lol_v1_eval15", name: stem(file), input, truth })
    };
    files(&folder.join("low"))?.iter().map(pair).collect()
}

/// Every method's result for a picture, rounded to 8 bit as a file would be.
fn methods(
    pair: &Pair,
    chain: Option<&Chain>,
    left_alone: &mut Vec<String>,
) -> Outcome<Vec<(&'static str, Image<Srgb>)>> {
    let input = &pair.input;
    let mut results =
        vec![("input", input.clone()), ("auto-gamma", auto_gamma(input)), ("CLAHE", clahe(input))];
    if let Some(chain) = chain {
        let (restored, alone) = chain.restore(input)?;
        if alone {
            left_alone.push(format!("{}/{}", pair.set, pair.name));
        }
        results.push(("restore", restored));
    }
    for (_, image) in &mut results {
        *image = Image::from_rgb8(image.size(), &image.to_rgb8())?;
    }
    Ok(results)
}

fn figures(result: &Image<Srgb>, truth: &Image<Srgb>) -> Outcome<Figures> {
    let aligned = align(result, truth)?;
    Ok(Figures {
        psnr: psnr(result, truth)?,
        ssim: ssim(result, truth)?,
        psnr_aligned: psnr(&aligned, truth)?,
        ssim_aligned: ssim(&aligned, truth)?,
    })
}

/// Means over all nights, over their thirds by how near the aligned input is to the truth, and per set.
fn rows(measured: &[Measured]) -> Vec<Row> {
    const METHODS: [&str; 4] = ["input", "auto-gamma", "CLAHE", "restore"];
    let mut nights: Vec<&Measured> = measured.iter().filter(|m| NIGHT.contains(&m.set)).collect();
    let nearness = |measured: &Measured| measured.figures[0].psnr_aligned;
    nights.sort_by(|a, b| nearness(b).total_cmp(&nearness(a)));
    let third = nights.len() / 3;
    let (easy, rest) = nights.split_at(third);
    let (medium, hard) = rest.split_at(rest.len() - third);
    let set = |name: &str| measured.iter().filter(|m| m.set == name).collect::<Vec<_>>();
    let photographs = nights.iter().copied().filter(|m| m.set != "gopro").collect();
    let groups = [
        ("night, all", nights.clone()),
        ("night, easy third", easy.to_vec()),
        ("night, medium third", medium.to_vec()),
        ("night, hard third", hard.to_vec()),
        ("kodak + night_lights", photographs),
        ("kodak", set("kodak")),
        ("night_lights", set("night_lights")),
        ("gopro, sharp", set("gopro")),
        ("lol_v1_eval15", set("lol_v1_eval15")),
    ];
    let mut rows = Vec::new();
    for (name, group) in groups {
        for (number, method) in METHODS.into_iter().enumerate() {
            let all = group.iter().filter_map(|m| m.figures.get(number).copied());
            let all: Vec<Figures> = all.collect();
            if !all.is_empty() {
                let (set, pictures) = (name.to_owned(), all.len());
                rows.push(Row { set, method, pictures, figures: mean(&all) });
            }
        }
    }
    rows
}

fn mean(all: &[Figures]) -> Figures {
    let mean = |value: fn(&Figures) -> f64| all.iter().map(value).sum::<f64>() / all.len() as f64;
    Figures {
        psnr: mean(|f| f.psnr),
        ssim: mean(|f| f.ssim),
        psnr_aligned: mean(|f| f.psnr_aligned),
        ssim_aligned: mean(|f| f.ssim_aligned),
    }
}

/// PSNR of a good picture to itself after restoration.
#[derive(Serialize)]
struct Good {
    name: String,
    /// As `relume restore` treats it: what is fine is left alone.
    restored: f64,
    /// With `--always`: through the network all the same.
    always: f64,
}

fn untouched(data: &Path, model: &str) -> Outcome<Vec<Good>> {
    let (restorer, always) = (load(model)?, load(model)?.always(true));
    let change = |file: &PathBuf| {
        let good = picture(file)?;
        let to_itself = |restorer: &Restorer| -> Outcome<f64> {
            Ok(psnr(&restorer.image(&good, &Progress::silent())?.0, &good)?)
        };
        let (restored, always) = (to_itself(&restorer)?, to_itself(&always)?);
        Ok(Good { name: stem(file), restored, always })
    };
    files(&data.join("kodak"))?.iter().map(change).collect()
}

fn print_markdown(rows: &[Row], untouched: &[Good]) {
    println!("| set | method | PSNR | SSIM | PSNR aligned | SSIM aligned |");
    println!("| --- | --- | --- | --- | --- | --- |");
    for Row { set, method, pictures, figures } in rows {
        let Figures { psnr, ssim, psnr_aligned, ssim_aligned } = figures;
        println!(
            "| {set} ({pictures}) | {method} | {psnr:.2} | {ssim:.4} | {psnr_aligned:.2} \
             | {ssim_aligned:.4} |"
        );
    }
    if !untouched.is_empty() {
        println!("\n| good picture | restore, PSNR to itself | restore --always |");
        println!("| --- | --- | --- |");
        for Good { name, restored, always } in untouched {
            println!("| {name} | {restored:.1} | {always:.1} |");
        }
    }
}

/// Input, auto-gamma, restoration (CLAHE where that is left out) and truth in one PNG.
fn write_side_by_side(
    folder: &Path,
    pair: &Pair,
    results: &[(&'static str, Image<Srgb>)],
) -> Outcome<()> {
    let last = &results[results.len() - 1].1;
    let parts = [&results[0].1, &results[1].1, last, &pair.truth];
    let Size { width, height } = pair.truth.size();
    let sheet = Image::from_fn(Size::new(parts.len() * width, height), |x, y| {
        parts[x / width].get(x % width, y)
    });
    std::fs::create_dir_all(folder)?;
    let path = folder.join(format!("{}-{}.png", pair.set, pair.name));
    let replace = relume_media::atomic::Overwrite::Always;
    let options = SaveOptions { overwrite: replace, ..SaveOptions::default() };
    Photo::from_image(sheet).save(&path, &options)?;
    Ok(())
}

fn files(folder: &Path) -> Outcome<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let mut files = entries.map(|entry| Ok(entry?.path())).collect::<Outcome<Vec<_>>>()?;
    files.sort();
    Ok(files)
}

fn picture(path: &Path) -> Outcome<Image<Srgb>> {
    Ok(Photo::load(path, &Limits::default())?.image)
}

fn stem(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

fn halved_if_large(image: Image<Srgb>) -> Image<Srgb> {
    let Size { width, height } = image.size();
    if width.max(height) <= LONGEST {
        return image;
    }
    resize(&image.to_linear(), Size::new(width / 2, height / 2), Filter::Area).to_srgb()
}

fn crop(image: &Image<Srgb>, place: (f32, f32)) -> Outcome<Image<Srgb>> {
    let size = Size::new(image.width().min(SIDE), image.height().min(SIDE));
    let at = |free: usize, share: f32| (free as f32 * share).round() as usize;
    let rect = Rect {
        x: at(image.width() - size.width, place.0),
        y: at(image.height() - size.height, place.1),
        size,
    };
    Ok(image.crop(rect)?)
}
