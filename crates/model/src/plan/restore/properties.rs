//! Which properties a target is created with, and which it gets once its data is in.

use std::collections::BTreeMap;

use super::SkipParams;
use crate::manifest::{CollectionBackup, KeyValue};

/// The property whose number of seconds Milvus counts from a row's own time.
const TTL: &str = "collection.ttl.seconds";

/// Properties that only the server may set: replayed, they would lock out or confuse the target.
const SERVER_PROPERTIES: [&str; 3] = ["replicate.", "max_field_id", "cipher."];

/// Properties that would deny, slow down or refuse the restore itself: rates, denials, quotas.
const HINDRANCES: [&str; 3] = ["Rate.", ".force.deny.", ".diskProtection."];

/// The properties of a collection, in the order of their keys.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Properties {
    /// To be set at its creation.
    pub(super) before: Vec<KeyValue>,
    /// To be set once the data is in.
    pub(super) after: Vec<KeyValue>,
}

impl Properties {
    /// Those of the collection and those of its schema: on 2.3.5 the TTL stands among the former only.
    pub(super) fn of(backup: &CollectionBackup, skip: &SkipParams) -> Self {
        let mut union: BTreeMap<&str, &KeyValue> = BTreeMap::new();
        for kv in backup.schema.properties.iter().chain(&backup.properties) {
            union.insert(&kv.key, kv);
        }
        let (after, before) = union
            .into_values()
            .filter(|kv| !SERVER_PROPERTIES.iter().any(|p| kv.key.starts_with(p)))
            .filter(|kv| !skip.collection_properties.contains(&kv.key))
            .cloned()
            .partition(|kv| kv.key == TTL || HINDRANCES.iter().any(|part| kv.key.contains(part)));
        Self { before, after }
    }

    /// The seconds after which rows expire, if they do.
    pub(super) fn ttl_s(&self) -> Option<u64> {
        let ttl = self.after.iter().find(|kv| kv.key == TTL)?;
        ttl.value.parse().ok().filter(|seconds| *seconds > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::sample;

    fn split(schema: &[(&str, &str)], collection: &[(&str, &str)]) -> Properties {
        let list = |pairs: &[(&str, &str)]| pairs.iter().map(|(k, v)| KeyValue::new(*k, *v)).collect();
        let mut backup = sample::collection("books", vec![]);
        backup.schema.properties = list(schema);
        backup.properties = list(collection);
        Properties::of(&backup, &SkipParams::default())
    }

    fn keys(list: &[KeyValue]) -> Vec<&str> {
        list.iter().map(|kv| kv.key.as_str()).collect()
    }

    #[test]
    fn what_would_disturb_the_restore_is_set_after_the_data() {
        let found = split(
            &[("mmap.enabled", "true")],
            &[
                (TTL, "864000"),
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
                TTL,
                "database.force.deny.writing",
            ]
        );
        assert_eq!(found.ttl_s(), Some(864_000));
    }

    #[test]
    fn what_only_the_server_may_set_is_left_out() {
        let found = split(
            &[("max_field_id", "107"), ("replicate.id", "x")],
            &[("cipher.ezID", "7"), ("replicate.endTS", "1"), ("timezone", "UTC")],
        );
        assert_eq!((keys(&found.before), keys(&found.after)), (vec!["timezone"], vec![]));
    }

    #[test]
    fn the_collections_own_value_beats_that_of_its_schema() {
        let found = split(&[(TTL, "1")], &[(TTL, "0")]);
        assert_eq!(found.after, [KeyValue::new(TTL, "0")]);
        assert_eq!(found.ttl_s(), None, "rows with a TTL of 0 never expire");
    }
}
