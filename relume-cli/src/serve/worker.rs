//! Does the jobs, one photo or video after the other, and removes old ones.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::App;
use super::archive;
use super::child;
use super::job::{Job, State, now};
use crate::exit::Failure;

/// Longest work on one photo.
const PHOTO: Duration = Duration::from_secs(3600);
/// Longest work on one video.
const VIDEO: Duration = Duration::from_secs(7 * 24 * 3600);
/// How often old jobs are looked for.
const SWEEP: Duration = Duration::from_secs(600);

/// Takes jobs until the server ends.
pub(crate) async fn work(app: Arc<App>) {
    while !app.is_stopping() {
        match app.store.take() {
            Ok(Some(job)) => {
                app.announce(job.version);
                // Another worker may have slept through the notice of another job.
                app.waiting.notify_one();
                if let Err(failure) = attend(&app, job).await {
                    app.console.warn(&failure.message);
                }
            }
            Ok(None) => tokio::select! {
                () = app.waiting.notified() => {}
                () = app.stopped() => {}
            },
            Err(failure) => {
                app.console.warn(&failure.message);
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
    }
}

/// Does a job, unless it is cancelled or the server ends.
async fn attend(app: &Arc<App>, job: Job) -> Result<(), Failure> {
    let id = job.id.clone();
    let cancel = Arc::clone(lock(app).entry(id.clone()).or_default());
    let outcome = tokio::select! {
        outcome = restore_all(app, job) => outcome,
        () = cancel.notified() => change(app, &id, |job| {
            job.finish(State::Cancelled, None);
            job.photos.iter_mut().filter(|item| !item.state.is_final())
                .for_each(|item| item.state = State::Cancelled);
        }),
        () = app.stopped() => change(app, &id, |job| {
            // It was no fault of the job: this attempt does not count.
            job.attempts = job.attempts.saturating_sub(1);
            job.requeue();
        }),
    };
    lock(app).remove(&id);
    outcome
}

fn lock(app: &App) -> std::sync::MutexGuard<'_, std::collections::HashMap<String, Arc<Notify>>> {
    app.running.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Changes a job and tells everybody.
fn change(app: &App, id: &str, change: impl FnOnce(&mut Job)) -> Result<(), Failure> {
    let changed = app.store.change(id, |job| {
        change(job);
        true
    })?;
    if let Some(job) = changed {
        app.announce(job.version);
    }
    Ok(())
}

async fn restore_all(app: &Arc<App>, job: Job) -> Result<(), Failure> {
    let folder = app.data.job(&job.id);
    let left: Vec<_> =
        job.photos.iter().enumerate().filter(|(_, p)| p.state != State::Done).collect();
    for (number, item) in left {
        change(app, &job.id, |job| job.photos[number].state = State::Running)?;
        let share = job.photos.len() as f32;
        let tell = |told: child::Told| {
            let told = change(app, &job.id, |job| {
                job.progress = job.share_done() + told.share.min(1.0) / share;
                if let (Some(video), Some((done, _))) = (&mut job.photos[number].video, told.frames)
                {
                    video.frames_done = done;
                }
            });
            if let Err(failure) = told {
                app.console.warn(&failure.message);
            }
        };
        let start = Instant::now();
        let allowance = app.allowance(if item.video.is_some() { VIDEO } else { PHOTO });
        let done = child::restore(&folder, (number, item), &job.settings, allowance, tell).await;
        app.count_photo(done.is_ok(), start.elapsed());
        change(app, &job.id, |job| {
            let item = &mut job.photos[number];
            match done {
                Ok(report) => {
                    item.state = State::Done;
                    item.outputs =
                        job.settings.workflow.as_ref().map(|_| item.made(number, &report));
                    item.video.iter_mut().for_each(|video| video.frames_done = video.frames);
                    item.report = Some(report);
                }
                Err(failure) => {
                    (item.state, item.error) = (State::Failed, Some(words(app, failure)))
                }
            }
            job.progress = job.share_done();
        })?;
    }
    let Some(job) = app.store.get(&job.id)? else { return Ok(()) };
    if job.photos.len() > 1 {
        let pack = move || archive::pack(&folder, &job.photos).map(|()| job.id);
        let id = tokio::task::spawn_blocking(pack).await.map_err(|_| lost())??;
        return finish(app, &id);
    }
    finish(app, &job.id)
}

fn lost() -> Failure {
    Failure::new(crate::exit::Code::Machine, "packing the results ended without an answer")
}

/// What a client may read about a failure.
fn words(app: &App, failure: Failure) -> String {
    app.explain(failure).detail
}

/// Ends a job: done if any of its photos is.
fn finish(app: &App, id: &str) -> Result<(), Failure> {
    let mut line = String::new();
    change(app, id, |job| {
        let done = job.photos.iter().filter(|item| item.state == State::Done).count();
        let error = job.photos.iter().find_map(|item| item.error.clone());
        match done {
            0 => {
                app.counts.failed.fetch_add(1, Ordering::Relaxed);
                job.finish(State::Failed, error);
            }
            _ => job.finish(State::Done, error),
        }
        line = format!("job {id}: {done} of {} photos restored", job.photos.len());
    })?;
    app.console.note(&line);
    Ok(())
}

impl App {
    /// Stops a job that waits or is being worked on; the job as it is then, if there is one.
    pub(crate) fn cancel(&self, id: &str) -> Result<Option<Job>, Failure> {
        let stopped = self.store.change(id, |job| {
            let waits = job.state == State::Queued;
            if job.state == State::Running {
                // Kept until its worker listens, should it have been taken just now.
                lock(self).entry(id.to_owned()).or_default().notify_one();
            }
            if waits {
                job.finish(State::Cancelled, None);
                job.photos.iter_mut().for_each(|item| item.state = State::Cancelled);
            }
            waits
        })?;
        if let Some(job) = stopped {
            self.announce(job.version);
        }
        self.store.get(id)
    }
}

/// Removes jobs that ended long ago.
pub(crate) async fn expire(app: Arc<App>) {
    while !app.is_stopping() {
        let age = u64::from(app.options.keep_days) * 24 * 3600 * 1000;
        match app.store.ended_before(now().saturating_sub(age)) {
            Ok(old) => old.iter().for_each(|job| app.remove(&job.id)),
            Err(failure) => app.console.warn(&failure.message),
        }
        tokio::select! {
            () = tokio::time::sleep(SWEEP) => {}
            () = app.stopped() => {}
        }
    }
}

impl App {
    /// Removes a job with its files.
    pub(crate) fn remove(&self, id: &str) {
        match self.store.remove(id) {
            Ok(Some(job)) => {
                self.data.remove(id);
                self.announce(job.version);
            }
            Ok(None) => {}
            Err(failure) => self.console.warn(&failure.message),
        }
    }
}
