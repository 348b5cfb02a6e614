//! Tests of whole plans.

use super::*;
use crate::ids::SegmentId;
use crate::manifest::{Field, PartitionBackup, Segment};
use crate::mapping::Mapping;
use crate::plan::sample::{self, name};
use crate::segment::{SegmentKind, StorageVersion};
use crate::selection::Selection;

fn two_partitions() -> Vec<PartitionBackup> {
    vec![
        sample::partition(2, "_default", vec![sample::segment(3, 100, 10)]),
        sample::partition(5, "empty", vec![]),
        sample::partition(6, "old", vec![sample::segment(7, 20, 5), sample::segment(8, 1, 5)]),
    ]
}

fn plan_backup(
    backup: CollectionBackup,
    request: &RestoreRequest,
    facts: &TargetFacts,
) -> Result<RestorePlan, Vec<PlanError>> {
    let target = name("copy.books");
    let pairs = [(backup.name.clone(), target)];
    RestorePlan::new(&sample::manifest(vec![backup]), &[], &pairs, request, facts)
}

/// Returns the only problem of a backup with one collection.
fn problem_of(backup: CollectionBackup, request: &RestoreRequest, facts: &TargetFacts) -> String {
    let problems = plan_backup(backup, request, facts).unwrap_err();
    assert_eq!(problems.len(), 1, "{problems:?}");
    problems[0].to_string()
}

/// Plans a backup with one collection and returns the plan of the collection.
fn plan_collection(
    backup: CollectionBackup,
    request: &RestoreRequest,
    facts: &TargetFacts,
) -> CollectionPlan {
    plan_backup(backup, request, facts).unwrap().collections.remove(0)
}

fn target_exists() -> TargetFacts {
    TargetFacts { existing: [name("copy.books")].into(), ..sample::facts() }
}

#[test]
fn every_partition_is_planned_and_those_with_data_get_a_job() {
    let plan =
        plan_backup(sample::collection("books", two_partitions()), &sample::request(), &sample::facts())
            .unwrap();
    let plan_of = &plan.collections[0];
    let count_jobs = |p: &PartitionPlan| plan_of.jobs_of(PartitionScope::One(p.id)).count();
    let jobs: Vec<_> = plan_of.partitions.iter().map(|p| (p.name.as_str(), count_jobs(p))).collect();
    assert_eq!(jobs, [("_default", 1), ("empty", 0), ("old", 1)]);
    assert!(plan.jobs().all(|job| job.files == ImportFiles::InPlace && job.after.is_empty()));
    assert_eq!(plan.staging, None);
    assert_eq!(plan.collections[0].rows(), RowRange { min: 121, max: 121 });
    assert!(plan.collections[0].rows().contains(121) && !plan.collections[0].rows().contains(120));
}

#[test]
fn a_target_whose_drop_was_not_confirmed_is_not_dropped() {
    let backup = || sample::collection("books", two_partitions());
    let request = |confirmed_drops| RestoreRequest {
        options: RestoreOptions { existing: ExistingTargetPolicy::Drop, ..RestoreOptions::default() },
        confirmed_drops,
        ..sample::request()
    };
    let drops = |plan: &RestorePlan| plan.dropped_targets().map(ToString::to_string).collect::<Vec<_>>();
    let plan = plan_backup(backup(), &request(None), &target_exists()).unwrap();
    assert_eq!(drops(&plan), ["copy.books"]);
    let plan = plan_backup(backup(), &request(Some([name("copy.books")].into())), &target_exists()).unwrap();
    assert_eq!(drops(&plan), ["copy.books"]);
    let plan = plan_backup(backup(), &request(Some([].into())), &sample::facts()).unwrap();
    assert_eq!(drops(&plan), [""; 0], "there is nothing to drop");
    let refused =
        plan_backup(backup(), &request(Some([name("copy.other")].into())), &target_exists()).unwrap_err();
    assert_eq!(refused, [PlanError::DropsUnconfirmed(vec![name("copy.books")])]);
}

