//! Conversion of the request `restore` for the engine, with the defaults of the Go tool: no indexes unless requested,
//! no aliases, nothing loaded, and renames that may match nothing.

use std::collections::BTreeMap;

use jobs::OtherPlace;
use model::mapping::Mapping;
use model::name::{BackupName, CollectionRef};
use model::plan::restore::{
    CollectionOverride, ExistingTargetPolicy, RestoreMode, RestoreOptions, RestoreRequest, SkipParams,
};
use model::selection::Selection;

use super::requests::{CollectionMapping, DatabaseMapping, V1RestorePlan, V1RestoreRequest, V1SkipParams};
use super::selection;
use wire::Failure;

impl V1RestoreRequest {
    /// Returns the request of the engine.
    pub(crate) fn restore(&self) -> Result<RestoreRequest, Failure> {
        let name: BackupName = match self.backup_name.as_str() {
            "" => return Err(Failure::usage("backup_name is missing")),
            name => name.parse().map_err(engine::Error::Name)?,
        };
        Ok(RestoreRequest {
            selection: self.selection()?,
            mapping: self.mapping()?.lenient(),
            targets: self.targets()?,
            options: RestoreOptions {
                // Its callers see import jobs, and expect that Milvus reads the files itself.
                mode: RestoreMode::Import,
                meta_only: self.meta_only,
                indexes: self.restore_index,
                auto_index: self.use_auto_index,
                existing: self.existing(),
                drop_indexes: self.drop_exist_index,
                load: false,
                aliases: false,
                rbac: self.rbac,
                truncate_by_ts: self.truncate_binlog_by_ts,
                ..RestoreOptions::default()
            },
            skip: (&self.skip_params).into(),
            max_shards: (self.max_shard_num > 0).then_some(self.max_shard_num),
            ezk_mapping: self.ezk_mapping.clone(),
            overrides: self.restore_plan.as_ref().map(V1RestorePlan::overrides).unwrap_or_default(),
            ..RestoreRequest::with_defaults(name)
        })
    }

    /// Returns the backup location in the request.
    pub(crate) fn place(&self) -> OtherPlace {
        let given = |text: &String| (!text.is_empty()).then(|| text.clone());
        OtherPlace { bucket: given(&self.bucket_name), root: given(&self.path) }
    }

    /// Returns messages about options that have no effect.
    pub(crate) fn notes(&self) -> Vec<&'static str> {
        let with_properties = |plan: &V1RestorePlan| plan.mapping.iter().any(|database| database.with_prop);
        let notes = [
            (
                self.use_v2_restore,
                "useV2Restore has no effect: the restore always uses as few import jobs as possible",
            ),
            (self.skip_import_disk_quota_check, "skipImportDiskQuotaCheck has no effect"),
            (self.restore_plan.as_ref().is_some_and(with_properties), "withProp has no effect"),
        ];
        notes.into_iter().filter_map(|(given, note)| given.then_some(note)).collect()
    }

    /// Returns the selection: `db_collections`, else `collection_names`.
    fn selection(&self) -> Result<Selection, Failure> {
        if let Some(selection) = selection::databases("db_collections", self.db_collections.as_ref())? {
            return Ok(selection);
        }
        let collections = selection::collections("collection_names", &self.collection_names)?;
        Ok(collections.unwrap_or_else(Selection::everything))
    }

    fn mapping(&self) -> Result<Mapping, Failure> {
        let Some(plan) = &self.restore_plan else {
            let renames = self.collection_renames.iter().map(|(from, to)| (from.as_str(), to.as_str()));
            return Ok(Mapping::from_renames(renames, Some(&self.collection_suffix))
                .map_err(engine::Error::Mapping)?);
        };
        if !self.collection_renames.is_empty() || !self.collection_suffix.is_empty() {
            return Err(Failure::usage("restorePlan excludes collection_renames and collection_suffix")
                .hint("use the mapping of the plan for all names"));
        }
        plan.mapping()
    }

    /// Returns the selected targets: the filter of the plan, or `db_collections_after_rename`.
    fn targets(&self) -> Result<Selection, Failure> {
        let targets = match &self.restore_plan {
            Some(plan) => selection::filter("restorePlan.filter", plan.filter())?,
            None => selection::databases(
                "db_collections_after_rename",
                self.db_collections_after_rename.as_ref(),
            )?,
        };
        Ok(targets.unwrap_or_else(Selection::everything))
    }

    /// Returns the handling of existing targets. 0.4.15 needs both flags to drop and create, so both together mean
    /// that.
    fn existing(&self) -> ExistingTargetPolicy {
        match (self.drop_exist_collection, self.skip_create_collection) {
            (true, _) => ExistingTargetPolicy::Drop,
            (false, true) => ExistingTargetPolicy::Use,
            (false, false) => ExistingTargetPolicy::Refuse,
        }
    }
}

