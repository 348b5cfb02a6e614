//! Restores without faults, and requests that are rejected (simulated Milvus).

use std::collections::BTreeSet;

use engine::{
    Advice, BackupReport, CollectionOutcome, Event, FailureKind, JobCtx, PartitionRows, Phase, RestoreReport,
};
use milvus::CreateCollection;
use model::manifest::{DataType, Field, KeyValue, LoadState};
use model::mapping::Mapping;
use model::name::CollectionRef;
use model::plan::restore::{ImportFiles, RestoreOptions, RestoreRequest, RowRange, TargetAction};
use model::selection::Selection;
use testkit::fake::Fault;

use crate::disk;
use crate::samples::{self, FILES_PER_SEGMENT, collection};
use crate::watch::WatchedJob;
use crate::world::{
    World, backup_request, describe_error, nonzero, restore, restore_copy_request, restore_options,
    restore_request,
};

fn mapping(rename: &str, suffix: &str) -> Mapping {
    Mapping::new(Some(rename), Some(suffix)).unwrap()
}

fn filter(text: &str) -> Selection {
    Selection::from_filter(text).unwrap()
}

async fn world_with_backup() -> (World, BackupReport) {
    let world = World::with_books().await;
    let report = world.back_up(&backup_request("nightly")).await.unwrap();
    (world, report)
}

/// Describes the result of each collection in one line.
fn describe_results(report: &RestoreReport) -> Vec<String> {
    let line = |c: &engine::CollectionRestored| format!("{} -> {}: {:?}", c.source, c.target, c.outcome);
    report.collections.iter().map(line).collect()
}

#[tokio::test]
async fn a_restore_runs_one_import_job_for_each_partition_and_counts_the_rows() {
    let (world, _) = world_with_backup().await;
    let watched = WatchedJob::new(|_, _| {});
    let before = disk::list_files(&world.backup_path(""));
    let report = world.restore_watched(&restore_copy_request("nightly"), &watched).await.unwrap();
    let expected = ["default.books -> default.books_copy: Done", "default.tags -> default.tags_copy: Done"];
    assert_eq!(describe_results(&report), expected);
    assert_eq!((report.name.as_str(), report.kind(), report.rows()), ("nightly", None, 9));
    assert_eq!(report.expected(), RowRange { min: 9, max: 9 });
    assert_eq!(report.warnings, Vec::<String>::new());
    let rows = |name: &str, n| PartitionRows {
        partition: name.to_owned(),
        counted: n,
        expected: RowRange { min: n, max: n },
    };
    assert_eq!(report.collections[0].partitions, [rows("_default", 3), rows("old", 2)]);
    assert!(report.collections.iter().all(|c| c.created));
    assert_eq!(
        (
            world.count_calls("Import"),
            world.flushed_rows("books_copy").await,
            world.flushed_rows("tags_copy").await
        ),
        (3, 5, 4)
    );
    assert_eq!(
        (world.flushed_rows("books").await, world.flushed_rows("tags").await),
        (5, 4),
        "the source is as it was"
    );
    assert_eq!(disk::list_files(&world.backup_path("")), before, "and so is the backup");
    assert_eq!(world.count_calls("LoadCollection"), 0, "what was not loaded is not loaded");

    let phases: Vec<Phase> = watched
        .events()
        .into_iter()
        .filter_map(|event| if let Event::Phase(phase) = event { Some(phase) } else { None })
        .collect();
    assert_eq!(phases, [Phase::Preflight, Phase::Create, Phase::Import, Phase::Finish]);
    let books = watched.events().into_iter().filter_map(|event| match event {
        Event::Import { collection, done, jobs, rows } if collection.collection == "books" && done > 0 => {
            Some((done, jobs, rows))
        }
        _ => None,
    });
    let books: Vec<_> = books.collect();
    assert_eq!((books.len(), books[1]), (2, (2, 2, 5)));
    let overview = Event::Overview {
        server: "v2.3.6".to_owned(),
        address: format!("127.0.0.1:{}", world.fake.port()),
        collections: 2,
        databases: 1,
        how: "in place".to_owned(),
    };
    assert!(watched.events().contains(&overview));
}

