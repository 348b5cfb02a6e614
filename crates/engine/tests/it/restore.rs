//! Restores in which nothing goes wrong (simulated Milvus).

use std::collections::BTreeSet;

use engine::{BackupReport, CollectionOutcome, Event, JobCtx, Kind, PartitionRows, Phase, RestoreReport};
use milvus::CreateCollection;
use model::manifest::{DataType, Field, KeyValue, LoadState};
use model::mapping::Mapping;
use model::plan::restore::{Action, JobData, RestoreRequest, RowRange};
use model::selection::Selection;
use testkit::fake::Fault;

use crate::disk;
use crate::shop::{self, FILES, collection};
use crate::watch::Watched;
use crate::world::{World, backup_of, many, restore, restore_beside, restore_of, told};

fn mapping(rename: &str, suffix: &str) -> Mapping {
    Mapping::new(Some(rename), Some(suffix)).unwrap()
}

fn filter(text: &str) -> Selection {
    Selection::from_filter(text).unwrap()
}

async fn backed_up() -> (World, BackupReport) {
    let world = World::with_books().await;
    let report = world.back_up(&backup_of("nightly")).await.unwrap();
    (world, report)
}

/// What was done with what.
fn done(report: &RestoreReport) -> Vec<String> {
    let line = |c: &engine::CollectionRestored| format!("{} -> {}: {:?}", c.source, c.target, c.outcome);
    report.collections.iter().map(line).collect()
}

