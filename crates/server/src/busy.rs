//! Whether a connection has requests open, so that one without can be closed after a while.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use axum::body::Body;
use http_body_util::BodyExt;

/// How long a connection may be open without a request on it.
const IDLE: Duration = Duration::from_mins(5);

static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// The requests of one connection.
pub(super) struct Busy {
    open: AtomicUsize,
    /// When the last one ended, milliseconds of this process.
    last: AtomicU64,
}

impl Default for Busy {
    fn default() -> Self {
        Self { open: AtomicUsize::new(0), last: AtomicU64::new(now()) }
    }
}

fn now() -> u64 {
    u64::try_from(START.elapsed().as_millis()).unwrap_or(u64::MAX)
}

impl Busy {
    /// Counts a request in.
    pub(super) fn enter(busy: &Arc<Self>) -> Open {
        busy.open.fetch_add(1, Ordering::AcqRel);
        Open(Arc::clone(busy))
    }

    /// Ends once there was no request for too long.
    pub(super) async fn idle(&self) {
        loop {
            let since = Duration::from_millis(now().saturating_sub(self.last.load(Ordering::Acquire)));
            let open = self.open.load(Ordering::Acquire) > 0;
            match IDLE.checked_sub(since) {
                _ if open => tokio::time::sleep(IDLE).await,
                Some(left) if !left.is_zero() => tokio::time::sleep(left).await,
                _ => return,
            }
        }
    }
}

/// An open request.
pub(super) struct Open(Arc<Busy>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.last.store(now(), Ordering::Release);
        self.0.open.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Open {
    /// Returns the body of the answer; the request is open until its end, since what is streamed outlasts its head.
    pub(super) fn hold(self, body: Body) -> Body {
        Body::new(body.map_err(move |error: axum::Error| {
            let _open = &self;
            error
        }))
    }
}
