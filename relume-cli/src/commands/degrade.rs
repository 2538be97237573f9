//! `relume degrade`: makes a bad photo out of a good one, as a camera at night would.

use std::path::{Path, PathBuf};

use relume_media::atomic::{Overwrite, check_target, write_atomically};
use relume_media::degrade::{Degradation, DegradeOptions};
use relume_media::photo::{BitDepth, SaveOptions};
use relume_media::{Photo, PhotoFormat};
use serde::Serialize;

use crate::console::Console;
use crate::exit::{Code, Failure};
use crate::inputs::collect;
use crate::target::{make_folder_for, refuse_inputs};

/// Make a bad photo out of a good one: dark, shaken, noisy, as a camera would
///
/// Everything is drawn from the seed: the same seed gives the same picture on any machine. Beside
/// the picture a JSON file of the same name records what was done, with the true trajectory of
/// the camera and the point spread function in the middle of the picture.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  relume degrade good.png -o bad.png --seed 7
  relume degrade good.png -o bad.png --seed 7 --ev 3 --shake 12
  relume degrade good.png -o bad.jpg --seed 7 --jpeg 80 --iso 3200")]
pub(crate) struct Args {
    /// The good picture; - for stdin
    input: PathBuf,
    /// The bad picture; PNG keeps every value, JPEG is compressed once more
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// Seed of everything random
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Stops of under-exposure [default: random, 0 to 5]
    #[arg(long, value_name = "STOPS", value_parser = ev)]
    ev: Option<f32>,
    /// Extent of the shake in pixels [default: random, grows with the exposure time]
    #[arg(long, value_name = "PIXELS", value_parser = shake)]
    shake: Option<f32>,
    /// Sensitivity, which makes the noise [default: random, as the light demands]
    #[arg(long, value_parser = iso)]
    iso: Option<f32>,
    /// JPEG quality inside the simulated camera, 1 to 100; 0 for no JPEG [default: random]
    #[arg(long, value_name = "QUALITY", value_parser = clap::value_parser!(u8).range(0..=100))]
    jpeg: Option<u8>,
    /// Replace files that exist
    #[arg(long)]
    overwrite: bool,
    /// Print the record to stdout too
    #[arg(long)]
    json: bool,
}

/// What the record file holds beside the degradation itself.
#[derive(Serialize)]
struct Record<'a> {
    input: String,
    output: String,
    width: usize,
    height: usize,
    degradation: &'a Degradation,
}

/// Degrades one picture.
pub(crate) fn run(args: &Args, quiet: bool) -> Result<Code, Failure> {
    let console = Console { json: args.json, quiet };
    let overwrite = if args.overwrite { Overwrite::Always } else { Overwrite::Never };
    let record_path = record_path(&args.output)?;
    let inputs = collect(std::slice::from_ref(&args.input), None)?;
    let [input] = inputs.found.as_slice() else {
        return Err(Failure::usage("degrade takes one picture, not a folder"));
    };
    for path in [&args.output, &record_path] {
        refuse_inputs(path, std::slice::from_ref(input))?;
        check_target(path, overwrite)?;
    }
    let photo = input.load()?;
    let options = options(args)?;
    let degradation = Degradation::sample(args.seed, photo.size(), &options);
    let degraded = degradation.apply(&photo.image)?;
    let size = degraded.image.size();
    let bad = Photo { depth: BitDepth::Eight, ..Photo::from_image(degraded.image) };
    let save = SaveOptions { overwrite, ..SaveOptions::default() };
    make_folder_for(&args.output)?;
    for warning in bad.save(&args.output, &save)? {
        console.warn(&format!("{}: {warning}", args.output.display()));
    }
    let record = Record {
        input: input.name(),
        output: args.output.display().to_string(),
        width: size.width,
        height: size.height,
        degradation: &degradation,
    };
    let text = serde_json::to_vec_pretty(&record)
        .map_err(|error| Failure::new(Code::Machine, format!("JSON: {error}")))?;
    write_atomically(&record_path, &text, overwrite)?;
    console.note(&format!("{}: {}", args.output.display(), in_words(&degradation)));
    console.record("degrade", &record)?;
    Ok(Code::Done)
}

/// The library's defaults for single pictures, but never left untouched, and what was asked for.
fn options(args: &Args) -> Result<DegradeOptions, Failure> {
    let mut options = DegradeOptions { untouched_share: 0.0, ..DegradeOptions::default() };
    if let Some(ev) = args.ev {
        options.exposure_cut_ev = [ev, ev];
    }
    if let Some(pixels) = args.shake {
        options.shake_px = [pixels, pixels];
        options.shake_long_side = None;
    }
    if let Some(iso) = args.iso {
        options.iso = [iso, iso];
    }
    match args.jpeg {
        Some(0) => options.lossless_share = 1.0,
        Some(quality) => {
            options.lossless_share = 0.0;
            options.jpeg_quality = [quality, quality];
        }
        None => {}
    }
    options.check()?;
    Ok(options)
}

fn record_path(output: &Path) -> Result<PathBuf, Failure> {
    if PhotoFormat::from_path(output).is_none() {
        return Err(Failure::usage(format!(
            "-o {}: name a picture file, such as bad.png",
            output.display()
        )));
    }
    Ok(output.with_extension("json"))
}

fn in_words(done: &Degradation) -> String {
    let jpeg = match done.jpeg_quality {
        Some(quality) => format!("JPEG quality {quality}"),
        None => "no JPEG".to_owned(),
    };
    format!(
        "{:.1} stops under-exposed, shaken by {:.1} pixels in {:.0} ms, ISO {:.0}, {jpeg}",
        done.ev,
        done.shake.length_px,
        1000.0 * done.shutter_s,
        done.iso
    )
}

fn ev(text: &str) -> Result<f32, String> {
    super::number(text, 0.0, 16.0)
}

fn shake(text: &str) -> Result<f32, String> {
    super::number(text, 0.0, 1000.0)
}

fn iso(text: &str) -> Result<f32, String> {
    super::number(text, 1.0, 1e6)
}