#[tokio::test]
async fn rows_are_imported_beside_their_source_a_job_a_partition_and_counted() {
    let (world, _) = backed_up().await;
    let watched = Watched::new(|_, _| {});
    let before = disk::files(&world.backup_path(""));
    let report = world.restore_watched(&restore_beside("nightly"), &watched).await.unwrap();
    let expected = ["default.books -> default.books_copy: Done", "default.tags -> default.tags_copy: Done"];
    assert_eq!(done(&report), expected);
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
        (world.calls("Import"), world.rows("books_copy").await, world.rows("tags_copy").await),
        (3, 5, 4)
    );
    assert_eq!((world.rows("books").await, world.rows("tags").await), (5, 4), "the source is as it was");
    assert_eq!(disk::files(&world.backup_path("")), before, "and so is the backup");
    assert_eq!(world.calls("LoadCollection"), 0, "what was not loaded is not loaded");

    let phases: Vec<Phase> = watched
        .events()
        .into_iter()
        .filter_map(|event| if let Event::Phase(phase) = event { Some(phase) } else { None })
        .collect();
    assert_eq!(phases, [Phase::Preflight, Phase::Create, Phase::Import, Phase::Finish]);
    let books = watched.events().into_iter().filter_map(|event| match event {
        Event::Import { collection, done, jobs, rows } if collection.collection == "books" => {
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
async fn jobs_and_collections_that_milvus_denies_for_a_moment_are_asked_for_again() {
    let world = World::with_books().await;
    let milvus = world.client().await;
    let books = collection("books");
    milvus.create_index(&books, &shop::index()).await.unwrap();
    milvus.load(&books).await.unwrap();
    world.back_up(&backup_of("nightly")).await.unwrap();
    world.fake.inject(Fault::NotFound { call: "GetImportState", times: 2 });
    world.fake.inject(Fault::NotFound { call: "GetLoadState", times: 2 });
    let report = world.restore(&restore_beside("nightly")).await.unwrap();
    assert_eq!((report.kind(), report.rows()), (None, 9));
    assert_eq!(report.warnings, Vec::<String>::new());
    let restored = milvus.load_state(&collection("books_copy"), None).await.unwrap();
    assert_eq!(restored, LoadState::Loaded);
}

#[tokio::test]
async fn a_collection_comes_back_as_it_was_indexes_aliases_load_state_and_properties() {
    let world = World::with_books().await;
    let milvus = world.client().await;
    let books = collection("books");
    let properties = [
        KeyValue::new("collection.autocompaction.enabled", "false"),
        KeyValue::new("collection.ttl.seconds", "3600"),
    ];
    milvus.alter_collection(&books, &properties).await.unwrap();
    milvus.create_index(&books, &shop::index()).await.unwrap();
    milvus.create_alias(&books, "library").await.unwrap();
    milvus.load(&books).await.unwrap();
    let info = milvus.describe_collection(&books).await.unwrap();
    world.back_up(&backup_of("nightly")).await.unwrap();

    let target = World::new();
    let calls = |call: &str| target.calls(call);
    let report =
        restore(&world.engine_into(&target), &restore_of("nightly"), &JobCtx::detached()).await.unwrap();
    assert_eq!((report.kind(), report.rows()), (None, 9));
    let ttl = "default.books has a TTL of 3600 s, which begins anew for its rows with the restore";
    assert_eq!(report.warnings, [ttl]);
    let milvus = target.client().await;
    let restored = milvus.describe_collection(&books).await.unwrap();
    assert_eq!(restored.schema, info.schema);
    assert_eq!((restored.shards, restored.consistency), (info.shards, info.consistency));
    assert_eq!((&restored.properties, &restored.aliases), (&info.properties, &info.aliases));
    let indexes: Vec<_> = milvus.list_indexes(&books).await.unwrap().into_iter().map(|i| i.index).collect();
    assert_eq!(indexes.len(), 1);
    assert_eq!((&indexes[0].name, &indexes[0].params), (&shop::index().name, &shop::index().params));
    assert_eq!(milvus.load_state(&books, None).await.unwrap(), LoadState::Loaded);
    let state = milvus.load_state(&collection("tags"), None).await.unwrap();
    assert_eq!((state, calls("LoadCollection")), (LoadState::NotLoad, 1));
    // what would let rows expire comes after them
    let order = target.fake.calls();
    let last = |call: &str| order.iter().rposition(|c| c == call).unwrap();
    let first = |call: &str| order.iter().position(|c| c == call).unwrap();
    assert!(first("AlterCollection") > first("Import"));
    assert!(last("CreateIndex") < first("LoadCollection") && first("CreateAlias") > first("LoadCollection"));
    assert_eq!(milvus.row_count(&books).await.unwrap(), 5);
}

#[tokio::test]
async fn what_was_not_asked_for_is_left_out() {
    let world = World::with_books().await;
    let milvus = world.client().await;
    let books = collection("books");
    milvus.create_index(&books, &shop::index()).await.unwrap();
    milvus.create_alias(&books, "library").await.unwrap();
    milvus.load(&books).await.unwrap();
    world.back_up(&backup_of("nightly")).await.unwrap();
    let target = World::new();
    let bare = RestoreRequest { indexes: false, aliases: false, load: false, ..restore_of("nightly") };
    let report = restore(&world.engine_into(&target), &bare, &JobCtx::detached()).await.unwrap();
    assert_eq!((report.kind(), report.rows()), (None, 9));
    for call in ["CreateIndex", "CreateAlias", "LoadCollection"] {
        assert_eq!(target.calls(call), 0, "{call}");
    }
    // loaded it cannot be without its index
    let target = World::new();
    let request = RestoreRequest { indexes: false, ..restore_of("nightly") };
    let report = restore(&world.engine_into(&target), &request, &JobCtx::detached()).await.unwrap();
    let warning = "default.books was loaded, but cannot be without its index; create one and load it";
    assert_eq!((report.kind(), report.warnings), (None, vec![warning.to_owned()]));
}

#[tokio::test]
async fn an_index_can_become_an_automatic_one() {
    let world = World::with_books().await;
    world.client().await.create_index(&collection("books"), &shop::index()).await.unwrap();
    world.back_up(&backup_of("nightly")).await.unwrap();
    let request = RestoreRequest { auto_index: true, ..restore_beside("nightly") };
    world.restore(&request).await.unwrap();
    let indexes = world.client().await.list_indexes(&collection("books_copy")).await.unwrap();
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
    let milvus = world.client().await;
    let mut create = CreateCollection { num_partitions: Some(3), ..shop::small("tenants") };
    create.schema.enable_dynamic_field = true;
    let key = Field {
        name: "tenant".to_owned(),
        data_type: DataType::INT64,
        is_partition_key: true,
        ..Field::default()
    };
    create.schema.fields.push(key);
    milvus.create_collection(&create).await.unwrap();
    world.back_up(&backup_of("nightly")).await.unwrap();
    let report = world.restore(&restore_beside("nightly")).await.unwrap();
    assert_eq!(report.kind(), None);
    let copy = collection("tenants_copy");
    assert_eq!(milvus.list_partitions(&copy).await.unwrap().len(), 3);
    let schema = milvus.describe_collection(&copy).await.unwrap().schema;
    assert!(schema.enable_dynamic_field && schema.fields.iter().any(|f| f.is_partition_key));
    assert_eq!(world.calls("CreatePartition"), 0, "the server makes them");
}

#[tokio::test]
async fn databases_are_mapped_and_created_on_demand() {
    let world = World::with_books().await;
    let milvus = world.client().await;
    for database in ["shop", "hollow"] {
        milvus.create_database(database).await.unwrap();
    }
    shop::fill(&milvus, "shop.orders", &[("_default", 6)]).await;
    world.back_up(&backup_of("nightly")).await.unwrap();
    let rename = "shop.*:store.*,default.*:archive.*,books:shop.books";
    let request = RestoreRequest { mapping: mapping(rename, ""), ..restore_of("nightly") };
    let report = world.restore(&request).await.unwrap();
    let expected = [
        "default.books -> shop.books: Done",
        "default.tags -> archive.tags: Done",
        "shop.orders -> store.orders: Done",
    ];
    assert_eq!(done(&report), expected);
    let databases = milvus.list_databases().await.unwrap();
    assert_eq!(databases, ["archive", "default", "hollow", "shop", "store"]);
    assert_eq!((world.rows("archive.tags").await, world.rows("shop.books").await), (4, 5));
    assert_eq!(world.rows("store.orders").await, 6);
    assert_eq!(world.calls("CreateDatabase"), 4, "the two of the source, and the two that were missing");
}

#[tokio::test]
async fn an_empty_database_comes_back_too() {
    let world = World::new();
    world.client().await.create_database("hollow").await.unwrap();
    world.back_up(&backup_of("nightly")).await.unwrap();
    let target = World::new();
    let report =
        restore(&world.engine_into(&target), &restore_of("nightly"), &JobCtx::detached()).await.unwrap();
    assert_eq!((report.kind(), report.collections.len()), (None, 0));
    assert_eq!(target.client().await.list_databases().await.unwrap(), ["default", "hollow"]);
}

#[tokio::test]
async fn a_filter_takes_what_it_names_by_source_names() {
    let (world, _) = backed_up().await;
    let request = RestoreRequest { selection: filter("tag?"), ..restore_beside("nightly") };
    let report = world.restore(&request).await.unwrap();
    assert_eq!(done(&report), ["default.tags -> default.tags_copy: Done"]);
    assert_eq!(world.collections("default").await, ["books", "tags", "tags_copy"]);
}

#[tokio::test]
async fn a_filter_that_matches_only_new_names_is_an_error_that_names_the_old_ones() {
    let (world, _) = backed_up().await;
    let request = RestoreRequest { selection: filter("books_copy"), ..restore_beside("nightly") };
    let error = world.restore(&request).await.unwrap_err();
    assert_eq!(error.kind(), Kind::NotFound);
    let expected = "nothing matches default.books_copy\n\
                    filters match the names in the backup, not the new ones; say --filter default.books";
    assert_eq!(told(&error), expected);
    let request = RestoreRequest {
        selection: filter("archive.*"),
        mapping: mapping("default.*:archive.*", ""),
        ..restore_of("nightly")
    };
    let error = world.restore(&request).await.unwrap_err();
    assert!(told(&error).contains("say --filter default.books,default.tags"), "{}", told(&error));
    let request = RestoreRequest { selection: filter("boots"), ..restore_beside("nightly") };
    let error = world.restore(&request).await.unwrap_err();
    assert_eq!(error.to_string(), "nothing matches default.boots");
    assert!(error.hint().unwrap().contains("names are those of the source"));
    assert_eq!(world.calls("CreateCollection"), 2, "those of the source");
}

#[tokio::test]
async fn names_that_cannot_be_mapped_are_told_before_anything_is_changed() {
    let (world, _) = backed_up().await;
    for (rename, expected) in [
        ("boots:shoes", "nothing to rename by default.boots:default.shoes"),
        ("books:tags", "both default.books and default.tags would become default.tags"),
    ] {
        let request = RestoreRequest { mapping: mapping(rename, ""), ..restore_of("nightly") };
        let error = world.restore(&request).await.unwrap_err();
        assert_eq!((error.kind(), error.to_string().as_str()), (Kind::Usage, expected));
        assert!(error.hint().unwrap().starts_with("a rename is old:new"));
    }
    assert_eq!(world.calls("CreateCollection"), 2, "those of the source");
}

#[tokio::test]
async fn a_restore_of_the_metadata_alone_imports_nothing() {
    let (world, _) = backed_up().await;
    // nor does it look for the data
    std::fs::remove_dir_all(world.backup_path("nightly/binlogs")).unwrap();
    let request = RestoreRequest { meta_only: true, ..restore_beside("nightly") };
    let report = world.restore(&request).await.unwrap();
    assert_eq!((report.kind(), report.rows(), report.expected().max), (None, 0, 0));
    assert_eq!((world.calls("Import"), world.rows("books_copy").await), (0, 0));
    let partitions = world.client().await.list_partitions(&collection("books_copy")).await.unwrap();
    assert_eq!(partitions.len(), 2);
}

#[tokio::test]
async fn a_dry_run_tells_the_plan_and_changes_nothing() {
    let (world, _) = backed_up().await;
    let (before, disk) = (world.fake.calls().len(), disk::files(&world.source_path("")));
    let selection = filter("books");
    let request = RestoreRequest { selection, ..restore_beside("nightly") };
    let prepared = world.plan_restore(&request).await.unwrap();
    let (plan, server) = (prepared.plan(), prepared.server());
    assert_eq!((server.version.to_string().as_str(), prepared.collections_in_backup()), ("v2.3.6", 2));
    assert_eq!(server.address, format!("127.0.0.1:{}", world.fake.port()));
    let [books] = &plan.collections[..] else { panic!("{plan:?}") };
    assert_eq!((&books.target, books.action), (&collection("books_copy"), Action::Create));
    assert_eq!((plan.jobs().count(), plan.staging.as_ref()), (2, None));
    assert!(plan.jobs().all(|job| job.data == JobData::InPlace && job.objects == FILES));
    assert_eq!(books.rows(), RowRange { min: 5, max: 5 });
    let calls: BTreeSet<String> = world.fake.calls().split_off(before).into_iter().collect();
    let calls: Vec<String> = calls.into_iter().collect();
    assert_eq!(calls, ["Connect", "HasCollection", "ListDatabases"], "it only looks");
    assert_eq!(disk::files(&world.source_path("")), disk);
}

#[tokio::test]
async fn an_empty_backup_is_restored_to_nothing() {
    let world = World::new();
    world.back_up(&backup_of("nothing")).await.unwrap();
    let report = world.restore(&restore_of("nothing")).await.unwrap();
    assert_eq!((report.kind(), report.collections.len(), report.rows()), (None, 0, 0));
}

#[tokio::test]
async fn a_missing_backup_is_named() {
    let (world, _) = backed_up().await;
    for name in ["nightl", "insert_log"] {
        let error = world.restore(&restore_of(name)).await.unwrap_err();
        assert_eq!(error.kind(), Kind::NotFound);
        assert!(error.to_string().starts_with(&format!("there is no backup {name} below ")), "{error}");
    }
}

#[tokio::test]
async fn many_collections_and_partitions_are_restored_side_by_side() {
    let mut world = World::new();
    world.config.limits.restore_collections = many(3);
    let milvus = world.client().await;
    let parts = ["_default", "a", "b", "c", "d"];
    for at in 0..5 {
        let filled: Vec<(&str, i64)> = parts.iter().copied().zip(at..).collect();
        shop::fill(&milvus, &format!("c{at}"), &filled).await;
    }
    let taken = world.back_up(&backup_of("nightly")).await.unwrap();
    let report = world.restore(&restore_beside("nightly")).await.unwrap();
    assert_eq!((report.kind(), report.rows()), (None, taken.rows));
    assert!(report.collections.iter().all(|c| c.outcome == CollectionOutcome::Done));
    assert_eq!(world.calls("Import"), 24, "one for each partition that has rows");
    for at in 0..5 {
        assert_eq!(world.rows(&format!("c{at}_copy")).await, world.rows(&format!("c{at}")).await);
    }
}
