//! Bodies of requests: not too large, and not for ever.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use tokio::sync::Semaphore;
use tokio::time::{Instant, Sleep};

use super::refusal::Refusal;
use crate::Limits;

/// How much of a body is taken in before it is one of the large ones, bytes.
const SMALL: usize = 64 << 10;
/// How many large bodies are taken in at once; the others wait, so that memory does not grow with who sends.
const LARGE_AT_ONCE: usize = 16;

/// Whose turn it is to send a large body.
pub(super) struct Turns(Semaphore);

impl Default for Turns {
    fn default() -> Self {
        Self(Semaphore::new(LARGE_AT_ONCE))
    }
}

/// Reads the whole body before anything is done about the request, so that one that is too large or too slow costs a
/// handler nothing.
pub(super) async fn whole(request: Request, limits: &Limits, turns: &Turns) -> Result<Request, Refusal> {
    let (head, body) = request.into_parts();
    if body.size_hint().lower() > limits.max_body as u64 {
        return Err(Refusal::too_large(limits.max_body));
    }
    let collected = tokio::time::timeout(limits.body_timeout, collect(body, limits.max_body, turns));
    let body = collected.await.map_err(|_| Refusal::slow_body(limits.body_timeout))??;
    Ok(Request::from_parts(head, Body::from(body)))
}

async fn collect(mut body: Body, most: usize, turns: &Turns) -> Result<Vec<u8>, Refusal> {
    let (mut collected, mut turn) = (Vec::new(), None);
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| Refusal::broken_body())?.into_data() else { continue };
        if collected.len() + data.len() > most {
            return Err(Refusal::too_large(most));
        }
        if collected.len() + data.len() > SMALL && turn.is_none() {
            // the semaphore is never closed
            turn = turns.0.acquire().await.ok();
        }
        collected.extend_from_slice(&data);
    }
    Ok(collected)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Settings;

    #[tokio::test]
    async fn large_bodies_wait_for_their_turn_and_small_ones_do_not() {
        let settings = Settings::without_authentication();
        let limits = Limits { body_timeout: Duration::from_millis(200), ..settings.limits };
        let send = async |bytes: usize, turns: &Turns| {
            let request = Request::new(Body::from(vec![b'x'; bytes]));
            let read = whole(request, &limits, turns).await.map(Request::into_body);
            match read {
                Ok(body) => Some(body.collect().await.unwrap().to_bytes().len()),
                Err(_) => None,
            }
        };
        let nobodys = Turns(Semaphore::new(0));
        assert_eq!(send(SMALL, &nobodys).await, Some(SMALL));
        assert_eq!(send(SMALL + 1, &nobodys).await, None);
        let turns = Turns::default();
        for _ in 0..2 * LARGE_AT_ONCE {
            assert_eq!(send(limits.max_body, &turns).await, Some(limits.max_body));
        }
        assert_eq!(send(limits.max_body + 1, &turns).await, None);
    }
}
