//! Names of backups, databases and collections, parsed once at the edge.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::layout::milvus;

/// The database every Milvus has.
pub const DEFAULT_DATABASE: &str = "default";

/// The longest name a backup may be created with, in bytes.
const MAX_BACKUP_NAME: usize = 128;
/// The longest part of a path that a disk takes, in bytes.
const LONGEST_PART: usize = 255;
/// The longest name Milvus takes for a database or collection, in bytes.
const MAX_MILVUS_NAME: usize = 255;

/// A collection's database and name.
///
/// Kept as `database.collection`: Milvus lets neither hold a dot.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CollectionRef {
    /// Never empty; `default` where the source has no databases.
    pub database: String,
    /// The collection.
    pub collection: String,
}

impl CollectionRef {
    /// Makes a reference; an empty database means `default`.
    pub fn new(database: impl Into<String>, collection: impl Into<String>) -> Self {
        let database = database.into();
        let database = if database.is_empty() { DEFAULT_DATABASE.to_owned() } else { database };
        Self { database, collection: collection.into() }
    }
}

impl fmt::Display for CollectionRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.database, self.collection)
    }
}

impl From<CollectionRef> for String {
    fn from(name: CollectionRef) -> Self {
        name.to_string()
    }
}

impl TryFrom<String> for CollectionRef {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        match text.split_once('.') {
            Some((database, collection)) if !database.is_empty() && !collection.is_empty() => {
                Ok(Self::new(database, collection))
            }
            _ => Err(NameError::NotQualified(text)),
        }
    }
}

/// Whether Milvus takes this as the name of a new database or collection:
/// ASCII letters, digits and `_`, no digit first, at most 255 bytes.
pub fn is_milvus_name(name: &str) -> bool {
    is_word(name) && name.len() <= MAX_MILVUS_NAME
}

fn is_word(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// Why a text is no backup name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// It does not name one directory below the backup root.
    #[error(
        "{0:?} cannot name a backup: a name is one path part, not empty, `.` or `..`, holds no `/`, and has at \
         most {LONGEST_PART} bytes"
    )]
    NotOnePart(String),
    /// It is readable, but no new backup may have it.
    #[error(
        "{0:?} cannot name a new backup: a name begins with a letter or `_`, goes on with letters, digits \
         or `_`, and has at most {MAX_BACKUP_NAME} characters"
    )]
    NotAWord(String),
    /// Milvus keeps its own files in a directory of that name.
    #[error("{0:?} cannot name a backup: it is the name of one of Milvus's own directories")]
    Reserved(String),
    /// It does not name a collection of a database.
    #[error("{0:?} names no collection: it is written database.collection")]
    NotQualified(String),
}

/// The name of a backup: one path part, so that it can never leave the backup root.
///
/// Any backup that lies on a store can be named; [`BackupName::for_create`] holds the stricter rule for new ones.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct BackupName(String);

impl BackupName {
    /// Takes a name for a new backup: `^[A-Za-z_][A-Za-z0-9_]{0,127}$`, and none of Milvus's own directories.
    pub fn for_create(name: &str) -> Result<Self, NameError> {
        let parsed: Self = name.parse()?;
        if parsed.is_reserved() {
            return Err(NameError::Reserved(parsed.0));
        }
        if !is_word(name) || name.len() > MAX_BACKUP_NAME {
            return Err(NameError::NotAWord(parsed.0));
        }
        Ok(parsed)
    }

    /// The name of a backup begun at this time (UTC) that was given none.
    pub fn generated(year: i16, month: i8, day: i8, hour: i8, minute: i8, second: i8, nanos: i32) -> Self {
        Self(format!("backup_{year:04}_{month:02}_{day:02}_{hour:02}_{minute:02}_{second:02}_{nanos}"))
    }

    /// Whether it has the form of those that are [generated](Self::generated).
    pub fn is_generated(&self) -> bool {
        let parts = self.0.strip_prefix("backup_").map(|time| time.split('_'));
        parts.is_some_and(|parts| {
            parts.clone().count() == 7 && parts.into_iter().all(|part| part.parse::<u32>().is_ok())
        })
    }

    /// Whether Milvus keeps its own files in a directory of this name; such a one is never a backup,
    /// even where the backup root is Milvus's own root.
    pub fn is_reserved(&self) -> bool {
        milvus::RESERVED_DIRS.contains(&self.0.as_str()) || milvus::staging_id(&self.0).is_some()
    }

