//! A rate limit in bytes per second, shared by all copies of a mover.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Admits bytes at a constant rate: an amount is admitted when the rate has paid for all of it.
#[derive(Debug)]
pub(crate) struct Throttle {
    bytes_per_second: u64,
    free_at: Mutex<Option<Instant>>,
}

impl Throttle {
    /// Creates a throttle with a rate in bytes per second; 0 means 1.
    pub(crate) fn new(bytes_per_second: u64) -> Self {
        Self { bytes_per_second: bytes_per_second.max(1), free_at: Mutex::new(None) }
    }

    /// Waits until the rate admits `bytes` more.
    pub(crate) async fn wait_for(&self, bytes: u64) {
        tokio::time::sleep_until(self.reserve(bytes, Instant::now())).await;
    }

    /// Reserves `bytes` and returns the time from which they may be moved: copies by a store or a kernel move all of
    /// them at once, so they are paid for before.
    fn reserve(&self, bytes: u64, now: Instant) -> Instant {
        // Rates and sizes are far below 2^53, up to which a float is exact.
        let cost =
            Duration::try_from_secs_f64(bytes as f64 / self.bytes_per_second as f64).unwrap_or(Duration::MAX);
        let mut free_at = self.free_at.lock().unwrap_or_else(PoisonError::into_inner);
        let start = free_at.map_or(now, |free| free.max(now));
        let paid = start.checked_add(cost).unwrap_or(start);
        *free_at = Some(paid);
        paid
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_waits_for_itself_and_for_what_was_admitted_before() {
        let throttle = Throttle::new(1000);
        let now = Instant::now();
        assert_eq!(throttle.reserve(500, now), now + Duration::from_millis(500));
        assert_eq!(throttle.reserve(1000, now), now + Duration::from_millis(1500));
    }

    #[test]
    fn unused_time_does_not_raise_the_rate_later() {
        let throttle = Throttle::new(1000);
        let now = Instant::now();
        throttle.reserve(1000, now);
        let later = now + Duration::from_mins(1);
        assert_eq!(throttle.reserve(1000, later), later + Duration::from_secs(1));
        assert_eq!(throttle.reserve(1000, later), later + Duration::from_secs(2));
    }
}
