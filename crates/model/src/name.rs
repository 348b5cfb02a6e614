//! Names of backups, databases and collections, parsed once at the edge.

use std::fmt;
use std::str::FromStr;

/// The database every Milvus has.
pub const DEFAULT_DATABASE: &str = "default";

/// A collection's database and name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
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

/// The name of a backup: one path part, so that it can never leave the backup root.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BackupName(String);
