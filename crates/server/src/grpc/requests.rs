//! Conversion of gRPC requests to the requests of `/api/v1`, which have the same fields.

use std::collections::{BTreeMap, HashMap};

use api::backup;
use model::plan::restore::EzkMapping;

use super::json::to_json;
use crate::rest::v1::requests::{
    CollectionMapping, CollectionNames, CollectionOverride, DatabaseMapping, V1CreateRequest, V1RestorePlan,
    V1RestoreRequest, V1SkipParams,
};

impl From<backup::CreateBackupRequest> for V1CreateRequest {
    fn from(request: backup::CreateBackupRequest) -> Self {
        Self {
            backup_name: request.backup_name,
            asynchronous: request.r#async,
            collection_names: request.collection_names,
            db_collections: request.db_collections.map(to_json),
            filter: filter(request.filter),
            force: request.force,
            meta_only: request.meta_only,
            strategy: request.strategy,
            format: request.format,
            rbac: request.rbac,
            with_index_extra: request.with_index_extra,
            backup_root_path: request.backup_root_path,
            gc_pause_enable: request.gc_pause_enable,
            gc_pause_seconds: request.gc_pause_seconds,
            gc_pause_address: request.gc_pause_address,
        }
    }
}

impl From<backup::RestoreBackupRequest> for V1RestoreRequest {
    fn from(request: backup::RestoreBackupRequest) -> Self {
        Self {
            request_id: request.request_id,
            backup_name: request.backup_name,
            asynchronous: request.r#async,
            id: request.id,
            collection_names: request.collection_names,
            db_collections: request.db_collections.map(to_json),
            db_collections_after_rename: request.db_collections_after_rename.map(to_json),
            collection_suffix: request.collection_suffix,
            collection_renames: request.collection_renames.into_iter().collect(),
            bucket_name: request.bucket_name,
            path: request.path,
            meta_only: request.meta_only,
            restore_index: request.restore_index,
            use_auto_index: request.use_auto_index,
            drop_exist_collection: request.drop_exist_collection,
            drop_exist_index: request.drop_exist_index,
            skip_create_collection: request.skip_create_collection,
            skip_import_disk_quota_check: request.skip_import_disk_quota_check,
            rbac: request.rbac,
            max_shard_num: request.max_shard_num,
            skip_params: request.skip_params.map(V1SkipParams::from).unwrap_or_default(),
            use_v2_restore: request.use_v2_restore,
            truncate_binlog_by_ts: request.truncate_binlog_by_ts,
            ezk_mapping: EzkMapping(request.ezk_mapping.into_iter().collect()),
            restore_plan: request.restore_plan.map(V1RestorePlan::from),
        }
    }
}

impl From<backup::SkipParams> for V1SkipParams {
    fn from(skip: backup::SkipParams) -> Self {
        Self {
            collection_properties: skip.collection_properties,
            field_index_params: skip.field_index_params,
            field_type_params: skip.field_type_params,
            index_params: skip.index_params,
        }
    }
}

impl From<backup::RestorePlan> for V1RestorePlan {
    fn from(plan: backup::RestorePlan) -> Self {
        let collection = |mapping: backup::RestoreCollectionMapping| CollectionMapping {
            source: mapping.source,
            target: mapping.target,
            different: mapping
                .r#override
                .map(|other| CollectionOverride {
                    shard_num: other.shard_num,
                    description: other.description,
                })
                .unwrap_or_default(),
        };
        let database = |mapping: backup::RestoreMapping| DatabaseMapping {
            source: mapping.source,
            target: mapping.target,
            with_prop: mapping.with_prop,
            colls: mapping.colls.into_iter().map(collection).collect(),
        };
        Self { mapping: plan.mapping.into_iter().map(database).collect(), filter: filter(plan.filter) }
    }
}

/// Converts a filter; an empty map cannot be distinguished from a missing one.
fn filter(filter: HashMap<String, backup::CollFilter>) -> Option<BTreeMap<String, CollectionNames>> {
    let lists = filter
        .into_iter()
        .map(|(database, collections)| (database, CollectionNames { colls: collections.colls }));
    Some(lists.collect::<BTreeMap<_, _>>()).filter(|lists| !lists.is_empty())
}

#[cfg(test)]
mod tests {
    use prost_types::value::Kind;
    use prost_types::{ListValue, Struct};

    use super::*;

    #[test]
    fn renames_may_match_nothing_as_in_json() {
        let request = backup::RestoreBackupRequest {
            backup_name: "nightly".to_owned(),
            collection_renames: [("none".to_owned(), "new".to_owned())].into(),
            ..Default::default()
        };
        let mapping = V1RestoreRequest::from(request).restore().unwrap().mapping;
        assert_eq!(mapping.resolve(&[], &[]).unwrap().unused, ["default.none:default.new"]);
    }

    fn of(kind: Kind) -> prost_types::Value {
        prost_types::Value { kind: Some(kind) }
    }

    #[test]
    fn selectors_mean_what_they_mean_in_json() {
        let books =
            of(Kind::ListValue(ListValue { values: vec![of(Kind::StringValue("books".to_owned()))] }));
        let object = of(Kind::StructValue(Struct { fields: [("default".to_owned(), books)].into() }));
        let request = backup::CreateBackupRequest { db_collections: Some(object), ..Default::default() };
        assert_eq!(V1CreateRequest::from(request).backup().unwrap().selection.to_string(), "default.books");

        let text = of(Kind::StringValue(r#"{"shop": []}"#.to_owned()));
        let request = backup::RestoreBackupRequest {
            backup_name: "nightly".to_owned(),
            db_collections: Some(text),
            ..Default::default()
        };
        assert_eq!(V1RestoreRequest::from(request).restore().unwrap().selection.to_string(), "shop.*");

        let colls = backup::CollFilter { colls: vec!["*".to_owned()] };
        let request =
            backup::CreateBackupRequest { filter: [("shop".to_owned(), colls)].into(), ..Default::default() };
        assert_eq!(V1CreateRequest::from(request).backup().unwrap().selection.to_string(), "shop.*");
        let everything = V1CreateRequest::from(backup::CreateBackupRequest::default()).backup().unwrap();
        assert!(everything.selection.is_everything());
    }
}
