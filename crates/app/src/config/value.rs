//! Effective values and their sources.

use std::collections::BTreeMap;
use std::fmt;

use secrecy::SecretString;

use super::data::Data;
use super::provider::Provider;
use super::schema::{AnyKey, TypedKey};

/// The source of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// The schema: no file, variable or argument sets the value.
    Default,
    /// A line of a configuration file.
    File {
        /// The path of the file, as it was found.
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
    /// Sets the value of a key and replaces an earlier one.
    pub(super) fn put(&mut self, key: &'static str, value: Value) {
        self.0.insert(key, value);
    }

    /// Sets a key's data and keeps where it came from.
    pub(super) fn put_from(&mut self, key: impl Into<AnyKey>, data: Data, source: &Source) {
        self.put(key.into().name(), Value { data, source: source.clone(), inherited: None });
    }

    /// The value of the key with this name, which must be that of a schema.
    pub(super) fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// The source of a value.
    pub(super) fn source(&self, key: impl Into<AnyKey>) -> Source {
        self.get(key.into().name()).map_or(Source::Default, |value| value.source.clone())
    }

    /// Whether the key itself was set; false if its value is inherited or the default.
    pub(super) fn is_set(&self, key: impl Into<AnyKey>) -> bool {
        self.get(key.into().name())
            .is_some_and(|value| value.source != Source::Default && value.inherited.is_none())
    }

    /// The value of a text key.
    pub(super) fn text(&self, key: TypedKey<String>) -> &str {
        match self.data(key) {
            Some(Data::Text(text)) => text,
            _ => "",
        }
    }

    /// The provider that a key names.
    pub(super) fn provider(&self, key: TypedKey<Provider>) -> Provider {
        match self.data(key) {
            Some(Data::Provider(provider)) => *provider,
            _ => Provider::Minio,
        }
    }

    /// The value of a secret key.
    pub(super) fn secret(&self, key: TypedKey<SecretString>) -> SecretString {
        match self.data(key) {
            Some(Data::Secret(secret)) => secret.clone(),
            _ => SecretString::default(),
        }
    }

    /// The values of a key with a list of secrets.
    pub(super) fn secrets(&self, key: TypedKey<Vec<SecretString>>) -> &[SecretString] {
        match self.data(key) {
            Some(Data::Secrets(secrets)) => secrets,
            _ => &[],
        }
    }

    /// The values of a key with a list of texts.
    pub(super) fn list(&self, key: TypedKey<Vec<String>>) -> &[String] {
        match self.data(key) {
            Some(Data::List(items)) => items,
            _ => &[],
        }
    }

    /// The value of a boolean key.
    pub(super) fn flag(&self, key: TypedKey<bool>) -> bool {
        matches!(self.data(key), Some(Data::Flag(true)))
    }

    /// The value of a numeric key.
    pub(super) fn number(&self, key: TypedKey<u64>) -> u64 {
        match self.data(key) {
            Some(Data::Number(number)) => *number,
            _ => 0,
        }
    }

    /// The data of a key. The type of the key ensures that the schema has it and that the data is of that type.
    fn data<T>(&self, key: TypedKey<T>) -> Option<&Data> {
        let data = self.get(key.name()).map(|value| &value.data);
        debug_assert!(data.is_some(), "no value of {key}");
        data
    }
}
