//! Source names to target names.
//!
//! Every form of `--rename` of Milvus Backup (Go) is read: `coll:new`, `db.coll:db2.new` and mixtures of both (a
//! missing database is `default`), `db1.*:db2.*`, and `db1.:db2.`, which means the same. A rule for a collection
//! beats one for its database; a suffix goes to every collection without a rule of its own.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::name::{CollectionRef, is_milvus_name};

/// How the names of a restore follow from those of the source.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mapping {
    databases: BTreeMap<String, String>,
    collections: BTreeMap<CollectionRef, CollectionRef>,
    suffix: String,
}

/// Why names cannot be mapped.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MappingError {
    /// A rule is not written as rules are.
    #[error("cannot understand the rename {rule:?}: {reason}")]
    InvalidRule {
        /// The rule as it was given.
        rule: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Two rules rename the same thing.
    #[error("{0} is renamed twice")]
    DuplicateRule(String),
    /// The suffix would make invalid names.
    #[error("the suffix {0:?} holds more than letters, digits and `_`")]
    InvalidSuffix(String),
    /// Rules rename what is not selected from the source.
    #[error("nothing to rename by {}", .0.join(", "))]
    NoMatch(Vec<String>),
    /// Milvus would refuse the name.
    #[error(
        "{from} cannot become {to}: names hold letters, digits and `_`, no digit first, at most 255 characters"
    )]
    InvalidTarget {
        /// The source's name.
        from: String,
        /// The refused name.
        to: String,
    },
    /// Two collections would become one.
    #[error("both {first} and {second} would become {target}")]
    SameTarget {
        /// The target's name.
        target: String,
        /// A source.
        first: String,
        /// Another source.
        second: String,
    },
}

/// One side of a rename rule.
enum Side {
    Database(String),
    Collection(CollectionRef),
}

impl Mapping {
    /// Every name stays.
    pub fn identity() -> Self {
        Self::default()
    }

    /// Reads `--rename` (rules separated by commas) and `--suffix`; empty texts are as good as none.
    pub fn new(rename: Option<&str>, suffix: Option<&str>) -> Result<Self, MappingError> {
        let suffix = suffix.unwrap_or_default();
        if !suffix.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
            return Err(MappingError::InvalidSuffix(suffix.to_owned()));
        }
        let mut mapping = Self { suffix: suffix.to_owned(), ..Self::default() };
        for rule in rename.filter(|text| !text.trim().is_empty()).into_iter().flat_map(|text| text.split(','))
        {
            mapping.add(rule)?;
        }
        Ok(mapping)
    }

    fn add(&mut self, rule: &str) -> Result<(), MappingError> {
        let invalid = |reason| MappingError::InvalidRule { rule: rule.to_owned(), reason };
        let (from, to) = rule.split_once(':').ok_or_else(|| invalid("it is written old:new"))?;
        let twice = match (Side::parse(from).map_err(invalid)?, Side::parse(to).map_err(invalid)?) {
            (Side::Database(from), Side::Database(to)) => self.databases.insert(from, to).is_some(),
            (Side::Collection(from), Side::Collection(to)) => self.collections.insert(from, to).is_some(),
            _ => return Err(invalid("a database becomes a database and a collection a collection")),
        };
        if twice { Err(MappingError::DuplicateRule(from.trim().to_owned())) } else { Ok(()) }
    }

    /// The target of a collection.
    pub fn target(&self, source: &CollectionRef) -> CollectionRef {
        self.collections.get(source).cloned().unwrap_or_else(|| {
            CollectionRef::new(
                self.target_database(&source.database),
                format!("{}{}", source.collection, self.suffix),
            )
        })
    }

    /// The target of a database.
    pub fn target_database(&self, source: &str) -> String {
        self.databases.get(source).map_or(source, String::as_str).to_owned()
    }

    /// Pairs every selected collection with its target.
    ///
    /// Fails if a rule renames nothing of the selected databases and collections, a target's name is invalid,
    /// or two collections have one target.
    pub fn resolve(
        &self,
        databases: &[String],
        collections: &[CollectionRef],
    ) -> Result<Vec<(CollectionRef, CollectionRef)>, MappingError> {
        self.check_used(databases, collections)?;
        for from in databases {
            let to = self.target_database(from);
            if to != *from && !is_milvus_name(&to) {
                return Err(MappingError::InvalidTarget { from: from.clone(), to });
            }
        }
        let mut sources = BTreeMap::new();
        let mut pairs = Vec::with_capacity(collections.len());
        for source in collections {
            let target = self.target(source);
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
        Ok(pairs)
    }

    fn check_used(&self, databases: &[String], collections: &[CollectionRef]) -> Result<(), MappingError> {
        let databases = self
            .databases
            .iter()
            .filter(|(from, _)| {
                !databases.contains(from) && !collections.iter().any(|c| c.database == **from)
            })
            .map(|(from, to)| format!("{from}.*:{to}.*"));
        let collections = self
            .collections
            .iter()
            .filter(|(from, _)| !collections.contains(from))
            .map(|(from, to)| format!("{from}:{to}"));
        let unused: Vec<String> = databases.chain(collections).collect();
        if unused.is_empty() { Ok(()) } else { Err(MappingError::NoMatch(unused)) }
    }
}