#[tokio::test]
async fn jobs_and_collections_that_are_not_found_for_a_moment_are_requested_again() {
    let world = World::with_books().await;
    let milvus = world.connect().await;
    let books = collection("books");
    milvus.create_index(&books, &samples::vector_index()).await.unwrap();
    milvus.load(&books).await.unwrap();
    world.back_up(&backup_request("nightly")).await.unwrap();
    world.fake.inject(Fault::NotFound { call: "GetImportState", times: 2 });
    world.fake.inject(Fault::NotFound { call: "GetLoadState", times: 2 });
    let report = world.restore(&restore_copy_request("nightly")).await.unwrap();
    assert_eq!((report.kind(), report.rows()), (None, 9));
    assert_eq!(report.warnings, Vec::<String>::new());
    let restored = milvus.load_state(&collection("books_copy"), None).await.unwrap();
    assert_eq!(restored, LoadState::Loaded);
}

#[tokio::test]
async fn indexes_aliases_load_state_and_properties_are_restored() {
    let world = World::with_books().await;
    let milvus = world.connect().await;
    let books = collection("books");
    let properties = [
        KeyValue::new("collection.autocompaction.enabled", "false"),
        KeyValue::new("collection.ttl.seconds", "3600"),
    ];
    milvus.alter_collection(&books, &properties).await.unwrap();
    milvus.create_index(&books, &samples::vector_index()).await.unwrap();
    milvus.create_alias(&books, "library").await.unwrap();
    milvus.load(&books).await.unwrap();
    let info = milvus.describe_collection(&books).await.unwrap();
    world.back_up(&backup_request("nightly")).await.unwrap();

    let target = World::new();
    let calls = |call: &str| target.count_calls(call);
    let report =
        restore(&world.engine_with_target(&target), &restore_request("nightly"), &JobCtx::detached())
            .await
            .unwrap();
    assert_eq!((report.kind(), report.rows()), (None, 9));
    let ttl = "default.books has a TTL of 3600 s, which restarts for its rows at the restore";
    assert_eq!(report.warnings, [ttl]);
    let milvus = target.connect().await;
    let restored = milvus.describe_collection(&books).await.unwrap();
    assert_eq!(restored.schema, info.schema);
    assert_eq!((restored.shards, restored.consistency), (info.shards, info.consistency));
    assert_eq!((&restored.properties, &restored.aliases), (&info.properties, &info.aliases));
    let indexes: Vec<_> = milvus.list_indexes(&books).await.unwrap().into_iter().map(|i| i.index).collect();
    assert_eq!(indexes.len(), 1);
    assert_eq!(
        (&indexes[0].name, &indexes[0].params),
        (&samples::vector_index().name, &samples::vector_index().params)
    );
    assert_eq!(milvus.load_state(&books, None).await.unwrap(), LoadState::Loaded);
    let state = milvus.load_state(&collection("tags"), None).await.unwrap();
    assert_eq!((state, calls("LoadCollection")), (LoadState::NotLoad, 1));
    // The properties that let rows expire are set after the import.
    let order = target.fake.calls();
    let last = |call: &str| order.iter().rposition(|c| c == call).unwrap();
    let first = |call: &str| order.iter().position(|c| c == call).unwrap();
    assert!(first("AlterCollection") > first("Import"));
    assert!(last("CreateIndex") < first("LoadCollection") && first("CreateAlias") > first("LoadCollection"));
    assert_eq!(milvus.row_count(&books).await, 5);
}