impl V1RestorePlan {
    /// Returns the filter; an empty one is the same as none.
    fn filter(&self) -> Option<&BTreeMap<String, super::requests::CollectionNames>> {
        self.filter.as_ref().filter(|filter| !filter.is_empty())
    }

    /// Returns the mapping. A database without collections is mapped as a whole, otherwise only its listed collections
    /// are.
    fn mapping(&self) -> Result<Mapping, Failure> {
        if self.mapping.iter().any(|database| database.source.is_empty() || database.target.is_empty()) {
            return Err(Failure::usage("restorePlan.mapping: the source or target of a database is empty"));
        }
        let whole = self.mapping.iter().filter(|database| database.colls.is_empty());
        let databases = whole.map(|database| (database.source.clone(), database.target.clone()));
        let collections = self.collections().map(|(database, collection)| {
            (CollectionRef::new(&database.source, &collection.source), target(database, collection))
        });
        Ok(Mapping::from_plan(databases, collections).map_err(engine::Error::Mapping)?)
    }

    fn overrides(&self) -> BTreeMap<CollectionRef, CollectionOverride> {
        let given = self.collections().filter_map(|(database, collection)| {
            let different = &collection.different;
            let other = CollectionOverride {
                shards: (different.shard_num > 0).then_some(different.shard_num),
                description: (!different.description.is_empty()).then(|| different.description.clone()),
            };
            (other != CollectionOverride::default()).then(|| (target(database, collection), other))
        });
        given.collect()
    }

    fn collections(&self) -> impl Iterator<Item = (&DatabaseMapping, &CollectionMapping)> {
        self.mapping
            .iter()
            .flat_map(|database| database.colls.iter().map(move |collection| (database, collection)))
    }
}

fn target(database: &DatabaseMapping, collection: &CollectionMapping) -> CollectionRef {
    CollectionRef::new(&database.target, &collection.target)
}

