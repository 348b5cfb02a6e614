//! What `restore` is asked, as the engine takes it, with the Go tool's defaults: no indexes unless asked for, no
//! aliases, nothing loaded, and renames that may find nothing.

use std::collections::BTreeMap;

use jobs::OtherPlace;
use model::mapping::Mapping;
use model::name::{BackupName, CollectionRef};
use model::plan::restore::{Existing, Override, RestoreRequest as Restore, SkipParams as Skip};
use model::selection::Selection;

use super::requests::{CollectionMapping, DatabaseMapping, RestorePlan, RestoreRequest, SkipParams};
use super::selection;
use wire::Failure;

impl RestoreRequest {
    /// The restore to make.
    pub(crate) fn restore(&self) -> Result<Restore, Failure> {
        self.refuse_what_comes_later()?;
        let name: BackupName = match self.backup_name.as_str() {
            "" => return Err(Failure::usage("backup_name is missing")),
            name => name.parse().map_err(engine::Error::Name)?,
        };
        Ok(Restore {
            selection: self.selection()?,
            mapping: self.mapping()?.lenient(),
            targets: self.targets()?,
            meta_only: self.meta_only,
            indexes: self.restore_index,
            auto_index: self.use_auto_index,
            existing: self.existing(),
            drop_indexes: self.drop_exist_index,
            load: false,
            aliases: false,
            skip: (&self.skip_params).into(),
            max_shards: (self.max_shard_num > 0).then_some(self.max_shard_num),
            overrides: self.restore_plan.as_ref().map(RestorePlan::overrides).unwrap_or_default(),
            ..Restore::of(name)
        })
    }

    /// Where the backup lies, if said.
    pub(crate) fn place(&self) -> OtherPlace {
        let given = |text: &String| (!text.is_empty()).then(|| text.clone());
        OtherPlace { bucket: given(&self.bucket_name), root: given(&self.path) }
    }

    /// What is taken but has no effect, in words.
    pub(crate) fn notes(&self) -> Vec<&'static str> {
        let with_properties = |plan: &RestorePlan| plan.mapping.iter().any(|database| database.with_prop);
        let notes = [
            (
                self.use_v2_restore,
                "useV2Restore is not needed: as few import jobs are sent as the server takes",
            ),
            (self.skip_import_disk_quota_check, "skipImportDiskQuotaCheck has no effect"),
            (self.restore_plan.as_ref().is_some_and(with_properties), "withProp has no effect"),
        ];
        notes.into_iter().filter_map(|(given, note)| given.then_some(note)).collect()
    }

    /// `db_collections` over `collection_names`.
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
            return Ok(Mapping::of_renames(renames, Some(&self.collection_suffix))
                .map_err(engine::Error::Mapping)?);
        };
        if !self.collection_renames.is_empty() || !self.collection_suffix.is_empty() {
            return Err(Failure::usage("restorePlan excludes collection_renames and collection_suffix")
                .hint("say all of it in the plan's mapping"));
        }
        plan.mapping()
    }

    /// The filter of a plan over `db_collections_after_rename`.
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

    /// 0.4.15 needs both flags to drop and create anew, so both together mean that.
    fn existing(&self) -> Existing {
        match (self.drop_exist_collection, self.skip_create_collection) {
            (true, _) => Existing::Drop,
            (false, true) => Existing::Use,
            (false, false) => Existing::Refuse,
        }
    }

    fn refuse_what_comes_later(&self) -> Result<(), Failure> {
        if self.rbac {
            return Err(Failure::not_supported_yet("rbac (users, roles and grants)").hint("leave out rbac"));
        }
        if self.truncate_binlog_by_ts {
            return Err(Failure::not_supported_yet("truncateBinlogByTs").hint("leave it out"));
        }
        if !self.ezk_mapping.is_empty() {
            return Err(Failure::not_supported_yet("ezkMapping (encryption zones)").hint("leave it out"));
        }
        Ok(())
    }
}

impl RestorePlan {
    /// An empty filter filters nothing, as an absent one does.
    fn filter(&self) -> Option<&BTreeMap<String, super::requests::Collections>> {
        self.filter.as_ref().filter(|filter| !filter.is_empty())
    }

