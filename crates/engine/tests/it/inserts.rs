//! Restores that insert rows, on the simulated Milvus.

use engine::{CollectionOutcome, FailureKind, JobCtx};
use milvus::CreateCollection;
use model::manifest::Field;
use model::plan::restore::{ExistingTargetPolicy, RestoreMode, RestoreOptions, RestoreRequest};
use model::selection::Selection;
use serde_json::Value;
use storage::{NewObjectOptions, S3Addressing, S3Config, S3Credentials, StoreConfig};
use testkit::fake::Fault;
use testkit::test_milvus::TestMilvus;

use crate::samples::{self, collection};
use crate::world::{World, backup_request, restore, restore_copy_request, restore_request};

fn inserting(request: RestoreRequest) -> RestoreRequest {
    RestoreRequest { options: RestoreOptions { mode: RestoreMode::Insert, ..request.options }, ..request }
}

/// Creates a Milvus whose storage is configured wrong: nothing answers there.
fn world_without_storage(version: &str) -> World {
    let mut world = World::with_version(version, |config| config);
    world.config.source.store = StoreConfig::S3(S3Config {
        endpoint: "http://127.0.0.1:1".to_owned(),
        region: String::new(),
        bucket: "nowhere".to_owned(),
        addressing: S3Addressing::Path,
        credentials: S3Credentials::Static {
            access_key_id: "key".to_owned(),
            secret_access_key: "secret".to_owned().into(),
            session_token: None,
        },
        ca_cert: None,
        new_objects: NewObjectOptions::default(),
    });
    world
}

/// Returns the rows of a collection in the database `default`, in the order of their texts.
fn rows(world: &World, name: &str) -> Vec<Value> {
    let mut rows = world.fake.rows("default", name);
    rows.sort_by_cached_key(ToString::to_string);
    rows
}

/// Creates `books` with 12 rows in two partitions, of which 5 are deleted, and a loaded index.
async fn fill_books(milvus: &TestMilvus) {
    samples::create_with_rows(milvus, "books", &[("_default", 8), ("old", 4)]).await;
    let books = collection("books");
    milvus.create_index(&books, &samples::vector_index()).await.unwrap();
    milvus.load(&books).await.unwrap();
    milvus.flush(&books).await.unwrap();
    assert_eq!(milvus.delete(&books, "id in [1, 2, 7]").await, 3);
    milvus.flush(&books).await.unwrap();
}

#[tokio::test]
async fn a_milvus_of_any_release_gets_the_live_rows_without_its_storage() {
    for source in ["2.3.5", "2.5.27", "2.6.19"] {
        let from = World::with_version(source, |config| config);
        fill_books(&from.connect().await).await;
        from.back_up(&backup_request("nightly")).await.unwrap();
        for target in ["2.2.16", "2.3.5", "2.4.24", "2.5.27", "2.6.19", "3.0.1"] {
            let into = world_without_storage(target);
            let engine = from.engine_with_target(&into);
            let request = inserting(restore_request("nightly"));
            let ctx = JobCtx::detached();
            let planned = engine.plan_restore(&request, &ctx).await.unwrap();
            let plan = &planned.plan().collections[0];
            assert_eq!((plan.rows().min, plan.rows().max, plan.jobs.len()), (7, 7, 0));
            let report = engine.restore(planned, &ctx).await.unwrap();
            assert_eq!(report.kind(), None, "{source} into {target}: {report:?}");
            assert_eq!(rows(&into, "books"), rows(&from, "books"), "{source} into {target}");
            assert_eq!(into.count_calls("Import"), 0);
            let counted: Vec<u64> = report.collections[0].partitions.iter().map(|p| p.counted).collect();
            assert_eq!(counted, [5, 2]);
        }
    }
}

#[tokio::test]
async fn an_insert_whose_answer_is_lost_is_repeated_without_duplicates() {
    for version in ["2.2.16", "2.3.5"] {
        let world = World::with_version(version, |config| config);
        fill_books(&world.connect().await).await;
        if version == "2.2.16" {
            // A flush of 2.2 does not write them.
            world.fake.sync_deletes("default", "books");
        }
        world.back_up(&backup_request("nightly")).await.unwrap();
        world.fake.inject(Fault::AnswerLost { call: "Insert" });
        let report = world.restore(&inserting(restore_copy_request("nightly"))).await.unwrap();
        assert_eq!(report.kind(), None, "{version}: {report:?}");
        assert_eq!(report.warnings, Vec::<String>::new());
        assert_eq!(rows(&world, "books_copy"), rows(&world, "books"), "{version}");
        let repeated = if version == "2.2.16" { "Delete" } else { "Upsert" };
        assert!(world.count_calls(repeated) > 0, "{version}: {:?}", world.fake.calls());
    }
}

