//! Bodies of requests: not too large, and not for ever.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use tokio::time::{Instant, Sleep};

use super::refusal::Refusal;
use crate::server::Limits;

/// Reads the whole body before anything is done about the request, so that one that is too large or too slow costs a
/// handler nothing.
pub(super) async fn whole(request: Request, limits: &Limits) -> Result<Request, Refusal> {
    let (head, body) = request.into_parts();
    let most = limits.max_body;
    if body.size_hint().lower() > most as u64 {
        return Err(Refusal::too_large(most));
    }
    let collected = Limited::new(body, most).collect();
    let body = match tokio::time::timeout(limits.body_timeout, collected).await {
        Err(_) => return Err(Refusal::slow_body(limits.body_timeout)),
        Ok(Err(error)) if error.is::<LengthLimitError>() => return Err(Refusal::too_large(most)),
        Ok(Err(_)) => return Err(Refusal::broken_body()),
        Ok(Ok(body)) => body.to_bytes(),
    };
    Ok(Request::from_parts(head, Body::from(body)))
}

/// Lets a body through as it comes, as calls that stream need, but not one that stops coming.
pub(super) fn streamed(request: Request, limits: &Limits) -> Request {
    let wait = limits.body_timeout;
    request.map(|body| Body::new(Steady { body, wait, until: Box::pin(tokio::time::sleep(wait)) }))
}

/// A body that ends with an error once nothing of it came for a while.
struct Steady {
    body: Body,
    wait: Duration,
    until: Pin<Box<Sleep>>,
}

impl HttpBody for Steady {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(context) {
            let next = Instant::now() + self.wait;
            self.until.as_mut().reset(next);
            return Poll::Ready(frame);
        }
        ready!(self.until.as_mut().poll(context));
        let slow = std::io::Error::from(std::io::ErrorKind::TimedOut);
        Poll::Ready(Some(Err(axum::Error::new(slow))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
