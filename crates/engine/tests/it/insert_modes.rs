//! The choice between inserts and imports, restores of a part, and interrupted inserts (simulated Milvus).

use engine::{CollectionOutcome, Event, FailureKind, RestoreReport};
use model::manifest::{DataType, Field};
use model::plan::restore::{
    ExistingTargetPolicy, RestoreMethod, RestoreMode, RestoreOptions, RestoreRequest, RowSubset,
};
use testkit::fake::Fault;

use crate::samples::{self, collection};
use crate::watch::WatchedJob;
use crate::world::{World, backup_request, describe_error, restore_copy_request};

const FOUR_PARTITIONS: [(&str, i64); 4] = [("_default", 3), ("a", 4), ("b", 5), ("c", 6)];

fn request_with_mode(mode: RestoreMode) -> RestoreRequest {
    RestoreRequest {
        options: RestoreOptions { mode, ..RestoreOptions::default() },
        ..restore_copy_request("nightly")
    }
}

/// Creates a world with a backup of `default.shelves`, which has 18 rows in four partitions and an index.
async fn world_with_shelves(version: &str) -> World {
    let world = World::with_version(version, |config| config);
    let milvus = world.connect().await;
    samples::create_with_rows(&milvus, "shelves", &FOUR_PARTITIONS).await;
    milvus.create_index(&collection("shelves"), &samples::vector_index()).await.unwrap();
    milvus.load(&collection("shelves")).await.unwrap();
    world.back_up(&backup_request("nightly")).await.unwrap();
    world
}

fn sorted_rows(world: &World, name: &str) -> Vec<String> {
    let mut rows: Vec<String> = world.fake.rows("default", name).iter().map(ToString::to_string).collect();
    rows.sort();
    rows
}

