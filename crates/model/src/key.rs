//! Object keys and prefixes within one store.

use std::fmt;

/// The full key of an object within its bucket, or its path below `/` on a local disk.
///
/// Keys have no leading slash and no empty parts; a prefix ends with `/` (the empty prefix is the whole store).
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectKey(String);

impl ObjectKey {
    /// Takes a key, dropping leading, doubled and `.` parts; a trailing slash (a prefix) is kept.
    pub fn new(raw: &str) -> Self {
        let prefix = raw.ends_with('/');
        let mut key = String::with_capacity(raw.len());
        for part in raw.split('/').filter(|part| !part.is_empty() && *part != ".") {
            if !key.is_empty() {
                key.push('/');
            }
            key.push_str(part);
        }
        if prefix && !key.is_empty() {
            key.push('/');
        }
        Self(key)
    }

    /// The key below this one; both sides are cleaned.
    #[must_use]
    pub fn join(&self, below: &str) -> Self {
        if self.0.is_empty() { Self::new(below) } else { Self::new(&format!("{}/{below}", self.0)) }
    }

    /// The same key as a prefix: with exactly one trailing slash, or empty.
    #[must_use]
    pub fn as_dir(&self) -> Self {
        if self.0.is_empty() || self.0.ends_with('/') { self.clone() } else { Self(format!("{}/", self.0)) }
    }

    /// What follows `prefix` in this key, if it lies below it.
    pub fn below(&self, prefix: &Self) -> Option<&str> {
        let rest = self.0.strip_prefix(prefix.0.trim_end_matches('/'))?;
        if prefix.0.is_empty() { Some(rest) } else { rest.strip_prefix('/') }
    }

    /// The last part, without a trailing slash.
    pub fn file_name(&self) -> &str {
        let key = self.0.trim_end_matches('/');
        key.rsplit('/').next().unwrap_or(key)
    }

    /// Whether this names a prefix and not an object.
    pub fn is_dir(&self) -> bool {
        self.0.is_empty() || self.0.ends_with('/')
    }

    /// The text of the key.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<&str> for ObjectKey {
    fn from(raw: &str) -> Self {
        Self::new(raw)
    }
}
