//! A single rule of a selection, and the matching of wildcards.

use std::fmt;

use crate::most_similar;
use crate::name::{CollectionRef, DEFAULT_DATABASE};

/// The reason why a rule is invalid.
type Reason = &'static str;

/// The names that one rule selects; every part may contain `*` and `?`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Rule {
    /// Databases without their collections.
    DatabaseAlone(String),
    /// Databases with all their collections, if any.
    Whole(String),
    /// Collections by the names of their databases and their own; a rule without a database means `default`.
    Collection { database: Option<String>, collection: String },
}

impl Rule {
    pub(super) fn everything() -> Self {
        Self::Whole("*".to_owned())
    }

    /// Parses `db.*`, `db.coll`, `coll` or `db.`.
    pub(super) fn parse(text: &str) -> Result<Self, Reason> {
        match text.split_once('.') {
            Some((database, "")) => Self::database_alone(database),
            Some((database, collection)) => Self::collection(database, collection),
            None if text == "*" => Self::whole_database(DEFAULT_DATABASE),
            None => Ok(Self::Collection { database: None, collection: validate_part(text)? }),
        }
    }

    pub(super) fn database_alone(database: &str) -> Result<Self, Reason> {
        Ok(Self::DatabaseAlone(validate_part(database)?))
    }

    pub(super) fn whole_database(database: &str) -> Result<Self, Reason> {
        Ok(Self::Whole(validate_part(database)?))
    }

    pub(super) fn collection(database: &str, collection: &str) -> Result<Self, Reason> {
        if collection == "*" {
            return Self::whole_database(database);
        }
        let (database, collection) = (Some(validate_part(database)?), validate_part(collection)?);
        Ok(Self::Collection { database, collection })
    }

    /// Returns whether the rule selects a database itself, not only collections in it.
    pub(super) fn selects_database(&self, name: &str) -> bool {
        match self {
            Self::DatabaseAlone(pattern) | Self::Whole(pattern) => matches(pattern, name),
            Self::Collection { .. } => false,
        }
    }

    pub(super) fn selects(&self, name: &CollectionRef) -> bool {
        match self {
            Self::DatabaseAlone(_) => false,
            Self::Whole(pattern) => matches(pattern, &name.database),
            Self::Collection { database, collection } => {
                matches(database_pattern(database.as_deref()), &name.database)
                    && matches(collection, &name.collection)
            }
        }
    }

    /// Returns what may have been meant by a rule that matches nothing, in the syntax of a rule.
    pub(super) fn suggest(&self, databases: &[String], collections: &[CollectionRef]) -> Option<String> {
        let database_like =
            |wanted: &str| most_similar(wanted, databases.iter().map(String::as_str)).map(str::to_owned);
        let (database, collection) = match self {
            Self::DatabaseAlone(database) => return Some(format!("{}.", database_like(database)?)),
            Self::Whole(database) => return Some(format!("{}.*", database_like(database)?)),
            Self::Collection { database, collection } => (database_pattern(database.as_deref()), collection),
        };
        // A collection of the same name in another database comes first.
        if let Some(elsewhere) = collections.iter().find(|name| name.collection == *collection) {
            return Some(elsewhere.to_string());
        }
        let here = collections.iter().filter(|name| name.database == database);
        let similar = most_similar(collection, here.map(|name| name.collection.as_str()))?;
        Some(CollectionRef::new(database, similar).to_string())
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DatabaseAlone(database) => write!(f, "{database}."),
            Self::Whole(database) => write!(f, "{database}.*"),
            Self::Collection { database: Some(database), collection } => write!(f, "{database}.{collection}"),
            Self::Collection { database: None, collection } => f.write_str(collection),
        }
    }
}

/// Returns the pattern for the database of a collection's rule.
fn database_pattern(database: Option<&str>) -> &str {
    database.unwrap_or(DEFAULT_DATABASE)
}

/// Validates one part of a rule and returns it as an owned text.
fn validate_part(name: &str) -> Result<String, Reason> {
    if name.is_empty() {
        return Err("a name is missing");
    }
    if name.contains('.') {
        return Err("a name cannot contain a dot");
    }
    if name.contains([',', ' ']) {
        return Err("a name cannot contain a comma or a space");
    }
    Ok(name.to_owned())
}

/// Returns whether `name` matches a pattern with `*` (any text) and `?` (any character).
///
/// Backtracks to the last star only, so it takes linear time for all practical patterns.
pub fn matches(pattern: &str, name: &str) -> bool {
    let (mut pattern, mut name) = (pattern.chars(), name.chars());
    // where to resume after a mismatch: after the last star, one character further in the name
    let mut retry = None;
    loop {
        let mut ahead = pattern.clone();
        match (ahead.next(), name.clone().next()) {
            (None, None) => return true,
            (Some('*'), _) => {
                pattern = ahead;
                retry = Some((pattern.clone(), name.clone()));
                continue;
            }
            (Some(wanted), Some(found)) if wanted == '?' || wanted == found => {
                pattern = ahead;
                name.next();
                continue;
            }
            _ => {}
        }
        let Some((after_star, rest)) = &mut retry else { return false };
        if rest.next().is_none() {
            return false;
        }
        pattern = after_star.clone();
        name = rest.clone();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Matches by the definition of the wildcards, in exponential time.
    fn matches_slowly(pattern: &[char], name: &[char]) -> bool {
        match (pattern, name) {
            ([], []) => true,
            (['*', rest @ ..], _) => (0..=name.len()).any(|n| matches_slowly(rest, &name[n..])),
            ([wanted, pattern @ ..], [found, name @ ..]) if *wanted == '?' || wanted == found => {
                matches_slowly(pattern, name)
            }
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn wildcards_match_by_their_definition(pattern in "[ab*?]{0,8}", name in "[abé]{0,8}") {
            let [p, n] = [&pattern, &name].map(|s| s.chars().collect::<Vec<_>>());
            prop_assert_eq!(matches(&pattern, &name), matches_slowly(&p, &n));
        }
    }
}
