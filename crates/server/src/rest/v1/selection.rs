//! Converts the selectors of requests to a [`Selection`].

use std::collections::BTreeMap;

use model::name::DEFAULT_DATABASE;
use model::selection::{Selection, SelectionError};
use serde_json::Value;

use super::requests::CollectionNames;
use wire::{Failure, FailureKind};

/// Parses databases with lists of collections: an object, or a text that contains one. Other values count as missing.
pub(super) fn databases(key: &'static str, given: Option<&Value>) -> Result<Option<Selection>, Failure> {
    let text = match given {
        Some(Value::String(text)) if !text.is_empty() => text.clone(),
        Some(object @ Value::Object(_)) => object.to_string(),
        _ => return Ok(None),
    };
    Selection::from_json(&text).map(Some).map_err(|error| {
        unclear(key, error)
            .hint(r#"for example {"default": ["books"], "shop": []}; [] selects a whole database"#)
    })
}

/// Parses names as `coll` or `db.coll`; an empty list counts as missing.
pub(super) fn collections(key: &'static str, names: &[String]) -> Result<Option<Selection>, Failure> {
    if names.is_empty() {
        return Ok(None);
    }
    let names: Vec<_> = names.iter().map(|name| single(key, name)).collect::<Result<_, _>>()?;
    Selection::from_collections(&names.join(",")).map(Some).map_err(|error| unclear(key, error))
}

/// Parses databases with their collections: `*` selects all, an empty list only the database.
pub(super) fn filter(
    key: &'static str,
    filter: Option<&BTreeMap<String, CollectionNames>>,
) -> Result<Option<Selection>, Failure> {
    let Some(filter) = filter else { return Ok(None) };
    if filter.is_empty() {
        return Err(Failure::usage(format!("{key} names no database"))
            .hint(r#"omit it to select everything, or send for example {"shop": {"colls": ["*"]}}"#));
    }
    let lists = filter.iter().map(|(database, collections)| {
        let database = if database.is_empty() { DEFAULT_DATABASE } else { database };
        (database, collections.colls.iter().map(String::as_str))
    });
    Selection::from_map(lists).map(Some).map_err(|error| unclear(key, error))
}

/// Returns a single name: names are joined with commas.
fn single<'a>(key: &'static str, name: &'a str) -> Result<&'a str, Failure> {
    if name.contains(',') {
        return Err(Failure::usage(format!("{key}: {name:?} is not a collection name")));
    }
    Ok(name)
}

/// Returns the failure for a selector that cannot be parsed, which is always an error of the request.
fn unclear(key: &'static str, error: SelectionError) -> Failure {
    let failure = Failure::from(engine::Error::Selection(error, None));
    Failure { kind: FailureKind::Usage, message: format!("{key}: {}", failure.message), ..failure }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn text(selection: Result<Option<Selection>, Failure>) -> Result<String, String> {
        selection
            .map(|found| found.map_or_else(|| "unset".to_owned(), |found| found.to_string()))
            .map_err(|failure| failure.message)
    }

    #[test]
    fn databases_are_an_object_or_a_text_that_contains_one() {
        let read = |value: Value| text(databases("db_collections", Some(&value)));
        let wanted = Ok("default.books,default.x,shop.*".to_owned());
        assert_eq!(read(json!({"default": ["books", "x"], "shop": []})), wanted);
        assert_eq!(read(json!(r#"{"": ["books", "x"], "shop": null}"#)), wanted);
        for unset in [json!(null), json!(""), json!([]), json!(["books"]), json!(1), json!(true)] {
            assert_eq!(read(unset), Ok("unset".to_owned()));
        }
        for wrong in [json!("books"), json!("{"), json!({}), json!({"default": "books"}), json!({"a": [1]})] {
            assert!(read(wrong).unwrap_err().starts_with("db_collections: "));
        }
    }

    #[test]
    fn collection_names_make_a_selection() {
        let read = |names: &[&str]| {
            let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
            text(collections("collection_names", &names))
        };
        assert_eq!(read(&[]), Ok("unset".to_owned()));
        assert_eq!(read(&["books", "shop.orders"]), Ok("books,shop.orders".to_owned()));
        for wrong in [&["a.b.c"][..], &[""], &["a,b"], &["db."]] {
            assert!(read(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_filter_makes_a_selection() {
        let read = |value: Value| {
            let value: BTreeMap<String, CollectionNames> = serde_json::from_value(value).unwrap();
            text(filter("filter", Some(&value)))
        };
        let wanted = "default.books,empty.,shop.*".to_owned();
        let given = json!({"": {"colls": ["books"]}, "empty": {"colls": []}, "shop": {"colls": ["*"]}});
        assert_eq!(read(given), Ok(wanted));
        assert_eq!(text(filter("filter", None)), Ok("unset".to_owned()));
        for wrong in [json!({}), json!({"a": {"colls": [""]}}), json!({"a": {"colls": ["x.y"]}})] {
            assert!(read(wrong).is_err());
        }
    }
}
