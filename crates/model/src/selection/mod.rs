//! Selections of databases and collections.
//!
//! A selection is a list of rules, which are matched against the names in the source. The rules are those of
//! `--filter` in Milvus Backup (Go) 0.5 and later, with `*` and `?` allowed in every part.
//! The older options `-c`, `-d` and `-a` are converted to the same rules.

mod rule;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::name::{CollectionRef, DEFAULT_DATABASE};
use rule::Rule;
pub use rule::matches;

/// The rules by which a request selects databases and collections.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Selection {
    rules: Vec<Rule>,
}

/// The databases and collections of one source that a selection matches.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selected {
    /// The selected databases and those of selected collections, in the order of the source.
    pub databases: Vec<String>,
    /// Those of the databases that are selected as such, not only for collections in them. If everything is selected,
    /// these are the databases without collections.
    pub whole_databases: Vec<String>,
    /// The selected collections, in the order of the source.
    pub collections: Vec<CollectionRef>,
}

/// The reason why a selection is invalid or matches nothing.
#[derive(Debug, thiserror::Error)]
pub enum SelectionError {
    /// A rule has invalid syntax.
    #[error("cannot parse the filter {rule:?}: {reason}")]
    InvalidRule {
        /// The rule as given in the request.
        rule: String,
        /// The violated rule of the syntax, in words.
        reason: &'static str,
    },
    /// The JSON is not an object whose values are lists of names.
    #[error(
        "cannot parse the selection: it must be a JSON object of databases, each with a list of collections"
    )]
    InvalidJson(#[source] serde_json::Error),
    /// One or more rules match nothing in the source.
    #[error("nothing matches {}", .rules.join(", "))]
    NoMatch {
        /// The rules without a match, each with a similar name if there is one.
        rules: Vec<String>,
    },
}

impl Selection {
    /// Selects every database and every collection.
    pub fn everything() -> Self {
        Self { rules: vec![Rule::everything()] }
    }

    /// Parses `--filter`: a comma-separated list of `db.*`, `db.coll`, `coll` (in the database `default`) and `db.` (the
    /// database without its collections). An empty text selects everything.
    pub fn from_filter(text: &str) -> Result<Self, SelectionError> {
        if text.trim().is_empty() {
            return Ok(Self::everything());
        }
        Self::parse_list(text, Rule::parse)
    }

    /// Parses `-c`: a comma-separated list of `coll` or `db.coll`.
    pub fn from_collections(text: &str) -> Result<Self, SelectionError> {
        Self::parse_list(text, |item| match item.strip_suffix('.') {
            Some(_) => Err("the name of a collection is missing after the dot"),
            None => Rule::parse(item),
        })
    }

    /// Parses `-d`: a comma-separated list of databases, each with all its collections.
    pub fn from_databases(text: &str) -> Result<Self, SelectionError> {
        Self::parse_list(text, Rule::whole_database)
    }

    /// Parses `-a`: a JSON object that maps each database to a list of collections. An empty list or null selects the
    /// whole database; an empty database name means `default`.
    pub fn from_json(text: &str) -> Result<Self, SelectionError> {
        let wanted: BTreeMap<String, Option<Vec<String>>> =
            serde_json::from_str(text).map_err(SelectionError::InvalidJson)?;
        let invalid = |rule: &str, reason| SelectionError::InvalidRule { rule: rule.to_owned(), reason };
        let mut rules = Vec::new();
        for (database, collections) in &wanted {
            let database = if database.is_empty() { DEFAULT_DATABASE } else { database };
            let collections = collections.as_deref().unwrap_or_default();
            if collections.is_empty() {
                rules.push(Rule::whole_database(database).map_err(|reason| invalid(database, reason))?);
            }
            for collection in collections {
                rules.push(
                    Rule::collection(database, collection).map_err(|reason| invalid(collection, reason))?,
                );
            }
        }
        if rules.is_empty() {
            return Err(invalid(text, "it names no database"));
        }
        Ok(Self { rules })
    }

