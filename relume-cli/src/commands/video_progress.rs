//! How far a video is, as records for programs.

use std::time::{Duration, Instant};

use relume::video::Stage;
use relume_media::video::VideoInfo;
use serde::Serialize;

use crate::console::Console;
use crate::progress::interrupt;

/// Records come at most so often.
const PACE: Duration = Duration::from_millis(100);
/// Share of the work that the first pass is taken for.
const SURVEY: f32 = 0.02;

#[derive(Serialize)]
struct Told {
    input: String,
    percent: f32,
    /// Frames restored, and frames in all; 0 before that is known.
    frames: usize,
    of: usize,
}

/// Tells records of kind `progress`, or nothing.
pub(super) struct Teller {
    input: String,
    /// Frames, as the header has it.
    expected: usize,
    last: Option<Instant>,
    on: bool,
}

impl Teller {
    pub(super) fn new(info: &VideoInfo, on: bool) -> Self {
        let expected = super::video::expected_frames(info);
        Self { input: info.path.display().to_string(), expected, last: None, on }
    }

    /// Tells of a stage. When nobody reads it any more, the work is stopped.
    pub(super) fn hear(&mut self, stage: Stage, console: Console) {
        let share = |done: usize, all: usize| done as f32 / all.max(1) as f32;
        let (share, frames, of, now) = match stage {
            Stage::Surveyed(seen) => (SURVEY * share(seen, self.expected), 0, 0, false),
            Stage::Found(done, all) => {
                (SURVEY + (1.0 - SURVEY) * share(done, all), done, all, true)
            }
            Stage::Restored(done, all) => {
                (SURVEY + (1.0 - SURVEY) * share(done, all), done, all, done == all)
            }
            Stage::Joining => return,
        };
        let rests = self.last.is_some_and(|last| last.elapsed() < PACE);
        if !self.on || (rests && !now) {
            return;
        }
        self.last = Some(Instant::now());
        let percent = (1000.0 * share.min(1.0)).round() / 10.0;
        let told = Told { input: self.input.clone(), percent, frames, of };
        if console.record("progress", &told).is_err() {
            interrupt();
        }
    }
}