impl Side {
    fn parse(text: &str) -> Result<Self, &'static str> {
        let text = text.trim();
        if text.contains(':') {
            return Err("it is written old:new");
        }
        let (database, collection) = text.split_once('.').unwrap_or(("", text));
        let dotted = text.len() > collection.len();
        if (dotted && database.is_empty()) || (!dotted && collection.is_empty()) {
            return Err("a name is missing");
        }
        if dotted && matches!(collection, "" | "*") {
            return if database.contains('*') {
                Err("a name holds no star")
            } else {
                Ok(Self::Database(database.to_owned()))
            };
        }
        if collection.contains('.') {
            return Err("a name holds no dot");
        }
        if text.contains('*') {
            return Err("a name holds no star");
        }
        Ok(Self::Collection(CollectionRef::new(database, collection)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn collection(name: &str) -> CollectionRef {
        match Side::parse(name).unwrap() {
            Side::Collection(name) => name,
            Side::Database(_) => panic!("{name} is no collection"),
        }
    }

    fn target(mapping: &Mapping, source: &str) -> String {
        mapping.target(&collection(source)).to_string()
    }

    #[test]
    fn every_form_of_rename() {
        let mapping =
            Mapping::new(Some("a:b,c:db2.d,db1.e:f,db1.g:db3.h,db4.*:db5.*,db6.:db7."), None).unwrap();
        assert_eq!(target(&mapping, "a"), "default.b");
        assert_eq!(target(&mapping, "c"), "db2.d");
        assert_eq!(target(&mapping, "db1.e"), "default.f");
        assert_eq!(target(&mapping, "db1.g"), "db3.h");
        assert_eq!(target(&mapping, "db4.x"), "db5.x");
        assert_eq!(target(&mapping, "db6.x"), "db7.x");
        assert_eq!(target(&mapping, "db1.a"), "db1.a");
        assert_eq!(mapping.target_database("db4"), "db5");
        assert_eq!(mapping.target_database("db1"), "db1");
    }

    #[test]
    fn a_suffix_goes_to_what_has_no_rule_of_its_own() {
        let mapping = Mapping::new(Some("a:b,db1.*:db2.*,db1.x:db3.y"), Some("_copy")).unwrap();
        assert_eq!(target(&mapping, "a"), "default.b");
        assert_eq!(target(&mapping, "db1.x"), "db3.y");
        assert_eq!(target(&mapping, "db1.z"), "db2.z_copy");
        assert_eq!(target(&mapping, "other"), "default.other_copy");
    }

    #[test]
    fn rules_that_cannot_be_understood() {
        for rule in
            ["a", "a:b:c", ":b", "a:", "a.b.c:d", "db.*:c", "c:db.*", ".a:b", "*:b", "d*.*:x.*", "a:b,"]
        {
            let error = Mapping::new(Some(rule), None).unwrap_err();
            assert!(matches!(error, MappingError::InvalidRule { .. }), "{rule}: {error}");
        }
        assert_eq!(
            Mapping::new(Some("a:b,default.a:c"), None),
            Err(MappingError::DuplicateRule("default.a".to_owned()))
        );
        assert_eq!(Mapping::new(None, Some("-x")), Err(MappingError::InvalidSuffix("-x".to_owned())));
        assert_eq!(Mapping::new(Some(""), Some("")), Ok(Mapping::identity()));
    }

    #[test]
    fn resolving_refuses_what_would_go_wrong() {
        let sources = ["a", "b", "db1.a"].map(collection);
        let resolve =
            |rename, suffix| Mapping::new(rename, suffix).unwrap().resolve(&["hollow".to_owned()], &sources);
        let pairs = resolve(None, Some("_x")).unwrap();
        assert_eq!(pairs[2], (collection("db1.a"), collection("db1.a_x")));
        assert!(resolve(Some("hollow.*:full.*"), None).is_ok());
        assert_eq!(
            resolve(Some("nope:x,gone.*:y.*"), None).unwrap_err().to_string(),
            "nothing to rename by gone.*:y.*, default.nope:default.x"
        );
        assert_eq!(
            resolve(Some("a:b"), None).unwrap_err().to_string(),
            "both default.a and default.b would become default.b"
        );
        assert!(matches!(resolve(Some("db1.*:default.*"), None), Err(MappingError::SameTarget { .. })));
        assert!(matches!(resolve(Some("a:1x"), None), Err(MappingError::InvalidTarget { .. })));
        assert!(matches!(resolve(Some("hollow.:1x."), None), Err(MappingError::InvalidTarget { .. })));
    }

    proptest! {
        #[test]
        fn a_rename_leads_where_it_says(
            from in "[a-z_]{1,6}\\.[a-z_]{1,6}", to in "[a-z_]{1,6}\\.[a-z_]{1,6}", suffix in "[a-z0-9_]{0,3}",
        ) {
            let mapping = Mapping::new(Some(&format!("{from}:{to}")), Some(&suffix)).unwrap();
            let resolved = mapping.resolve(&[], &[collection(&from)]).unwrap();
            prop_assert_eq!(resolved, vec![(collection(&from), collection(&to))]);
        }

        #[test]
        fn any_text_is_survived(rename: String, suffix: String) {
            let _ = Mapping::new(Some(&rename), Some(&suffix));
        }
    }
}