impl From<&V1SkipParams> for SkipParams {
    fn from(skip: &V1SkipParams) -> Self {
        Self {
            collection_properties: skip.collection_properties.clone(),
            field_index_params: skip.field_index_params.clone(),
            field_type_params: skip.field_type_params.clone(),
            index_params: skip.index_params.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::go_json;
    use super::*;
    use wire::FailureKind;

    fn read(mut body: Value) -> Result<RestoreRequest, Failure> {
        body["backup_name"] = json!("nightly");
        go_json::from_slice::<V1RestoreRequest>(body.to_string().as_bytes()).unwrap().restore()
    }

    fn targets(request: &RestoreRequest, source: &str) -> String {
        let (database, collection) = source.split_once('.').unwrap();
        let targets = request.mapping.targets(&CollectionRef::new(database, collection));
        targets.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
    }

    #[test]
    fn the_defaults_are_those_of_the_go_tool() {
        let request = read(json!({})).unwrap();
        assert!(request.selection.is_everything() && request.targets.is_everything());
        assert_eq!(request.options.existing, ExistingTargetPolicy::Refuse);
        assert!(
            !request.options.indexes
                && !request.options.load
                && !request.options.aliases
                && !request.options.meta_only
        );
        assert_eq!(targets(&request, "shop.books"), "shop.books");
    }

    #[test]
    fn the_backup_name_is_validated() {
        for wrong in ["", "a/b", ".."] {
            let request = V1RestoreRequest { backup_name: wrong.to_owned(), ..V1RestoreRequest::default() };
            assert_eq!(request.restore().unwrap_err().kind, FailureKind::Usage, "{wrong}");
        }
    }

    #[test]
    fn flags_set_the_options() {
        let request = read(json!({
            "metaOnly": true, "RESTOREINDEX": true, "useAutoIndex": true, "dropExistIndex": true, "maxShardNum": 2,
            "skipParams": {"collectionProperties": ["a"], "indexParams": ["b"]},
        }))
        .unwrap();
        assert!(
            request.options.meta_only
                && request.options.indexes
                && request.options.auto_index
                && request.options.drop_indexes
        );
        assert_eq!(request.max_shards, Some(2));
        assert_eq!(
            (request.skip.collection_properties, request.skip.index_params),
            (vec!["a".to_owned()], vec!["b".to_owned()])
        );
        for (drop, skip, existing) in [
            (true, false, ExistingTargetPolicy::Drop),
            (true, true, ExistingTargetPolicy::Drop),
            (false, true, ExistingTargetPolicy::Use),
        ] {
            let body = json!({"dropExistCollection": drop, "skipCreateCollection": skip});
            assert_eq!(read(body).unwrap().options.existing, existing);
        }
    }

    #[test]
    fn renames_and_suffix_make_the_mapping() {
        let request = read(json!({
            "collection_renames": {"books": "b2", "shop.*": "shop2.*"}, "collection_suffix": "_copy",
            "db_collections": {"default": [], "shop": []}, "collection_names": ["ignored"],
            "db_collections_after_rename": "{\"default\": [\"b2\"]}",
        }))
        .unwrap();
        assert_eq!(targets(&request, "default.books"), "default.b2");
        assert_eq!(targets(&request, "shop.orders"), "shop2.orders_copy");
        assert_eq!(request.selection.to_string(), "default.*,shop.*");
        assert_eq!(request.targets.to_string(), "default.b2");
        assert!(read(json!({"collection_suffix": "a-b"})).is_err());
        assert!(read(json!({"collection_renames": {"a": "shop.*"}})).is_err());
    }

    #[test]
    fn a_plan_sets_mapping_filter_and_overrides() {
        let plan = json!({"restorePlan": {
            "mapping": [
                {"source": "shop", "target": "shop2"},
                {"source": "default", "target": "d2", "withProp": true, "colls": [
                    {"source": "books", "target": "b2", "override": {"shardNum": 3, "description": "new"}},
                    {"source": "books", "target": "b3", "override": null},
                ]},
            ],
            "filter": {"d2": {"colls": ["b2"]}, "shop2": {"colls": ["*"]}},
        }});
        let request = read(plan.clone()).unwrap();
        assert_eq!(targets(&request, "default.books"), "d2.b2,d2.b3");
        assert_eq!(targets(&request, "default.tenants"), "default.tenants");
        assert_eq!(targets(&request, "shop.orders"), "shop2.orders");
        assert_eq!(request.targets.to_string(), "d2.b2,shop2.*");
        let other = CollectionOverride { shards: Some(3), description: Some("new".to_owned()) };
        assert_eq!(request.overrides, BTreeMap::from([(CollectionRef::new("d2", "b2"), other)]));
        let both = json!({"restorePlan": plan["restorePlan"], "collection_suffix": "_x"});
        assert_eq!(read(both).unwrap_err().kind, FailureKind::Usage);
    }

    #[test]
    fn a_plan_without_filter_selects_everything() {
        for plan in [json!({}), json!({"filter": {}}), json!({"filter": null}), Value::Null] {
            assert!(read(json!({"restorePlan": plan})).unwrap().targets.is_everything());
        }
        let nameless = json!({"restorePlan": {"mapping": [{"source": "", "target": "a"}]}});
        assert_eq!(read(nameless).unwrap_err().kind, FailureKind::Usage);
    }

    #[test]
    fn options_of_later_releases_are_passed_on() {
        let body = json!({
            "backup_name": "a", "rbac": true, "truncateBinlogByTs": true, "ezkMapping": {"secret-old": "secret-new"},
        });
        let request = read(body).unwrap();
        assert!(request.options.rbac && request.options.truncate_by_ts);
        assert_eq!(request.ezk_mapping.apply("secret-old"), "secret-new");
        assert_eq!(request.ezk_mapping.apply("other"), "other");
        assert!(!format!("{request:?}").contains("secret"), "keys are not shown");
    }
}
