//! Units of work in a queue of NATS JetStream: what is put in twice is there once, what a worker
//! does not finish comes to another, and who puts in waits while the queue is full.

use std::time::Duration;

use async_nats::jetstream::consumer::{AckPolicy, pull};
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::stream::{self, DiscardPolicy, RetentionPolicy, Stream};
use async_nats::jetstream::{self, Context};
use serde::Serialize;

use crate::batch::Batch;
use crate::console::Console;
use crate::exit::{Code, Failure};
use crate::inputs::Input;
use crate::progress::{catch_interrupts, interrupted};
use crate::recipe::Recipe;
use crate::target::{Action, OnExisting, Target, action};
use crate::unit::{Unit, sha256};

/// The queue that is used when none is named.
pub(crate) const NAME: &str = "relume";
/// Units that a queue holds; who puts in more waits.
pub(crate) const ROOM: i64 = 10_000;
/// How long the queue knows what was put in, and refuses it again.
const MEMORY: Duration = Duration::from_secs(120);
/// How long who puts in waits before the next attempt.
const PAUSE: Duration = Duration::from_millis(200);

/// A queue on a server.
pub(crate) struct Queue {
    context: Context,
    stream: Stream,
    subject: String,
}

/// What went wrong on the way to the server.
pub(crate) fn unreachable(server: &str, cause: impl std::fmt::Display) -> Failure {
    Failure::new(Code::Machine, format!("{server}: {cause}; is NATS there, with JetStream (-js)?"))
}

/// What answers the server while this program works.
pub(crate) fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .map_err(|cause| Failure::new(Code::Machine, format!("no threads for the queue: {cause}")))
}

impl Queue {
    /// Opens a queue, which is made where it is missing.
    pub(crate) async fn open(server: &str, name: &str, room: i64) -> Result<Self, Failure> {
        let client = async_nats::connect(server).await.map_err(|e| unreachable(server, e))?;
        let context = jetstream::new(client);
        let subject = format!("{name}.units");
        let config = stream::Config {
            name: name.to_owned(),
            subjects: vec![subject.clone()],
            retention: RetentionPolicy::WorkQueue,
            discard: DiscardPolicy::New,
            max_messages: room,
            duplicate_window: MEMORY,
            ..stream::Config::default()
        };
        let stream =
            context.get_or_create_stream(config).await.map_err(|e| unreachable(server, e))?;
        Ok(Self { context, stream, subject })
    }

    /// The end that workers take from. A unit that is not confirmed within `patience` comes to
    /// another worker.
    pub(crate) async fn workers(
        &self,
        server: &str,
        patience: Duration,
    ) -> Result<jetstream::consumer::Consumer<pull::Config>, Failure> {
        let config = pull::Config {
            durable_name: Some("workers".to_owned()),
            ack_policy: AckPolicy::Explicit,
            ack_wait: patience,
            ..pull::Config::default()
        };
        let consumer = self.stream.get_or_create_consumer("workers", config).await;
        consumer.map_err(|e| unreachable(server, e))
    }

    /// Puts a unit in; whether it was not there already. Waits while the queue is full.
    async fn put(&self, server: &str, unit: &Unit) -> Result<bool, Failure> {
        let text = serde_json::to_vec(unit)
            .map_err(|error| Failure::new(Code::Machine, format!("JSON: {error}")))?;
        loop {
            let message =
                PublishMessage::build().payload(text.clone().into()).message_id(sha256(&text));
            let sent = self.context.send_publish(self.subject.clone(), message).await;
            let cause = match sent.map_err(|e| unreachable(server, e))?.await {
                Ok(confirmed) => return Ok(!confirmed.duplicate),
                Err(cause) => cause.to_string(),
            };
            if !cause.contains("maximum messages") {
                return Err(unreachable(server, cause));
            }
            if interrupted() {
                return Err(Failure::interrupted());
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
}

#[derive(Serialize)]
struct Record<'a> {
    input: &'a str,
    output: &'a str,
    status: &'static str,
}

/// Puts the work of `relume restore` into a queue in place of doing it.
pub(crate) fn fill(
    (server, name, room): (&str, &str, i64),
    pairs: &[(Input, Target)],
    recipe: &Recipe,
    existing: OnExisting,
    console: Console,
) -> Result<Code, Failure> {
    catch_interrupts()?;
    let mut batch = Batch::new("restore", console);
    let recipe = recipe.everywhere()?;
    // What one worker has written when it is ended, another one finds.
    let by_workers =
        if existing == OnExisting::Replace { OnExisting::Replace } else { OnExisting::Skip };
    runtime()?.block_on(async {
        let queue = Queue::open(server, name, room).await?;
        for (input, target) in pairs {
            let put = async {
                if action(target, existing)? == Action::Skip {
                    return Ok(None);
                }
                let (input, output) = (input.everywhere()?, target.everywhere()?);
                let unit = Unit { input, output, recipe: recipe.clone(), existing: by_workers };
                queue.put(server, &unit).await.map(Some)
            };
            let status = match put.await {
                Ok(Some(true)) => "queued",
                Ok(Some(false)) => "in the queue already",
                Ok(None) => "skipped",
                Err(failure) if failure.code == Code::Interrupted => {
                    batch.interrupted();
                    break;
                }
                Err(failure) => {
                    batch.failed(&input.name(), failure)?;
                    continue;
                }
            };
            if status == "queued" {
                batch.done()
            } else {
                batch.skipped()
            }
            let (input, output) = (&input.name(), &target.name());
            console.note(&format!("{input} -> {output}  {status}"));
            console.record("restore", &Record { input, output, status })?;
        }
        batch.finish()
    })
}