#[test]
fn the_plan_of_a_drop_names_the_snapshots_that_it_destroys() {
    let request = |existing| RestoreRequest {
        options: RestoreOptions { existing, ..RestoreOptions::default() },
        ..sample::request()
    };
    let snapshots = [(name("copy.books"), vec!["monday".to_owned()])].into();
    let facts = TargetFacts { snapshots, ..target_exists() };
    let backup = || sample::collection("books", two_partitions());
    let dropped = plan_collection(backup(), &request(ExistingTargetPolicy::Drop), &facts);
    assert_eq!(dropped.destroyed_snapshots, ["monday"]);
    let used = plan_collection(backup(), &request(ExistingTargetPolicy::Use), &facts);
    assert_eq!(used.destroyed_snapshots, [""; 0]);
}

#[test]
fn a_segment_without_a_field_that_was_added_later_needs_a_target_that_fills_it() {
    let mut backup = sample::collection("books", two_partitions());
    backup.schema.fields.push(Field {
        id: 101,
        name: "later".to_owned(),
        nullable: true,
        ..Field::default()
    });
    let refused = problem_of(backup.clone(), &sample::request(), &sample::facts());
    assert!(refused.contains("has no files of field later, which was added later"), "{refused}");
    let importer = ImporterFacts { fills_missing_columns: true, ..ImporterFacts::default() };
    let newer = TargetFacts { importer, ..sample::facts() };
    assert!(plan_backup(backup, &sample::request(), &newer).is_ok());
}

#[test]
fn a_plan_states_why_it_stages() {
    let backup = || sample::collection("books", two_partitions());
    let far =
        TargetFacts { access: DataAccess::Staged("the target reads bucket a".to_owned()), ..sample::facts() };
    let plan = plan_backup(backup(), &sample::request(), &far).unwrap();
    assert_eq!(plan.staging.as_deref(), Some("the target reads bucket a"));
    assert!(plan.jobs().all(|job| job.files == ImportFiles::Staged));

    let dirty = TargetFacts {
        prefixes: [(PartitionId(6), PrefixFacts { foreign: true, ..PrefixFacts::default() })].into(),
        ..sample::facts()
    };
    let plan = plan_backup(backup(), &sample::request(), &dirty).unwrap();
    assert_eq!(
        plan.staging.as_deref(),
        Some("a partition is split, or its directory contains objects that are not part of the backup")
    );
    let files: Vec<_> = plan.jobs().map(|job| job.files).collect();
    assert_eq!(files, [ImportFiles::InPlace, ImportFiles::Staged]);

    let effect = DeleteEffect { live: 20, ..DeleteEffect::default() };
    let folded = TargetFacts {
        prefixes: [(
            PartitionId(6),
            PrefixFacts { segments: [(SegmentId(7), effect)].into(), ..PrefixFacts::default() },
        )]
        .into(),
        ..sample::facts()
    };
    let plan = plan_backup(backup(), &sample::request(), &folded).unwrap();
    assert!(plan.staging.unwrap().starts_with("delta logs only"));
}

#[test]
fn a_restore_without_data_has_partitions_but_no_jobs() {
    let request = RestoreRequest {
        options: RestoreOptions { meta_only: true, ..RestoreOptions::default() },
        ..sample::request()
    };
    let far = TargetFacts { access: DataAccess::Staged("far".to_owned()), ..sample::facts() };
    let plan = plan_backup(sample::collection("books", two_partitions()), &request, &far).unwrap();
    assert_eq!((plan.jobs().count(), plan.staging), (0, None));
    assert_eq!(plan.collections[0].partitions.len(), 3);
    assert_eq!(plan.collections[0].rows(), RowRange::default());
}

#[test]
fn a_backup_of_0_4_without_data_restores_no_rows() {
    let bare = |segment: Segment| Segment { binlogs: vec![], delta_logs: vec![], ..segment };
    let l0 = Segment { kind: SegmentKind::Deletes, ..bare(sample::segment(9, 0, 0)) };
    let segments = vec![bare(sample::segment(3, 100, 0)), l0.clone()];
    let mut backup = sample::collection("books", vec![sample::partition(2, "_default", segments)]);
    backup.shared_segments = vec![l0];
    let plan = plan_backup(backup, &sample::request(), &sample::facts()).unwrap();
    assert_eq!((plan.jobs().count(), plan.collections[0].rows()), (0, RowRange::default()));
}

