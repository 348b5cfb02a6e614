//! The kinds of values, and how their text is parsed.

use secrecy::SecretString;

use crate::config::data::Data;
use crate::config::document::Item;
use crate::config::provider::Provider;
use server::ListenAddress;

/// The kinds of values.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::config) enum Kind {
    /// Any text, also an empty one.
    Text,
    /// Secret text; may be read from the file that a variable `*_FILE` names.
    Secret,
    /// The name of an account, which is not secret; may be read from the file that a variable `*_FILE` names.
    Account,
    /// A boolean, as Go and YAML 1.1 write it.
    Bool,
    /// A TCP port from 1 to 65535.
    Port,
    /// A TCP port from 1 to 65535, or 0 for none.
    OptionalPort,
    /// A number from 1.
    Count,
    /// A number from 0.
    Whole,
    /// A number of bytes, with an optional unit.
    Size,
    /// A number of seconds, with an optional unit.
    Duration,
    /// An absolute http(s) URL, or empty.
    Url,
    /// Texts, in a list or separated by commas.
    List,
    /// Secret texts, in a list or separated by blanks (password hashes contain commas); may be read from the file that
    /// a variable `*_FILE` names.
    SecretList,
    /// An address to listen on: `PORT`, `:PORT` or `HOST:PORT`, or empty.
    Listen,
    /// The provider of a storage, in any of its spellings.
    Provider,
    /// One of some words, in any case. Other spellings of a word follow it, separated by `|`.
    Word(&'static [&'static str]),
}

impl Kind {
    /// Parses a value. The error says what was expected; it quotes the text only if the kind is not secret.
    pub(in crate::config) fn parse(self, item: &Item) -> Result<Data, String> {
        let text = match item {
            Item::Scalar(text) => text.as_str(),
            Item::List(items) if self == Self::List => return Ok(Data::List(items.clone())),
            Item::List(items) if self == Self::SecretList => return Ok(Data::Secrets(secrets(items))),
            Item::List(_) => return Err(format!("expected {}, not a list", self.expected())),
        };
        self.parse_text(text).ok_or_else(|| {
            let nearest = (self == Self::Provider).then(|| Provider::nearest(text)).flatten();
            if text.is_empty() {
                format!("expected {}, it is empty", self.expected())
            } else if let Some(nearest) = nearest {
                format!("expected {}, not {text:?}; did you mean {nearest}?", self.expected())
            } else {
                format!("expected {}, not {text:?}", self.expected())
            }
        })
    }

    fn parse_text(self, text: &str) -> Option<Data> {
        let trimmed = text.trim();
        Some(match self {
            Self::Text | Self::Account => Data::Text(text.to_owned()),
            Self::Secret => Data::Secret(SecretString::from(text)),
            Self::Bool => Data::Flag(parse_bool(trimmed)?),
            Self::Port => Data::Number(whole(trimmed).filter(|port| (1..=65_535).contains(port))?),
            Self::OptionalPort => Data::Number(whole(trimmed).filter(|port| *port <= 65_535)?),
            Self::Count => Data::Number(whole(trimmed).filter(|count| *count > 0)?),
            Self::Whole => Data::Number(whole(trimmed)?),
            Self::Size => Data::Number(with_unit(trimmed, &SIZES)?),
            Self::Duration => Data::Number(with_unit(trimmed, &DURATIONS)?),
            Self::Url => Data::Text(parse_url(trimmed)?),
            Self::List => {
                let items = trimmed.split(',').map(str::trim).filter(|item| !item.is_empty());
                Data::List(items.map(str::to_owned).collect())
            }
            Self::SecretList => Data::Secrets(secrets(trimmed.split_ascii_whitespace())),
            Self::Listen if trimmed.is_empty() || trimmed.parse::<ListenAddress>().is_ok() => {
                Data::Text(trimmed.to_owned())
            }
            Self::Listen => return None,
            Self::Provider => Data::Provider(Provider::parse(trimmed)?),
            Self::Word(words) => Data::Text(canonical(words, trimmed)?.to_owned()),
        })
    }

    fn expected(self) -> String {
        match self {
            Self::Text | Self::Secret | Self::Account => "text".to_owned(),
            Self::Bool => "true or false".to_owned(),
            Self::Port => "a port (1 to 65535)".to_owned(),
            Self::OptionalPort => "a port (1 to 65535) or 0".to_owned(),
            Self::Count => "a number above 0".to_owned(),
            Self::Whole => "a number".to_owned(),
            Self::Size => "a size in bytes, such as 500MiB".to_owned(),
            Self::Duration => "a time in seconds, such as 90 or 15m".to_owned(),
            Self::Url => "a URL such as http://localhost:9091".to_owned(),
            Self::List | Self::SecretList => "a list".to_owned(),
            Self::Listen => "PORT, :PORT or HOST:PORT".to_owned(),
            Self::Provider => one_of(Provider::ALL.into_iter().map(Provider::name)),
            Self::Word(words) => one_of(words.iter().map(|word| main_spelling(word))),
        }
    }
}

