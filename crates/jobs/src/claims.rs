//! The claims of a job: what it writes and reads, compared so that no two jobs conflict.

use std::collections::BTreeSet;

use engine::{Admission, Claim};
use serde::{Deserialize, Serialize};

/// The backups and target collections that a job writes and reads, each in the text form of its `engine::Claim`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Claims {
    writes: BTreeSet<String>,
    reads: BTreeSet<String>,
}

impl Claims {
    /// Creates the claims that the engine determined at admission.
    pub(crate) fn from_admission(admission: &Admission) -> Self {
        let texts = |claims: &[Claim]| claims.iter().map(ToString::to_string).collect();
        Self { writes: texts(&admission.writes), reads: texts(&admission.reads) }
    }

    /// Returns whether the job writes the claim with this text.
    pub(crate) fn contains_write(&self, claim: &str) -> bool {
        self.writes.contains(claim)
    }

    /// Returns one claim that both jobs have and at least one of them writes; `None` if both may run.
    pub(crate) fn find_conflict(&self, other: &Self) -> Option<String> {
        let shared =
            |ours: &BTreeSet<String>, theirs: &BTreeSet<String>| ours.intersection(theirs).next().cloned();
        shared(&self.writes, &other.writes)
            .or_else(|| shared(&self.writes, &other.reads))
            .or_else(|| shared(&self.reads, &other.writes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims(writes: &[&str], reads: &[&str]) -> Claims {
        let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        Claims { writes: owned(writes), reads: owned(reads) }
    }

    #[test]
    fn two_jobs_may_read_the_same_backup_but_not_write_what_the_other_uses() {
        let restore = claims(&["books_copy"], &["nightly"]);
        assert_eq!(restore.find_conflict(&claims(&["tags_copy", "pens"], &["nightly"])), None);
        assert_eq!(
            restore.find_conflict(&claims(&["tags_copy", "books_copy"], &[])),
            Some("books_copy".to_owned())
        );
        assert_eq!(restore.find_conflict(&claims(&["nightly"], &[])), Some("nightly".to_owned()));
        assert_eq!(claims(&["nightly"], &[]).find_conflict(&restore), Some("nightly".to_owned()));
        assert_eq!(claims(&[], &[]).find_conflict(&restore), None);
    }
}