#[tokio::test]
async fn indexes_aliases_and_load_state_can_be_left_out() {
    let world = World::with_books().await;
    let milvus = world.connect().await;
    let books = collection("books");
    milvus.create_index(&books, &samples::vector_index()).await.unwrap();
    milvus.create_alias(&books, "library").await.unwrap();
    milvus.load(&books).await.unwrap();
    world.back_up(&backup_request("nightly")).await.unwrap();
    let target = World::new();
    let bare = RestoreRequest {
        options: RestoreOptions { indexes: false, aliases: false, load: false, ..restore_options() },
        ..restore_request("nightly")
    };
    let report = restore(&world.engine_with_target(&target), &bare, &JobCtx::detached()).await.unwrap();
    assert_eq!((report.kind(), report.rows()), (None, 9));
    for call in ["CreateIndex", "CreateAlias", "LoadCollection"] {
        assert_eq!(target.count_calls(call), 0, "{call}");
    }
    // A collection cannot be loaded without its index.
    let target = World::new();
    let request = RestoreRequest {
        options: RestoreOptions { indexes: false, ..restore_options() },
        ..restore_request("nightly")
    };
    let report = restore(&world.engine_with_target(&target), &request, &JobCtx::detached()).await.unwrap();
    let warning =
        "default.books was loaded, but cannot be loaded without its index; create an index and load it";
    assert_eq!((report.kind(), report.warnings), (None, vec![warning.to_owned()]));
}

#[tokio::test]
async fn indexes_can_be_restored_as_auto_indexes() {
    let world = World::with_books().await;
    world.connect().await.create_index(&collection("books"), &samples::vector_index()).await.unwrap();
    world.back_up(&backup_request("nightly")).await.unwrap();
    let request = RestoreRequest {
        options: RestoreOptions { auto_index: true, ..restore_options() },
        ..restore_copy_request("nightly")
    };
    world.restore(&request).await.unwrap();
    let indexes = world.connect().await.list_indexes(&collection("books_copy")).await.unwrap();
    let index = &indexes[0].index;
    assert_eq!(index.name, "near");
    assert_eq!(
        (index.params["index_type"].as_str(), index.params["metric_type"].as_str()),
        ("AUTOINDEX", "L2")
    );
}

#[tokio::test]
async fn partitions_by_key_and_dynamic_fields_are_created_by_the_server() {
    let world = World::new();
    let milvus = world.connect().await;
    let mut create = CreateCollection { num_partitions: Some(3), ..samples::small_collection("tenants") };
    create.schema.enable_dynamic_field = true;
    let key = Field {
        name: "tenant".to_owned(),
        data_type: DataType::INT64,
        is_partition_key: true,
        ..Field::default()
    };
    create.schema.fields.push(key);
    milvus.create_collection(&create).await.unwrap();
    world.back_up(&backup_request("nightly")).await.unwrap();
    let report = world.restore(&restore_copy_request("nightly")).await.unwrap();
    assert_eq!(report.kind(), None);
    let copy = collection("tenants_copy");
    assert_eq!(milvus.list_partitions(&copy).await.unwrap().len(), 3);
    let schema = milvus.describe_collection(&copy).await.unwrap().schema;
    assert!(schema.enable_dynamic_field && schema.has_partition_key());
    assert_eq!(world.count_calls("CreatePartition"), 0, "the server makes them");
}

#[tokio::test]
async fn databases_are_mapped_and_created_on_demand() {
    let world = World::with_books().await;
    let milvus = world.connect().await;
    for database in ["shop", "hollow"] {
        milvus.create_database(database).await.unwrap();
    }
    samples::create_with_rows(&milvus, "shop.orders", &[("_default", 6)]).await;
    world.back_up(&backup_request("nightly")).await.unwrap();
    let rename = "shop.*:store.*,default.*:archive.*,books:shop.books";
    let request = RestoreRequest { mapping: mapping(rename, ""), ..restore_request("nightly") };
    let report = world.restore(&request).await.unwrap();
    let expected = [
        "default.books -> shop.books: Done",
        "default.tags -> archive.tags: Done",
        "shop.orders -> store.orders: Done",
    ];
    assert_eq!(describe_results(&report), expected);
    let databases = milvus.list_databases().await.unwrap();
    assert_eq!(databases, ["archive", "default", "hollow", "shop", "store"]);
    assert_eq!((world.flushed_rows("archive.tags").await, world.flushed_rows("shop.books").await), (4, 5));
    assert_eq!(world.flushed_rows("store.orders").await, 6);
    assert_eq!(
        world.count_calls("CreateDatabase"),
        4,
        "the two of the source, and the two that were missing"
    );
}

