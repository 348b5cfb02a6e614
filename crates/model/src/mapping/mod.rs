//! Mapping of source names to target names.
//!
//! Every form of `--rename` of Milvus Backup (Go) is supported: `coll:new`, `db.coll:db2.new` and mixtures of both (a
//! missing database is `default`), `db1.*:db2.*`, and `db1.:db2.`, which means the same. A rule for a collection has
//! priority over one for its database. A suffix is added to every collection without a rule of its own.
//! Plans, such as `restorePlan` in the requests of 0.5, may also map one source to several targets.

mod targets;

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::name::{CollectionRef, is_milvus_name};
pub use targets::Targets;

/// The rules by which the target names of a restore follow from the source names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Mapping {
    databases: BTreeMap<String, Vec<String>>,
    collections: BTreeMap<CollectionRef, Vec<CollectionRef>>,
    suffix: String,
    /// Whether rules that match nothing are allowed.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    lenient: bool,
}

/// The reason why names cannot be mapped.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MappingError {
    /// A rule has invalid syntax.
    #[error("cannot parse the rename rule {rule:?}: {reason}")]
    InvalidRule {
        /// The rule as given in the request.
        rule: String,
        /// The violated rule of the syntax, in words.
        reason: &'static str,
    },
    /// Two rules rename the same database or collection.
    #[error("{0} is renamed twice")]
    DuplicateRule(String),
    /// The suffix contains characters that names must not contain.
    #[error("the suffix {0:?} contains characters other than letters, digits and `_`")]
    InvalidSuffix(String),
    /// These rules match nothing that is selected.
    #[error("no collection matches the rename rule {}", .0.join(", "))]
    NoMatch(Vec<String>),
    /// Milvus would reject the target name.
    #[error(
        "{from} cannot be renamed to {to}: a name consists of letters, digits and `_`, does not begin with a digit, and has at most 255 characters"
    )]
    InvalidTarget {
        /// The name of the source.
        from: String,
        /// The name that Milvus would reject.
        to: String,
    },
    /// Two collections have the same target.
    #[error("both {first} and {second} would be renamed to {target}")]
    SameTarget {
        /// The name of the common target.
        target: String,
        /// The first source with this target.
        first: String,
        /// The second source with this target.
        second: String,
    },
}

/// The old or the new name in a rename rule.
enum Side {
    Database(String),
    Collection(CollectionRef),
}

impl Mapping {
    /// Creates a mapping that changes no name.
    pub fn identity() -> Self {
        Self::default()
    }

    /// Parses `--rename` (a comma-separated list of rules) and `--suffix`; an empty text counts as missing.
    pub fn new(rename: Option<&str>, suffix: Option<&str>) -> Result<Self, MappingError> {
        let rules =
            rename.filter(|text| !text.trim().is_empty()).into_iter().flat_map(|text| text.split(','));
        let invalid =
            |rule: &str| MappingError::InvalidRule { rule: rule.to_owned(), reason: "expected old:new" };
        let rules: Vec<(&str, &str)> =
            rules.map(|rule| rule.split_once(':').ok_or_else(|| invalid(rule))).collect::<Result<_, _>>()?;
        Self::from_renames(rules, suffix)
    }

