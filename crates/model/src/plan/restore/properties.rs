//! The properties with which a target is created, and those that it gets after the import.

use std::collections::BTreeMap;

use super::SkipParams;
use crate::manifest::{CollectionBackup, KeyValue};

/// The property with the lifetime of rows in seconds, which Milvus counts from a row's timestamp.
const TTL_SECONDS: &str = "collection.ttl.seconds";

/// Prefixes of properties that only the server may set: in the target they would block clients or be wrong.
const SERVER_PROPERTIES: [&str; 3] = ["replicate.", "max_field_id", "cipher."];

/// Parts of the names of properties that would deny or slow down the restore itself: rates, denials, quotas.
const RESTRICTIONS: [&str; 3] = ["Rate.", ".force.deny.", ".diskProtection."];

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
    fn the_value_of_the_collection_has_priority_over_that_of_its_schema() {
        let found = split_properties(&[(TTL_SECONDS, "1")], &[(TTL_SECONDS, "0")]);
        assert_eq!(found.after, [KeyValue::new(TTL_SECONDS, "0")]);
        assert_eq!(found.ttl_s(), None, "rows with a TTL of 0 never expire");
    }
}
