//! The local server: what it is made of, how it starts and stops.
//!
//! A request passes `guard` and reaches a function in `routes`. Photos are never decoded in this
//! process: `child` runs the program itself on them, with bounded memory. Small requests are
//! answered at once (`at_once`), everything else is a `job` in the `store` that a `worker` does.

mod archive;
mod at_once;
mod child;
mod events;
mod folder;
mod format;
#[cfg(any(test, fuzzing))]
#[allow(unreachable_pub, reason = "the fuzz target reaches it")]
pub mod fuzzing;
mod guard;
mod job;
mod listen;
mod names;
mod openapi;
mod paced;
mod page;
mod problem;
mod routes;
mod settings;
mod shelf;
mod store;
mod upload;
mod worker;

use std::collections::HashMap;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::{Notify, Semaphore, watch};

use crate::console::Console;
use crate::exit::{Code, Failure};
use folder::Data;
use store::Store;

/// How the server was asked to run.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    pub(crate) host: IpAddr,
    pub(crate) port: u16,
    /// Names it may be called by, besides IP addresses and `localhost`.
    pub(crate) names: Vec<String>,
    pub(crate) token: Option<String>,
    pub(crate) open: bool,
    pub(crate) data: Option<PathBuf>,
    pub(crate) workers: usize,
    pub(crate) queue: usize,
    pub(crate) upload_bytes: u64,
    pub(crate) pixels: u64,
    pub(crate) memory_megabytes: u64,
    pub(crate) storage_bytes: u64,
    pub(crate) keep_days: u32,
    /// How long a client may be silent in the middle of a request.
    pub(crate) patience: Duration,
}

/// What all requests share.
pub(crate) struct App {
    options: Options,
    console: Console,
    store: Store,
    data: Data,
    /// Wakes the workers.
    waiting: Notify,
    /// The version of the newest change of any job.
    changes: watch::Sender<u64>,
    /// Becomes true when the server is to end.
    stop: watch::Sender<bool>,
    /// How to stop the jobs that are being worked on.
    running: Mutex<HashMap<String, Arc<Notify>>>,
    /// Requests answered at once: how many may wait, and how many are worked on.
    waiting_room: Semaphore,
    /// Photos for jobs that may come in at the same time.
    uploads: Semaphore,
    lane: Semaphore,
    counts: Counts,
}

/// Requests answered at once that may wait for their turn.
const WAITING_ROOM: usize = 32;
/// Uploads for jobs at the same time.
const UPLOADS: usize = 32;
/// Requests answered at once that are worked on at the same time.
const LANE: usize = 2;

/// What `/metrics` counts.
#[derive(Default)]
struct Counts {
    requests: AtomicU64,
    refused: AtomicU64,
    failed: AtomicU64,
    uploaded_bytes: AtomicU64,
    photos: AtomicU64,
    photo_failures: AtomicU64,
    work_milliseconds: AtomicU64,
}

/// Serves until Ctrl-C or a request to end.
pub(crate) fn serve(mut options: Options, console: Console) -> Result<(), Failure> {
    if options.token.is_none() && !options.host.is_loopback() {
        options.token = Some(names::random());
    }
    let app = App::open(options, console)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|cause| Failure::new(Code::Machine, format!("no threads to serve: {cause}")))?;
    let outcome = runtime.block_on(run(app));
    runtime.shutdown_timeout(Duration::from_secs(5));
    outcome
}

async fn run(app: Arc<App>) -> Result<(), Failure> {
    let workers: Vec<_> = (0..app.options.workers)
        .map(|_| tokio::spawn(worker::work(Arc::clone(&app))))
        .chain([tokio::spawn(worker::expire(Arc::clone(&app)))])
        .collect();
    let outcome = listen::listen(Arc::clone(&app)).await;
    app.stop.send_replace(true);
    for worker in workers {
        // A worker that panicked has left its job to the next start.
        let _ = worker.await;
    }
    outcome
}

impl App {
    /// Opens the folder of jobs and takes up those that were being worked on.
    fn open(options: Options, console: Console) -> Result<Arc<Self>, Failure> {
        let data = Data::open(options.data.clone())?;
        let store = Store::open(&data.database())?;
        store.requeue()?;
        data.sweep(&store.ids()?)?;
        let newest = store.newest()?;
        Ok(Arc::new(Self {
            options,
            console,
            store,
            data,
            waiting: Notify::new(),
            changes: watch::Sender::new(newest),
            stop: watch::Sender::new(false),
            running: Mutex::default(),
            waiting_room: Semaphore::new(WAITING_ROOM),
            uploads: Semaphore::new(UPLOADS),
            lane: Semaphore::new(LANE),
            counts: Counts::default(),
        }))
    }

    /// Whether the server is about to end.
    fn is_stopping(&self) -> bool {
        *self.stop.borrow()
    }

    /// Waits until the server is about to end.
    async fn stopped(&self) {
        let mut stop = self.stop.subscribe();
        while !*stop.borrow_and_update() {
            if stop.changed().await.is_err() {
                return;
            }
        }
    }

    /// Tells everybody who listens that a job has changed.
    fn announce(&self, version: u64) {
        self.changes.send_if_modified(|newest| {
            let newer = version > *newest;
            *newest = version.max(*newest);
            newer
        });
    }
}
