//! Counts wrong passwords by client, which slows down guessing and bounds the cost of hashing.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The number of wrong attempts without a delay.
const FREE_ATTEMPTS: u32 = 10;
/// The time after which one wrong attempt is forgotten.
const REFILL_INTERVAL: Duration = Duration::from_secs(3);
/// The largest number of clients whose attempts are counted.
const MAX_CLIENTS: usize = 10_000;

/// The attempts by client, as the time at which all of them are forgotten.
///
/// An attempt counts as wrong until it is revoked, because many may be in progress at once.
#[derive(Default)]
pub(super) struct PasswordAttempts(Mutex<HashMap<IpAddr, Instant>>);

impl PasswordAttempts {
    /// Returns the time until the next attempt of a client; `None` if it may try now.
    pub(super) fn wait_time(&self, from: IpAddr, now: Instant) -> Option<Duration> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        remaining_wait(*known.get(&from)?, now)
    }

    /// Counts an attempt; fails with the waiting time if the client has no attempts left.
    pub(super) fn begin(&self, from: IpAddr, now: Instant) -> Result<(), Duration> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MAX_CLIENTS {
            known.retain(|_, settled_at| *settled_at > now);
            if known.len() >= MAX_CLIENTS {
                // An attack from so many addresses is not slowed down by counting each of them.
                known.clear();
            }
        }
        let settled_at = known.entry(from).or_insert(now);
        if let Some(wait) = remaining_wait(*settled_at, now) {
            return Err(wait);
        }
        *settled_at = (*settled_at).max(now) + REFILL_INTERVAL;
        Ok(())
    }

    /// Revokes an attempt that was successful.
    pub(super) fn revoke(&self, from: IpAddr) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(settled_at) = known.get_mut(&from) {
            *settled_at = settled_at.checked_sub(REFILL_INTERVAL).unwrap_or(*settled_at);
        }
    }
}

fn remaining_wait(settled_at: Instant, now: Instant) -> Option<Duration> {
    let wait = settled_at.checked_duration_since(now)?.checked_sub(REFILL_INTERVAL * (FREE_ATTEMPTS - 1))?;
    (!wait.is_zero()).then_some(wait)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_ten_wrong_attempts_a_client_waits_and_others_do_not() {
        let attempts = PasswordAttempts::default();
        let (here, there) = (IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2]));
        let start = Instant::now();
        for _ in 0..FREE_ATTEMPTS {
            assert_eq!(attempts.begin(here, start), Ok(()));
        }
        // Further attempts do not make the wait longer.
        for _ in 0..100 {
            assert_eq!(attempts.begin(here, start), Err(REFILL_INTERVAL));
        }
        assert_eq!(
            (attempts.wait_time(here, start), attempts.wait_time(there, start)),
            (Some(REFILL_INTERVAL), None)
        );
        assert_eq!(attempts.begin(here, start + REFILL_INTERVAL), Ok(()));
        attempts.revoke(here);
        assert_eq!(attempts.begin(here, start + REFILL_INTERVAL), Ok(()));
    }
}
