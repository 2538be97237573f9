//! A job: photos or videos, what is wished for them, and how far they are.

use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::format::Format;
use super::settings::Settings;
use crate::inputs::MARK;

/// Where a job or a photo stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum State {
    /// Waits for its turn.
    Queued,
    /// Is being worked on.
    Running,
    /// Done; of several photos at least one.
    Done,
    /// Not done, for the reason in `error`.
    Failed,
    /// Stopped by a client.
    Cancelled,
    /// Gone with its files; seen in events only.
    Removed,
}

impl State {
    /// The word in the store.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Removed => "removed",
        }
    }

    /// Whether nothing more will happen by itself.
    pub(crate) fn is_final(self) -> bool {
        !matches!(self, Self::Queued | Self::Running)
    }
}

/// Photos or videos to restore, and how far they are.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct Job {
    /// 128 random bits in hexadecimal.
    #[schema(pattern = "^[0-9a-f]{32}$")]
    pub(crate) id: String,
    /// Grows with every change of any job; the id of the event that tells it.
    pub(crate) version: u64,
    /// Where it stands.
    pub(crate) state: State,
    /// Share of the work done, 0 to 1.
    pub(crate) progress: f32,
    /// When it came, in milliseconds since 1970.
    pub(crate) created: u64,
    /// When it was finished, in milliseconds since 1970.
    pub(crate) finished: Option<u64>,
    /// How often it was begun: more than once after a crash of the server.
    pub(crate) attempts: u32,
    /// What was wished.
    pub(crate) settings: Settings,
    /// The photos and videos, in the order they came.
    pub(crate) photos: Vec<Item>,
    /// Why it failed.
    pub(crate) error: Option<String>,
}

/// One photo or video of a job.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct Item {
    /// Its name as it came, without folders.
    pub(crate) name: String,
    /// The name of its result.
    pub(crate) result: String,
    /// Its format, by its content.
    #[schema(value_type = String)]
    pub(crate) format: Format,
    /// Of a video.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) video: Option<Moving>,
    /// Pixels of a row.
    pub(crate) width: usize,
    /// Rows.
    pub(crate) height: usize,
    /// Bytes of the file.
    pub(crate) bytes: u64,
    /// Where it stands.
    pub(crate) state: State,
    /// What was done to it, as `relume restore --json`, `video --json` or `run --json` says it.
    pub(crate) report: Option<Value>,
    /// What a workflow made of it, the main result first; otherwise `result` names all there is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) outputs: Option<Vec<Output>>,
    /// Why it failed.
    pub(crate) error: Option<String>,
}

/// A file that was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Output {
    /// Its name for people.
    pub(crate) name: String,
    /// Its name in the folder of the job.
    pub(crate) file: String,
}

/// What is special about a video.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Moving {
    /// Frames in all.
    pub(crate) frames: u64,
    /// How long it takes, in seconds.
    pub(crate) seconds: Option<f64>,
    /// Frames that are restored.
    pub(crate) frames_done: u64,
}

impl Item {
    /// The file of the photo in the folder of its job.
    pub(crate) fn input_file(&self, number: usize) -> String {
        format!("{number}.{}", super::names::extension(&self.name, self.format, None))
    }

    /// The files that the record of a workflow's run names, the main one first.
    pub(crate) fn made(&self, number: usize, record: &Value) -> Vec<Output> {
        let start = format!("{number}.{MARK}");
        let stem = std::path::Path::new(&self.result).file_stem().unwrap_or_default();
        let named = record["outputs"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let mut made: Vec<Output> = named
            .filter_map(|file| {
                let rest = file.strip_prefix(&start).filter(|rest| !rest.contains(['/', '\\']))?;
                let name = format!("{}{rest}", stem.to_string_lossy());
                Some(Output { name, file: file.to_owned() })
            })
            .collect();
        // The main one has no suffix.
        made.sort_by_key(|output| output.file.matches('.').count());
        made
    }

    /// What came of it.
    pub(crate) fn results(&self, number: usize) -> Vec<Output> {
        let only = || vec![Output { name: self.result.clone(), file: self.output_file(number) }];
        self.outputs.clone().unwrap_or_else(only)
    }

    /// The file of its result there.
    pub(crate) fn output_file(&self, number: usize) -> String {
        let extension = std::path::Path::new(&self.result).extension().unwrap_or_default();
        format!("{number}.relume.{}", extension.to_string_lossy())
    }
}

impl Job {
    /// A job that waits.
    pub(crate) fn new(id: String, settings: Settings, photos: Vec<Item>) -> Self {
        Self {
            id,
            version: 0,
            state: State::Queued,
            progress: 0.0,
            created: now(),
            finished: None,
            attempts: 0,
            settings,
            photos,
            error: None,
        }
    }

    /// Ends it.
    pub(crate) fn finish(&mut self, state: State, error: Option<String>) {
        self.state = state;
        self.finished = Some(now());
        self.error = error;
        if state == State::Done {
            self.progress = 1.0;
        }
    }

    /// Puts what is not done back into the queue.
    pub(crate) fn requeue(&mut self) {
        self.state = State::Queued;
        self.finished = None;
        self.error = None;
        for item in self.photos.iter_mut().filter(|item| item.state != State::Done) {
            item.state = State::Queued;
            item.error = None;
        }
        self.progress = self.share_done();
    }

    /// The share of its photos that nothing is left to do for.
    pub(crate) fn share_done(&self) -> f32 {
        let done = self.photos.iter().filter(|item| item.state.is_final()).count();
        done as f32 / self.photos.len().max(1) as f32
    }

    /// Bytes that it takes on disk, about: results are counted as large as what they come from.
    pub(crate) fn bytes(&self) -> u64 {
        2 * self.photos.iter().map(|item| item.bytes).sum::<u64>()
    }
}

/// Milliseconds since 1970.
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_millis() as u64)
}