#[tokio::test]
async fn an_empty_database_is_restored() {
    let world = World::new();
    world.connect().await.create_database("hollow").await.unwrap();
    world.back_up(&backup_request("nightly")).await.unwrap();
    let target = World::new();
    let report =
        restore(&world.engine_with_target(&target), &restore_request("nightly"), &JobCtx::detached())
            .await
            .unwrap();
    assert_eq!((report.kind(), report.collections.len()), (None, 0));
    assert_eq!(target.connect().await.list_databases().await.unwrap(), ["default", "hollow"]);
}

#[tokio::test]
async fn only_databases_that_hold_a_target_or_are_selected_as_such_are_created() {
    let world = World::new();
    let milvus = world.connect().await;
    milvus.create_database("prod").await.unwrap();
    let collection = CollectionRef::new("prod", "a");
    let create = CreateCollection { target: collection, ..samples::small_collection("a") };
    milvus.create_collection(&create).await.unwrap();
    world.back_up(&backup_request("nightly")).await.unwrap();
    for (selection, expected) in [
        (filter("prod.a"), &["default", "staging"][..]),
        (Selection::everything(), &["default", "staging"]),
        (filter("prod.*"), &["default", "prod", "staging"]),
    ] {
        let target = World::new();
        let mapping = mapping("prod.a:staging.a", "");
        let request = RestoreRequest { selection, mapping, ..restore_request("nightly") };
        let engine = world.engine_with_target(&target);
        restore(&engine, &request, &JobCtx::detached()).await.unwrap();
        assert_eq!(target.connect().await.list_databases().await.unwrap(), expected, "{request:?}");
    }
}

#[tokio::test]
async fn a_filter_selects_collections_by_their_source_names() {
    let (world, _) = world_with_backup().await;
    let request = RestoreRequest { selection: filter("tag?"), ..restore_copy_request("nightly") };
    let report = world.restore(&request).await.unwrap();
    assert_eq!(describe_results(&report), ["default.tags -> default.tags_copy: Done"]);
    assert_eq!(world.collection_names("default").await, ["books", "tags", "tags_copy"]);
}

