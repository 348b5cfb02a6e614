//! The data of configuration values.

use secrecy::{ExposeSecret, SecretString};

use super::provider::Provider;

/// The data of a value.
#[derive(Clone, Debug)]
pub(crate) enum Data {
    /// Text, or a word of an enumeration.
    Text(String),
    /// The provider of a storage.
    Provider(Provider),
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
            Self::Provider(provider) => provider.to_string(),
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
            Self::Provider(_) | Self::Flag(_) | Self::Number(_) => false,
        }
    }
}
