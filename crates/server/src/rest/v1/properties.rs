//! Property tests of the JSON of requests and responses.

use std::collections::BTreeMap;
use std::fmt::Write;

use model::plan::restore::EzkMapping;
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::envelope::{Envelope, Head};
use super::go_json;
use super::info::BackupInfo;
use super::requests::{
    CollectionMapping, CollectionNames, CollectionOverride, DatabaseMapping, V1CreateRequest, V1RestorePlan,
    V1RestoreRequest, V1SkipParams,
};

fn name() -> impl Strategy<Value = String> {
    "[a-zA-Z_<&\u{e9}]{0,6}"
}

fn lists() -> impl Strategy<Value = BTreeMap<String, CollectionNames>> {
    btree_map(name(), vec(name(), 0..3).prop_map(|colls| CollectionNames { colls }), 0..3)
}

fn free() -> impl Strategy<Value = Option<Value>> {
    prop_oneof![
        Just(None),
        Just(Some(json!(""))),
        Just(Some(json!([1]))),
        name().prop_map(|name| Some(json!({ name: ["a", "b"] }))),
        name().prop_map(|name| Some(json!(format!("{{\"{name}\": []}}")))),
    ]
}

prop_compose! {
    fn create()(
        (backup_name, strategy, format, backup_root_path, gc_pause_address) in (name(), name(), name(), name(), name()),
        (asynchronous, force, meta_only, rbac, with_index_extra, gc_pause_enable) in any::<(bool, bool, bool, bool, bool, bool)>(),
        gc_pause_seconds in any::<i32>(),
        collection_names in vec(name(), 0..3),
        db_collections in free(),
        filter in proptest::option::of(lists()),
    ) -> V1CreateRequest {
        V1CreateRequest {
            backup_name, asynchronous, collection_names, db_collections, filter, force, meta_only, strategy, format, rbac,
            with_index_extra, backup_root_path, gc_pause_enable, gc_pause_seconds, gc_pause_address,
        }
    }
}

fn plan() -> impl Strategy<Value = V1RestorePlan> {
    let different = (any::<i32>(), name())
        .prop_map(|(shard_num, description)| CollectionOverride { shard_num, description });
    let collection = (name(), name(), different).prop_map(|(source, target, different)| CollectionMapping {
        source,
        target,
        different,
    });
    let database = (name(), name(), any::<bool>(), vec(collection, 0..3))
        .prop_map(|(source, target, with_prop, colls)| DatabaseMapping { source, target, with_prop, colls });
    (vec(database, 0..3), proptest::option::of(lists()))
        .prop_map(|(mapping, filter)| V1RestorePlan { mapping, filter })
}

prop_compose! {
    fn restore()(
        (request_id, backup_name, id, collection_suffix) in (name(), name(), name(), name()),
        (bucket_name, path) in (name(), name()),
        (asynchronous, meta_only, restore_index, use_auto_index) in any::<(bool, bool, bool, bool)>(),
        (drop_exist_collection, drop_exist_index, skip_create_collection) in any::<(bool, bool, bool)>(),
        (skip_import_disk_quota_check, rbac, use_v2_restore, truncate_binlog_by_ts) in any::<(bool, bool, bool, bool)>(),
        collection_names in vec(name(), 0..3),
        (db_collections, db_collections_after_rename) in (free(), free()),
        (collection_renames, ezk_mapping) in (btree_map(name(), name(), 0..3), btree_map(name(), name(), 0..3)),
        max_shard_num in any::<i32>(),
        (collection_properties, index_params) in (vec(name(), 0..3), vec(name(), 0..3)),
        restore_plan in proptest::option::of(plan()),
    ) -> V1RestoreRequest {
        V1RestoreRequest {
            request_id, backup_name, asynchronous, id, collection_names, db_collections, db_collections_after_rename,
            collection_suffix, collection_renames, bucket_name, path, meta_only, restore_index, use_auto_index,
            drop_exist_collection, drop_exist_index, skip_create_collection, skip_import_disk_quota_check, rbac,
            max_shard_num, use_v2_restore, truncate_binlog_by_ts, ezk_mapping: EzkMapping(ezk_mapping), restore_plan,
            skip_params: V1SkipParams { collection_properties, index_params, ..V1SkipParams::default() },
        }
    }
}