    /// A database without collections is meant as a whole; of one with collections only these are.
    fn mapping(&self) -> Result<Mapping, Failure> {
        if self.mapping.iter().any(|database| database.source.is_empty() || database.target.is_empty()) {
            return Err(Failure::usage("restorePlan.mapping: the source or target of a database is empty"));
        }
        let whole = self.mapping.iter().filter(|database| database.colls.is_empty());
        let databases = whole.map(|database| (database.source.clone(), database.target.clone()));
        let collections = self.collections().map(|(database, collection)| {
            (CollectionRef::new(&database.source, &collection.source), target(database, collection))
        });
        Ok(Mapping::of_plan(databases, collections).map_err(engine::Error::Mapping)?)
    }

    fn overrides(&self) -> BTreeMap<CollectionRef, Override> {
        let given = self.collections().filter_map(|(database, collection)| {
            let different = &collection.different;
            let other = Override {
                shards: (different.shard_num > 0).then_some(different.shard_num),
                description: (!different.description.is_empty()).then(|| different.description.clone()),
            };
            (other != Override::default()).then(|| (target(database, collection), other))
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

impl From<&SkipParams> for Skip {
    fn from(skip: &SkipParams) -> Self {
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
    use wire::Kind;

    fn read(mut body: Value) -> Result<Restore, Failure> {
        body["backup_name"] = json!("nightly");
        go_json::from_slice::<RestoreRequest>(body.to_string().as_bytes()).unwrap().restore()
    }

    fn targets(request: &Restore, source: &str) -> String {
        let (database, collection) = source.split_once('.').unwrap();
        let targets = request.mapping.targets(&CollectionRef::new(database, collection));
        targets.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
    }

    #[test]
    fn without_a_word_it_is_what_the_go_tool_does() {
        let request = read(json!({})).unwrap();
        assert!(request.selection.is_everything() && request.targets.is_everything());
        assert_eq!(request.existing, Existing::Refuse);
        assert!(!request.indexes && !request.load && !request.aliases && !request.meta_only);
        assert_eq!(targets(&request, "shop.books"), "shop.books");
    }

    #[test]
    fn a_backup_is_named() {
        for wrong in ["", "a/b", ".."] {
            let request = RestoreRequest { backup_name: wrong.to_owned(), ..RestoreRequest::default() };
            assert_eq!(request.restore().unwrap_err().kind, Kind::Usage, "{wrong}");
        }
    }

    #[test]
    fn flags() {
        let request = read(json!({
            "metaOnly": true, "RESTOREINDEX": true, "useAutoIndex": true, "dropExistIndex": true, "maxShardNum": 2,
            "skipParams": {"collectionProperties": ["a"], "indexParams": ["b"]},
        }))
        .unwrap();
        assert!(request.meta_only && request.indexes && request.auto_index && request.drop_indexes);
        assert_eq!(request.max_shards, Some(2));
        assert_eq!(
            (request.skip.collection_properties, request.skip.index_params),
            (vec!["a".to_owned()], vec!["b".to_owned()])
        );
        for (drop, skip, existing) in
            [(true, false, Existing::Drop), (true, true, Existing::Drop), (false, true, Existing::Use)]
        {
            let body = json!({"dropExistCollection": drop, "skipCreateCollection": skip});
            assert_eq!(read(body).unwrap().existing, existing);
        }
    }

    #[test]
    fn renames_and_suffix() {
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
    fn plans() {
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
        let other = Override { shards: Some(3), description: Some("new".to_owned()) };
        assert_eq!(request.overrides, BTreeMap::from([(CollectionRef::new("d2", "b2"), other)]));
        let both = json!({"restorePlan": plan["restorePlan"], "collection_suffix": "_x"});
        assert_eq!(read(both).unwrap_err().kind, Kind::Usage);
    }

    #[test]
    fn a_plan_without_filter_leaves_nothing_out() {
        for plan in [json!({}), json!({"filter": {}}), json!({"filter": null}), Value::Null] {
            assert!(read(json!({"restorePlan": plan})).unwrap().targets.is_everything());
        }
        let nameless = json!({"restorePlan": {"mapping": [{"source": "", "target": "a"}]}});
        assert_eq!(read(nameless).unwrap_err().kind, Kind::Usage);
    }

    #[test]
    fn what_is_not_built_is_named() {
        for body in
            [json!({"rbac": true}), json!({"truncateBinlogByTs": true}), json!({"ezkMapping": {"a": "b"}})]
        {
            assert_eq!(read(body.clone()).unwrap_err().kind, Kind::Unsupported, "{body}");
        }
    }
}
