//! Degrades photos and shows what came of it: figures on the terminal, and a contact sheet with
//! each picture degraded, degraded and brightened, and sharp.
//!
//! `cargo run --release -p relume-media --example degrade_sheet -- SHEET.png PHOTO...`
#![allow(clippy::print_stdout, reason = "a program for the terminal")]

use std::path::Path;
use std::time::Instant;

use relume_media::{Degradation, DegradeOptions, Degraded, Image, Rect, Size, Srgb};

/// Size of the part of a picture that is shown.
const CELL: Size = Size { width: 256, height: 256 };
const ROWS: usize = 12;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let sheet = arguments.next().ok_or("usage: degrade_sheet SHEET.png PHOTO...")?;
    let options = DegradeOptions { untouched_share: 0.0, ..Default::default() };
    let mut rows = Vec::new();
    println!("seed    ev  shutter   iso  shake  sigma  mean  PSNR    ms  picture");
    for (seed, path) in arguments.enumerate() {
        let sharp = read(Path::new(&path))?;
        let record = Degradation::sample(seed as u64, sharp.size(), &options);
        let start = Instant::now();
        let degraded = record.apply(&sharp)?;
        let seconds = start.elapsed().as_secs_f64();
        println!("{seed:4} {} {}", describe(&degraded, &sharp, seconds), name(&path));
        if rows.len() < ROWS {
            rows.push([degraded.image.clone(), brightened(&degraded), sharp]);
        }
    }
    write(Path::new(&sheet), &rows)?;
    Ok(())
}

fn name(path: &str) -> std::borrow::Cow<'_, str> {
    Path::new(path).file_stem().unwrap_or_default().to_string_lossy()
}

fn read(path: &Path) -> Result<Image<Srgb>, Box<dyn std::error::Error>> {
    let picture = image::open(path)?.to_rgb8();
    let size = Size::new(picture.width() as usize, picture.height() as usize);
    Ok(Image::from_rgb8(size, picture.as_raw())?)
}

/// The degraded picture with the missing stops added again.
fn brightened(degraded: &Degraded) -> Image<Srgb> {
    let gain = degraded.record.ev.exp2();
    degraded.image.to_linear().map(|v| v * gain).to_srgb().map(|v| v.min(1.0))
}

fn describe(degraded: &Degraded, sharp: &Image<Srgb>, seconds: f64) -> String {
    let Degraded { image, record, .. } = degraded;
    let n = image.values().len() as f32;
    let pairs = image.values().iter().zip(sharp.values());
    let error = pairs.map(|(a, b)| (a - b).powi(2)).sum::<f32>() / n;
    let mean = image.values().iter().sum::<f32>() / n;
    // Noise at mid-grey, brightened again, in display units (slope of the sRGB curve: 1.2).
    let gain = record.ev.exp2();
    let sigma = 1.2 * gain * record.noise.deviation(0.18 / gain);
    format!(
        "{:5.2}   1/{:<5.0} {:5.0} {:6.1} {sigma:6.3} {mean:5.3} {:5.2} {:5.1}",
        record.ev,
        1.0 / record.shutter_s,
        record.iso,
        record.shake.length_px,
        -10.0 * error.log10(),
        seconds * 1e3,
    )
}

/// The middles of all pictures, pixel for pixel, two rows of three side by side.
fn write(path: &Path, rows: &[[Image<Srgb>; 3]]) -> Result<(), Box<dyn std::error::Error>> {
    let lines = rows.len().div_ceil(2);
    let mut sheet = image::RgbImage::new(6 * CELL.width as u32, (lines * CELL.height) as u32);
    for (i, pictures) in rows.iter().enumerate() {
        for (column, picture) in pictures.iter().enumerate() {
            let (width, height) = (picture.width(), picture.height());
            let size = Size::new(width.min(CELL.width), height.min(CELL.height));
            let (x, y) = ((width - size.width) / 2, (height - size.height) / 2);
            let part = picture.crop(Rect { x, y, size })?.to_rgb8();
            let part = image::RgbImage::from_raw(size.width as u32, size.height as u32, part)
                .ok_or("a picture holds width × height pixels")?;
            let (x, y) = ((column + i % 2 * 3) * CELL.width, i / 2 * CELL.height);
            image::imageops::replace(&mut sheet, &part, x as i64, y as i64);
        }
    }
    sheet.save(path)?;
    Ok(())
}