#[test]
fn existing_targets_are_rejected_dropped_or_used() {
    let backup = || sample::collection("books", two_partitions());
    let with = |existing| RestoreRequest {
        options: RestoreOptions { existing, ..RestoreOptions::default() },
        ..sample::request()
    };
    assert_eq!(
        problem_of(backup(), &with(ExistingTargetPolicy::Refuse), &target_exists()),
        "target collections exist already: copy.books"
    );
    assert_eq!(
        plan_collection(backup(), &with(ExistingTargetPolicy::Drop), &target_exists()).action,
        TargetAction::DropAndCreate
    );
    assert_eq!(
        plan_collection(backup(), &with(ExistingTargetPolicy::Use), &target_exists()).action,
        TargetAction::Use
    );
}

#[test]
fn missing_targets_are_created_or_rejected() {
    let backup = || sample::collection("books", two_partitions());
    let with = |existing| RestoreRequest {
        options: RestoreOptions { existing, ..RestoreOptions::default() },
        ..sample::request()
    };
    assert_eq!(
        plan_collection(backup(), &with(ExistingTargetPolicy::Refuse), &sample::facts()).action,
        TargetAction::Create
    );
    assert_eq!(
        plan_collection(backup(), &with(ExistingTargetPolicy::Drop), &sample::facts()).action,
        TargetAction::Create
    );
    assert_eq!(
        problem_of(backup(), &with(ExistingTargetPolicy::Use), &sample::facts()),
        "target collections do not exist: copy.books"
    );
}

#[test]
fn segments_that_no_supported_milvus_can_import_are_rejected() {
    let plan_segment = |segment| {
        let backup = sample::collection("books", vec![sample::partition(2, "_default", vec![segment])]);
        plan_backup(backup, &sample::request(), &sample::facts())
    };
    let l0 = Segment { kind: SegmentKind::Deletes, binlogs: vec![], ..sample::segment_with_deletes(3, 0, 1) };
    assert!(plan_segment(l0).is_ok_and(|plan| plan.jobs().count() == 0), "its entries are folded");
    let of_version = |number| {
        let storage_version = StorageVersion(number);
        let kind = SegmentKind::new(false, storage_version);
        plan_segment(Segment { kind, storage_version, ..sample::segment(3, 1, 1) })
    };
    for refused in [2, 3] {
        assert_eq!(of_version(refused), Err(vec![PlanError::StorageVersion(name("books"), refused)]));
    }
    assert!(of_version(1).is_ok());
}

#[test]
fn every_problem_of_every_collection_is_found() {
    let column_groups = Segment {
        kind: SegmentKind::new(false, StorageVersion(2)),
        storage_version: StorageVersion(2),
        ..sample::segment(3, 1, 1)
    };
    let segments = vec![column_groups.clone(), column_groups];
    let mut later = sample::collection("later", two_partitions());
    for (id, name) in [(101, "first"), (102, "second")] {
        let field = Field { id, name: name.to_owned(), nullable: true, ..Field::default() };
        later.schema.fields.push(field);
    }
    let groups = sample::collection("groups", vec![sample::partition(2, "_default", segments)]);
    let manifest = sample::manifest(vec![groups, later]);
    let pairs = [("groups", "a"), ("groups", "b"), ("later", "c"), ("gone", "d")];
    let pairs = pairs.map(|(source, target)| (name(source), name(target)));
    let facts = TargetFacts { existing: [name("c"), name("d")].into(), ..sample::facts() };
    let problems = RestorePlan::new(&manifest, &[], &pairs, &sample::request(), &facts).unwrap_err();
    let column = |field: &str| PlanError::MissingColumn(name("later"), SegmentId(3), field.to_owned());
    let expected = [
        PlanError::TargetsExist(vec![name("c"), name("d")]),
        PlanError::StorageVersion(name("groups"), 2),
        column("first"),
        column("second"),
        PlanError::NotInBackup(name("gone")),
    ];
    assert_eq!(problems, expected, "each once");
}

