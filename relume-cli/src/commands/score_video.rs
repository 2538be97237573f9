//! `relume score` for videos: every frame against the truth's, and how steady both are.

use std::path::Path;

use relume::metrics::{Flicker, MetricCard, Pristine, Subject};
use relume_media::Limits;
use relume_media::video::{Ffmpeg, FrameSource, VideoInfo, VideoReader};
use serde::Serialize;
use serde_json::{Map, Value};

use super::score::{columns, fields};
use crate::console::Console;
use crate::exit::{Code, Failure};

const EXTENSIONS: &[&str] =
    &["mp4", "m4v", "mov", "mkv", "webm", "avi", "ts", "3gp", "y4m", "gif", "mpg", "wmv"];

/// Whether the name is that of a video.
pub(super) fn is_video(path: &Path) -> bool {
    let extension = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
    EXTENSIONS.contains(&extension.as_str())
}

#[derive(Serialize)]
struct FrameRecord {
    frame: usize,
    time_us: i64,
    scores: Map<String, Value>,
}

#[derive(Serialize)]
struct MeanRecord<'a> {
    input: &'a str,
    truth: &'a str,
    frames: usize,
    scores: Map<String, Value>,
    /// Stops a frame.
    flicker: Option<f64>,
    flicker_truth: Option<f64>,
}

/// Scores one video against another, frame by frame.
pub(super) fn run(
    (video, truth): (&Path, &Path),
    cards: &[&'static MetricCard],
    console: Console,
) -> Result<Code, Failure> {
    let named = std::env::var_os("RELUME_FFMPEG").filter(|name| !name.is_empty());
    let ffmpeg = Ffmpeg::find(named.as_deref().map(Path::new))?;
    let open = |path: &Path| {
        let info = VideoInfo::probe(&ffmpeg, path, &Limits::default())?;
        VideoReader::open(&ffmpeg, &info, None)
    };
    let (mut first, mut second) = (open(video)?, open(truth)?);
    let pristine = Pristine::ours()?;
    let (mut sums, mut count) = (vec![0.0; cards.len()], 0_usize);
    let (mut flicker, mut flicker_truth) = (Flicker::default(), Flicker::default());
    let heads: String = cards.iter().map(|card| format!("  {:>9}", card.name)).collect();
    console.text(&format!("{:>8}{heads}", "frame"))?;
    loop {
        let (a, b) = match (first.read()?, second.read()?) {
            (Some(a), Some(b)) => (a, b),
            (None, None) => break,
            _ => {
                let message = format!(
                    "{} and {} have different numbers of frames; {count} were compared",
                    video.display(),
                    truth.display()
                );
                return Err(Failure::new(Code::Input, message));
            }
        };
        let (picture, other) =
            (a.image(first.size(), first.coding())?, b.image(second.size(), second.coding())?);
        let subject = Subject { picture: &picture, truth: Some(&other), pristine: &pristine };
        let values: Vec<f64> =
            cards.iter().map(|card| card.evaluate(&subject)).collect::<Result<_, _>>()?;
        flicker.push(&picture, &other)?;
        flicker_truth.push(&other, &other)?;
        sums.iter_mut().zip(&values).for_each(|(sum, value)| *sum += value);
        console.text(&format!("{count:>8}{}", columns(cards, &values)))?;
        let scores = fields(cards, &values);
        console.record("frame", &FrameRecord { frame: count, time_us: a.time_us, scores })?;
        count += 1;
    }
    sums.iter_mut().for_each(|sum| *sum /= count.max(1) as f64);
    console.text(&format!("{:>8}{}", "mean", columns(cards, &sums)))?;
    if let (Some(own), Some(truth)) = (flicker.value(), flicker_truth.value()) {
        console.text(&format!("flicker {own:.4} stops a frame, the truth's {truth:.4}"))?;
    }
    let record = MeanRecord {
        input: &video.display().to_string(),
        truth: &truth.display().to_string(),
        frames: count,
        scores: fields(cards, &sums),
        flicker: flicker.value(),
        flicker_truth: flicker_truth.value(),
    };
    console.record("mean", &record)?;
    Ok(Code::Done)
}