    /// Converts a map from databases to lists of collections, as requests of 0.5 contain it. An empty list selects the
    /// database without its collections, `*` all of its collections.
    pub fn from_map<'a, C: IntoIterator<Item = &'a str>>(
        wanted: impl IntoIterator<Item = (&'a str, C)>,
    ) -> Result<Self, SelectionError> {
        let mut rules = Vec::new();
        for (database, collections) in wanted {
            let invalid = |reason| SelectionError::InvalidRule { rule: database.to_owned(), reason };
            let before = rules.len();
            for collection in collections {
                rules.push(Rule::collection(database, collection).map_err(invalid)?);
            }
            if rules.len() == before {
                rules.push(Rule::database_alone(database).map_err(invalid)?);
            }
        }
        if rules.is_empty() {
            return Err(SelectionError::InvalidRule { rule: String::new(), reason: "it names no database" });
        }
        Ok(Self { rules })
    }

    /// Parses a comma-separated list of rules.
    fn parse_list(
        text: &str,
        parse: impl Fn(&str) -> Result<Rule, &'static str>,
    ) -> Result<Self, SelectionError> {
        let rules = text
            .split(',')
            .map(|item| {
                parse(item.trim())
                    .map_err(|reason| SelectionError::InvalidRule { rule: item.to_owned(), reason })
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { rules })
    }

    /// Returns whether this selects every database and collection; such a selection may match nothing.
    pub fn is_everything(&self) -> bool {
        *self == Self::everything()
    }

    /// Returns the databases and collections of the source that the rules match.
    ///
    /// Fails if a rule matches nothing, unless the selection is [`Self::everything`].
    pub fn select(
        &self,
        databases: &[String],
        collections: &[CollectionRef],
    ) -> Result<Selected, SelectionError> {
        let unmatched: Vec<String> = self
            .rules
            .iter()
            .filter(|rule| {
                !databases.iter().any(|database| rule.selects_database(database))
                    && !collections.iter().any(|collection| rule.selects(collection))
            })
            .map(|rule| match rule.suggest(databases, collections) {
                Some(similar) => format!("{rule} (did you mean {similar}?)"),
                None => rule.to_string(),
            })
            .collect();
        if !unmatched.is_empty() && !self.is_everything() {
            return Err(SelectionError::NoMatch { rules: unmatched });
        }
        let collections: Vec<CollectionRef> = collections
            .iter()
            .filter(|collection| self.rules.iter().any(|rule| rule.selects(collection)))
            .cloned()
            .collect();
        let holding: BTreeSet<&str> = collections.iter().map(|c| c.database.as_str()).collect();
        let is_selected = |name: &&String| self.rules.iter().any(|rule| rule.selects_database(name));
        let holds_collections = |name: &&String| holding.contains(name.as_str());
        let whole_databases = databases
            .iter()
            .filter(|name| is_selected(name) && !(self.is_everything() && holds_collections(name)))
            .cloned()
            .collect();
        let databases =
            databases.iter().filter(|name| holds_collections(name) || is_selected(name)).cloned().collect();
        Ok(Selected { databases, whole_databases, collections })
    }
}

impl TryFrom<String> for Selection {
    type Error = SelectionError;

    fn try_from(filter: String) -> Result<Self, SelectionError> {
        Self::from_filter(&filter)
    }
}

impl From<Selection> for String {
    fn from(selection: Selection) -> Self {
        selection.to_string()
    }
}

/// Writes the canonical text, which [`Selection::from_filter`] parses to an equal selection.
impl fmt::Display for Selection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, rule) in self.rules.iter().enumerate() {
            if i > 0 {
                f.write_str(",")?;
            }
            rule.fmt(f)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn source() -> (Vec<String>, Vec<CollectionRef>) {
        let databases = ["default", "shop", "hollow"].map(str::to_owned).to_vec();
        let collections =
            [("default", "books"), ("default", "tenants"), ("shop", "books"), ("shop", "orders")]
                .map(|(database, collection)| CollectionRef::new(database, collection))
                .to_vec();
        (databases, collections)
    }

    fn selected(selection: &Selection) -> Result<String, String> {
        let (databases, collections) = source();
        let found = selection.select(&databases, &collections).map_err(|e| e.to_string())?;
        let collections: Vec<_> = found.collections.iter().map(ToString::to_string).collect();
        Ok(format!("{} | {}", found.databases.join(" "), collections.join(" ")))
    }

    fn filter(text: &str) -> String {
        selected(&Selection::from_filter(text).unwrap()).unwrap()
    }

    #[test]
    fn a_map_of_databases_is_read_as_0_5_means_it() {
        let from_map = |wanted: &[(&'static str, &[&'static str])]| {
            Selection::from_map(wanted.iter().map(|(db, collections)| (*db, collections.iter().copied())))
        };
        let text = from_map(&[("a", &["*"]), ("b", &[]), ("c", &["x", "y"])]).unwrap().to_string();
        assert_eq!(text, "a.*,b.,c.x,c.y");
        // a comma would begin another rule once the selection is stored as text
        for wanted in [&[("a", &["x,b.*"][..])][..], &[("", &["x"])], &[("a.b", &["x"])], &[]] {
            assert!(from_map(wanted).is_err(), "{wanted:?}");
        }
    }

    #[test]
    fn the_rules_of_a_filter() {
        assert_eq!(filter("shop.*"), "shop | shop.books shop.orders");
        assert_eq!(filter("shop.books"), "shop | shop.books");
        assert_eq!(filter("books"), "default | default.books");
        assert_eq!(filter("shop."), "shop | ");
        assert_eq!(filter("hollow.*"), "hollow | ");
        assert_eq!(filter("shop.*,shop.books"), "shop | shop.books shop.orders");
        assert_eq!(filter(" shop.books , books "), "default shop | default.books shop.books");
    }