#[tokio::test]
async fn rows_of_an_application_are_not_deleted_to_repeat_an_insert() {
    let world = World::with_version("2.2.16", |config| config);
    fill_books(&world.connect().await).await;
    world.back_up(&backup_request("nightly")).await.unwrap();
    let deletes = world.count_calls("Delete");
    world.fake.inject(Fault::AnswerLost { call: "Insert" });
    let mut request = inserting(restore_request("nightly"));
    request.options.existing = ExistingTargetPolicy::Use;
    let report = world.restore(&request).await.unwrap();
    let CollectionOutcome::Failed(failure) = &report.collections[0].outcome else { panic!("{report:?}") };
    assert!(failure.message.contains("a second insert could add them twice"), "{}", failure.message);
    assert_eq!(world.count_calls("Delete"), deletes);
    assert!(report.warnings.iter().any(|warning| warning.contains("will be there twice")), "{report:?}");
}

#[tokio::test]
async fn a_failed_restore_names_the_partitions_that_are_complete_and_can_be_cleaned_up() {
    for cleanup in [false, true] {
        let world = World::with_version("2.3.5", |config| config);
        fill_books(&world.connect().await).await;
        world.back_up(&backup_request("nightly")).await.unwrap();
        world.fake.inject(Fault::Denied { call: "Query" });
        let mut request = inserting(restore_copy_request("nightly"));
        request.options.cleanup_on_failure = cleanup;
        let report = world.restore(&request).await.unwrap();
        let restored = &report.collections[0];
        assert!(matches!(restored.outcome, CollectionOutcome::Failed(_)), "{report:?}");
        let done: Vec<_> = restored.partitions.iter().map(|p| (p.partition.as_str(), p.counted)).collect();
        assert_eq!(done, [("_default", 5), ("old", 2)]);
        assert_eq!(restored.created, !cleanup, "{report:?}");
        assert_eq!(world.collection_names("default").await.len(), if cleanup { 1 } else { 2 });
    }
}

#[tokio::test]
async fn keys_that_milvus_makes_are_refused_before_anything_is_changed() {
    let from = World::with_version("2.3.5", |config| config);
    let milvus = from.connect().await;
    let mut definition: CreateCollection = samples::small_collection("numbered");
    let key = &mut definition.schema.fields[0];
    *key = Field { auto_id: true, ..key.clone() };
    milvus.create_collection(&definition).await.unwrap();
    let columns = samples::columns(2).split_off(1);
    milvus.insert(&collection("numbered"), Some("_default"), &columns).await;
    samples::create_with_rows(&milvus, "books", &[("_default", 2)]).await;
    from.back_up(&backup_request("nightly")).await.unwrap();
    let into = world_without_storage("2.5.27");
    let engine = from.engine_with_target(&into);
    let refused = restore(&engine, &inserting(restore_request("nightly")), &JobCtx::detached()).await;
    let error = refused.unwrap_err();
    assert_eq!(error.kind(), FailureKind::Failed);
    let text = error.to_string();
    assert!(text.contains("default.numbered") && text.contains("field id"), "{text}");
    assert_eq!(into.count_calls("CreateCollection"), 0);
    let books = Selection::from_filter("books").unwrap();
    let request = RestoreRequest { selection: books, ..inserting(restore_request("nightly")) };
    let report = restore(&engine, &request, &JobCtx::detached()).await.unwrap();
    assert_eq!(report.kind(), None, "{report:?}");
    assert_eq!(rows(&into, "books").len(), 2);
}

#[tokio::test]
async fn a_truncated_restore_cannot_insert() {
    let world = World::with_books().await;
    world.back_up(&backup_request("nightly")).await.unwrap();
    let mut request = inserting(restore_copy_request("nightly"));
    request.options.truncate_by_ts = true;
    let error = world.restore(&request).await.unwrap_err();
    assert!(error.to_string().contains("--mode import"), "{error}");
    assert_eq!(world.collection_names("default").await.len(), 2);
}