    /// Creates a mapping from pairs of an old and a new name, each in a form of `--rename`, and a suffix.
    pub fn from_renames<'a>(
        renames: impl IntoIterator<Item = (&'a str, &'a str)>,
        suffix: Option<&str>,
    ) -> Result<Self, MappingError> {
        let suffix = suffix.unwrap_or_default();
        if !suffix.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
            return Err(MappingError::InvalidSuffix(suffix.to_owned()));
        }
        let mut mapping = Self { suffix: suffix.to_owned(), ..Self::default() };
        for (from, to) in renames {
            mapping.add_rename(from, to)?;
        }
        Ok(mapping)
    }

    /// Creates a mapping from a plan: whole databases and collections, each with a target. A source may occur several
    /// times, with different targets.
    pub fn from_plan(
        databases: impl IntoIterator<Item = (String, String)>,
        collections: impl IntoIterator<Item = (CollectionRef, CollectionRef)>,
    ) -> Result<Self, MappingError> {
        let mut mapping = Self::default();
        for (from, to) in databases {
            check_named(&from, &to, !from.is_empty() && !to.is_empty())?;
            let targets = mapping.databases.entry(from.clone()).or_default();
            add_distinct(targets, to, &from)?;
        }
        for (from, to) in collections {
            check_named(&from, &to, !from.collection.is_empty() && !to.collection.is_empty())?;
            let targets = mapping.collections.entry(from.clone()).or_default();
            add_distinct(targets, to, &from)?;
        }
        Ok(mapping)
    }

    /// Allows rules that match nothing of the selection, as the Go tool does, which uses rules as a lookup table.
    #[must_use]
    pub fn lenient(self) -> Self {
        Self { lenient: true, ..self }
    }

    fn add_rename(&mut self, from: &str, to: &str) -> Result<(), MappingError> {
        let invalid = |reason| MappingError::InvalidRule { rule: format!("{from}:{to}"), reason };
        let twice = match (Side::parse(from).map_err(invalid)?, Side::parse(to).map_err(invalid)?) {
            (Side::Database(from), Side::Database(to)) => self.databases.insert(from, vec![to]).is_some(),
            (Side::Collection(from), Side::Collection(to)) => {
                self.collections.insert(from, vec![to]).is_some()
            }
            _ => {
                return Err(invalid(
                    "a database can only be renamed to a database, and a collection to a collection",
                ));
            }
        };
        if twice { Err(MappingError::DuplicateRule(from.trim().to_owned())) } else { Ok(()) }
    }

    /// Returns the targets of a collection, usually one.
    pub fn targets(&self, source: &CollectionRef) -> Vec<CollectionRef> {
        self.collections.get(source).cloned().unwrap_or_else(|| {
            let databases = self.target_databases(&source.database);
            let name = format!("{}{}", source.collection, self.suffix);
            databases.into_iter().map(|database| CollectionRef::new(database, name.as_str())).collect()
        })
    }

    /// Returns the targets of a database, usually one.
    fn target_databases(&self, source: &str) -> Vec<String> {
        self.databases.get(source).cloned().unwrap_or_else(|| vec![source.to_owned()])
    }

    /// Pairs every selected collection with its targets; `databases` are those that are selected as such.
    ///
    /// Fails if a rule matches none of the selected databases and collections (unless the mapping is
    /// [lenient](Self::lenient)), if a target's name is invalid, or if two collections have the same target.
    pub fn resolve(
        &self,
        databases: &[String],
        collections: &[CollectionRef],
    ) -> Result<Targets, MappingError> {
        let unused = self.unused_rules(databases, collections);
        if !self.lenient && !unused.is_empty() {
            return Err(MappingError::NoMatch(unused));
        }
        let mut target_databases = Vec::with_capacity(databases.len());
        for from in databases {
            for to in self.target_databases(from) {
                if to != *from && !is_milvus_name(&to) {
                    return Err(MappingError::InvalidTarget { from: from.clone(), to });
                }
                target_databases.push(to);
            }
        }
        let mut sources = BTreeMap::new();
        let mut pairs = Vec::with_capacity(collections.len());
        let named = collections
            .iter()
            .flat_map(|source| self.targets(source).into_iter().map(move |target| (source, target)));
        for (source, target) in named {
            let valid = |from: &str, to: &str| from == to || is_milvus_name(to);
            if !valid(&source.database, &target.database) || !valid(&source.collection, &target.collection) {
                return Err(MappingError::InvalidTarget { from: source.to_string(), to: target.to_string() });
            }
            if let Some(first) = sources.insert(target.clone(), source) {
                let (target, first, second) = (target.to_string(), first.to_string(), source.to_string());
                return Err(MappingError::SameTarget { target, first, second });
            }
            pairs.push((source.clone(), target));
        }
        Ok(Targets { databases: target_databases, collections: pairs, unused })
    }

    /// Returns the rules that match none of these databases and collections.
    fn unused_rules(&self, databases: &[String], collections: &[CollectionRef]) -> Vec<String> {
        let databases = self
            .databases
            .iter()
            .filter(|(from, _)| {
                !databases.contains(from) && !collections.iter().any(|c| c.database == **from)
            })
            .flat_map(|(from, to)| to.iter().map(move |to| format!("{from}.*:{to}.*")));
        let collections = self
            .collections
            .iter()
            .filter(|(from, _)| !collections.contains(from))
            .flat_map(|(from, to)| to.iter().map(move |to| format!("{from}:{to}")));
        databases.chain(collections).collect()
    }
}

/// Fails unless both sides of a rule have a name.
fn check_named(from: &impl fmt::Display, to: &impl fmt::Display, is_named: bool) -> Result<(), MappingError> {
    let invalid = || MappingError::InvalidRule { rule: format!("{from}:{to}"), reason: "a name is missing" };
    if is_named { Ok(()) } else { Err(invalid()) }
}

/// Adds a target to those of a source; fails if it is one of them already.
fn add_distinct<T: PartialEq>(
    targets: &mut Vec<T>,
    target: T,
    source: &impl fmt::Display,
) -> Result<(), MappingError> {
    if targets.contains(&target) {
        return Err(MappingError::DuplicateRule(source.to_string()));
    }
    targets.push(target);
    Ok(())
}

impl Side {
    fn parse(text: &str) -> Result<Self, &'static str> {
        let text = text.trim();
        if text.contains(':') {
            return Err("expected old:new");
        }
        let (database, collection) = text.split_once('.').unwrap_or(("", text));
        let dotted = text.len() > collection.len();
        if (dotted && database.is_empty()) || (!dotted && collection.is_empty()) {
            return Err("a name is missing");
        }
        if dotted && matches!(collection, "" | "*") {
            return if database.contains('*') {
                Err("a name cannot contain a star")
            } else {
                Ok(Self::Database(database.to_owned()))
            };
        }
        if collection.contains('.') {
            return Err("a name cannot contain a dot");
        }
        if text.contains('*') {
            return Err("a name cannot contain a star");
        }
        Ok(Self::Collection(CollectionRef::new(database, collection)))
    }
}

#[cfg(test)]
mod tests;
