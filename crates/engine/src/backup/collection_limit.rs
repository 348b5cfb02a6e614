//! The number of collections that are backed up at the same time.

use std::num::NonZeroUsize;

/// The number if none is configured. Most of the time of a small collection is spent waiting for its flush.
const DEFAULT: usize = 32;

/// A limit that is halved whenever Milvus limits the rate of requests, unless it is configured.
pub(super) struct CollectionLimit {
    current: usize,
    is_configured: bool,
    /// The number of refused requests at the last change.
    rate_limited: u64,
}

impl CollectionLimit {
    pub(super) fn new(configured: Option<NonZeroUsize>) -> Self {
        let current = configured.map_or(DEFAULT, NonZeroUsize::get);
        Self { current, is_configured: configured.is_some(), rate_limited: 0 }
    }

    /// Returns the limit, given the number of requests that Milvus has refused so far to limit their rate.
    pub(super) fn update(&mut self, rate_limited: u64) -> usize {
        if rate_limited > self.rate_limited && !self.is_configured {
            self.current = (self.current / 2).max(1);
            tracing::info!(
                collections = self.current,
                "Milvus limits the rate of requests; fewer at the same time"
            );
        }
        self.rate_limited = rate_limited;
        self.current
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_halved_when_milvus_limits_requests_and_never_below_one() {
        let mut limit = CollectionLimit::new(None);
        assert_eq!([0, 0, 3, 3, 4].map(|refused| limit.update(refused)), [32, 32, 16, 16, 8]);
        assert_eq!([5, 6, 7, 8, 9].map(|refused| limit.update(refused)), [4, 2, 1, 1, 1]);
    }

    #[test]
    fn a_configured_limit_is_kept() {
        let mut limit = CollectionLimit::new(NonZeroUsize::new(4));
        assert_eq!([0, 3].map(|refused| limit.update(refused)), [4, 4]);
    }
}
