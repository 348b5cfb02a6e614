//! Rename rules and suffixes.

use proptest::prelude::*;

use super::*;
use crate::selection::Selection;

fn collection(name: &str) -> CollectionRef {
    match Side::parse(name).unwrap() {
        Side::Collection(name) => name,
        Side::Database(_) => panic!("{name} is no collection"),
    }
}

fn target(mapping: &Mapping, source: &str) -> String {
    let targets: Vec<String> = mapping.targets(&collection(source)).iter().map(ToString::to_string).collect();
    targets.join(",")
}

#[test]
fn every_form_of_rename() {
    let mapping = Mapping::new(Some("a:b,c:db2.d,db1.e:f,db1.g:db3.h,db4.*:db5.*,db6.:db7."), None).unwrap();
    assert_eq!(target(&mapping, "a"), "default.b");
    assert_eq!(target(&mapping, "c"), "db2.d");
    assert_eq!(target(&mapping, "db1.e"), "default.f");
    assert_eq!(target(&mapping, "db1.g"), "db3.h");
    assert_eq!(target(&mapping, "db4.x"), "db5.x");
    assert_eq!(target(&mapping, "db6.x"), "db7.x");
    assert_eq!(target(&mapping, "db1.a"), "db1.a");
    assert_eq!(mapping.target_databases("db4"), ["db5"]);
    assert_eq!(mapping.target_databases("db1"), ["db1"]);
}

#[test]
fn a_suffix_is_added_to_collections_without_a_rule() {
    let mapping = Mapping::new(Some("a:b,db1.*:db2.*,db1.x:db3.y"), Some("_copy")).unwrap();
    assert_eq!(target(&mapping, "a"), "default.b");
    assert_eq!(target(&mapping, "db1.x"), "db3.y");
    assert_eq!(target(&mapping, "db1.z"), "db2.z_copy");
    assert_eq!(target(&mapping, "other"), "default.other_copy");
}

#[test]
fn invalid_rules_are_rejected() {
    for rule in ["a", "a:b:c", ":b", "a:", "a.b.c:d", "db.*:c", "c:db.*", ".a:b", "*:b", "d*.*:x.*", "a:b,"] {
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
fn resolving_rejects_unused_rules_and_invalid_targets() {
    let sources = ["a", "b", "db1.a"].map(collection);
    let resolve =
        |rename, suffix| Mapping::new(rename, suffix).unwrap().resolve(&["hollow".to_owned()], &sources);
    let pairs = resolve(None, Some("_x")).unwrap().collections;
    assert_eq!(pairs[2], (collection("db1.a"), collection("db1.a_x")));
    assert!(resolve(Some("hollow.*:full.*"), None).is_ok());
    assert_eq!(
        resolve(Some("nope:x,gone.*:y.*"), None).unwrap_err().to_string(),
        "no collection matches the rename rule gone.*:y.*, default.nope:default.x"
    );
    let lenient = Mapping::new(Some("b:c,nope:x,gone.*:y.*"), None).unwrap().lenient();
    let targets = lenient.resolve(&[], &sources).unwrap();
    assert_eq!(targets.collections[1].1, collection("c"));
    assert_eq!(targets.unused, ["gone.*:y.*", "default.nope:default.x"]);
    assert_eq!(
        resolve(Some("a:b"), None).unwrap_err().to_string(),
        "both default.a and default.b would be renamed to default.b"
    );
    assert!(matches!(resolve(Some("db1.*:default.*"), None), Err(MappingError::SameTarget { .. })));
    assert!(matches!(resolve(Some("a:1x"), None), Err(MappingError::InvalidTarget { .. })));
    assert!(matches!(resolve(Some("hollow.:1x."), None), Err(MappingError::InvalidTarget { .. })));
}

#[test]
fn a_plan_maps_one_source_to_several_targets() {
    let text = |t: &str| t.to_owned();
    let mapping = Mapping::from_plan(
        [(text("db1"), text("db2")), (text("db1"), text("db3"))],
        [(collection("db1.a"), collection("db4.b")), (collection("db1.a"), collection("db4.c"))],
    )
    .unwrap();
    assert_eq!(target(&mapping, "db1.a"), "db4.b,db4.c");
    assert_eq!(target(&mapping, "db1.z"), "db2.z,db3.z");
    assert_eq!(target(&mapping, "other"), "default.other");
    let stored = serde_json::to_string(&mapping).unwrap();
    assert_eq!(serde_json::from_str::<Mapping>(&stored).unwrap(), mapping);

    let sources = ["db1.a", "db1.z"].map(collection);
    let all = mapping.resolve(&[text("db1")], &sources).unwrap();
    assert_eq!(all.databases, ["db2", "db3"]);
    let only = |filter| all.clone().only(&Selection::from_filter(filter).unwrap());
    let names = |targets: Targets| {
        let pairs = targets.collections.iter().map(|(from, to)| format!("{from}>{to}"));
        (targets.databases.join(","), pairs.collect::<Vec<_>>().join(","))
    };
    assert_eq!(names(only("db4.b,db3.*").unwrap()), (text("db3,db4"), text("db1.a>db4.b,db1.z>db3.z")));
    assert_eq!(only("").unwrap(), all);
    assert!(only("db1.a").is_err(), "filters match the names of targets");
}

#[test]
fn stored_mappings_are_strict_unless_marked_lenient() {
    let strict = Mapping::new(Some("a:b"), None).unwrap();
    let stored = serde_json::to_string(&strict).unwrap();
    assert!(!stored.contains("lenient"), "as earlier releases stored them: {stored}");
    assert_eq!(serde_json::from_str::<Mapping>(&stored).unwrap(), strict);
    let stored = serde_json::to_string(&strict.clone().lenient()).unwrap();
    assert_eq!(serde_json::from_str::<Mapping>(&stored).unwrap(), strict.lenient());
}

#[test]
fn invalid_plans_are_rejected() {
    let pair = |from: &str, to: &str| (CollectionRef::new("db", from), CollectionRef::new("db", to));
    let plan = |collections: Vec<_>| Mapping::from_plan([], collections).unwrap_err();
    assert_eq!(plan(vec![pair("a", "b"), pair("a", "b")]), MappingError::DuplicateRule("db.a".to_owned()));
    for (from, to) in [("", "b"), ("a", "")] {
        assert!(matches!(plan(vec![pair(from, to)]), MappingError::InvalidRule { .. }), "{from}:{to}");
    }
    let nameless = Mapping::from_plan([("db".to_owned(), String::new())], []);
    assert!(matches!(nameless, Err(MappingError::InvalidRule { .. })));
}

proptest! {
    #[test]
    fn a_collection_gets_the_target_of_its_rule(
        from in "[a-z_]{1,6}\\.[a-z_]{1,6}", to in "[a-z_]{1,6}\\.[a-z_]{1,6}", suffix in "[a-z0-9_]{0,3}",
    ) {
        let mapping = Mapping::new(Some(&format!("{from}:{to}")), Some(&suffix)).unwrap();
        let resolved = mapping.resolve(&[], &[collection(&from)]).unwrap();
        prop_assert_eq!(resolved.collections, vec![(collection(&from), collection(&to))]);
    }

    #[test]
    fn any_text_is_parsed_without_panic(rename: String, suffix: String) {
        let _ = Mapping::new(Some(&rename), Some(&suffix));
    }
}