    /// The text of the name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for BackupName {
    type Err = NameError;

    fn from_str(name: &str) -> Result<Self, NameError> {
        if matches!(name, "" | "." | "..") || name.contains(['/', '\0']) || name.len() > LONGEST_PART {
            return Err(NameError::NotOnePart(name.to_owned()));
        }
        Ok(Self(name.to_owned()))
    }
}

impl TryFrom<String> for BackupName {
    type Error = NameError;

    fn try_from(name: String) -> Result<Self, NameError> {
        name.parse()
    }
}

impl From<BackupName> for String {
    fn from(name: BackupName) -> Self {
        name.0
    }
}

impl fmt::Display for BackupName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_single_path_part_can_be_read() {
        let (longest, longer) = ("a".repeat(255), "ä".repeat(128));
        for name in ["nightly", "a-b", "v1.2", "insert_log", "…", "...", " x ", &longest] {
            assert_eq!(name.parse::<BackupName>().unwrap().as_str(), name);
        }
        for name in ["", ".", "..", "a/b", "/", "a\0b", &longer] {
            assert_eq!(name.parse::<BackupName>(), Err(NameError::NotOnePart(name.to_owned())));
        }
    }

    #[test]
    fn a_new_backup_needs_a_plain_word() {
        let longest = "a".repeat(128);
        for name in ["nightly", "_x9", "Z", longest.as_str()] {
            assert_eq!(BackupName::for_create(name).unwrap().as_str(), name);
        }
        let too_long = "a".repeat(129);
        for name in ["9a", "a-b", "a.b", " a", "a b", "naïve", too_long.as_str()] {
            assert_eq!(BackupName::for_create(name), Err(NameError::NotAWord(name.to_owned())));
        }
    }

    #[test]
    fn kept_names_are_parsed_again() {
        let name = CollectionRef::new("shop", "orders");
        assert_eq!(serde_json::to_string(&name).unwrap(), "\"shop.orders\"");
        assert_eq!(serde_json::from_str::<CollectionRef>("\"shop.orders\"").unwrap(), name);
        for text in ["", "orders", ".orders", "shop."] {
            let kept = serde_json::to_string(text).unwrap();
            assert!(serde_json::from_str::<CollectionRef>(&kept).is_err(), "{text}");
        }
        assert_eq!(serde_json::from_str::<BackupName>("\"nightly\"").unwrap().as_str(), "nightly");
        let error = serde_json::from_str::<BackupName>("\"../nightly\"").unwrap_err().to_string();
        assert!(error.contains("cannot name a backup"), "{error}");
    }

    #[test]
    fn the_error_says_the_rule() {
        let error = BackupName::for_create("2024-01").unwrap_err().to_string();
        assert!(error.contains("\"2024-01\"") && error.contains("letters, digits") && error.contains("128"));
    }

    #[test]
    fn milvus_directories_are_no_backups() {
        for name in ["insert_log", "delta_log", "stats_log", "index_files", "snapshots", "restore-temp-1"] {
            assert!(name.parse::<BackupName>().unwrap().is_reserved(), "{name}");
            assert_eq!(BackupName::for_create(name), Err(NameError::Reserved(name.to_owned())));
        }
        assert!(!BackupName::for_create("insert_log_2").unwrap().is_reserved());
    }

    #[test]
    fn generated_names_sort_by_time_and_are_valid() {
        let name = BackupName::generated(2026, 1, 2, 3, 4, 5, 67);
        assert_eq!(name.as_str(), "backup_2026_01_02_03_04_05_67");
        assert!(name.is_generated());
        assert_eq!(BackupName::for_create(name.as_str()), Ok(name));
        for name in ["backup_2026_01_02_03_04_05", "backup_2026_01_02_03_04_05_x", "nightly", "backup_"] {
            assert!(!name.parse::<BackupName>().unwrap().is_generated(), "{name}");
        }
    }

    #[test]
    fn milvus_names() {
        let longest = "a".repeat(255);
        assert!(is_milvus_name("a_1") && is_milvus_name("_") && is_milvus_name(&longest));
        for name in ["", "1a", "a-b", "a.b", "$a", &format!("{longest}a")] {
            assert!(!is_milvus_name(name), "{name}");
        }
    }
}
