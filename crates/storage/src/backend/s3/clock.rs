//! The clock of a bucket's store, as the dates of its answers show it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use http::{HeaderMap, header};

/// The time of the last answer of a store, by the store's clock. Clones share it.
#[derive(Clone, Default)]
pub(super) struct StoreClock(Arc<Mutex<Option<(i64, Instant)>>>);

impl StoreClock {
    /// Records the date of an answer that has just arrived.
    pub(super) fn record(&self, headers: &HeaderMap) {
        if let Some(date_ms) = headers.get(header::DATE).and_then(|date| parse_date(date.to_str().ok()?)) {
            *self.lock() = Some((date_ms, Instant::now()));
        }
    }

    /// Returns the time of the store in milliseconds since 1970; `None` if no answer had a date.
    pub(super) fn now_ms(&self) -> Option<i64> {
        let (date_ms, arrival) = (*self.lock())?;
        Some(date_ms.saturating_add_unsigned(whole_ms(arrival.elapsed())))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<(i64, Instant)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn whole_ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Parses a date of HTTP, such as `Sun, 06 Nov 1994 08:49:37 GMT`, to milliseconds since 1970.
fn parse_date(text: &str) -> Option<i64> {
    let date = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
    Some(date.as_millisecond())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn the_clock_follows_the_date_of_the_last_answer() {
        let clock = StoreClock::default();
        assert_eq!(clock.now_ms(), None);
        let mut headers = HeaderMap::new();
        headers.insert(header::DATE, HeaderValue::from_static("Sun, 06 Nov 1994 08:49:37 GMT"));
        clock.record(&headers);
        let since = clock.now_ms().unwrap() - 784_111_777_000;
        assert!((0..600_000).contains(&since), "{since}");
        headers.insert(header::DATE, HeaderValue::from_static("yesterday"));
        clock.record(&headers);
        assert!(clock.now_ms().is_some_and(|now| now < 784_200_000_000));
    }
}
