//! Effective values and where they come from.

use std::collections::BTreeMap;
use std::fmt;

use secrecy::{ExposeSecret, SecretString};

use super::provider::Provider;

/// Where a value was set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// The schema: no file, variable or argument sets the value.
    Default,
    /// A line of a configuration file.
    File {
        /// The file, as found.
        path: String,
        /// The number of the line, counted from 1.
        line: u64,
        /// The key as the file writes it.
        key: String,
    },
    /// An environment variable (one ending in `_FILE` names the file that holds the value).
    Env(String),
    /// `--set`, with the key as given.
    Set(String),
    /// A flag of the command line.
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
    /// The name under which the value was set, where it has one.
    pub(crate) fn key(&self) -> Option<&str> {
        match self {
            Self::File { key, .. } | Self::Set(key) => Some(key),
            Self::Default | Self::Env(_) | Self::Flag(_) => None,
        }
    }
}

/// A value of the kind its key asks for.
#[derive(Clone, Debug)]
pub(crate) enum Data {
    /// Text, or one of an enumeration's words.
    Text(String),
    /// The provider of a storage.
    Provider(Provider),
    /// Text that is never shown.
    Secret(SecretString),
    /// Several texts that are never shown.
    Secrets(Vec<SecretString>),
    Flag(bool),
    /// A number: a count, a port, bytes or seconds.
    Number(u64),
    /// Texts in their order, such as addresses.
    List(Vec<String>),
}

impl Data {
    /// The value as a configuration file writes it; a secret in clear.
    pub(super) fn in_clear(&self) -> String {
        match self {
            Self::Secret(secret) => secret.expose_secret().to_owned(),
            other => other.shown(),
        }
    }

    /// The value for the eye: a secret that is set shows as `****`.
    pub(super) fn shown(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Provider(provider) => provider.to_string(),
            Self::Secret(secret) if secret.expose_secret().is_empty() => String::new(),
            Self::Secrets(secrets) if secrets.is_empty() => String::new(),
            Self::Secret(_) | Self::Secrets(_) => "****".to_owned(),
            Self::Flag(flag) => flag.to_string(),
            Self::Number(number) => number.to_string(),
            Self::List(items) => items.join(","),
        }
    }

    /// Whether it is empty text.
    pub(super) fn is_empty(&self) -> bool {
        match self {
            Self::Text(text) => text.is_empty(),
            Self::Secret(secret) => secret.expose_secret().is_empty(),
            Self::Secrets(secrets) => secrets.is_empty(),
            Self::List(items) => items.is_empty(),
            Self::Provider(_) | Self::Flag(_) | Self::Number(_) => false,
        }
    }
}

/// The effective value of a key and its source.
#[derive(Clone, Debug)]
pub(crate) struct Value {
    pub data: Data,
    /// Where it was set.
    pub source: Source,
    /// The key it was taken over from, where it has none of its own.
    pub inherited: Option<&'static str>,
}

/// Every key of a schema with its effective value.
#[derive(Clone, Debug, Default)]
pub(crate) struct Values(BTreeMap<&'static str, Value>);

impl Values {
    /// Sets the value of a key and replaces an earlier one.
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

    /// The provider that a key names.
    pub(super) fn provider(&self, key: &str) -> Provider {
        match self.get(key).map(|value| &value.data) {
            Some(Data::Provider(provider)) => *provider,
            other => mismatch(key, other, Provider::Minio),
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
