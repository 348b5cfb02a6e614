//! The open requests of a connection, so that an idle connection can be closed.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use axum::body::Body;
use http_body_util::BodyExt;

/// The time after which a connection without requests is closed.
const IDLE_TIMEOUT: Duration = Duration::from_mins(5);

static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// The open requests of one connection.
pub(super) struct OpenRequests {
    open: AtomicUsize,
    /// The end of the last request, in milliseconds since the start of the process.
    last: AtomicU64,
}

impl Default for OpenRequests {
    fn default() -> Self {
        Self { open: AtomicUsize::new(0), last: AtomicU64::new(now()) }
    }
}

fn now() -> u64 {
    u64::try_from(START.elapsed().as_millis()).unwrap_or(u64::MAX)
}

impl OpenRequests {
    /// Counts a request until the result is dropped.
    pub(super) fn begin(requests: &Arc<Self>) -> OpenRequest {
        requests.open.fetch_add(1, Ordering::AcqRel);
        OpenRequest(Arc::clone(requests))
    }

    /// Returns when the connection had no request for too long.
    pub(super) async fn wait_until_idle(&self) {
        loop {
            let since = Duration::from_millis(now().saturating_sub(self.last.load(Ordering::Acquire)));
            let open = self.open.load(Ordering::Acquire) > 0;
            match IDLE_TIMEOUT.checked_sub(since) {
                _ if open => tokio::time::sleep(IDLE_TIMEOUT).await,
                Some(left) if !left.is_zero() => tokio::time::sleep(left).await,
                _ => return,
            }
        }
    }
}

/// A request without a complete response.
pub(super) struct OpenRequest(Arc<OpenRequests>);

impl Drop for OpenRequest {
    fn drop(&mut self) {
        self.0.last.store(now(), Ordering::Release);
        self.0.open.fetch_sub(1, Ordering::AcqRel);
    }
}

impl OpenRequest {
    /// Keeps the request open until the body of its response has ended; a streamed body lasts longer than its head.
    pub(super) fn attach_to(self, body: Body) -> Body {
        Body::new(body.map_err(move |error: axum::Error| {
            let _open = &self;
            error
        }))
    }
}
