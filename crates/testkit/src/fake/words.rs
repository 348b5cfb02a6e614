//! The reasons for refusals in the words and with the codes of each release.

use proto::common::{ErrorCode, Status};

use super::reply::Version;

/// How the releases number a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Without a number of its own until 2.6, where it is an invalid parameter.
    Plain,
    /// Like [`Kind::Plain`], but with an old error code of its own.
    #[expect(dead_code, reason = "users come next")]
    PlainAs(ErrorCode),
    /// Without a number of its own until 2.6, where it is a missing parameter.
    Missing,
    /// An invalid parameter since there are numbers.
    Invalid,
    /// A number and an old error code for all releases; 2.2 sends only the latter.
    Coded(i32, ErrorCode),
}

/// The words of a refusal since a release. `{0}` and `{1}` stand for its arguments.
pub(super) type Words = (Version, Kind, &'static str);

/// The releases that changed the words of many refusals.
pub(super) const V2_2: Version = (2, 2, 0);
pub(super) const V2_3: Version = (2, 3, 0);
pub(super) const V2_4: Version = (2, 4, 0);
pub(super) const V2_5: Version = (2, 5, 0);
pub(super) const V2_6: Version = (2, 6, 0);
pub(super) const V3_0: Version = (3, 0, 0);

/// Returns the words of a release: those of the last row that is not newer.
pub(super) fn words_of(wording: &[Words], version: Version) -> (Kind, &'static str) {
    let known = wording.iter().rfind(|(since, ..)| *since <= version).or_else(|| wording.first());
    known.map_or((Kind::Plain, ""), |(_, kind, text)| (*kind, *text))
}

/// Puts the arguments into a text.
pub(super) fn fill(text: &str, arguments: &[String]) -> String {
    let mut filled = text.to_owned();
    for (position, argument) in arguments.iter().enumerate() {
        filled = filled.replace(&format!("{{{position}}}"), argument);
    }
    filled
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
