//! Server versions and what they can do; nothing else in the project compares versions.

mod capabilities;

use std::cmp::Ordering;
use std::fmt;

pub use capabilities::{Capabilities, SchemaProblem};

/// Major, minor and patch number.
pub type Release = (u32, u32, u32);

/// The oldest release served: the first with databases.
const OLDEST: Release = (2, 2, 9);
/// The first release that is not served yet.
const NOT_YET: Release = (2, 4, 0);
/// Stands for what a version does not tell: newer than all others.
const NEWEST: u32 = u32::MAX;

/// The version a Milvus reports, ordered by its release; suffixes such as `-lite` do not count.
#[derive(Clone, Debug)]
pub struct ServerVersion {
    raw: String,
    release: Release,
}

/// Why a Milvus is not served.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnsupportedVersion {
    /// It knows no databases, or worse.
    #[error("Milvus {0} is too old: 2.2.9 is the first that is served")]
    TooOld(ServerVersion),
    /// It keeps deletes or data in ways that are not known yet.
    #[error("Milvus {0} is not served yet: 2.3 is the newest that is")]
    TooNew(ServerVersion),
}

impl ServerVersion {
    /// Reads what Milvus reports, such as `v2.3.5-lite`.
    ///
    /// A missing patch number, or a text that holds no version at all (builds from a branch), counts as newest.
    pub fn parse(raw: &str) -> Self {
        let raw = raw.trim();
        let release = raw.match_indices(|c: char| c.is_ascii_digit()).find_map(|(at, _)| release(&raw[at..]));
        Self { raw: raw.to_owned(), release: release.unwrap_or((NEWEST, NEWEST, NEWEST)) }
    }

    /// Whether it is this release or a later one.
    pub fn at_least(&self, release: Release) -> bool {
        self.release >= release
    }

    /// Refuses versions that are not served, by name.
    pub fn supported(&self) -> Result<(), UnsupportedVersion> {
        if !self.at_least(OLDEST) {
            Err(UnsupportedVersion::TooOld(self.clone()))
        } else if self.at_least(NOT_YET) {
            Err(UnsupportedVersion::TooNew(self.clone()))
        } else {
            Ok(())
        }
    }
}

/// Reads `MAJOR.MINOR[.PATCH]` at the beginning of a text.
fn release(text: &str) -> Option<Release> {
    let (major, rest) = number(text)?;
    let (minor, rest) = number(rest.strip_prefix('.')?)?;
    let patch = rest.strip_prefix('.').and_then(number).map_or(NEWEST, |(patch, _)| patch);
    Some((major, minor, patch))
}

fn number(text: &str) -> Option<(u32, &str)> {
    let (digits, rest) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    (!digits.is_empty()).then(|| (digits.parse().unwrap_or(NEWEST), rest))
}

/// The text as it was reported.
impl fmt::Display for ServerVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.raw)
    }
}

impl PartialEq for ServerVersion {
    fn eq(&self, other: &Self) -> bool {
        self.release == other.release
    }
}

impl Eq for ServerVersion {}

impl PartialOrd for ServerVersion {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for ServerVersion {
    fn cmp(&self, other: &Self) -> Ordering {
        self.release.cmp(&other.release)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_milvus_reports_is_read() {
        for (raw, expected) in [
            ("v2.3.5-lite", (2, 3, 5)),
            ("2.2.16", (2, 2, 16)),
            ("v2.3.5-rc1", (2, 3, 5)),
            ("2.6.0-20240101-abcdef", (2, 6, 0)),
            ("v2.4.5.2", (2, 4, 5)),
            ("Milvus v2.3.1", (2, 3, 1)),
            ("2.3", (2, 3, NEWEST)),
            ("2.3.x", (2, 3, NEWEST)),
            ("master-20260101-8b1ae98f", (NEWEST, NEWEST, NEWEST)),
            ("unknown-dirty", (NEWEST, NEWEST, NEWEST)),
            ("", (NEWEST, NEWEST, NEWEST)),
        ] {
            let version = ServerVersion::parse(raw);
            assert_eq!(version.release, expected, "{raw}");
            assert_eq!(version.to_string(), raw);
        }
        assert!(ServerVersion::parse("2.2.16") < ServerVersion::parse("2.3.0-beta"));
        assert_eq!(ServerVersion::parse("v2.3.5-lite"), ServerVersion::parse("2.3.5"));
    }

    #[test]
    fn only_2_2_9_to_2_3_are_served() {
        for raw in ["2.2.9", "v2.2.16-lite", "2.3.0", "v2.3.5", "2.3.22", "2.3"] {
            assert_eq!(ServerVersion::parse(raw).supported(), Ok(()), "{raw}");
        }
        let refused = |raw| ServerVersion::parse(raw).supported().unwrap_err().to_string();
        assert_eq!(refused("2.2.8"), "Milvus 2.2.8 is too old: 2.2.9 is the first that is served");
        assert_eq!(refused("v2.4.0"), "Milvus v2.4.0 is not served yet: 2.3 is the newest that is");
        assert!(refused("master-20260101").contains("master-20260101 is not served yet"));
    }

    proptest! {
        #[test]
        fn any_text_is_survived(raw: String) {
            let _ = ServerVersion::parse(&raw).supported();
        }
    }
}
