//! The bodies of requests: their limits in size and time, and the queue for large ones.

use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use http_body_util::BodyExt;
use hyper::body::Body as _;
use tokio::sync::Semaphore;
use tower_http::timeout::TimeoutBody;

use super::refusal::Refusal;
use crate::settings::ServerLimits;

/// The size up to which a body need not wait in the queue, in bytes.
const SMALL: usize = 64 << 10;
/// The number of large bodies that are read at the same time; the others wait, which bounds memory.
const CONCURRENT_LARGE_BODIES: usize = 16;

/// The queue for large bodies.
pub(super) struct Queue(Semaphore);

impl Default for Queue {
    fn default() -> Self {
        Self(Semaphore::new(CONCURRENT_LARGE_BODIES))
    }
}

/// Reads the whole body before the handler runs, so that a body that is too large or too slow costs the handler nothing.
pub(super) async fn buffer(
    request: Request,
    limits: &ServerLimits,
    queue: &Queue,
) -> Result<Request, Refusal> {
    let (head, body) = request.into_parts();
    if body.size_hint().lower() > limits.max_body as u64 {
        return Err(Refusal::large_body(limits.max_body));
    }
    let collected = tokio::time::timeout(limits.body_timeout, collect(body, limits.max_body, queue));
    let body = collected.await.map_err(|_| Refusal::slow_body(limits.body_timeout))??;
    Ok(Request::from_parts(head, Body::from(body)))
}

async fn collect(mut body: Body, limit: usize, queue: &Queue) -> Result<Vec<u8>, Refusal> {
    let (mut collected, mut permit) = (Vec::new(), None);
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| Refusal::incomplete_body())?.into_data() else { continue };
        if collected.len() + data.len() > limit {
            return Err(Refusal::large_body(limit));
        }
        if collected.len() + data.len() > SMALL && permit.is_none() {
            // The semaphore is never closed.
            permit = queue.0.acquire().await.ok();
        }
        collected.extend_from_slice(&data);
    }
    Ok(collected)
}

/// Passes the body on as it arrives, and ends it with an error if nothing arrives for `timeout`.
pub(super) fn stream(request: Request, timeout: Duration) -> Request {
    request.map(|body| Body::new(TimeoutBody::new(timeout, body)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Settings;

    #[tokio::test]
    async fn large_bodies_wait_in_the_queue_and_small_ones_do_not() {
        let settings = Settings::without_authentication();
        let limits = ServerLimits { body_timeout: Duration::from_millis(200), ..settings.limits };
        let send = async |bytes: usize, queue: &Queue| {
            let request = Request::new(Body::from(vec![b'x'; bytes]));
            let read = buffer(request, &limits, queue).await.map(Request::into_body);
            match read {
                Ok(body) => Some(body.collect().await.unwrap().to_bytes().len()),
                Err(_) => None,
            }
        };
        let closed = Queue(Semaphore::new(0));
        assert_eq!(send(SMALL, &closed).await, Some(SMALL));
        assert_eq!(send(SMALL + 1, &closed).await, None);
        let queue = Queue::default();
        for _ in 0..2 * CONCURRENT_LARGE_BODIES {
            assert_eq!(send(limits.max_body, &queue).await, Some(limits.max_body));
        }
        assert_eq!(send(limits.max_body + 1, &queue).await, None);
    }
}
