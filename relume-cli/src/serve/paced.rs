//! Bodies handed over piece by piece, so that reading a form takes little memory.
//!
//! The reader of forms takes in all that has come, and keeps the head of a part until it is whole:
//! a fast client, or a head without an end, would fill the memory of the server.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use axum::body::{Body, BodyDataStream, Bytes};
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use futures_util::Stream;

/// Bytes that may come without the reader of the form getting anywhere.
const UNREAD: u64 = 4_000_000;

tokio::task_local! {
    /// Bytes that came since the reader of this request's form last got somewhere.
    static SINCE: Arc<AtomicU64>;
}

/// Answers a request whose body is paced.
pub(crate) async fn pace(request: Request, next: Next) -> Response {
    let since: Arc<AtomicU64> = Arc::default();
    let counted = Arc::clone(&since);
    let request = request.map(|body| {
        let stream = body.into_data_stream();
        Body::from_stream(Paced { stream, since: counted, pause: false })
    });
    SINCE.scope(since, next.run(request)).await
}

/// The reader of this request's form got somewhere.
pub(crate) fn got_on() {
    // Outside of a request there is nothing to count.
    let _ = SINCE.try_with(|since| since.store(0, Ordering::Relaxed));
}

/// A body that pauses after each piece.
struct Paced {
    stream: BodyDataStream,
    since: Arc<AtomicU64>,
    pause: bool,
}

impl Stream for Paced {
    type Item = Result<Bytes, axum::Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if std::mem::take(&mut self.pause) {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let next = Pin::new(&mut self.stream).poll_next(context);
        if let Poll::Ready(Some(Ok(piece))) = &next {
            self.pause = true;
            let bytes = piece.len() as u64;
            let unread = self.since.fetch_add(bytes, Ordering::Relaxed) + bytes;
            if unread > UNREAD {
                let message = "a part of the form has a head without an end";
                return Poll::Ready(Some(Err(axum::Error::new(message))));
            }
        }
        next
    }
}
