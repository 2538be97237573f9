//! `relume inspect`: what is wrong with a picture, in figures, small bars and words.

mod report;

use std::path::PathBuf;

use relume::diagnose::{Diagnosis, diagnose};
use relume_media::Photo;
use serde::Serialize;

use crate::batch::Batch;
use crate::console::Console;
use crate::exit::{Code, Failure};
use crate::inputs::{Input, collect};

/// Show what is wrong with pictures: exposure, clipping, noise, blur, and what they need
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  relume inspect night.jpg
  relume inspect night.jpg --report night.html    histogram, zones, noise, line of the shake
  relume inspect album/ --json | jq -r 'select(.verdict == \"restore\").input'

Verdicts: fine (leave it), relight (more light only), restore (light, noise and blur),
highlights (over-exposed). EV are stops from middle grey.")]
pub(crate) struct Args {
    /// Pictures, folders of pictures, or - for stdin
    #[arg(required = true, value_name = "INPUT")]
    inputs: Vec<PathBuf>,
    /// One JSON object per picture, and a closing summary
    #[arg(long)]
    json: bool,
    /// Also write a page (.html), or the panels of one picture (.png)
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Replace a report that exists
    #[arg(long, requires = "report")]
    overwrite: bool,
}

#[derive(Serialize)]
struct Record<'a> {
    input: String,
    status: &'static str,
    format: relume_media::PhotoFormat,
    depth: relume_media::photo::BitDepth,
    metadata: Vec<&'static str>,
    #[serde(flatten)]
    diagnosis: &'a Diagnosis,
}

/// Inspects all inputs.
pub(crate) fn run(args: &Args, quiet: bool) -> Result<Code, Failure> {
    let console = Console { json: args.json, quiet };
    if let Some(path) = args.report.as_deref().filter(|path| !report::is_known(path)) {
        let message = format!("{}: a report is a .html or .png file", path.display());
        return Err(Failure::usage(message));
    }
    let inputs = collect(&args.inputs, None)?;
    let mut batch = Batch::new("inspect", console);
    for (folder, failure) in inputs.failures {
        batch.failed(&folder.display().to_string(), failure)?;
    }
    let mut entries = Vec::new();
    for input in &inputs.found {
        match inspect(input, console, args.report.is_some()) {
            Ok(entry) => {
                entries.extend(entry);
                batch.done();
            }
            Err(failure) => batch.failed(&input.name(), failure)?,
        }
    }
    if let Some(path) = &args.report {
        report::write(path, &entries, args.overwrite)?;
        console.note(&format!("{}: report of {} pictures", path.display(), entries.len()));
    }
    batch.finish()
}

/// Inspects one picture; what a report says of it, if there is to be one.
fn inspect(
    input: &Input,
    console: Console,
    reported: bool,
) -> Result<Option<report::Entry>, Failure> {
    let photo = input.load()?;
    let diagnosis = diagnose(&photo.image);
    let record = Record {
        input: input.name(),
        status: "done",
        format: photo.format,
        depth: photo.depth,
        metadata: photo.sidecar.blocks(),
        diagnosis: &diagnosis,
    };
    console.record("inspect", &record)?;
    let lines = lines(&input.name(), &photo, &diagnosis);
    for line in &lines {
        console.text(line)?;
    }
    Ok(reported.then(|| report::Entry::of(&input.name(), &photo, &diagnosis, &lines)))
}

/// The text for people.
fn lines(name: &str, photo: &Photo, diagnosis: &Diagnosis) -> Vec<String> {
    let Diagnosis { size, exposure, noise, sharpness, blur, light, .. } = diagnosis;
    let mut about =
        vec![format!("{size}"), photo.format.name().to_owned(), photo.depth.to_string()];
    about.extend(photo.sidecar.blocks().into_iter().map(str::to_owned));
    let sigma = noise.sigma.iter().sum::<f32>() / 3.0;
    let clipped = exposure.clipped_high + exposure.clipped_low;
    let [_, darkest, _, _, brightest, _] = exposure.percentiles_ev;
    let mut lines = vec![
        format!("{name}: {}", about.join(", ")),
        format!(
            "  light    {}  key {:+.1} EV, median {:+.1}, most of it {darkest:+.1} to {brightest:+.1}",
            bar((exposure.key_ev + 9.0) / 12.0),
            exposure.key_ev,
            exposure.median_ev
        ),
        format!(
            "  clipped  {}  {:.1} % white, {:.1} % black",
            bar(clipped.sqrt()),
            100.0 * exposure.clipped_high,
            100.0 * exposure.clipped_low
        ),
        format!(
            "  noise    {}  {:.1} levels of 255, {:.1} % of the light around it",
            bar(noise.relative * 5.0),
            255.0 * sigma,
            100.0 * noise.relative
        ),
    ];
    let width = |width: Option<f32>| match width {
        Some(width) => format!("{width:.1}"),
        None => "?".to_owned(),
    };
    lines.push(format!(
        "  detail   {}  edges {} pixels wide sideways, {} down",
        bar(sharpness.fine_detail.unwrap_or(0.0) * 2.5),
        width(sharpness.edge_width_x),
        width(sharpness.edge_width_y)
    ));
    lines.push(format!("  blur     {}  {}", bar(1.0 - blur.sharp), blur.in_words()));
    let words = if light.uneven > 0.5 { "uneven" } else { "uniform" };
    lines.push(format!(
        "  zones    {}  {words}: {:.1} EV between bright and dark ones",
        bar(light.contrast_ev / 6.0),
        light.contrast_ev
    ));
    lines.push(format!("  verdict  {}", diagnosis.verdict.name()));
    lines.extend(diagnosis.reasons.iter().map(|reason| format!("           {reason}")));
    lines
}

/// A bar ten cells long.
fn bar(share: f32) -> String {
    const CELLS: usize = 10;
    const EIGHTHS: [char; 8] = [' ', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];
    let eighths = (share.clamp(0.0, 1.0) * (8 * CELLS) as f32).round() as usize;
    let mut cells: String = "█".repeat(eighths / 8);
    if eighths < 8 * CELLS {
        cells.push(EIGHTHS[eighths % 8]);
    }
    format!("▕{cells:<CELLS$}▏")
}

#[cfg(test)]
mod tests {
    use super::bar;

    #[test]
    fn bars_are_always_as_long() {
        for share in [-1.0, 0.0, 0.013, 0.5, 0.999, 1.0, 7.0, f32::NAN] {
            assert_eq!(bar(share).chars().count(), 12, "{share}");
        }
    }
}