/// A request as a careless client of Go's writes it: keys in any case, unknown ones, `null` before a value, and
/// something after the end.
fn carelessly(request: &impl Serialize, cases: &[bool]) -> String {
    let Value::Object(fields) = serde_json::to_value(request).unwrap() else { panic!("no object") };
    let mut cases = cases.iter().copied().cycle();
    let mut text = String::from("{\"unknown\": {\"async\": 1}");
    for (key, value) in fields {
        let upper = cases.next().unwrap();
        let key = if upper { key.to_uppercase() } else { key };
        if cases.next().unwrap() {
            write!(text, ", \"{}\": null", key.to_lowercase()).unwrap();
        }
        if !value.is_null() {
            write!(text, ", \"{key}\": {value}").unwrap();
        }
    }
    text + "} {"
}

/// Numbers and texts that JSON leaves out where they are zero.
fn optional(json: &Map<String, Value>, key: &str) -> Value {
    json.get(key).cloned().unwrap_or(Value::Null)
}

proptest! {
    #[test]
    fn create_requests_are_parsed_in_any_spelling(request in create(), cases in vec(any::<bool>(), 8)) {
        let text = carelessly(&request, &cases);
        prop_assert_eq!(go_json::from_slice::<V1CreateRequest>(text.as_bytes()).unwrap(), request);
    }

    #[test]
    fn restore_requests_are_parsed_in_any_spelling(request in restore(), cases in vec(any::<bool>(), 8)) {
        let text = carelessly(&request, &cases);
        prop_assert_eq!(go_json::from_slice::<V1RestoreRequest>(text.as_bytes()).unwrap(), request);
    }

    #[test]
    fn every_failed_conversion_has_a_message(request in create(), other in restore()) {
        // Only that each failure has a message; other tests check its contents.
        let failures = [request.backup().err(), other.restore().err()];
        prop_assert!(failures.iter().flatten().all(|failure| !failure.message.is_empty()));
    }

    #[test]
    fn responses_omit_zeros_and_nothing_else(
        (id, error_message, name, msg) in (name(), name(), name(), name()),
        (state_code, code) in (0..4i32, 0..3i32),
        (start_time, end_time) in (0..3i64, 0..3i64),
        (progress, size) in (0..=100i32, any::<u64>()),
    ) {
        let info = BackupInfo {
            id: id.clone(), state_code, error_message: error_message.clone(), start_time, end_time, progress,
            name: name.clone(), size, ..BackupInfo::default()
        };
        let head = Head { request_id: id.clone(), code, msg: msg.clone() };
        let text = super::stream::bytes(&Envelope { head, data: Some(info) }).unwrap();
        prop_assert!(!text.contains(&b'<') && !text.contains(&b'&'), "escaped as Go does");
        let read: Value = serde_json::from_slice(&text).unwrap();
        let (head, data) = (read.as_object().unwrap(), read["data"].as_object().unwrap());
        let text = |value: &str| if value.is_empty() { Value::Null } else { json!(value) };
        let number = |value: i64| if value == 0 { Value::Null } else { json!(value) };
        prop_assert_eq!(optional(head, "requestId"), text(&id));
        prop_assert_eq!(optional(head, "code"), number(code.into()));
        prop_assert_eq!(optional(head, "msg"), text(&msg));
        prop_assert_eq!(optional(data, "id"), text(&id));
        prop_assert_eq!(optional(data, "errorMessage"), text(&error_message));
        prop_assert_eq!(optional(data, "start_time"), number(start_time));
        prop_assert_eq!(optional(data, "end_time"), number(end_time));
        prop_assert_eq!(&data["state_code"], &json!(state_code));
        prop_assert_eq!(&data["progress"], &json!(progress));
        prop_assert_eq!(&data["name"], &json!(name));
        prop_assert_eq!(&data["size"], &json!(size));
        prop_assert!(data.get("collection_backups").is_none() && data.get("database_backups").is_none());
    }
}
