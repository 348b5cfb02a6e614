//! The properties with which a target is created, and those that it gets after the import.

use std::collections::{BTreeMap, BTreeSet};

use super::SkipParams;
use crate::manifest::{CollectionBackup, KeyValue, Manifest};
use crate::name::CollectionRef;

/// The property with the lifetime of rows in seconds, which Milvus counts from a row's timestamp.
const TTL_SECONDS: &str = "collection.ttl.seconds";

/// Prefixes of properties that only the server may set: in the target they would block clients or be wrong.
const SERVER_PROPERTIES: [&str; 4] = ["replicate.", "max_field_id", "preserve_field_ids", "cipher."];

/// A property that Milvus 3.0 reports for every collection and older releases do not know; only `true` means something.
const SHARDED_NAMESPACES: &str = "namespace.sharding.enabled";

/// A property that Milvus 3.0 sets itself for namespaces, and refuses to be given.
const KEY_ISOLATION: &str = "partitionkey.isolation";

/// Parts of the names of properties that would deny or slow down the restore itself: rates, denials, quotas, and what
/// the target may not have.
const RESTRICTIONS: [&str; 5] =
    ["Rate.", ".force.deny.", ".diskProtection.", "replica.number", "resource_groups"];

/// The properties that a target collection gets, sorted by key.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Properties {
    /// The properties with which the target is created.
    pub(super) before: Vec<KeyValue>,
    /// The properties to set after the import.
    pub(super) after: Vec<KeyValue>,
}

impl Properties {
    /// Unites the properties of the collection with those of its schema: on 2.3.5, only the former include the TTL.
    pub(super) fn new(backup: &CollectionBackup, skip: &SkipParams) -> Self {
        let mut union: BTreeMap<&str, &KeyValue> = BTreeMap::new();
        for kv in backup.schema.properties.iter().chain(&backup.properties) {
            union.insert(&kv.key, kv);
        }
        let (after, before) = union
            .into_values()
            .filter(|kv| !SERVER_PROPERTIES.iter().any(|p| kv.key.starts_with(p)))
            .filter(|kv| kv.key != SHARDED_NAMESPACES || kv.value == "true")
            .filter(|kv| kv.key != KEY_ISOLATION || !backup.schema.enable_namespace)
            .filter(|kv| !skip.collection_properties.contains(&kv.key))
            .cloned()
            .partition(|kv| kv.key == TTL_SECONDS || RESTRICTIONS.iter().any(|part| kv.key.contains(part)));
        Self { before, after }
    }

    /// Returns the number of seconds after which rows expire; `None` if they do not expire.
    pub(super) fn ttl_s(&self) -> Option<u64> {
        let ttl = self.after.iter().find(|kv| kv.key == TTL_SECONDS)?;
        ttl.value.parse().ok().filter(|seconds| *seconds > 0)
    }
}

/// Properties of a database that belong to its cluster: the target may not have these nodes and keys.
const CLUSTER_PROPERTIES: [&str; 3] = ["cipher.", "database.replica.number", "database.resource_groups"];

/// The property with the largest number of collections. Milvus stores any text, and with one that is no number it refuses
/// every new collection.
const MAX_COLLECTIONS: &str = "database.max.collections";

