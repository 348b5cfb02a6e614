//! Names of backups, databases and collections, validated when they are parsed.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::layout::milvus;

/// The database that every Milvus has.
pub const DEFAULT_DATABASE: &str = "default";

/// The longest name that a new backup may have, in bytes.
const MAX_BACKUP_NAME: usize = 128;
/// The longest path part that a local disk accepts, in bytes.
const MAX_PATH_PART: usize = 255;
/// The longest name that Milvus accepts for a database or collection, in bytes.
const MAX_MILVUS_NAME: usize = 255;

/// The name of a collection, qualified with its database.
///
/// It is serialized as `database.collection`, which is unambiguous: Milvus allows a dot in neither name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CollectionRef {
    /// The name of the database, never empty; `default` where the source has no databases.
    pub database: String,
    /// The name of the collection within its database.
    pub collection: String,
}

impl CollectionRef {
    /// Creates a reference; an empty database means `default`.
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

/// Returns whether Milvus accepts this name for a new database or collection.
///
/// A name consists of ASCII letters, digits and `_`, does not begin with a digit, and has at most 255 bytes.
pub(crate) fn is_milvus_name(name: &str) -> bool {
    is_word(name) && name.len() <= MAX_MILVUS_NAME
}

/// Returns whether a name consists of ASCII letters, digits and `_` and does not begin with a digit.
fn is_word(name: &str) -> bool {
    name.starts_with(begins_word) && name.chars().all(is_word_char)
}

/// Returns whether a new backup may have this character in its name.
const fn is_new_name_char(c: char) -> bool {
    is_word_char(c) || matches!(c, '-' | '.')
}

const fn is_word_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

const fn begins_word(c: char) -> bool {
    c.is_ascii_alphabetic() || c == '_'
}

/// Returns the end of an error that suggests a name with allowed characters only; empty if nothing of it would be left.
fn suggestion(name: &str, begins: fn(char) -> bool, is_allowed: fn(char) -> bool) -> String {
    let mut suggested: String =
        name.chars().take(MAX_BACKUP_NAME - 1).map(|c| if is_allowed(c) { c } else { '_' }).collect();
    if !suggested.starts_with(begins) {
        suggested.insert(0, '_');
    }
    let says_something = suggested.chars().any(|c| c.is_ascii_alphanumeric());
    if says_something { format!("; for example {suggested}") } else { String::new() }
}

/// The reason why a text is not a valid name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// The text does not name one directory below the backup root.
    #[error(
        "{0:?} cannot name a backup: a name is one path part, not empty, `.` or `..`, holds no `/`, and has at \
         most {MAX_PATH_PART} bytes"
    )]
    NotOnePart(String),
    /// An existing backup may have this name, a new one may not.
    #[error(
        "{0:?} cannot name a new backup: a name begins with a letter, a digit or `_`, continues with letters, digits, \
         `_`, `-` or `.`, and has at most {MAX_BACKUP_NAME} characters{suggestion}",
        suggestion = suggestion(.0, is_word_char, is_new_name_char)
    )]
    NotNew(String),
    /// A backup of this name cannot be created by the API of the Go tool.
    #[error(
        "{0:?} cannot name a new backup here: a name begins with a letter or `_`, continues with letters, digits or \
         `_`, and has at most {MAX_BACKUP_NAME} characters{suggestion}",
        suggestion = suggestion(.0, begins_word, is_word_char)
    )]
    NotAWord(String),
    /// The text means the newest backup.
    #[error("{0:?} cannot name a new backup: it means the newest backup; choose another name")]
    MeansLatest(String),
    /// Milvus stores its own files in a directory of this name.
    #[error("{0:?} cannot name a backup: it is the name of one of Milvus's own directories")]
    Reserved(String),
    /// The text does not have the form `database.collection`.
    #[error("{0:?} is not a collection name of the form database.collection")]
    NotQualified(String),
}

/// The name of a backup: one path part, so that it can never leave the backup root.
///
/// Every existing backup can be named. [`BackupName::for_create`] enforces the stricter rule for new backups.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct BackupName(String);

impl BackupName {
    /// Validates the name of a new backup: `^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$`, not one of Milvus's own directories,
    /// and not `latest`. All releases of the Go tool read such backups.
    pub fn for_create(name: &str) -> Result<Self, NameError> {
        let parsed = Self::parse_unreserved(name)?;
        if parsed.latest_pattern().is_some() {
            return Err(NameError::MeansLatest(parsed.0));
        }
        if !name.starts_with(is_word_char)
            || !name.chars().all(is_new_name_char)
            || name.len() > MAX_BACKUP_NAME
        {
            return Err(NameError::NotNew(parsed.0));
        }
        Ok(parsed)
    }

    /// Validates the name of a new backup as the Go tool does: `^[A-Za-z_][A-Za-z0-9_]{0,127}$`.
    pub fn for_create_by_go_api(name: &str) -> Result<Self, NameError> {
        let parsed = Self::parse_unreserved(name)?;
        if !is_word(name) || name.len() > MAX_BACKUP_NAME {
            return Err(NameError::NotAWord(parsed.0));
        }
        Ok(parsed)
    }

    /// Parses a name that is not one of Milvus's own directories.
    fn parse_unreserved(name: &str) -> Result<Self, NameError> {
        let parsed: Self = name.parse()?;
        if parsed.is_reserved() { Err(NameError::Reserved(parsed.0)) } else { Ok(parsed) }
    }