fn one_of(words: impl Iterator<Item = &'static str>) -> String {
    format!("one of {}", words.collect::<Vec<_>>().join(", "))
}

fn secrets(items: impl IntoIterator<Item: Into<String>>) -> Vec<SecretString> {
    items.into_iter().map(|item| SecretString::from(item.into())).collect()
}

/// Parses a boolean as Go and YAML 1.1 write it.
pub(crate) fn parse_bool(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "t" | "1" | "yes" | "on" => Some(true),
        "false" | "f" | "0" | "no" | "off" => Some(false),
        _ => None,
    }
}

/// Parses a whole number; `3.0` is accepted, because some YAML writers produce it.
fn whole(text: &str) -> Option<u64> {
    let (digits, fraction) = text.split_once('.').unwrap_or((text, ""));
    (fraction.bytes().all(|b| b == b'0') && !digits.starts_with('+')).then(|| digits.parse().ok())?
}

const SIZES: [(&str, u64); 10] = [
    ("kib", 1 << 10),
    ("mib", 1 << 20),
    ("gib", 1 << 30),
    ("kb", 1 << 10),
    ("mb", 1 << 20),
    ("gb", 1 << 30),
    ("k", 1 << 10),
    ("m", 1 << 20),
    ("g", 1 << 30),
    ("b", 1),
];
const DURATIONS: [(&str, u64); 3] = [("s", 1), ("m", 60), ("h", 3600)];

fn with_unit(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let lower = text.to_ascii_lowercase();
    let unit = units.iter().find_map(|(unit, factor)| Some((lower.strip_suffix(unit)?, *factor)));
    let (number, factor) = unit.unwrap_or((&lower, 1));
    whole(number.trim_end())?.checked_mul(factor)
}

fn main_spelling(word: &'static str) -> &'static str {
    word.split('|').next().unwrap_or(word)
}

fn canonical(words: &[&'static str], text: &str) -> Option<&'static str> {
    words
        .iter()
        .find(|word| word.split('|').any(|spelling| spelling.eq_ignore_ascii_case(text)))
        .map(|word| main_spelling(word))
}

/// Adds the scheme where it is missing, because the Go releases accept such values; `None` for no URL.
fn parse_url(text: &str) -> Option<String> {
    if text.is_empty() {
        return Some(String::new());
    }
    let (scheme, host) = text.split_once("://").unwrap_or(("http", text));
    let is_host = !host.is_empty() && !host.starts_with('/') && !host.contains(char::is_whitespace);
    (matches!(scheme, "http" | "https") && is_host).then(|| format!("{scheme}://{host}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(kind: Kind, text: &str) -> String {
        match kind.parse(&Item::Scalar(text.to_owned())) {
            Ok(data) => data.shown(),
            Err(reason) => reason,
        }
    }

    #[test]
    fn kinds_accept_what_earlier_releases_accept() {
        assert_eq!(shown(Kind::Port, "19530"), "19530");
        assert_eq!(shown(Kind::Port, "0"), "expected a port (1 to 65535), not \"0\"");
        assert_eq!(
            shown(Kind::Port, "tcp://10.0.0.1:19530"),
            "expected a port (1 to 65535), not \"tcp://10.0.0.1:19530\""
        );
        assert_eq!(shown(Kind::Port, "+1"), "expected a port (1 to 65535), not \"+1\"");
        assert_eq!(shown(Kind::Whole, "3.0"), "3");
        assert_eq!(shown(Kind::Whole, "3.5"), "expected a number, not \"3.5\"");
        assert_eq!(shown(Kind::Count, ""), "expected a number above 0, it is empty");
        assert_eq!(shown(Kind::Bool, "Yes"), "true");
        assert_eq!(shown(Kind::Bool, "F"), "false");
        assert_eq!(shown(Kind::Bool, "maybe"), "expected true or false, not \"maybe\"");
        assert_eq!(shown(Kind::Size, "50 MiB"), "52428800");
        assert_eq!(
            shown(Kind::Size, "99999999999g"),
            "expected a size in bytes, such as 500MiB, not \"99999999999g\""
        );
        assert_eq!(shown(Kind::Duration, "15m"), "900");
        assert_eq!(shown(Kind::Url, "localhost:9091"), "http://localhost:9091");
        assert_eq!(
            shown(Kind::Url, "ftp://localhost"),
            "expected a URL such as http://localhost:9091, not \"ftp://localhost\""
        );
        assert_eq!(shown(Kind::List, "a, b,,c"), "a,b,c");
        assert_eq!(shown(Kind::Provider, "ALI"), "aliyun");
        assert_eq!(shown(Kind::Word(&["aliyun|ali", "local"]), "ALI"), "aliyun");
        assert_eq!(
            shown(Kind::Word(&["aliyun|ali", "local"]), "x"),
            "expected one of aliyun, local, not \"x\""
        );
        assert_eq!(shown(Kind::Secret, "hunter2"), "****");
    }
}
