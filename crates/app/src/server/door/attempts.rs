//! Wrong tokens and passwords, counted by where they come from, so that guessing is slow.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Wrong attempts in a row that cost nothing.
const FREE: u32 = 10;
/// After how long one of them is forgotten.
const FORGOTTEN: Duration = Duration::from_secs(3);
/// Of how many addresses attempts are kept.
const MOST: usize = 10_000;

/// Wrong attempts by address.
#[derive(Default)]
pub(super) struct Attempts(Mutex<HashMap<IpAddr, Instant>>);

impl Attempts {
    /// How long this address has to wait before its next attempt, if it has.
    pub(super) fn wait(&self, from: IpAddr, now: Instant) -> Option<Duration> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let all_forgotten = *known.get(&from)?;
        let wait = all_forgotten.checked_duration_since(now)?.checked_sub(FORGOTTEN * (FREE - 1))?;
        (!wait.is_zero()).then_some(wait)
    }

    /// Counts a wrong attempt.
    pub(super) fn wrong(&self, from: IpAddr, now: Instant) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST {
            known.retain(|_, all_forgotten| *all_forgotten > now);
            if known.len() >= MOST {
                // So many at once guess from everywhere; counting them apart is no use.
                known.clear();
            }
        }
        let all_forgotten = known.entry(from).or_insert(now);
        *all_forgotten = (*all_forgotten).max(now) + FORGOTTEN;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_ten_wrong_ones_an_address_waits_and_others_do_not() {
        let attempts = Attempts::default();
        let (here, there) = (IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2]));
        let start = Instant::now();
        for _ in 0..FREE {
            assert_eq!(attempts.wait(here, start), None);
            attempts.wrong(here, start);
        }
        assert_eq!(attempts.wait(here, start), Some(FORGOTTEN));
        assert_eq!(attempts.wait(there, start), None);
        assert_eq!(attempts.wait(here, start + FORGOTTEN), None);
    }
}
