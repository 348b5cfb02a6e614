//! Wrong tokens and passwords, counted by where they come from, so that guessing is slow and hashing stays little.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Wrong attempts in a row that cost nothing.
const FREE: u32 = 10;
/// After how long one of them is forgotten.
const FORGOTTEN: Duration = Duration::from_secs(3);
/// Of how many clients attempts are kept.
const MOST: usize = 10_000;

/// Attempts by client. Each counts as wrong until it turns out to be right, since many may be on their way at once.
#[derive(Default)]
pub(super) struct PasswordAttempts(Mutex<HashMap<IpAddr, Instant>>);

impl PasswordAttempts {
    /// How long this client has to wait before its next attempt, if it has.
    pub(super) fn wait(&self, from: IpAddr, now: Instant) -> Option<Duration> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        still(*known.get(&from)?, now)
    }

    /// Counts an attempt; or says how long its client has to wait, and counts nothing.
    pub(super) fn begin(&self, from: IpAddr, now: Instant) -> Result<(), Duration> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST {
            known.retain(|_, all_forgotten| *all_forgotten > now);
            if known.len() >= MOST {
                // So many at once guess from everywhere; counting them apart is no use.
                known.clear();
            }
        }
        let all_forgotten = known.entry(from).or_insert(now);
        if let Some(wait) = still(*all_forgotten, now) {
            return Err(wait);
        }
        *all_forgotten = (*all_forgotten).max(now) + FORGOTTEN;
        Ok(())
    }

    /// Takes back an attempt that was right.
    pub(super) fn right(&self, from: IpAddr) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(all_forgotten) = known.get_mut(&from) {
            *all_forgotten = all_forgotten.checked_sub(FORGOTTEN).unwrap_or(*all_forgotten);
        }
    }
}

fn still(all_forgotten: Instant, now: Instant) -> Option<Duration> {
    let wait = all_forgotten.checked_duration_since(now)?.checked_sub(FORGOTTEN * (FREE - 1))?;
    (!wait.is_zero()).then_some(wait)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_ten_wrong_ones_a_client_waits_and_others_do_not() {
        let attempts = PasswordAttempts::default();
        let (here, there) = (IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2]));
        let start = Instant::now();
        for _ in 0..FREE {
            assert_eq!(attempts.begin(here, start), Ok(()));
        }
        // However often it tries meanwhile, it does not wait longer.
        for _ in 0..100 {
            assert_eq!(attempts.begin(here, start), Err(FORGOTTEN));
        }
        assert_eq!((attempts.wait(here, start), attempts.wait(there, start)), (Some(FORGOTTEN), None));
        assert_eq!(attempts.begin(here, start + FORGOTTEN), Ok(()));
        attempts.right(here);
        assert_eq!(attempts.begin(here, start + FORGOTTEN), Ok(()));
    }
}