#[test]
fn a_collection_that_is_not_in_the_backup_is_an_error() {
    let manifest = sample::manifest(vec![sample::collection("books", vec![])]);
    let pairs = [(name("books"), name("books")), (name("shop.books"), name("x"))];
    let planned = RestorePlan::new(&manifest, &[], &pairs, &sample::request(), &sample::facts());
    assert_eq!(planned, Err(vec![PlanError::NotInBackup(name("shop.books"))]));
}

#[test]
fn collections_are_found_by_name_and_keep_their_place_in_the_manifest() {
    let names = ["books", "orders", "shop"];
    let manifest = sample::manifest(names.map(|n| sample::collection(n, vec![])).to_vec());
    let pairs = [(name("shop"), name("a")), (name("books"), name("b"))];
    let plan = RestorePlan::new(&manifest, &[], &pairs, &sample::request(), &sample::facts()).unwrap();
    let found: Vec<_> =
        plan.collections.iter().map(|c| (c.index, c.source.to_string(), c.target.to_string())).collect();
    let expected = [(2, "default.shop", "default.a"), (0, "default.books", "default.b")];
    assert_eq!(found, expected.map(|(at, s, t)| (at, s.to_owned(), t.to_owned())));
}

#[test]
fn databases_are_created_where_they_are_missing() {
    let manifest = sample::manifest(vec![sample::collection("books", vec![])]);
    let facts =
        TargetFacts { databases: ["default".to_owned(), "there".to_owned()].into(), ..sample::facts() };
    let planned_databases = |databases: &[&str], target: &str| {
        let databases: Vec<String> = databases.iter().map(|d| (*d).to_owned()).collect();
        let pairs = [(name("books"), name(target))];
        RestorePlan::new(&manifest, &databases, &pairs, &sample::request(), &facts).unwrap().databases
    };
    assert_eq!(planned_databases(&["default", "there", "hollow"], "new.books"), ["hollow", "new"]);
    assert_eq!(planned_databases(&["new"], "new.books"), ["new"]);
    assert_eq!(planned_databases(&[], "there.books"), Vec::<String>::new());
}

#[test]
fn an_empty_backup_is_an_empty_plan() {
    let manifest = sample::manifest(vec![]);
    let plan = RestorePlan::new(&manifest, &[], &[], &sample::request(), &sample::facts()).unwrap();
    assert_eq!((plan.collections, plan.databases, plan.staging), (vec![], vec![], None));
}

fn loaded_with_index() -> CollectionBackup {
    let mut backup = sample::collection("books", two_partitions());
    backup.load_state = LoadState::Loaded;
    backup.aliases = vec!["library".to_owned()];
    backup.indexes = vec![Index { field_name: "emb".to_owned(), ..Index::default() }];
    backup.properties = vec![KeyValue::new("collection.ttl.seconds", "60"), KeyValue::new("a", "b")];
    backup
}

#[test]
fn load_state_indexes_and_aliases_are_restored_unless_turned_off() {
    let plan = plan_collection(loaded_with_index(), &sample::request(), &sample::facts());
    assert!(plan.load);
    assert_eq!((plan.indexes.len(), plan.aliases), (1, vec!["library".to_owned()]));

    let request = RestoreRequest {
        options: RestoreOptions { load: false, aliases: false, ..RestoreOptions::default() },
        ..sample::request()
    };
    let plan = plan_collection(loaded_with_index(), &request, &sample::facts());
    assert_eq!((plan.load, plan.indexes.len(), plan.aliases.len()), (false, 1, 0));

    let mut idle = loaded_with_index();
    idle.load_state = LoadState::NotLoad;
    assert!(!plan_collection(idle, &sample::request(), &sample::facts()).load);
}

/// Plans a collection whose partitions had these load states, and returns the partitions to load.
fn load_only(states: [LoadState; 3], change: fn(&mut CollectionBackup)) -> Vec<String> {
    let mut backup = loaded_with_index();
    for (partition, state) in backup.partitions.iter_mut().zip(states) {
        partition.load_state = state;
    }
    change(&mut backup);
    let plan = plan_collection(backup, &sample::request(), &sample::facts());
    assert!(plan.load);
    plan.load_only
}

