//! The rules for names, and the words of each release for breaking one.

use proto::common::ErrorCode;

use super::reply::{Refusal, Version};
use super::words::V2_5;

const MAX_NAME_BYTES: usize = 255;

/// What a name is given to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Named {
    Database,
    Collection,
    Alias,
    Partition,
    Field,
    Index,
}

/// A rule that a name breaks, in the order in which Milvus checks them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum BrokenRule {
    Empty,
    TooLong,
    FirstCharacter,
    Characters,
}

impl Named {
    fn as_str(self) -> &'static str {
        match self {
            Self::Database => "database name",
            Self::Collection => "collection name",
            Self::Alias => "collection alias",
            Self::Partition => "partition name",
            Self::Field => "field name",
            Self::Index => "index name",
        }
    }

    fn find_broken_rule(self, name: &str, version: Version) -> Option<BrokenRule> {
        let allows_dash = self == Self::Partition && version >= (2, 5, 0);
        let is_allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || (c == '-' && allows_dash);
        // Partitions may begin with a digit.
        let may_begin =
            |c: char| c.is_ascii_alphabetic() || c == '_' || (c.is_ascii_digit() && self == Self::Partition);
        if name.is_empty() {
            Some(BrokenRule::Empty)
        } else if name.len() > MAX_NAME_BYTES {
            Some(BrokenRule::TooLong)
        } else if !name.starts_with(may_begin) {
            Some(BrokenRule::FirstCharacter)
        } else if name.chars().all(is_allowed) {
            None
        } else {
            Some(BrokenRule::Characters)
        }
    }

    fn describe(self, rule: BrokenRule, version: Version) -> String {
        let what = self.as_str();
        match rule {
            BrokenRule::Empty if self == Self::Database => format!("{what} couldn't be empty"),
            BrokenRule::Empty => format!("{what} should not be empty"),
            BrokenRule::TooLong => format!("the length of a {what} must be less than 255 characters"),
            BrokenRule::FirstCharacter => {
                format!("the first character of a {what} must be an underscore or letter")
            }
            BrokenRule::Characters if matches!(self, Self::Field | Self::Index) => {
                let can = if version < V2_5 { "cannot" } else { "can" };
                format!("{what} {can} only contain numbers, letters, and underscores")
            }
            BrokenRule::Characters => format!("{what} can only contain numbers, letters and underscores"),
        }
    }
}

/// Fails if a name breaks a rule of this release.
pub(super) fn check_name(of: Named, name: &str, version: Version) -> Result<(), Refusal> {
    // Releases before 2.5 ignore spaces around names of collections.
    let name = if of == Named::Collection && version < (2, 5, 0) { name.trim_matches(' ') } else { name };
    let Some(rule) = of.find_broken_rule(name, version) else { return Ok(()) };
    let what = of.as_str();
    let is_old = version < (2, 3, 0);
    let text = of.describe(rule, version);
    Err(match (of, rule) {
        (Named::Partition | Named::Index, _) => {
            Refusal::plain(format!("Invalid {what}: {name}. {}.", capitalise(&text)))
        }
        (Named::Field, _) => {
            let text = match rule {
                BrokenRule::Empty => text,
                _ => format!("Invalid {what}: {name}. {}.", capitalise(&text)),
            };
            if is_old {
                Refusal::unexpected(text)
            } else {
                let text = format!("{text}: field name invalid[field={name}]");
                Refusal::new(1701, ErrorCode::UnexpectedError, text)
            }
        }
        (Named::Database, _) if !is_old => Refusal::new(
            802,
            ErrorCode::UnexpectedError,
            format!("{text}: invalid database name[database={name}]"),
        ),
        (_, BrokenRule::Empty) if is_old => Refusal::unexpected(text),
        (_, BrokenRule::Empty) => Refusal::invalid(format!("{text}: invalid parameter")),
        (Named::Database, _) => Refusal::unexpected(format!("Invalid {what} {name}, {text}")),
        _ if is_old => Refusal::unexpected(format!("Invalid {what}: {name}.  {text}")),
        _ => Refusal::invalid(format!("Invalid {what}: {name}. {text}: invalid parameter")),
    })
}

fn capitalise(text: &str) -> String {
    let mut characters = text.chars();
    characters
        .next()
        .map_or_else(String::new, |first| first.to_ascii_uppercase().to_string() + characters.as_str())
}
