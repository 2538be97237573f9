//! An evaluation as Markdown, JSON and a grid of pictures.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use relume::metrics::Better;
use relume_media::atomic::{Overwrite, write_atomically};
use relume_media::photo::SaveOptions;
use relume_media::{Image, Photo, Size, Srgb};
use serde_json::{Map, Value, json};

use super::{Evaluation, PictureRow, Scores};
use crate::grid::{grid, middle};
use crate::{Error, Result};

/// Side in pixels of a picture in the grid.
const CELL: usize = 320;

/// Writes `report.md`, `report.json` and `grid.png` into `folder`, which is made if it is missing;
/// returns their paths.
///
/// # Errors
/// [`Error::Media`] when one cannot be written.
pub fn write(found: &Evaluation, folder: &Path, overwrite: Overwrite) -> Result<Vec<PathBuf>> {
    std::fs::create_dir_all(folder).map_err(Error::folder(folder))?;
    let [page, numbers, pictures] =
        ["report.md", "report.json", "grid.png"].map(|name| folder.join(name));
    write_atomically(&page, markdown(found).as_bytes(), overwrite)?;
    let text = serde_json::to_string_pretty(&json(found)).unwrap_or_default();
    write_atomically(&numbers, text.as_bytes(), overwrite)?;
    let options = SaveOptions { overwrite, ..SaveOptions::default() };
    let cell = |picture: &Image<Srgb>| middle(picture, CELL);
    let rows = found.grid.iter().map(|row| row.iter().map(cell).collect::<Result<Vec<_>>>());
    let rows = rows.collect::<Result<Vec<_>>>()?;
    Photo::from_image(grid(&rows)).save(&pictures, &options)?;
    Ok(vec![page, numbers, pictures])
}

/// The page for people.
pub fn markdown(found: &Evaluation) -> String {
    let mut text = format!("# {} pictures of {}\n\n", found.pictures.len(), found.data.display());
    table(&mut text, found);
    notes(&mut text, found);
    text.push_str("\n## Every picture\n\n");
    let metrics: Vec<_> = found.options.metrics.iter().filter(|card| card.needs_truth()).collect();
    let shown = metrics.first().or(found.options.metrics.first().as_ref()).copied();
    let Some(card) = shown else { return text };
    let names = found.contestants.iter().map(|row| format!(" {} |", row.name));
    let _ = writeln!(text, "{} by picture:\n\n| |{}", card.name, names.collect::<String>());
    let _ = writeln!(text, "|---|{}", "---:|".repeat(found.contestants.len()));
    for row in &found.pictures {
        let value = |scores: &Scores| match scores.get(card.name) {
            Some(value) => format!(" {value:.*} |", card.decimals),
            None => " |".to_owned(),
        };
        let values: String = row.scores.iter().map(value).collect();
        let _ = writeln!(text, "| {} |{values}", row.name);
    }
    text
}

fn table(text: &mut String, found: &Evaluation) {
    let metrics = &found.options.metrics;
    let arrow = |better| if better == Better::Higher { "↑" } else { "↓" };
    let head = metrics.iter().map(|card| format!(" {} {} |", card.name, arrow(card.better)));
    let _ = writeln!(text, "| |{} MP/s |", head.collect::<String>());
    let _ = writeln!(text, "|---|{}", "---:|".repeat(metrics.len() + 1));
    for row in &found.contestants {
        let cell = |card: &&&relume::metrics::MetricCard| match row.scores.get(card.name) {
            Some(summary) => {
                let decimals = card.decimals;
                format!(" {:.decimals$} ± {:.decimals$} |", summary.mean, summary.deviation)
            }
            None => " |".to_owned(),
        };
        let cells: String = metrics.iter().map(|card| cell(&card)).collect();
        let speed = row.megapixels_per_second.map_or(String::new(), |speed| format!("{speed:.2}"));
        let _ = writeln!(text, "| {} |{cells} {speed} |", row.name);
    }
}

fn notes(text: &mut String, found: &Evaluation) {
    let _ = writeln!(
        text,
        "\nMean ± standard deviation over the pictures. {} Nothing is scaled to the truth's \
         brightness but `oracle gamma` and metrics whose names say so.\n",
        machine()
    );
    let known = found.options.metrics.first();
    if let Some(card) = known {
        let _ = writeln!(text, "95 % intervals of the mean (bootstrap over the pictures):\n");
        for row in &found.contestants {
            if let Some(summary) = row.scores.get(card.name) {
                let [low, high] = summary.interval;
                let decimals = card.decimals;
                let _ = writeln!(
                    text,
                    "- {}: {} {low:.decimals$} to {high:.decimals$} {}",
                    row.name, card.name, card.unit
                );
            }
        }
        text.push('\n');
    }
    for row in &found.contestants {
        let hash = row.sha256.as_ref().map(|hash| format!(" (weights {hash})"));
        let _ = writeln!(text, "- {}: {}{}", row.name, row.help, hash.unwrap_or_default());
    }
    for card in &found.options.metrics {
        let _ = writeln!(text, "- {}: {}. {}", card.name, card.help, card.source);
    }
    for (name, cause) in &found.skipped {
        let _ = writeln!(text, "- left out: {name}: {cause}");
    }
    text.push_str("\nThe grid shows, from left to right: ");
    let names: Vec<_> = found.contestants.iter().map(|row| row.name.as_str()).collect();
    let _ = writeln!(text, "{}, truth where there is one.", names.join(", "));
}

/// Where the times were taken.
fn machine() -> String {
    format!(
        "{} threads of {}, 32-bit floats.",
        rayon::current_num_threads(),
        std::env::consts::ARCH
    )
}

/// Everything, for programs.
pub fn json(found: &Evaluation) -> Value {
    let contestants = found.contestants.iter().map(|row| {
        json!({
            "name": row.name, "help": row.help, "sha256": row.sha256,
            "megapixels_per_second": row.megapixels_per_second,
            "scores": row.scores.iter().map(|(name, summary)| {
                let [low, high] = summary.interval.map(number);
                ((*name).to_owned(), json!({
                    "count": summary.count, "mean": number(summary.mean),
                    "deviation": number(summary.deviation), "interval": [low, high],
                }))
            }).collect::<Map<_, _>>(),
        })
    });
    json!({
        "relume": env!("CARGO_PKG_VERSION"),
        "data": found.data,
        "seed": found.options.seed,
        "side": found.options.side,
        "machine": {
            "threads": rayon::current_num_threads(), "architecture": std::env::consts::ARCH,
            "precision": "f32",
        },
        "contestants": contestants.collect::<Vec<_>>(),
        "pictures": found.pictures.iter().map(|row| picture(row, found)).collect::<Vec<_>>(),
        "skipped": found.skipped,
    })
}

fn picture(row: &PictureRow, found: &Evaluation) -> Value {
    let Size { width, height } = row.size;
    let each = found.contestants.iter().zip(&row.scores).zip(&row.seconds);
    let scores = each.map(|((contestant, scores), seconds)| {
        let values = scores.iter().map(|(name, value)| ((*name).to_owned(), number(*value)));
        let record = json!({ "scores": values.collect::<Map<_, _>>(), "seconds": seconds });
        (contestant.name.clone(), record)
    });
    json!({
        "name": row.name, "files": row.files, "width": width, "height": height,
        "contestants": scores.collect::<Map<_, _>>(),
    })
}

/// JSON has no infinity: it becomes the string `inf`.
fn number(value: f64) -> Value {
    serde_json::Number::from_f64(value).map_or_else(|| value.to_string().into(), Value::Number)
}