/// Returns why the only collection of a report failed.
fn failure_of(report: &RestoreReport) -> String {
    match &report.collections[0].outcome {
        CollectionOutcome::Failed(failure) => failure.message.clone(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn rows_are_inserted_without_import_and_without_the_storage_of_the_target() {
    for version in ["2.2.16", "2.3.6", "2.5.27", "2.6.19"] {
        let mut world = world_with_shelves(version).await;
        world.config.source.root = world.source_path("wrong").to_str().unwrap().into();
        let request = request_with_mode(RestoreMode::Insert);
        let plan = world.plan_restore(&request).await.unwrap();
        let plan = &plan.plan().collections[0];
        assert!(plan.partitions.iter().all(|partition| partition.method.method == RestoreMethod::Insert));
        let report = world.restore(&request).await.unwrap();
        assert_eq!((report.kind(), report.rows(), report.expected().min), (None, 18, 18), "{version}");
        assert_eq!(sorted_rows(&world, "shelves_copy"), sorted_rows(&world, "shelves"), "{version}");
        assert_eq!(world.count_calls("Import"), 0);
        let names: Vec<&str> =
            report.collections[0].partitions.iter().map(|rows| rows.partition.as_str()).collect();
        assert_eq!(names, ["_default", "a", "b", "c"]);
    }
}

#[tokio::test]
async fn a_request_without_an_answer_is_repeated_as_an_upsert() {
    let world = world_with_shelves("2.3.6").await;
    world.fake.inject(Fault::AnswerLost { call: "Insert" });
    let report = world.restore(&request_with_mode(RestoreMode::Insert)).await.unwrap();
    assert_eq!((report.kind(), report.rows()), (None, 18));
    assert_eq!(world.count_calls("Upsert"), 1);
    assert_eq!(sorted_rows(&world, "shelves_copy"), sorted_rows(&world, "shelves"));
}

#[tokio::test]
async fn without_upserts_the_partition_is_emptied_and_inserted_again() {
    let world = world_with_shelves("2.2.16").await;
    world.fake.inject(Fault::AnswerLost { call: "Insert" });
    let watched = WatchedJob::new(|_, _| ());
    let report = world.restore_watched(&request_with_mode(RestoreMode::Insert), &watched).await.unwrap();
    assert_eq!(report.kind(), None, "{report:?}");
    assert!(watched.messages().contains("is emptied and inserted again"), "{}", watched.messages());
    assert_eq!(world.count_calls("Delete"), 1);
    assert_eq!(sorted_rows(&world, "shelves_copy"), sorted_rows(&world, "shelves"));
}

#[tokio::test]
async fn rows_of_others_are_not_deleted_after_a_request_without_an_answer() {
    let world = world_with_shelves("2.2.16").await;
    let request = RestoreRequest {
        options: RestoreOptions {
            mode: RestoreMode::Insert,
            existing: ExistingTargetPolicy::Use,
            ..RestoreOptions::default()
        },
        ..restore_copy_request("nightly")
    };
    samples::create_with_rows(&world.connect().await, "shelves_copy", &[("_default", 1)]).await;
    world.fake.inject(Fault::AnswerLost { call: "Insert" });
    let report = world.restore(&request).await.unwrap();
    let message = failure_of(&report);
    assert!(message.contains("it is not known whether the target has these rows of default.shelves_copy/"));
    assert!(message.contains("a second insert could add them twice"), "{message}");
    assert!(message.contains("partitions are inserted completely"), "{message}");
    assert!(report.remaining.unwrap().rows_may_repeat);
    assert_eq!(world.count_calls("Delete"), 0);
}

#[tokio::test]
async fn keys_that_the_target_makes_are_refused_before_anything_is_created() {
    let world = World::new();
    let milvus = world.connect().await;
    let mut definition = samples::small_collection("shelves");
    definition.schema.fields[0].auto_id = true;
    milvus.create_collection(&definition).await.unwrap();
    let columns = samples::columns(5).split_off(1);
    milvus.insert(&collection("shelves"), Some("_default"), &columns).await;
    world.back_up(&backup_request("nightly")).await.unwrap();
    let error = world.restore(&request_with_mode(RestoreMode::Insert)).await.unwrap_err();
    let expected = "the rows of default.shelves cannot be inserted into default.shelves_copy: field id: the target makes its \
                    keys itself, and its Milvus accepts no others (since Milvus 2.5.19 and 2.6.3)\n\
                    leave_fields_out";
    assert_eq!(describe_error(&error), expected);
    assert_eq!(world.count_calls("CreateCollection"), 1, "that of this test");

    let subset = RowSubset { columns: vec!["text".to_owned(), "vector".to_owned()], ..RowSubset::default() };
    let report = world.restore(&RestoreRequest { subset, ..request_with_mode(RestoreMode::Auto) }).await;
    assert_eq!((report.as_ref().unwrap().kind(), report.unwrap().rows()), (None, 5));
}

#[tokio::test]
async fn auto_inserts_many_small_partitions_and_imports_few() {
    let world = world_with_shelves("2.3.6").await;
    samples::create_with_rows(&world.connect().await, "tags", &[("_default", 4), ("old", 1)]).await;
    world.back_up(&backup_request("later")).await.unwrap();
    let request = RestoreRequest { name: "later".parse().unwrap(), ..request_with_mode(RestoreMode::Auto) };
    let prepared = world.plan_restore(&request).await.unwrap();
    let methods = prepared.plan().collections.iter().map(|plan| {
        let first = &plan.partitions[0].method;
        (plan.target.collection.as_str(), first.method, first.reason.as_str())
    });
    let mut methods: Vec<_> = methods.collect();
    methods.sort_by_key(|(name, ..)| *name);
    let expected = [
        ("shelves_copy", RestoreMethod::Insert, "an import job takes longer than its rows"),
        ("tags_copy", RestoreMethod::Import, "few small partitions import as fast as they are flushed"),
    ];
    assert_eq!(methods, expected);
    let report = world.restore(&request).await.unwrap();
    assert_eq!((report.kind(), report.rows()), (None, 23));
    assert_eq!(world.count_calls("Import"), 2);
}

#[tokio::test]
async fn auto_imports_what_cannot_be_inserted() {
    let world = World::new();
    let milvus = world.connect().await;
    let mut definition = samples::small_collection("shelves");
    definition.schema.fields[0].auto_id = true;
    milvus.create_collection(&definition).await.unwrap();
    for (partition, rows) in FOUR_PARTITIONS {
        if partition != "_default" {
            milvus.create_partition(&collection("shelves"), partition).await.unwrap();
        }
        let columns = samples::columns(rows).split_off(1);
        milvus.insert(&collection("shelves"), Some(partition), &columns).await;
    }
    world.back_up(&backup_request("nightly")).await.unwrap();
    let request = request_with_mode(RestoreMode::Auto);
    let prepared = world.plan_restore(&request).await.unwrap();
    let method = &prepared.plan().collections[0].partitions[0].method;
    assert_eq!(method.method, RestoreMethod::Import);
    assert!(method.reason.starts_with("its rows cannot be inserted: field id: "), "{}", method.reason);
    let report = world.restore(&request).await.unwrap();
    assert_eq!((report.kind(), report.rows(), world.count_calls("Import")), (None, 18, 4));
}

#[tokio::test]
async fn an_interrupted_restore_names_the_partitions_that_are_complete() {
    let world = world_with_shelves("2.3.6").await;
    let watched = WatchedJob::cancelled_at(|event| matches!(event, Event::Import { done: 1, .. }));
    let report = world.restore_watched(&request_with_mode(RestoreMode::Insert), &watched).await.unwrap();
    assert_eq!(report.kind(), Some(FailureKind::Interrupted));
    let message = failure_of(&report);
    assert!(message.starts_with("interrupted ("), "{message}");
    assert!(message.contains(" of 4 partitions are inserted completely ("), "{message}");
    assert!(!report.collections[0].partitions.is_empty());
    assert!(report.collections[0].created && report.remaining.is_some());
}

#[tokio::test]
async fn some_partitions_rows_and_fields_can_be_restored() {
    let world = world_with_shelves("2.3.6").await;
    let partitions = vec!["b".to_owned(), "c".to_owned()];
    let subset = RowSubset { partitions, limit: Some(7), ..RowSubset::default() };
    let report =
        world.restore(&RestoreRequest { subset, ..request_with_mode(RestoreMode::Auto) }).await.unwrap();
    let rows: Vec<_> =
        report.collections[0].partitions.iter().map(|rows| (rows.partition.as_str(), rows.counted)).collect();
    assert_eq!((report.kind(), rows), (None, vec![("b", 5), ("c", 2)]));
    let named: Vec<String> = world
        .connect()
        .await
        .list_partitions(&collection("shelves_copy"))
        .await
        .unwrap()
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    assert_eq!(named.len(), 3, "{named:?}");

    let subset = RowSubset { partitions: vec!["nowhere".to_owned()], ..RowSubset::default() };
    let error = world.restore(&RestoreRequest { subset, ..request_with_mode(RestoreMode::Auto) }).await;
    let error = error.unwrap_err();
    assert!(error.to_string().contains("the partitions nowhere"), "{error}");
    let subset = RowSubset { limit: Some(1), ..RowSubset::default() };
    let error = world.restore(&RestoreRequest { subset, ..request_with_mode(RestoreMode::Import) }).await;
    let error = error.unwrap_err().to_string();
    assert!(error.contains("the restore of some rows or fields is not possible with imports"), "{error}");
}

#[tokio::test]
async fn null_values_are_refused_by_row_where_the_target_has_none() {
    let source = World::with_version("2.5.27", |config| config);
    let milvus = source.connect().await;
    let mut definition = samples::small_collection("shelves");
    definition.schema.fields.push(Field {
        name: "note".to_owned(),
        data_type: DataType::INT64,
        nullable: true,
        ..Field::default()
    });
    milvus.create_collection(&definition).await.unwrap();
    milvus.insert(&collection("shelves"), Some("_default"), &samples::columns(3)).await;
    source.back_up(&backup_request("nightly")).await.unwrap();
    let target = World::with_version("2.3.6", |config| config);
    let engine = source.engine_with_target(&target);
    let ctx = engine::JobCtx::detached();
    let request = request_with_mode(RestoreMode::Insert);
    let error = crate::world::restore(&engine, &request, &ctx).await.unwrap_err();
    let expected = "the rows of default.shelves cannot be inserted into default.shelves_copy: row 0, field \
                    note: is null, and the field of the target is not nullable";
    assert_eq!(error.to_string(), expected);
    assert_eq!(target.count_calls("CreateCollection"), 0);
    let columns = ["id", "text", "vector"].map(str::to_owned).to_vec();
    let subset = RowSubset { columns, ..RowSubset::default() };
    let report = crate::world::restore(&engine, &RestoreRequest { subset, ..request }, &ctx).await.unwrap();
    assert_eq!((report.kind(), report.rows()), (None, 3));
}
