//! `report.html` of a run: curves, scores and pictures in one file that needs nothing else.

use std::fmt::Write as _;
use std::path::Path;

use base64::Engine as _;
use plotters::prelude::*;
use serde_json::Value;

use crate::{Error, Result, checkpoint, journal};

const SIZE: (u32, u32) = (860, 320);
const COLOURS: [RGBColor; 6] = [
    RGBColor(31, 119, 180),
    RGBColor(214, 90, 20),
    RGBColor(44, 140, 60),
    RGBColor(140, 86, 180),
    RGBColor(120, 120, 120),
    RGBColor(190, 40, 80),
];

/// One line of a chart: its name and its points, step and value.
type Curve = (String, Vec<(f64, f64)>);

/// Writes `report.html` from the journal and the validation grids of the run in `folder`.
///
/// # Errors
/// [`Error::RunFolder`] when the journal cannot be read or the report cannot be written.
pub fn write(folder: &Path, title: &str) -> Result<()> {
    let path = folder.join("report.html");
    let entries = journal::read(folder)?;
    let wrong = |message: String| Error::RunFolder { path: path.clone(), message };
    let mut page = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>{0}</title><style>\
         body{{font:15px/1.5 system-ui,sans-serif;max-width:64rem;margin:2rem auto;padding:0 1rem}}\
         img,svg{{max-width:100%;height:auto}}table{{border-collapse:collapse}}\
         td,th{{padding:.2rem .8rem;border-bottom:1px solid #ccc;text-align:right}}\
         pre{{background:#f4f4f4;padding:1rem;overflow:auto}}</style><h1>{0}</h1>",
        escape(title)
    );
    for (heading, curves, log) in charts(&entries) {
        if curves.iter().any(|(_, points)| points.len() > 1) {
            let chart = chart(&curves, log).map_err(wrong)?;
            let _ = write!(page, "<h2>{heading}</h2>{chart}");
        }
    }
    if let Some(last) = entries.iter().rev().find(|entry| entry["validation"].is_object()) {
        page.push_str(&scores(last));
        let sets = last["validation"].as_object().into_iter().flatten();
        for (set, _) in sets {
            let picture = folder.join(format!("validation-{set}.png"));
            let Ok(bytes) = std::fs::read(picture) else { continue };
            let bytes = base64::engine::general_purpose::STANDARD.encode(bytes);
            let name = escape(set);
            let _ = write!(
                page,
                "<h2>{name}: input, result, truth</h2>\
                 <img alt=\"{name}\" src=\"data:image/png;base64,{bytes}\">"
            );
        }
    }
    let recipe = std::fs::read_to_string(folder.join("recipe.toml")).unwrap_or_default();
    let _ = write!(page, "<h2>Recipe</h2><pre>{}</pre></html>", escape(&recipe));
    checkpoint::write(&path, page.as_bytes())
}

/// Heading, curves, and whether the values span decades.
fn charts(entries: &[Value]) -> Vec<(&'static str, Vec<Curve>, bool)> {
    let curve = |name: &str, value: &dyn Fn(&Value) -> Option<f64>| {
        let points = entries.iter().filter_map(|entry| {
            value(entry)
                .filter(|v| v.is_finite())
                .map(|v| (entry["step"].as_f64().unwrap_or(0.0), v))
        });
        (name.to_owned(), points.collect::<Vec<_>>())
    };
    let of_sets = |metric: &str| -> Vec<Curve> {
        let last = entries.iter().rev().find_map(|entry| entry["validation"].as_object());
        let sets = last.into_iter().flatten().map(|(set, _)| set);
        sets.map(|set| curve(set, &|entry| entry["validation"][set][metric].as_f64())).collect()
    };
    vec![
        ("Loss", vec![curve("loss", &|entry| entry["loss"].as_f64())], true),
        ("PSNR, dB", of_sets("psnr"), false),
        ("SSIM", of_sets("ssim"), false),
        ("Learning rate", vec![curve("rate", &|entry| entry["rate"].as_f64())], false),
    ]
}

/// A chart as SVG.
fn chart(curves: &[Curve], log: bool) -> std::result::Result<String, String> {
    let values = || curves.iter().flat_map(|(_, points)| points);
    let last = values().map(|&(step, _)| step).fold(1.0, f64::max);
    let (low, high) =
        values().fold((f64::MAX, f64::MIN), |(low, high), &(_, v)| (low.min(v), high.max(v)));
    let log = log && low > 0.0;
    let scale = |v: f64| if log { v.log10() } else { v };
    let (low, high) = (scale(low), scale(high));
    let margin = 0.05 * (high - low).max(1e-6 * high.abs()).max(1e-12);
    let mut svg = String::new();
    let draw = |svg: &mut String| -> std::result::Result<(), Box<dyn std::error::Error>> {
        let area = SVGBackend::with_string(svg, SIZE).into_drawing_area();
        let mut chart = ChartBuilder::on(&area)
            .margin(10)
            .x_label_area_size(30)
            .y_label_area_size(70)
            .build_cartesian_2d(0.0..last, low - margin..high + margin)?;
        let label = |v: &f64| format!("{:.4}", if log { 10_f64.powf(*v) } else { *v });
        chart
            .configure_mesh()
            .light_line_style(WHITE)
            .x_desc("step")
            .x_label_formatter(&|step| format!("{step:.0}"))
            .y_label_formatter(&label)
            .draw()?;
        for ((name, points), colour) in curves.iter().zip(COLOURS.iter().cycle()) {
            let points = points.iter().map(|&(step, v)| (step, scale(v)));
            let line = chart.draw_series(LineSeries::new(points, colour.stroke_width(2)))?;
            let key = move |(x, y)| PathElement::new([(x, y), (x + 18, y)], colour.stroke_width(2));
            line.label(name).legend(key);
        }
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::UpperRight)
            .border_style(BLACK.mix(0.2))
            .background_style(WHITE.mix(0.8))
            .draw()?;
        area.present()?;
        Ok(())
    };
    draw(&mut svg).map_err(|e| e.to_string())?;
    Ok(svg)
}

/// The scores of one validation as a table.
fn scores(entry: &Value) -> String {
    let mut table = format!("<h2>Scores at step {}</h2><table>", entry["step"]);
    for (set, scores) in entry["validation"].as_object().into_iter().flatten() {
        let _ = write!(table, "<tr><th>{}</th>", escape(set));
        for (metric, score) in scores.as_object().into_iter().flatten() {
            let score = score.as_f64().unwrap_or(f64::NAN);
            let digits = if metric == "pictures" { 0 } else { 3 };
            let _ = write!(table, "<td>{} {score:.digits$}</td>", escape(metric));
        }
        table.push_str("</tr>");
    }
    table + "</table>"
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
