//! `relume worker`: does what is in a queue, one unit after the other.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use async_nats::jetstream::consumer::{Consumer, pull};
use async_nats::jetstream::{AckKind, Message};
use futures_util::StreamExt;

use crate::batch::Batch;
use crate::console::Console;
use crate::engine::set_threads;
use crate::exit::{Code, Failure};
use crate::manifest::Manifest;
use crate::progress::{catch_interrupts, interrupted, stoppable};
use crate::queue::{NAME, Queue, ROOM, runtime, unreachable};
use crate::unit::{Entry, Unit};

/// How long a worker waits for a unit before it looks around.
const LOOK: Duration = Duration::from_secs(1);
/// A unit that fails for want of memory, disk or network is tried again after so long …
const AGAIN: Duration = Duration::from_secs(5);
/// … and so many times in all.
const ATTEMPTS: i64 = 5;

/// Restore what is in a queue of NATS JetStream; any number of workers share one
///
/// `relume restore INPUTS -o OUT --queue nats://HOST` fills the queue. A worker takes one picture at a
/// time. One that is ended in the midst of it loses nothing: the picture comes to another worker, and
/// a result is there whole or not at all, and once.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  relume restore s3://photos/album/ -o s3://photos/better/ --queue nats://queue:4222
  relume worker nats://queue:4222 --manifest worker-1.jsonl
  relume worker nats://queue:4222 --until-empty

Ctrl-C gives back the picture at hand and stops.")]
pub(crate) struct Args {
    /// The server
    #[arg(value_name = "nats://HOST")]
    server: String,
    /// Name of the queue
    #[arg(long, value_name = "NAME", default_value = NAME)]
    stream: String,
    /// End when nothing is left to do; otherwise wait for more
    #[arg(long)]
    until_empty: bool,
    /// Write a line of JSON for every picture, as `relume restore --manifest` does
    #[arg(long, value_name = "FILE")]
    manifest: Option<PathBuf>,
    /// Seconds without a sign of life after which a picture comes to another worker; the first
    /// worker of a queue decides
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = clap::value_parser!(u64).range(1..))]
    patience: u64,
    /// One JSON object per picture on stdout, and a closing summary
    #[arg(long)]
    json: bool,
    /// Threads to use [default: all]
    #[arg(long, value_name = "N")]
    threads: Option<NonZeroUsize>,
}

/// Works until interrupted, or until the queue is empty.
pub(crate) fn run(args: &Args, quiet: bool) -> Result<Code, Failure> {
    let console = Console { json: args.json, quiet };
    set_threads(args.threads)?;
    let manifest = args.manifest.as_deref().map(Manifest::open).transpose()?;
    catch_interrupts()?;
    let batch = Batch::new("worker", console);
    let runtime = runtime()?;
    let outcome = runtime.block_on(async {
        let queue = Queue::open(&args.server, &args.stream, ROOM).await?;
        let patience = Duration::from_secs(args.patience);
        let units = queue.workers(&args.server, patience).await?;
        let mut worker = Worker { args, console, manifest, batch, patience };
        worker.work(units).await?;
        worker.batch.finish()
    });
    runtime.shutdown_timeout(LOOK);
    outcome
}

struct Worker<'a> {
    args: &'a Args,
    console: Console,
    manifest: Option<Manifest>,
    batch: Batch,
    patience: Duration,
}

impl Worker<'_> {
    async fn work(&mut self, mut units: Consumer<pull::Config>) -> Result<(), Failure> {
        while !interrupted() {
            match self.next(&units).await? {
                Some(message) => self.one(&message).await?,
                None if self.args.until_empty => {
                    let server = &self.args.server;
                    let info = units.info().await.map_err(|e| unreachable(server, e))?;
                    if info.num_pending == 0 && info.num_ack_pending == 0 {
                        return Ok(());
                    }
                }
                None => {}
            }
        }
        self.batch.interrupted();
        Ok(())
    }

    /// The next unit, if one comes soon.
    async fn next(&self, units: &Consumer<pull::Config>) -> Result<Option<Message>, Failure> {
        let lost = |cause: String| unreachable(&self.args.server, cause);
        let batch = units.batch().max_messages(1).expires(LOOK).messages().await;
        let mut batch = batch.map_err(|error| lost(error.to_string()))?;
        batch.next().await.transpose().map_err(|error| lost(error.to_string()))
    }

    /// Does one unit, and tells the queue what came of it.
    async fn one(&mut self, message: &Message) -> Result<(), Failure> {
        let unit: Unit = match serde_json::from_slice(&message.payload) {
            Ok(unit) => unit,
            Err(cause) => {
                self.batch.failed("a unit", Failure::new(Code::Input, cause.to_string()))?;
                return self.answer(message, AckKind::Term).await;
            }
        };
        match self.restore(message, unit.clone()).await? {
            Ok(entry) => {
                let words = format!("{} -> {}  {:?}", entry.input, entry.output, entry.status);
                self.console.note(&words);
                self.console.record("worker", &entry)?;
                if let Some(manifest) = &mut self.manifest {
                    manifest.add(entry)?;
                }
                self.batch.done();
                self.answer(message, AckKind::Ack).await
            }
            Err(failure) if failure.code == Code::Interrupted => {
                self.answer(message, AckKind::Nak(None)).await
            }
            Err(failure) => {
                let delivered = message.info().map_or(ATTEMPTS, |info| info.delivered);
                let passing = matches!(failure.code, Code::Machine | Code::Output);
                if passing && delivered < ATTEMPTS {
                    self.console.warn(&format!("{}; it is tried again", failure.message));
                    return self.answer(message, AckKind::Nak(Some(AGAIN))).await;
                }
                self.give_up(&unit, failure)?;
                self.answer(message, AckKind::Term).await
            }
        }
    }

    /// Restores on a thread of its own; the queue is told meanwhile that somebody is at it.
    async fn restore(
        &self,
        message: &Message,
        unit: Unit,
    ) -> Result<Result<Entry, Failure>, Failure> {
        // On a computing thread: from outside, each parallel step would wake one and wait.
        let work = move || rayon::scope(|_| unit.run(&stoppable()));
        let mut work = tokio::task::spawn_blocking(work);
        let mut sign = tokio::time::interval(self.patience / 3);
        loop {
            tokio::select! {
                outcome = &mut work => {
                    return Ok(outcome.unwrap_or_else(|cause| {
                        let words = format!("a fault of relume itself, please report it: {cause}");
                        Err(Failure::new(Code::Machine, words))
                    }));
                }
                _ = sign.tick() => self.answer(message, AckKind::Progress).await?,
            }
        }
    }

    fn give_up(&mut self, unit: &Unit, failure: Failure) -> Result<(), Failure> {
        if let Some(manifest) = &mut self.manifest
            && let Ok(entry) = unit.failed(&failure)
        {
            manifest.add(entry)?;
        }
        self.batch.failed(&unit.input, failure)
    }

    async fn answer(&self, message: &Message, kind: AckKind) -> Result<(), Failure> {
        let lost = |error: async_nats::Error| unreachable(&self.args.server, error);
        match kind {
            // That it is done must not get lost: it would be done again.
            AckKind::Ack => message.double_ack().await.map_err(lost),
            kind => message.ack_with(kind).await.map_err(lost),
        }
    }
}
