//! Small requests that are answered at once: a lane of its own, so that a long queue of jobs does
//! not keep anybody waiting for a preview.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use axum::extract::multipart::{Multipart, MultipartRejection};
use serde_json::Value;
use tokio::sync::SemaphorePermit;

use super::App;
use super::child::{self, Allowance, WORKFLOW};
use super::problem::Problem;
use super::upload::{Bounds, Upload, receive};

/// A place in the waiting room; held while a request is looked after.
pub(crate) struct Visit<'a> {
    app: &'a Arc<App>,
    _place: SemaphorePermit<'a>,
}

impl App {
    /// What the work on one photo may take.
    pub(crate) fn allowance(&self, time: Duration) -> Allowance {
        Allowance { memory_megabytes: self.options.memory_megabytes, time }
    }
}

impl<'a> Visit<'a> {
    /// Comes in, if there is room.
    pub(crate) fn begin(app: &'a Arc<App>) -> Result<Self, Problem> {
        let place = app.waiting_room.try_acquire();
        let place = place.map_err(|_| Problem::busy("too many requests wait; come back", 5))?;
        Ok(Self { app, _place: place })
    }

    /// Takes the form in: at least one photo, at most `most`.
    pub(crate) async fn receive(
        &self,
        form: Result<Multipart, MultipartRejection>,
        field: &str,
        most: usize,
    ) -> Result<Upload, Problem> {
        self.receive_within(form, Bounds::at_once(self.app, field, most)).await
    }

    /// The same, within other bounds.
    pub(crate) async fn receive_within(
        &self,
        form: Result<Multipart, MultipartRejection>,
        bounds: Bounds<'_>,
    ) -> Result<Upload, Problem> {
        let upload = receive(self.app, form, bounds).await?;
        if upload.photos.is_empty() {
            let field = bounds.field;
            let message = format!("the form has no photo; put one into the field {field}");
            return Err(Problem::bad_request(message));
        }
        Ok(upload)
    }

    /// Writes a workflow into a folder and has it checked there; what the program says.
    pub(crate) async fn check_in(
        &self,
        folder: &Path,
        text: &str,
        changes: &[String],
    ) -> Result<Value, Problem> {
        let _turn = self.app.lane.acquire().await.map_err(|_| Problem::internal())?;
        let written = tokio::fs::write(folder.join(WORKFLOW), text).await;
        written.map_err(|cause| {
            self.app.console.warn(&format!("a workflow could not be written: {cause}"));
            Problem::internal()
        })?;
        let seen = child::check(folder, changes, self.app.allowance(Duration::from_secs(60)));
        seen.await.map_err(|failure| self.app.explain(failure))
    }

    /// Saves a frame of a video as a picture in another folder.
    pub(crate) async fn frame(
        &self,
        folder: &Path,
        frame: (&str, u64),
        output: &Path,
    ) -> Result<(), Problem> {
        let _turn = self.app.lane.acquire().await.map_err(|_| Problem::internal())?;
        let allowance = self.app.allowance(Duration::from_secs(60));
        let output = output.to_string_lossy();
        let made = child::frame(folder, frame, &output, allowance).await;
        made.map(|_| ()).map_err(|failure| self.app.explain(failure))
    }

    /// Restores photo `number`; its result is then in the folder. Returns what was done.
    pub(crate) async fn restore(&self, upload: &Upload, number: usize) -> Result<Value, Problem> {
        let _turn = self.app.lane.acquire().await.map_err(|_| Problem::internal())?;
        let (folder, item) = (&upload.folder.path, &upload.photos[number]);
        let allowance = self.app.allowance(Duration::from_secs(120));
        let start = Instant::now();
        let photo = (number, item);
        let done = child::restore(folder, photo, &upload.settings, allowance, |_| {}).await;
        self.app.count_photo(done.is_ok(), start.elapsed());
        done.map_err(|failure| self.app.explain(failure))
    }

    /// Inspects the first photo.
    pub(crate) async fn inspect(&self, upload: &Upload) -> Result<Value, Problem> {
        let _turn = self.app.lane.acquire().await.map_err(|_| Problem::internal())?;
        let allowance = self.app.allowance(Duration::from_secs(60));
        let found = child::inspect(&upload.folder.path, &upload.photos[0], allowance).await;
        found.map_err(|failure| self.app.explain(failure))
    }
}

impl App {
    /// Counts the work on a photo.
    pub(crate) fn count_photo(&self, done: bool, time: Duration) {
        let counter = if done { &self.counts.photos } else { &self.counts.photo_failures };
        counter.fetch_add(1, Ordering::Relaxed);
        let milliseconds = time.as_millis() as u64;
        self.counts.work_milliseconds.fetch_add(milliseconds, Ordering::Relaxed);
    }

    /// A failure for a client; what it should not see goes to the log.
    pub(crate) fn explain(&self, failure: crate::exit::Failure) -> Problem {
        let words = failure.message.clone();
        let problem = Problem::from(failure);
        if problem.status == 500 {
            self.console.warn(&words);
        }
        problem
    }
}
