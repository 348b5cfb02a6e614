//! Object keys and prefixes within one store.

use std::fmt;

/// The full key of an object within its bucket, or its path below `/` on a local disk.
///
/// Keys have no leading slash and no empty parts; a prefix ends with `/` (the empty prefix is the whole store).
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectKey(String);

impl ObjectKey {
    /// Normalizes a key: removes leading and repeated slashes and `.` parts, and keeps a trailing slash (a prefix).
    pub fn new(raw: &str) -> Self {
        let mut key = String::with_capacity(raw.len());
        append_normalized(&mut key, raw);
        Self(key)
    }

    /// Returns the key `below` this one; both are normalized.
    #[must_use]
    pub fn join(&self, below: &str) -> Self {
        let mut key = String::with_capacity(self.0.len() + 1 + below.len());
        key.push_str(self.0.trim_end_matches('/'));
        append_normalized(&mut key, below);
        Self(key)
    }

    /// Returns this key as a prefix: with exactly one trailing slash, or empty.
    #[must_use]
    pub fn as_prefix(&self) -> Self {
        if self.0.is_empty() || self.0.ends_with('/') { self.clone() } else { Self(format!("{}/", self.0)) }
    }

    /// Returns the part of this key after `prefix`; `None` if the key is not below `prefix`.
    pub fn relative_to(&self, prefix: &Self) -> Option<&str> {
        let rest = self.0.strip_prefix(prefix.0.trim_end_matches('/'))?;
        if prefix.0.is_empty() { Some(rest) } else { rest.strip_prefix('/') }
    }

    /// Returns the last part, without a trailing slash.
    pub fn file_name(&self) -> &str {
        let key = self.0.trim_end_matches('/');
        key.rsplit('/').next().unwrap_or(key)
    }

    /// Returns the key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Appends the parts of `raw` to `key`, which must not end with a slash.
fn append_normalized(key: &mut String, raw: &str) {
    for part in raw.split('/').filter(|part| !part.is_empty() && *part != ".") {
        if !key.is_empty() {
            key.push('/');
        }
        key.push_str(part);
    }
    if raw.ends_with('/') && !key.is_empty() {
        key.push('/');
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn keys_are_normalized() {
        for (raw, clean) in [
            ("files/a", "files/a"),
            ("/files//./a/", "files/a/"),
            ("", ""),
            ("/", ""),
            ("./", ""),
            ("a/..b/.c", "a/..b/.c"),
        ] {
            assert_eq!(ObjectKey::new(raw).as_str(), clean, "{raw}");
        }
    }

    #[test]
    fn keys_are_joined_and_split() {
        let root = ObjectKey::new("backup");
        assert_eq!(root.join("b/meta/").as_str(), "backup/b/meta/");
        assert_eq!(root.as_prefix().join("/b").as_str(), "backup/b");
        assert_eq!(ObjectKey::default().join("b").as_str(), "b");
        assert_eq!(root.join("").as_str(), "backup");
        assert_eq!(root.join("b/c").relative_to(&root), Some("b/c"));
        assert_eq!(root.join("b/c").relative_to(&ObjectKey::default()), Some("backup/b/c"));
        assert_eq!(ObjectKey::new("backups/b").relative_to(&root), None, "a prefix ends at a slash");
        assert_eq!(root.relative_to(&root), None);
        assert_eq!(ObjectKey::new("a/b/").file_name(), "b");
    }

    proptest! {
        #[test]
        fn normalizing_twice_changes_nothing(raw: String, below: String) {
            let key = ObjectKey::new(&raw);
            prop_assert_eq!(&ObjectKey::new(key.as_str()), &key);
            let joined = key.join(&below);
            prop_assert_eq!(&ObjectKey::new(joined.as_str()), &joined);
            let rest = ObjectKey::new(&below);
            if !rest.as_str().is_empty() {
                prop_assert_eq!(joined.relative_to(&key), Some(rest.as_str()));
            }
        }
    }
}
