//! Keys as constants that the compiler checks: a key that its schema does not have, or has with another kind of value,
//! does not compile.

use std::fmt;
use std::marker::PhantomData;

use secrecy::SecretString;

use super::{Kind, Schema};
use crate::config::provider::Provider;

/// A key of a schema whose values are of type `T`.
pub(crate) struct TypedKey<T> {
    name: &'static str,
    values: PhantomData<fn() -> T>,
}

/// A key of a schema whose values are of any type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AnyKey {
    name: &'static str,
}

impl AnyKey {
    /// The dotted name of the key.
    pub(crate) const fn name(self) -> &'static str {
        self.name
    }
}

impl<T> TypedKey<T> {
    /// The dotted name of the key.
    pub(crate) const fn name(self) -> &'static str {
        self.name
    }

    /// The key without the type of its values.
    pub(crate) const fn any(self) -> AnyKey {
        AnyKey { name: self.name }
    }

    const fn checked(name: &'static str, fits: bool) -> Self {
        assert!(fits, "the values of this key have another type");
        Self { name, values: PhantomData }
    }
}

/// The constructors are for constants only: they fail to compile if the schema has no such key.
impl TypedKey<String> {
    /// A key with text.
    pub(in crate::config) const fn text(schema: Schema, name: &'static str) -> Self {
        let kind = schema.kind_of(name);
        let fits = matches!(kind, Kind::Text | Kind::Account | Kind::Url | Kind::Word(_) | Kind::Listen);
        Self::checked(name, fits)
    }
}

impl TypedKey<Provider> {
    /// A key with the provider of a storage.
    pub(in crate::config) const fn provider(schema: Schema, name: &'static str) -> Self {
        Self::checked(name, matches!(schema.kind_of(name), Kind::Provider))
    }
}

impl TypedKey<SecretString> {
    /// A key with a secret.
    pub(in crate::config) const fn secret(schema: Schema, name: &'static str) -> Self {
        Self::checked(name, matches!(schema.kind_of(name), Kind::Secret))
    }
}

impl TypedKey<Vec<SecretString>> {
    /// A key with a list of secrets.
    pub(in crate::config) const fn secrets(schema: Schema, name: &'static str) -> Self {
        Self::checked(name, matches!(schema.kind_of(name), Kind::SecretList))
    }
}

impl TypedKey<Vec<String>> {
    /// A key with a list of texts.
    pub(in crate::config) const fn list(schema: Schema, name: &'static str) -> Self {
        Self::checked(name, matches!(schema.kind_of(name), Kind::List))
    }
}

impl TypedKey<bool> {
    /// A key with a boolean.
    pub(in crate::config) const fn flag(schema: Schema, name: &'static str) -> Self {
        Self::checked(name, matches!(schema.kind_of(name), Kind::Bool))
    }
}

impl TypedKey<u64> {
    /// A key with a number.
    pub(in crate::config) const fn number(schema: Schema, name: &'static str) -> Self {
        use Kind::{Count, Duration, OptionalPort, Port, Size, Whole};
        let kind = schema.kind_of(name);
        Self::checked(name, matches!(kind, Port | OptionalPort | Count | Whole | Size | Duration))
    }
}

impl<T> Clone for TypedKey<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for TypedKey<T> {}

impl<T> From<TypedKey<T>> for AnyKey {
    fn from(key: TypedKey<T>) -> Self {
        key.any()
    }
}

impl<T> fmt::Display for TypedKey<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

impl fmt::Display for AnyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}
