//! Changes of jobs as server-sent events. An event's id is the version of the change, so a client
//! that was cut off goes on where it was (`Last-Event-ID`).

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;

use super::App;
use super::job::Job;

/// Changes come at most so often.
const PACE: Duration = Duration::from_millis(100);

/// The version that a client has seen, as its browser says it.
pub(crate) fn last_seen(headers: &HeaderMap) -> Option<u64> {
    headers.get("last-event-id")?.to_str().ok()?.trim().parse().ok()
}

struct Listener {
    app: Arc<App>,
    /// One job, or all.
    id: Option<String>,
    seen: u64,
    ready: std::collections::VecDeque<Job>,
    over: bool,
}

/// Streams the changes after version `seen`: of one job until it is finished, or of all.
pub(crate) fn stream_changes(app: Arc<App>, id: Option<String>, seen: u64) -> Response {
    let listener = Listener { app, id, seen, ready: Default::default(), over: false };
    let events = stream::unfold(listener, |mut listener| async {
        let job = listener.next().await?;
        let event = Event::default().event("job").id(job.version.to_string());
        let event = event.json_data(&job).unwrap_or_default();
        Some((Ok::<_, Infallible>(event), listener))
    });
    Sse::new(events).keep_alive(KeepAlive::new().interval(Duration::from_secs(15))).into_response()
}

impl Listener {
    async fn next(&mut self) -> Option<Job> {
        let mut changes = self.app.changes.subscribe();
        loop {
            if let Some(job) = self.ready.pop_front() {
                self.over |= self.id.is_some() && job.state.is_final();
                return Some(job);
            }
            if self.over || self.app.is_stopping() {
                return None;
            }
            changes.mark_unchanged();
            self.look();
            if !self.ready.is_empty() {
                continue;
            }
            tokio::select! {
                changed = changes.changed() => changed.ok()?,
                () = self.app.stopped() => return None,
            }
            tokio::time::sleep(PACE).await;
        }
    }

    /// Reads what is new.
    fn look(&mut self) {
        match self.app.store.since(self.seen) {
            Ok(jobs) => {
                self.seen = jobs.last().map_or(self.seen, |job| job.version);
                let id = self.id.as_deref();
                self.ready.extend(jobs.into_iter().filter(|job| id.is_none_or(|id| job.id == id)));
            }
            Err(failure) => {
                self.app.console.warn(&failure.message);
                self.over = true;
            }
        }
    }
}
