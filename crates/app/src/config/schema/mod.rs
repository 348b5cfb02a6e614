//! The two schemas as tables of keys: v1 (0.4.15, 0.5.16) and v2 (0.6), both with the keys of our server.

pub(crate) mod keys;
mod kind;
pub(super) mod server;
mod typed;
pub(super) mod v1;
pub(super) mod v1_keys;
pub(super) mod v2;

pub(super) use kind::Kind;
pub(crate) use kind::parse_bool;
pub(crate) use typed::{AnyKey, TypedKey};

/// A key of a schema.
pub(super) struct Key {
    /// The dotted name.
    pub name: &'static str,
    /// Other names of the key, in the order in which they are looked up after its own name.
    pub also: &'static [&'static str],
    /// The kind of its value, which decides how text becomes a value.
    pub kind: Kind,
    /// The value if none is set.
    pub default: &'static str,
    /// The environment variable that sets it.
    pub env: Option<&'static str>,
    /// The key whose effective value is used if none is set.
    pub inherits: Option<&'static str>,
    /// For a v1 key, the v2 key that receives its value; `translate` changes some values.
    pub becomes: Option<&'static str>,
    /// Whether this program does not use it, so that no value of it may stop the program.
    pub is_unused: bool,
    /// The value that is used with a warning instead of an invalid one, as in a release that ignores such a value.
    pub fallback: Option<&'static str>,
}

impl Key {
    const fn new(name: &'static str, kind: Kind, default: &'static str) -> Self {
        Self {
            name,
            also: &[],
            kind,
            default,
            env: None,
            inherits: None,
            becomes: None,
            is_unused: false,
            fallback: None,
        }
    }

    const fn unused(mut self) -> Self {
        self.is_unused = true;
        self
    }

    const fn falls_back_to(mut self, value: &'static str) -> Self {
        self.fallback = Some(value);
        self
    }

    const fn also(mut self, names: &'static [&'static str]) -> Self {
        self.also = names;
        self
    }

    const fn env(mut self, name: &'static str) -> Self {
        self.env = Some(name);
        self
    }

    const fn inherits(mut self, key: &'static str) -> Self {
        self.inherits = Some(key);
        self
    }

    const fn becomes(mut self, key: &'static str) -> Self {
        self.becomes = Some(key);
        self
    }

    /// All names of the key, its own first.
    pub(super) fn names(&self) -> impl Iterator<Item = &'static str> {
        std::iter::once(self.name).chain(self.also.iter().copied())
    }

    /// The environment variable that names a file with the value; credentials only.
    pub(super) fn env_file(&self) -> Option<String> {
        let credential = matches!(self.kind, Kind::Secret | Kind::SecretList | Kind::Account);
        self.env.filter(|_| credential).map(|name| format!("{name}_FILE"))
    }
}

/// The schema of a configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Schema {
    /// The flat `minio.*` keys of 0.4 and 0.5.
    V1,
    /// The nested keys of 0.6, in a file with `configVersion: v2`.
    V2,
}

impl Schema {
    /// The name in `configVersion`.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::V1 => "v1",
            Self::V2 => "v2",
        }
    }

    /// All keys; a key that inherits follows the key from which it inherits.
    pub(super) fn keys(self) -> impl Iterator<Item = &'static Key> {
        let own = match self {
            Self::V1 => v1::KEYS,
            Self::V2 => v2::KEYS,
        };
        own.iter().chain(server::KEYS)
    }

    /// Returns the name that a v2 key has in this schema; its v2 name if this schema has no such key.
    pub(super) fn name_of(self, key: impl Into<AnyKey>) -> &'static str {
        let name = key.into().name();
        self.own_name(name).unwrap_or(name)
    }

    /// Returns the name that the v2 key of this name has in this schema; `None` if this schema has no such key.
    pub(super) fn own_name(self, name: &str) -> Option<&'static str> {
        let is_it = |key: &&Key| match self {
            Self::V2 => key.name == name,
            Self::V1 => key.becomes == Some(name),
        };
        self.keys().find(is_it).map(|key| key.name)
    }

    /// Returns the other schema, to recognise keys that belong there.
    pub(super) const fn other(self) -> Self {
        match self {
            Self::V1 => Self::V2,
            Self::V2 => Self::V1,
        }
    }

    /// The kind of the key with this name; for constants, which do not compile if there is none.
    const fn kind_of(self, name: &str) -> Kind {
        let own = match self {
            Self::V1 => v1::KEYS,
            Self::V2 => v2::KEYS,
        };
        let tables = [own, server::KEYS];
        let mut table = 0;
        while table < tables.len() {
            let mut row = 0;
            while row < tables[table].len() {
                if is_same(tables[table][row].name, name) {
                    return tables[table][row].kind;
                }
                row += 1;
            }
            table += 1;
        }
        panic!("the schema has no such key")
    }

    /// The key with this name, in any case.
    pub(super) fn key(self, name: &str) -> Option<&'static Key> {
        self.keys().find(|key| key.names().any(|known| known.eq_ignore_ascii_case(name)))
    }
}

/// Whether two texts are equal; `==` is not available in constants.
const fn is_same(one: &str, other: &str) -> bool {
    let (one, other) = (one.as_bytes(), other.as_bytes());
    let mut index = 0;
    while index < one.len() && index < other.len() && one[index] == other[index] {
        index += 1;
    }
    index == one.len() && index == other.len()
}

/// The key that names the schema of a file.
pub(super) const VERSION_KEY: &str = "configVersion";
