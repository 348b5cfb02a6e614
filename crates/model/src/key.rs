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
        let mut key = String::with_capacity(raw.len());
        push_clean(&mut key, raw);
        Self(key)
    }

    /// The key below this one; both sides are cleaned.
    #[must_use]
    pub fn join(&self, below: &str) -> Self {
        let mut key = String::with_capacity(self.0.len() + 1 + below.len());
        key.push_str(self.0.trim_end_matches('/'));
        push_clean(&mut key, below);
        Self(key)
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

/// Adds the parts of `raw` to a key without a trailing slash.
fn push_clean(key: &mut String, raw: &str) {
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
    fn keys_are_cleaned() {
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
    fn keys_join_and_part_again() {
        let root = ObjectKey::new("backup");
        assert_eq!(root.join("b/meta/").as_str(), "backup/b/meta/");
        assert_eq!(root.as_dir().join("/b").as_str(), "backup/b");
        assert_eq!(ObjectKey::default().join("b").as_str(), "b");
        assert_eq!(root.join("").as_str(), "backup");
        assert_eq!(root.join("b/c").below(&root), Some("b/c"));
        assert_eq!(root.join("b/c").below(&ObjectKey::default()), Some("backup/b/c"));
        assert_eq!(ObjectKey::new("backups/b").below(&root), None, "a prefix ends at a slash");
        assert_eq!(root.below(&root), None);
        assert_eq!(ObjectKey::new("a/b/").file_name(), "b");
    }

    proptest! {
        #[test]
        fn cleaning_is_done_once(raw: String, below: String) {
            let key = ObjectKey::new(&raw);
            prop_assert_eq!(&ObjectKey::new(key.as_str()), &key);
            let joined = key.join(&below);
            prop_assert_eq!(&ObjectKey::new(joined.as_str()), &joined);
            let rest = ObjectKey::new(&below);
            if !rest.as_str().is_empty() {
                prop_assert_eq!(joined.below(&key), Some(rest.as_str()));
            }
        }
    }
}