/// Returns the properties that a new database gets, with its name: those of the one database whose collections are
/// restored into it, or of that with its name. `None` if there are none.
pub(super) fn of_database(
    manifest: &Manifest,
    name: &str,
    pairs: &[(CollectionRef, CollectionRef)],
) -> Option<(String, Vec<KeyValue>)> {
    let into = pairs.iter().filter(|(_, target)| target.database == name);
    let sources: BTreeSet<&str> = into.map(|(source, _)| source.database.as_str()).collect();
    let source = match sources.len() {
        0 => name,
        1 => sources.first()?,
        _ => return None,
    };
    let database = manifest.databases.iter().find(|database| database.name == source)?;
    let is_kept = |kv: &&KeyValue| {
        !CLUSTER_PROPERTIES.iter().any(|prefix| kv.key.starts_with(prefix))
            && (kv.key != MAX_COLLECTIONS || kv.value.parse::<u64>().is_ok())
    };
    let kept: Vec<KeyValue> = database.properties.iter().filter(is_kept).cloned().collect();
    (!kept.is_empty()).then(|| (name.to_owned(), kept))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::sample;

    fn split_properties(schema: &[(&str, &str)], collection: &[(&str, &str)]) -> Properties {
        let list = |pairs: &[(&str, &str)]| pairs.iter().map(|(k, v)| KeyValue::new(*k, *v)).collect();
        let mut backup = sample::collection("books", vec![]);
        backup.schema.properties = list(schema);
        backup.properties = list(collection);
        Properties::new(&backup, &SkipParams::default())
    }

    fn keys(list: &[KeyValue]) -> Vec<&str> {
        list.iter().map(|kv| kv.key.as_str()).collect()
    }

    #[test]
    fn restricting_properties_are_set_after_the_import() {
        let found = split_properties(
            &[("mmap.enabled", "true")],
            &[
                (TTL_SECONDS, "864000"),
                ("collection.insertRate.max.mb", "1"),
                ("collection.bulkLoadRate.max.mb", "1"),
                ("collection.diskProtection.diskQuota.mb", "5"),
                ("database.force.deny.writing", "true"),
                ("collection.autocompaction.enabled", "false"),
            ],
        );
        assert_eq!(keys(&found.before), ["collection.autocompaction.enabled", "mmap.enabled"]);
        assert_eq!(
            keys(&found.after),
            [
                "collection.bulkLoadRate.max.mb",
                "collection.diskProtection.diskQuota.mb",
                "collection.insertRate.max.mb",
                TTL_SECONDS,
                "database.force.deny.writing",
            ]
        );
        assert_eq!(found.ttl_s(), Some(864_000));
    }

    #[test]
    fn properties_that_only_the_server_may_set_are_left_out() {
        let found = split_properties(
            &[("max_field_id", "107"), ("replicate.id", "x")],
            &[("cipher.ezID", "7"), ("replicate.endTS", "1"), ("timezone", "UTC")],
        );
        assert_eq!((keys(&found.before), keys(&found.after)), (vec!["timezone"], vec![]));
    }

    #[test]
    fn a_new_database_gets_the_properties_of_the_one_that_is_restored_into_it() {
        let properties = [
            ("database.max.collections", "many"),
            ("cipher.ezID", "7"),
            ("database.resource_groups", "rg"),
            ("database.force.deny.writing", "true"),
        ];
        let properties = properties.map(|(key, value)| KeyValue::new(key, value)).to_vec();
        let database = |name: &str| crate::manifest::DatabaseBackup {
            name: name.to_owned(),
            properties: properties.clone(),
            ..Default::default()
        };
        let databases = vec![database("shop"), database("other")];
        let manifest = Manifest { databases, ..Manifest::default() };
        let pair =
            |source: &str, target: &str| (CollectionRef::new(source, "a"), CollectionRef::new(target, "a"));
        let kept = Some(("new".to_owned(), vec![KeyValue::new("database.force.deny.writing", "true")]));
        assert_eq!(of_database(&manifest, "new", &[pair("shop", "new"), pair("other", "x")]), kept);
        assert_eq!(of_database(&manifest, "new", &[pair("shop", "new"), pair("other", "new")]), None);
        assert_eq!(of_database(&manifest, "shop", &[]).map(|(name, _)| name).as_deref(), Some("shop"));
    }

    #[test]
    fn the_value_of_the_collection_has_priority_over_that_of_its_schema() {
        let found = split_properties(&[(TTL_SECONDS, "1")], &[(TTL_SECONDS, "0")]);
        assert_eq!(found.after, [KeyValue::new(TTL_SECONDS, "0")]);
        assert_eq!(found.ttl_s(), None, "rows with a TTL of 0 never expire");
    }
}