    #[test]
    fn stars_and_question_marks() {
        assert_eq!(filter("b*"), "default | default.books");
        assert_eq!(filter("*"), "default | default.books default.tenants");
        assert_eq!(filter("*.book?"), "default shop | default.books shop.books");
        assert_eq!(filter("s*."), "shop | ");
        assert_eq!(filter("*."), "default shop hollow | ");
    }

    #[test]
    fn a_collection_does_not_select_its_database_as_such() {
        let (databases, collections) = source();
        let whole = |filter: &str| {
            let selected = Selection::from_filter(filter).unwrap().select(&databases, &collections);
            selected.unwrap().whole_databases.join(" ")
        };
        assert_eq!(whole("shop.books"), "");
        assert_eq!(whole("shop.books,hollow."), "hollow");
        assert_eq!(whole("shop.*"), "shop");
        assert_eq!(whole(""), "hollow", "the others hold collections");
    }

    #[test]
    fn everything_is_all_databases_and_never_an_error() {
        for text in ["", " ", "*.*"] {
            let selection = Selection::from_filter(text).unwrap();
            assert!(selection.is_everything());
            assert_eq!(selection.select(&[], &[]).unwrap(), Selected::default());
        }
        assert_eq!(filter(""), "default shop hollow | default.books default.tenants shop.books shop.orders");
        assert!(!Selection::from_filter("default.*").unwrap().is_everything());
    }

    #[test]
    fn rules_without_a_match_are_named() {
        let selection = Selection::from_filter("books,nope,shop.x*,gone.*,away.").unwrap();
        assert_eq!(selected(&selection).unwrap_err(), "nothing matches nope, shop.x*, gone.*, away.");
        let selection = Selection::from_filter("boks,orders,shp.,shop.ordres,holow.*").unwrap();
        let expected = "nothing matches boks (did you mean default.books?), orders (did you mean shop.orders?), \
                        shp. (did you mean shop.?), shop.ordres (did you mean shop.orders?), \
                        holow.* (did you mean hollow.*?)";
        assert_eq!(selected(&selection).unwrap_err(), expected);
        assert!(selected(&Selection::from_filter("*.*,nope.x").unwrap()).is_err());
    }

    #[test]
    fn the_older_flags() {
        let collections = Selection::from_collections("books,shop.orders").unwrap();
        assert_eq!(selected(&collections).unwrap(), "default shop | default.books shop.orders");
        let databases = Selection::from_databases("shop,hollow").unwrap();
        assert_eq!(selected(&databases).unwrap(), "shop hollow | shop.books shop.orders");
        let json = Selection::from_json(r#"{"shop":[],"default":["tenants"],"hollow":null}"#).unwrap();
        assert_eq!(selected(&json).unwrap(), "default shop hollow | default.tenants shop.books shop.orders");
        assert_eq!(Selection::from_json(r#"{"":["books"]}"#).unwrap().to_string(), "default.books");
    }

    #[test]
    fn invalid_rules_are_rejected_with_a_reason() {
        for text in ["a.b.c", ",", "a,,b", ".x", "."] {
            assert!(
                matches!(Selection::from_filter(text), Err(SelectionError::InvalidRule { .. })),
                "{text}"
            );
        }
        for text in ["", "db.", "a.b.c"] {
            assert!(Selection::from_collections(text).is_err(), "{text}");
        }
        for text in ["", "a.b"] {
            assert!(Selection::from_databases(text).is_err(), "{text}");
        }
        for text in ["", "[]", "{\"a\":\"b\"}", "{\"a\":[1]}", "{}", "{\"a\":[\"b.c\"]}", "{\"a\":[\"\"]}"] {
            assert!(Selection::from_json(text).is_err(), "{text}");
        }
        let error = Selection::from_filter("a.b.c").unwrap_err().to_string();
        assert_eq!(error, "cannot parse the filter \"a.b.c\": a name cannot contain a dot");
    }

    proptest! {
        #[test]
        fn canonical_text_is_parsed_to_the_same_selection(text in "([a-c*?]{1,3}\\.?[a-c*?]{0,3}){1}(,[a-c*?]{1,3}\\.[a-c*?]{0,3}){0,3}") {
            let selection = Selection::from_filter(&text).unwrap();
            prop_assert_eq!(Selection::from_filter(&selection.to_string()).unwrap(), selection);
        }

        #[test]
        fn any_text_is_parsed_without_panic(text: String, name: String) {
            let source = [CollectionRef::new("default", name)];
            for selection in [
                Selection::from_filter(&text),
                Selection::from_collections(&text),
                Selection::from_databases(&text),
                Selection::from_json(&text),
            ].into_iter().flatten() {
                let _ = selection.select(&[], &source);
            }
        }
    }
}
