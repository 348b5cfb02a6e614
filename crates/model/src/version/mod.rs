//! Server versions and their capabilities. No other module of the project compares versions.

mod capabilities;

use std::cmp::Ordering;
use std::fmt;

pub use capabilities::{Capabilities, SchemaProblem};

/// A release as its major, minor and patch number.
pub type Release = (u32, u32, u32);

/// The oldest supported release: the first with databases.
const OLDEST_SUPPORTED: Release = (2, 2, 9);
/// The first release that is newer than all that are known; it is served like the newest known one.
const FIRST_UNKNOWN: Release = (3, 1, 0);
/// Stands for a number that a version lacks; it is newer than all others.
const NEWEST: u32 = u32::MAX;

/// The version that a Milvus reports, ordered by its release; suffixes such as `-lite` are ignored.
#[derive(Clone, Debug)]
pub struct ServerVersion {
    raw: String,
    release: Release,
}

/// The release is older than the first one with databases.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Milvus {0} is not supported: 2.2.9 or later is required")]
pub struct UnsupportedVersion(pub ServerVersion);

impl ServerVersion {
    /// Parses the text that Milvus reports, such as `v2.3.5-lite`.
    ///
    /// A missing patch number, or a text without a version (a build from a branch, or Milvus Lite), counts as the newest.
    pub fn parse(raw: &str) -> Self {
        let raw = raw.trim();
        let release =
            raw.match_indices(|c: char| c.is_ascii_digit()).find_map(|(at, _)| parse_release(&raw[at..]));
        Self { raw: raw.to_owned(), release: release.unwrap_or((NEWEST, NEWEST, NEWEST)) }
    }

    /// Returns whether this is `release` or a later one.
    pub fn at_least(&self, release: Release) -> bool {
        self.release >= release
    }

    /// Returns whether this is Milvus Lite, which reports no release and has a part of the API.
    pub fn is_lite(&self) -> bool {
        self.raw.starts_with("milvus_lite")
    }

    /// Fails if this version is not supported; the error names the version.
    pub fn supported(&self) -> Result<(), UnsupportedVersion> {
        if self.at_least(OLDEST_SUPPORTED) { Ok(()) } else { Err(UnsupportedVersion(self.clone())) }
    }

    /// Returns a warning if this release is newer than those that this program was made for, or no release at all.
    pub fn describe_unknown(&self) -> Option<String> {
        if self.is_lite() {
            return Some("this is Milvus Lite: it gets inserts, because it imports no files".to_owned());
        }
        self.at_least(FIRST_UNKNOWN).then(|| {
            format!(
                "Milvus {self} is newer than the releases that this program knows (up to 3.0): it is treated like 3.0"
            )
        })
    }
}

/// Parses `MAJOR.MINOR[.PATCH]` at the beginning of a text.
fn parse_release(text: &str) -> Option<Release> {
    let (major, rest) = split_number(text)?;
    let (minor, rest) = split_number(rest.strip_prefix('.')?)?;
    let patch = rest.strip_prefix('.').and_then(split_number).map_or(NEWEST, |(patch, _)| patch);
    Some((major, minor, patch))
}

/// Splits the decimal number off the beginning of a text.
fn split_number(text: &str) -> Option<(u32, &str)> {
    let (digits, rest) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    (!digits.is_empty()).then(|| (digits.parse().unwrap_or(NEWEST), rest))
}

/// Writes the version as Milvus reported it.
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
    fn reported_versions_are_parsed() {
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
    fn releases_without_databases_are_refused_and_unknown_ones_are_announced() {
        for raw in [
            "2.2.9",
            "v2.2.16-lite",
            "2.3.0",
            "v2.3.5",
            "2.3",
            "2.6-20260404-x",
            "pkg/v2.5.5",
            "3.0.0",
            "3.0",
        ] {
            let version = ServerVersion::parse(raw);
            assert_eq!((version.supported(), version.describe_unknown()), (Ok(()), None), "{raw}");
        }
        let refused = ServerVersion::parse("2.2.8").supported().unwrap_err().to_string();
        assert_eq!(refused, "Milvus 2.2.8 is not supported: 2.2.9 or later is required");
        for raw in ["3.1.0", "4.0.0", "master-20260101-8b1ae98f", ""] {
            let version = ServerVersion::parse(raw);
            assert!(version.supported().is_ok() && version.describe_unknown().is_some(), "{raw}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_parsed_without_panic(raw: String) {
            let _ = ServerVersion::parse(&raw).supported();
        }
    }
}
