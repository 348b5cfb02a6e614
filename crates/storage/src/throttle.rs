//! A ceiling on bytes a second, shared by everyone who holds it.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Hands out bytes at a steady rate. A large amount is granted at once and paid for by those who come after.
#[derive(Debug)]
pub(crate) struct Throttle {
    bytes_per_second: u64,
    free_at: Mutex<Option<Instant>>,
}

impl Throttle {
    /// A throttle of so many bytes a second, at least one.
    pub(crate) fn new(bytes_per_second: u64) -> Self {
        Self { bytes_per_second: bytes_per_second.max(1), free_at: Mutex::new(None) }
    }

    /// Waits until `bytes` more may pass.
    pub(crate) async fn take(&self, bytes: u64) {
        tokio::time::sleep_until(self.reserve(bytes, Instant::now())).await;
    }

    fn reserve(&self, bytes: u64, now: Instant) -> Instant {
        // Rates and sizes lie far below the 52 bits that a float holds exactly.
        let cost =
            Duration::try_from_secs_f64(bytes as f64 / self.bytes_per_second as f64).unwrap_or(Duration::MAX);
        let mut free_at = self.free_at.lock().unwrap_or_else(PoisonError::into_inner);
        let start = free_at.map_or(now, |free| free.max(now));
        *free_at = Some(start.checked_add(cost).unwrap_or(start));
        start
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_granted_is_paid_for_by_the_next() {
        let throttle = Throttle::new(1000);
        let now = Instant::now();
        assert_eq!(throttle.reserve(500, now), now);
        assert_eq!(throttle.reserve(1, now), now + Duration::from_millis(500));
    }

    #[test]
    fn idle_time_is_not_saved_up() {
        let throttle = Throttle::new(1000);
        let now = Instant::now();
        throttle.reserve(1000, now);
        let later = now + Duration::from_mins(1);
        assert_eq!(throttle.reserve(1000, later), later);
        assert_eq!(throttle.reserve(1000, later), later + Duration::from_secs(1));
    }
}
