//! The reasons for refusals in the words and with the codes of each release.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use proto::common::{ErrorCode, Status};

use super::reply::Version;

/// How the releases number a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Without a number of its own until 2.6, where it is an invalid parameter.
    Plain,
    /// Like [`Kind::Plain`], but with an old error code of its own.
    PlainAs(ErrorCode),
    /// Without a number of its own until 2.6, where it is a missing parameter.
    Missing,
    /// An invalid parameter since there are numbers.
    Invalid,
    /// A number and an old error code for all releases; 2.2 sends only the latter.
    Coded(i32, ErrorCode),
}

/// The releases that changed the words of many refusals.
pub(super) const V2_2: Version = (2, 2, 0);
pub(super) const V2_3: Version = (2, 3, 0);
pub(super) const V2_4: Version = (2, 4, 0);
pub(super) const V2_5: Version = (2, 5, 0);
pub(super) const V2_6: Version = (2, 6, 0);
pub(super) const V3_0: Version = (3, 0, 0);

/// The words of a refusal since a release.
type Words = (Version, Kind, &'static str);

/// The words by name, from the table beside this file.
static TABLE: LazyLock<BTreeMap<&str, Vec<Words>>> = LazyLock::new(|| {
    let mut table: BTreeMap<&str, Vec<Words>> = BTreeMap::new();
    for (name, words) in include_str!("words.txt").lines().filter_map(parse_line) {
        table.entry(name).or_default().push(words);
    }
    table
});

/// Returns the words of a line of the table; `None` for a comment.
fn parse_line(line: &'static str) -> Option<(&'static str, Words)> {
    let mut columns = line.splitn(4, " | ");
    let name = columns.next()?;
    let (major, minor) = columns.next()?.split_once('.')?;
    let (kind, error_code) = columns.next().map(|kind| kind.split_once(' ').unwrap_or((kind, "")))?;
    let error_code = ErrorCode::from_str_name(error_code);
    let kind = match (kind, error_code) {
        ("plain", None) => Kind::Plain,
        ("plain", Some(error_code)) => Kind::PlainAs(error_code),
        ("missing", None) => Kind::Missing,
        ("invalid", None) => Kind::Invalid,
        (code, Some(error_code)) => Kind::Coded(code.parse().ok()?, error_code),
        _ => return None,
    };
    Some((name, ((major.parse().ok()?, minor.parse().ok()?, 0), kind, columns.next()?)))
}

/// Returns the words of a release by their name: those of the last line that is not newer.
pub(super) fn words_of(name: &str, version: Version) -> Option<(Kind, &'static str)> {
    let words = TABLE.get(name)?;
    let known = row_at(words, version, |(since, ..)| *since).or_else(|| words.first())?;
    Some((known.1, known.2))
}

/// Returns the words for a call by the name of the refusal, or those for all other calls.
pub(super) fn words_of_call(name: &str, call: &str, version: Version) -> Option<(Kind, &'static str)> {
    words_of(&format!("{name}.{call}"), version).or_else(|| words_of(name, version))
}

impl Kind {
    /// Returns the status that a release sends for a refusal with this text.
    pub(super) fn into_status(self, text: String, version: Version) -> Status {
        let is_old = version < V2_3;
        let numbered = version >= V2_6;
        let (code, error_code, suffix) = match self {
            Self::Plain if numbered => (1100, ErrorCode::IllegalArgument, ": invalid parameter"),
            Self::PlainAs(error_code) if numbered => (1100, error_code, ": invalid parameter"),
            Self::Missing if numbered => (1101, ErrorCode::IllegalArgument, ": missing parameter"),
            Self::Plain | Self::Missing => (65535, ErrorCode::UnexpectedError, ""),
            Self::PlainAs(error_code) => (65535, error_code, ""),
            Self::Invalid if is_old => (0, ErrorCode::UnexpectedError, ""),
            Self::Invalid => (1100, ErrorCode::IllegalArgument, ": invalid parameter"),
            Self::Coded(code, error_code) => (code, error_code, ""),
        };
        Status {
            error_code: error_code.into(),
            reason: text + suffix,
            code: if is_old { 0 } else { code },
            retriable: code == 8 && version >= (2, 3, 4),
            ..Status::default()
        }
    }
}

/// Returns the last row of a table that is not newer than a release.
pub(super) fn row_at<T>(rows: &[T], version: Version, since: impl Fn(&T) -> Version) -> Option<&T> {
    rows.iter().rfind(|row| since(row) <= version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_table_is_a_comment_or_has_four_columns() {
        for line in include_str!("words.txt").lines() {
            assert!(line.starts_with('#') || parse_line(line).is_some(), "{line}");
        }
    }

    #[test]
    fn the_words_of_a_release_are_the_last_that_are_not_newer() {
        let words = |version| words_of("property.not_a_ttl", version).map(|(_, text)| text);
        assert_eq!(words(V2_6), Some("collection TTL is not a valid positive integer"));
        assert!(words(V3_0).is_some_and(|text| text.contains("parse error")));
    }
}