    /// Returns the pattern of names of which this means the newest backup: `*` for `latest`, `P` for `latest(P)`; `None`
    /// for other names.
    pub fn latest_pattern(&self) -> Option<&str> {
        let rest = self.0.strip_prefix("latest")?;
        if rest.is_empty() { Some("*") } else { rest.strip_prefix('(')?.strip_suffix(')') }
    }

    /// Generates a name from the time (UTC) at which the backup starts.
    pub fn generated(year: i16, month: i8, day: i8, hour: i8, minute: i8, second: i8, nanos: i32) -> Self {
        Self(format!("backup_{year:04}_{month:02}_{day:02}_{hour:02}_{minute:02}_{second:02}_{nanos}"))
    }

    /// Returns whether Milvus stores its own files in a directory of this name; such a directory is never a backup,
    /// even where the backup root is Milvus's root path.
    pub fn is_reserved(&self) -> bool {
        milvus::RESERVED_DIRS.contains(&self.0.as_str()) || milvus::staging_id(&self.0).is_some()
    }

    /// Returns the name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for BackupName {
    type Err = NameError;

    fn from_str(name: &str) -> Result<Self, NameError> {
        if matches!(name, "" | "." | "..") || name.contains(['/', '\0']) || name.len() > MAX_PATH_PART {
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
    fn any_single_path_part_is_a_backup_name() {
        let (longest, longer) = ("a".repeat(255), "ä".repeat(128));
        for name in ["nightly", "a-b", "v1.2", "insert_log", "…", "...", " x ", &longest] {
            assert_eq!(name.parse::<BackupName>().unwrap().as_str(), name);
        }
        for name in ["", ".", "..", "a/b", "/", "a\0b", &longer] {
            assert_eq!(name.parse::<BackupName>(), Err(NameError::NotOnePart(name.to_owned())));
        }
    }

    #[test]
    fn a_new_backup_needs_a_name_of_letters_digits_and_a_few_marks() {
        let longest = "a".repeat(128);
        for name in ["nightly", "_x9", "Z", "2026-11-29", "prod.v1-2", longest.as_str()] {
            assert_eq!(BackupName::for_create(name).unwrap().as_str(), name);
        }
        let too_long = "a".repeat(129);
        for name in ["-a", ".a", " a", "a b", "a+b", "naïve", too_long.as_str()] {
            assert_eq!(BackupName::for_create(name), Err(NameError::NotNew(name.to_owned())));
        }
        for name in ["latest", "latest(nightly-*)"] {
            assert_eq!(BackupName::for_create(name), Err(NameError::MeansLatest(name.to_owned())));
        }
        assert!(BackupName::for_create("latest-nightly").is_ok());
    }

    #[test]
    fn the_api_of_the_go_tool_accepts_fewer_names() {
        for name in ["nightly", "_x9", "latest"] {
            assert_eq!(BackupName::for_create_by_go_api(name).unwrap().as_str(), name);
        }
        for name in ["9a", "a-b", "a.b", " a"] {
            assert_eq!(BackupName::for_create_by_go_api(name), Err(NameError::NotAWord(name.to_owned())));
        }
        let error = BackupName::for_create_by_go_api("2026-11.29").unwrap_err().to_string();
        assert!(error.ends_with("; for example _2026_11_29"), "{error}");
    }

    #[test]
    fn latest_means_the_newest_backup() {
        let pattern = |name: &str| name.parse::<BackupName>().unwrap().latest_pattern().map(str::to_owned);
        assert_eq!(pattern("latest").as_deref(), Some("*"));
        assert_eq!(pattern("latest(nightly-*)").as_deref(), Some("nightly-*"));
        assert_eq!((pattern("latest_1"), pattern("latest(a"), pattern("nightly")), (None, None, None));
    }

    #[test]
    fn serialized_names_are_validated_when_read() {
        let name = CollectionRef::new("shop", "orders");
        assert_eq!(serde_json::to_string(&name).unwrap(), "\"shop.orders\"");
        assert_eq!(serde_json::from_str::<CollectionRef>("\"shop.orders\"").unwrap(), name);
        for text in ["", "orders", ".orders", "shop."] {
            let serialized = serde_json::to_string(text).unwrap();
            assert!(serde_json::from_str::<CollectionRef>(&serialized).is_err(), "{text}");
        }
        assert_eq!(serde_json::from_str::<BackupName>("\"nightly\"").unwrap().as_str(), "nightly");
        let error = serde_json::from_str::<BackupName>("\"../nightly\"").unwrap_err().to_string();
        assert!(error.contains("cannot name a backup"), "{error}");
    }

    #[test]
    fn the_error_states_the_rule() {
        let error = BackupName::for_create("2024 01").unwrap_err().to_string();
        assert!(error.contains("\"2024 01\"") && error.contains("letters, digits") && error.contains("128"));
        assert!(error.ends_with("; for example 2024_01"), "{error}");
    }

    #[test]
    fn milvus_directories_are_not_backups() {
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
        assert_eq!(BackupName::for_create(name.as_str()), Ok(name));
    }

    #[test]
    fn names_that_milvus_accepts() {
        let longest = "a".repeat(255);
        assert!(is_milvus_name("a_1") && is_milvus_name("_") && is_milvus_name(&longest));
        for name in ["", "1a", "a-b", "a.b", "$a", &format!("{longest}a")] {
            assert!(!is_milvus_name(name), "{name}");
        }
    }
}