#[test]
fn only_the_partitions_that_were_loaded_are_loaded() {
    let [yes, no] = [LoadState::Loaded, LoadState::NotLoad];
    assert_eq!(load_only([yes, no, yes], |_| {}), ["_default", "old"]);
    assert!(load_only([yes; 3], |_| {}).is_empty());
    assert!(load_only([no; 3], |_| {}).is_empty(), "nothing is known of the partitions");
    assert!(load_only([yes, no, no], |b| b.load_state = LoadState::Loading).is_empty());
    let by_key = |b: &mut CollectionBackup| {
        b.schema.fields = vec![Field { is_partition_key: true, ..Field::default() }];
    };
    assert!(load_only([yes, no, no], by_key).is_empty());
}

#[test]
fn a_new_collection_without_an_index_is_not_loaded_and_a_warning_says_so() {
    let request = RestoreRequest {
        options: RestoreOptions { indexes: false, ..RestoreOptions::default() },
        ..sample::request()
    };
    let plan = plan_backup(loaded_with_index(), &request, &sample::facts()).unwrap();
    assert!(!plan.collections[0].load && plan.collections[0].indexes.is_empty());
    assert!(
        plan.warnings.iter().any(|w| w.starts_with("copy.books was loaded, but cannot be loaded without"))
    );

    let request = RestoreRequest {
        options: RestoreOptions { existing: ExistingTargetPolicy::Use, ..request.options },
        ..request
    };
    let plan = plan_backup(loaded_with_index(), &request, &target_exists()).unwrap();
    assert!(plan.collections[0].load, "one that exists may have an index");
    assert_eq!(plan.warnings, Vec::<String>::new());
}

#[test]
fn a_ttl_is_set_after_the_import_with_a_warning_and_existing_targets_keep_their_properties() {
    let plan = plan_backup(loaded_with_index(), &sample::request(), &sample::facts()).unwrap();
    let collection = &plan.collections[0];
    assert_eq!(collection.properties, [KeyValue::new("a", "b")]);
    assert_eq!(collection.properties_after, [KeyValue::new("collection.ttl.seconds", "60")]);
    assert!(plan.warnings[0].starts_with("copy.books has a TTL of 60 s, which restarts"));

    let request = RestoreRequest {
        options: RestoreOptions { existing: ExistingTargetPolicy::Use, ..RestoreOptions::default() },
        ..sample::request()
    };
    let plan = plan_backup(loaded_with_index(), &request, &target_exists()).unwrap();
    assert!(plan.collections[0].properties.is_empty() && plan.collections[0].properties_after.is_empty());
    assert_eq!(plan.warnings, Vec::<String>::new());
}

#[test]
fn shards_are_those_of_the_backup_up_to_a_limit_unless_overridden() {
    let shards = |max_shards, given: Option<i32>| {
        let mut backup = sample::collection("books", two_partitions());
        backup.shards = 4;
        let other = CollectionOverride { shards: given, description: None };
        let overrides = [(name("copy.books"), other)].into();
        plan_collection(
            backup,
            &RestoreRequest { max_shards, overrides, ..sample::request() },
            &sample::facts(),
        )
        .shards
    };
    assert_eq!([None, Some(0), Some(-1), Some(9)].map(|most| shards(most, None)), [4; 4]);
    assert_eq!((shards(Some(2), None), shards(Some(2), Some(0)), shards(Some(2), Some(8))), (2, 2, 8));
}

#[test]
fn a_serialized_request_is_read_back() {
    let overrides = [(name("shop.a"), CollectionOverride { shards: Some(1), description: None })].into();
    let mapping = Mapping::new(Some("a:b,db1.*:db2.*"), Some("_x")).unwrap();
    let targets = Selection::from_filter("shop.*,db2.").unwrap();
    let request = RestoreRequest { mapping, targets, overrides, ..sample::request() };
    let text = serde_json::to_string(&request).unwrap();
    assert_eq!(serde_json::from_str::<RestoreRequest>(&text).unwrap(), request);
    let broken = text.replace("\"nightly\"", "\"..\"");
    assert!(serde_json::from_str::<RestoreRequest>(&broken).is_err());
}
