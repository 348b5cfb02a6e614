//! What is left of a body that nobody reads any more. HTTP/1 clients that send all of it before they look for the answer
//! would find the connection broken, and not why, if it were closed before.

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

/// How long a body is read on, whatever comes.
const PATIENCE: Duration = Duration::from_secs(2);
/// How much of it is read on, bytes; nothing of it is kept.
const MOST: usize = 64 << 20;

/// Has the rest of the body read, beside the answer, if the request is dropped before its end. One that waits to be asked
/// for its body (`expect`) sends none once it is answered.
pub(super) fn drain_when_dropped(request: Request) -> Request {
    let alone = matches!(request.version(), Version::HTTP_10 | Version::HTTP_11);
    if !alone || request.body().is_end_stream() || request.headers().contains_key(EXPECT) {
        return request;
    }
    request.map(|body| Body::new(ReadOn { body, over: false }))
}

struct ReadOn {
    body: Body,
    /// Whether its end has been seen; not all bodies tell.
    over: bool,
}

impl Drop for ReadOn {
    fn drop(&mut self) {
        if self.over || self.body.is_end_stream() {
            return;
        }
        // Outside of a runtime there is nobody to answer.
        let Ok(runtime) = Handle::try_current() else { return };
        let body = std::mem::take(&mut self.body);
        runtime.spawn(timeout(PATIENCE, forget(body)));
    }
}

/// Reads a body and keeps nothing.
async fn forget(mut body: Body) {
    let mut left = MOST;
    while let Some(Ok(frame)) = body.frame().await {
        let read = frame.data_ref().map_or(0, Bytes::len);
        match left.checked_sub(read) {
            Some(less) => left = less,
            None => return,
        }
    }
}

impl HttpBody for ReadOn {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(context);
        self.over |= matches!(frame, Poll::Ready(None | Some(Err(_))));
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