#[tokio::test]
async fn a_filter_that_matches_only_new_names_is_an_error_that_names_the_old_ones() {
    let (world, _) = world_with_backup().await;
    let request = RestoreRequest { selection: filter("books_copy"), ..restore_copy_request("nightly") };
    let error = world.restore(&request).await.unwrap_err();
    assert_eq!(error.kind(), FailureKind::NotFound);
    let expected = "nothing matches books_copy\n\
                    filter_by_source_names names=[\"default.books\"]";
    assert_eq!(describe_error(&error), expected);
    let request = RestoreRequest {
        selection: filter("archive.*"),
        mapping: mapping("default.*:archive.*", ""),
        ..restore_request("nightly")
    };
    let error = world.restore(&request).await.unwrap_err();
    assert!(
        describe_error(&error).contains(r#"names=["default.books","default.tags"]"#),
        "{}",
        describe_error(&error)
    );
    let request = RestoreRequest { selection: filter("boots"), ..restore_copy_request("nightly") };
    let error = world.restore(&request).await.unwrap_err();
    assert_eq!(error.to_string(), "nothing matches boots (did you mean default.books?)");
    assert_eq!(error.advice(), Some(Advice::CorrectFilter));
    assert_eq!(world.count_calls("CreateCollection"), 2, "those of the source");
}

#[tokio::test]
async fn an_impossible_mapping_fails_before_anything_is_changed() {
    let (world, _) = world_with_backup().await;
    for (rename, expected) in [
        ("boots:shoes", "no collection matches the rename rule default.boots:default.shoes"),
        ("books:tags", "both default.books and default.tags would be renamed to default.tags"),
    ] {
        let request = RestoreRequest { mapping: mapping(rename, ""), ..restore_request("nightly") };
        let error = world.restore(&request).await.unwrap_err();
        assert_eq!((error.kind(), error.to_string().as_str()), (FailureKind::Usage, expected));
        assert_eq!(error.advice(), Some(Advice::CorrectRename));
    }
    assert_eq!(world.count_calls("CreateCollection"), 2, "those of the source");
}

#[tokio::test]
async fn a_metadata_only_restore_imports_nothing() {
    let (world, _) = world_with_backup().await;
    // The data files are not needed.
    std::fs::remove_dir_all(world.backup_path("nightly/binlogs")).unwrap();
    let request = RestoreRequest {
        options: RestoreOptions { meta_only: true, ..restore_options() },
        ..restore_copy_request("nightly")
    };
    let report = world.restore(&request).await.unwrap();
    assert_eq!((report.kind(), report.rows(), report.expected().max), (None, 0, 0));
    assert_eq!((world.count_calls("Import"), world.flushed_rows("books_copy").await), (0, 0));
    let partitions = world.connect().await.list_partitions(&collection("books_copy")).await.unwrap();
    assert_eq!(partitions.len(), 2);
}

#[tokio::test]
async fn planning_a_restore_changes_nothing() {
    let (world, _) = world_with_backup().await;
    let (before, disk) = (world.fake.calls().len(), disk::list_files(&world.source_path("")));
    let selection = filter("books");
    let request = RestoreRequest { selection, ..restore_copy_request("nightly") };
    let prepared = world.plan_restore(&request).await.unwrap();
    let (plan, server) = (prepared.plan(), prepared.server());
    assert_eq!((server.version.to_string().as_str(), prepared.collections_in_backup()), ("v2.3.6", 2));
    assert_eq!(server.address, format!("127.0.0.1:{}", world.fake.port()));
    let [books] = &plan.collections[..] else { panic!("{plan:?}") };
    assert_eq!((&books.target, books.action), (&collection("books_copy"), TargetAction::Create));
    assert_eq!((plan.jobs().count(), plan.staging.as_ref()), (2, None));
    assert!(plan.jobs().all(|job| job.files == ImportFiles::InPlace && job.objects == FILES_PER_SEGMENT));
    assert_eq!(books.rows(), RowRange { min: 5, max: 5 });
    let calls: BTreeSet<String> = world.fake.calls().split_off(before).into_iter().collect();
    let calls: Vec<String> = calls.into_iter().collect();
    assert_eq!(calls, ["Connect", "HasCollection", "ListDatabases"], "it only looks");
    assert_eq!(disk::list_files(&world.source_path("")), disk);
}

#[tokio::test]
async fn restoring_an_empty_backup_succeeds() {
    let world = World::new();
    world.back_up(&backup_request("nothing")).await.unwrap();
    let report = world.restore(&restore_request("nothing")).await.unwrap();
    assert_eq!((report.kind(), report.collections.len(), report.rows()), (None, 0, 0));
}

#[tokio::test]
async fn the_error_names_a_missing_backup() {
    let (world, _) = world_with_backup().await;
    for name in ["nightl", "insert_log"] {
        let error = world.restore(&restore_request(name)).await.unwrap_err();
        assert_eq!(error.kind(), FailureKind::NotFound);
        assert!(error.to_string().starts_with(&format!("there is no backup {name} below ")), "{error}");
    }
}

#[tokio::test]
async fn many_collections_and_partitions_are_restored_concurrently() {
    let mut world = World::new();
    world.config.limits.restore_collections = nonzero(3);
    let milvus = world.connect().await;
    let parts = ["_default", "a", "b", "c", "d"];
    for at in 0..5 {
        let filled: Vec<(&str, i64)> = parts.iter().copied().zip(at..).collect();
        samples::create_with_rows(&milvus, &format!("c{at}"), &filled).await;
    }
    let taken = world.back_up(&backup_request("nightly")).await.unwrap();
    let report = world.restore(&restore_copy_request("nightly")).await.unwrap();
    assert_eq!((report.kind(), report.rows()), (None, taken.rows));
    assert!(report.collections.iter().all(|c| c.outcome == CollectionOutcome::Done));
    assert_eq!(world.count_calls("Import"), 24, "one for each partition that has rows");
    for at in 0..5 {
        assert_eq!(
            world.flushed_rows(&format!("c{at}_copy")).await,
            world.flushed_rows(&format!("c{at}")).await
        );
    }
}
