//! Effective values and their sources.

use std::collections::BTreeMap;
use std::fmt;

use secrecy::{ExposeSecret, SecretString};

/// The source of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// The default of the schema.
    Default,
    /// A configuration file.
    File {
        /// The path of the file, as it was found.
        path: String,
        /// The line, counted from 1.
        line: u64,
        /// The key as the file writes it.
        key: String,
    },
    /// An environment variable (one ending in `_FILE` names the file that holds the value).
    Env(String),
    /// `--set`, with the key as given.
    Set(String),
    /// Another flag of the command line.
    Flag(&'static str),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { path, line, .. } => write!(f, "{path}:{line}"),
            Self::Env(name) => write!(f, "env {name}"),
            Self::Set(_) => f.write_str("--set"),
            Self::Flag(flag) => write!(f, "flag {flag}"),
        }
    }
}

impl Source {
    /// The key under which the value was set, if the source has keys.
    pub(crate) fn key(&self) -> Option<&str> {
        match self {
            Self::File { key, .. } | Self::Set(key) => Some(key),
            Self::Default | Self::Env(_) | Self::Flag(_) => None,
        }
    }
}

/// The data of a value.
#[derive(Clone, Debug)]
pub(crate) enum Data {
    /// Text, or a word of an enumeration.
    Text(String),
    /// A secret text.
    Secret(SecretString),
    /// Several secret texts.
    Secrets(Vec<SecretString>),
    /// A boolean.
    Flag(bool),
    /// A number: a count, a port, bytes or seconds.
    Number(u64),
    /// Several texts.
    List(Vec<String>),
}

impl Data {
    /// The value as a configuration file contains it, secrets in plain text.
    pub(super) fn in_clear(&self) -> String {
        match self {
            Self::Secret(secret) => secret.expose_secret().to_owned(),
            other => other.shown(),
        }
    }

    /// The value for display; a secret that is set is `****`.
    pub(super) fn shown(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Secret(secret) if secret.expose_secret().is_empty() => String::new(),
            Self::Secrets(secrets) if secrets.is_empty() => String::new(),
            Self::Secret(_) | Self::Secrets(_) => "****".to_owned(),
            Self::Flag(flag) => flag.to_string(),
            Self::Number(number) => number.to_string(),
            Self::List(items) => items.join(","),
        }
    }

    /// Whether the value is an empty text or list.
    pub(super) fn is_empty(&self) -> bool {
        match self {
            Self::Text(text) => text.is_empty(),
            Self::Secret(secret) => secret.expose_secret().is_empty(),
            Self::Secrets(secrets) => secrets.is_empty(),
            Self::List(items) => items.is_empty(),
            Self::Flag(_) | Self::Number(_) => false,
        }
    }
}

/// An effective value.
#[derive(Clone, Debug)]
pub(crate) struct Value {
    /// The data.
    pub data: Data,
    /// The source of the data.
    pub source: Source,
    /// The key from which the value is inherited, if it is.
    pub inherited: Option<&'static str>,
}

/// The effective values of all keys of a schema.
#[derive(Clone, Debug, Default)]
pub(crate) struct Values(BTreeMap<&'static str, Value>);

impl Values {
    /// Sets a key.
    pub(super) fn put(&mut self, key: &'static str, value: Value) {
        self.0.insert(key, value);
    }

    /// Sets a key's data and keeps where it came from.
    pub(super) fn put_from(&mut self, key: &'static str, data: Data, source: &Source) {
        self.put(key, Value { data, source: source.clone(), inherited: None });
    }

    /// The value of a key of the schema.
    pub(super) fn get(&self, key: &str) -> Option<&Value> {
        self.0.get(key)
    }

    /// Where a value was set; `Default` for a key nobody knows.
    pub(super) fn source(&self, key: &str) -> Source {
        self.get(key).map_or(Source::Default, |value| value.source.clone())
    }

    /// Whether anybody set the key itself (not inherited, no default).
    pub(super) fn is_set(&self, key: &str) -> bool {
        self.get(key).is_some_and(|value| value.source != Source::Default && value.inherited.is_none())
    }

    /// The text of a text key.
    pub(super) fn text(&self, key: &str) -> &str {
        match self.get(key).map(|value| &value.data) {
            Some(Data::Text(text)) => text,
            other => mismatch(key, other, ""),
        }
    }

    /// The secret of a secret key.
    pub(super) fn secret(&self, key: &str) -> SecretString {
        match self.get(key).map(|value| &value.data) {
            Some(Data::Secret(secret)) => secret.clone(),
            other => mismatch(key, other, SecretString::default()),
        }
    }

    /// The secrets of a key that holds several.
    pub(super) fn secrets(&self, key: &str) -> &[SecretString] {
        match self.get(key).map(|value| &value.data) {
            Some(Data::Secrets(secrets)) => secrets,
            other => mismatch(key, other, &[]),
        }
    }

    /// The items of a list.
    pub(super) fn list(&self, key: &str) -> &[String] {
        match self.get(key).map(|value| &value.data) {
            Some(Data::List(items)) => items,
            other => mismatch(key, other, &[]),
        }
    }

    /// The boolean of a boolean key.
    pub(super) fn flag(&self, key: &str) -> bool {
        match self.get(key).map(|value| &value.data) {
            Some(Data::Flag(flag)) => *flag,
            other => mismatch(key, other, false),
        }
    }

    /// The number of a numeric key.
    pub(super) fn number(&self, key: &str) -> u64 {
        match self.get(key).map(|value| &value.data) {
            Some(Data::Number(number)) => *number,
            other => mismatch(key, other, 0),
        }
    }
}

/// A key asked for as what it is not: a fault of this program that its tests find.
fn mismatch<T>(key: &str, found: Option<&Data>, otherwise: T) -> T {
    debug_assert!(false, "configuration key {key} asked for as another kind: {found:?}");
    otherwise
}
