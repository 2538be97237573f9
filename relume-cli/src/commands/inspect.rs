//! `relume inspect`: what is wrong with a picture, in figures, small bars and words.

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
    let inputs = collect(&args.inputs, None)?;
    let mut batch = Batch::new("inspect", console);
    for (folder, failure) in inputs.failures {
        batch.failed(&folder.display().to_string(), failure)?;
    }
    for input in &inputs.found {
        match inspect(input, console) {
            Ok(()) => batch.done(),
            Err(failure) => batch.failed(&input.name(), failure)?,
        }
    }
    batch.finish()
}

fn inspect(input: &Input, console: Console) -> Result<(), Failure> {
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
    for line in lines(&input.name(), &photo, &diagnosis) {
        console.text(&line)?;
    }
    Ok(())
}

/// The text for people.
fn lines(name: &str, photo: &Photo, diagnosis: &Diagnosis) -> Vec<String> {
    let Diagnosis { size, exposure, noise, sharpness, verdict, reasons, .. } = diagnosis;
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
    lines.push(format!("  verdict  {}", verdict.name()));
    lines.extend(reasons.iter().map(|reason| format!("           {reason}")));
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
