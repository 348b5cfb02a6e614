//! Drains the body of a request that was answered early. HTTP/1 clients that send the whole body before they read the
//! response would otherwise see a broken connection instead of the response.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use bytes::Bytes;
use http::Version;
use http::header::EXPECT;
use http_body_util::BodyExt;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use tokio::runtime::Handle;
use tokio::time::timeout;

/// The time for which a body is drained.
const MAX_TIME: Duration = Duration::from_secs(2);
/// The largest number of bytes that are drained; they are discarded.
const MAX_BYTES: usize = 64 << 20;

/// Drains the rest of the body in the background if the request is dropped before its end. A client that waits for `100
/// Continue` sends no body after a response.
pub(super) fn drain_when_dropped(request: Request) -> Request {
    let alone = matches!(request.version(), Version::HTTP_10 | Version::HTTP_11);
    if !alone || request.body().is_end_stream() || request.headers().contains_key(EXPECT) {
        return request;
    }
    request.map(|body| Body::new(DrainOnDrop { body, finished: false }))
}

struct DrainOnDrop {
    body: Body,
    /// Whether the end was seen; not all bodies report it.
    finished: bool,
}

impl Drop for DrainOnDrop {
    fn drop(&mut self) {
        if self.finished || self.body.is_end_stream() {
            return;
        }
        // Outside of a runtime there is no connection.
        let Ok(runtime) = Handle::try_current() else { return };
        let body = std::mem::take(&mut self.body);
        runtime.spawn(timeout(MAX_TIME, discard(body)));
    }
}

/// Reads a body and discards it.
async fn discard(mut body: Body) {
    let mut left = MAX_BYTES;
    while let Some(Ok(frame)) = body.frame().await {
        let read = frame.data_ref().map_or(0, Bytes::len);
        match left.checked_sub(read) {
            Some(less) => left = less,
            None => return,
        }
    }
}

impl HttpBody for DrainOnDrop {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(context);
        self.finished |= matches!(frame, Poll::Ready(None | Some(Err(_))));
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
