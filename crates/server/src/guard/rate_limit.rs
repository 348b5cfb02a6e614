//! The limit on the requests per second of one client.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use super::refusal::Refusal;
use crate::peer::Peer;

/// The number of seconds whose requests may arrive at once.
const BURST: NonZeroU32 = NonZeroU32::MIN.saturating_add(1);
/// The interval at which clients without recent requests are forgotten.
const CLEANUP: Duration = Duration::from_mins(1);

/// Counts the requests of each client.
pub(super) struct RateLimit(Option<Arc<DefaultKeyedRateLimiter<IpAddr>>>);

impl RateLimit {
    /// Creates a limit of so many requests per second; without a number, there is no limit.
    pub(super) fn new(per_second: Option<NonZeroU32>) -> Self {
        let quota = |rate: NonZeroU32| Quota::per_second(rate).allow_burst(rate.saturating_mul(BURST));
        let limiter = per_second.map(|rate| Arc::new(RateLimiter::keyed(quota(rate))));
        if let Some(limiter) = &limiter {
            let limiter = Arc::downgrade(limiter);
            tokio::spawn(async move {
                loop {
                    tokio::time::sleep(CLEANUP).await;
                    let Some(limiter) = limiter.upgrade() else { return };
                    limiter.retain_recent();
                    limiter.shrink_to_fit();
                }
            });
        }
        Self(limiter)
    }

    /// Counts a request; refuses it if its client has sent too many.
    pub(super) fn check(&self, peer: &Peer) -> Result<(), Refusal> {
        let Some(limiter) = &self.0 else { return Ok(()) };
        limiter.check_key(&peer.client()).map_err(|early| {
            let wait = early.wait_time_from(DefaultClock::default().now());
            Refusal::rate_limited("too many requests per second from this client", wait)
        })
    }
}
