//! What a job writes and reads, so that no two are at the same.

use std::collections::BTreeSet;

use engine::{Admission, Claim};
use serde::{Deserialize, Serialize};

/// What a job writes and reads, in words that tell one thing from another.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Claims {
    writes: BTreeSet<String>,
    reads: BTreeSet<String>,
}

impl Claims {
    /// What the engine says that a job writes and reads.
    pub(crate) fn of(admission: &Admission) -> Self {
        let words = |claims: &[Claim]| claims.iter().map(ToString::to_string).collect();
        Self { writes: words(&admission.writes), reads: words(&admission.reads) }
    }

    /// Whether it writes what is called so.
    pub(crate) fn writes(&self, claim: &str) -> bool {
        self.writes.contains(claim)
    }

    /// Something of both that one of them writes.
    pub(crate) fn clash(&self, other: &Self) -> Option<String> {
        let both =
            |ours: &BTreeSet<String>, theirs: &BTreeSet<String>| ours.intersection(theirs).next().cloned();
        both(&self.writes, &other.writes)
            .or_else(|| both(&self.writes, &other.reads))
            .or_else(|| both(&self.reads, &other.writes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims(writes: &[&str], reads: &[&str]) -> Claims {
        let words = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        Claims { writes: words(writes), reads: words(reads) }
    }

    #[test]
    fn two_may_read_the_same_and_none_may_write_what_another_is_at() {
        let restore = claims(&["books_copy"], &["nightly"]);
        assert_eq!(restore.clash(&claims(&["tags_copy", "pens"], &["nightly"])), None);
        assert_eq!(restore.clash(&claims(&["tags_copy", "books_copy"], &[])), Some("books_copy".to_owned()));
        assert_eq!(restore.clash(&claims(&["nightly"], &[])), Some("nightly".to_owned()));
        assert_eq!(claims(&["nightly"], &[]).clash(&restore), Some("nightly".to_owned()));
        assert_eq!(claims(&[], &[]).clash(&restore), None);
    }
}
