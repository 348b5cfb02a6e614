//! Existing and missing targets of a restore (simulated Milvus).

use engine::{Advice, CollectionOutcome, FailureKind, JobCtx, RestoreReport};
use milvus::CreateCollection;
use model::ids::CollectionId;
use model::manifest::DataType;
use model::mapping::Mapping;
use model::plan::restore::{ExistingTargetPolicy, RestoreOptions, RestoreRequest};
use model::selection::Selection;
use testkit::fake::Fault;

use crate::samples::{self, collection};
use crate::watch::WatchedJob;
use crate::world::{
    World, backup_request, describe_error, restore, restore_copy_request, restore_options, restore_request,
};

async fn world_with_backup() -> World {
    let world = World::with_books().await;
    world.connect().await.create_index(&collection("books"), &samples::vector_index()).await.unwrap();
    world.back_up(&backup_request("nightly")).await.unwrap();
    world
}

async fn collection_id(world: &World, name: &str) -> CollectionId {
    world.connect().await.describe_collection(&collection(name)).await.unwrap().id
}

fn request_with(existing: ExistingTargetPolicy) -> RestoreRequest {
    RestoreRequest { options: RestoreOptions { existing, ..restore_options() }, ..restore_request("nightly") }
}

fn kind_and_rows(report: &RestoreReport) -> (Option<FailureKind>, u64) {
    (report.kind(), report.rows())
}

#[tokio::test]
async fn the_error_names_all_existing_targets() {
    let world = world_with_backup().await;
    let before = (collection_id(&world, "books").await, collection_id(&world, "tags").await);
    let error = world.restore(&restore_request("nightly")).await.unwrap_err();
    assert_eq!(error.kind(), FailureKind::AlreadyExists);
    let expected = "target collections exist already: default.books, default.tags\n\
                    choose_existing_targets";
    assert_eq!(describe_error(&error), expected);
    assert_eq!((collection_id(&world, "books").await, collection_id(&world, "tags").await), before);
    assert_eq!(world.count_calls("Import") + world.count_calls("DropCollection"), 0);
}

#[tokio::test]
async fn targets_that_should_be_used_must_exist() {
    let world = world_with_backup().await;
    let request = RestoreRequest {
        options: RestoreOptions { existing: ExistingTargetPolicy::Use, ..restore_options() },
        ..restore_copy_request("nightly")
    };
    let error = world.restore(&request).await.unwrap_err();
    assert_eq!(error.kind(), FailureKind::NotFound);
    let expected = "target collections do not exist: default.books_copy, default.tags_copy\n\
                    create_targets";
    assert_eq!(describe_error(&error), expected);
    assert_eq!(world.collection_names("default").await, ["books", "tags"]);
}

#[tokio::test]
async fn an_existing_target_is_used_with_its_own_indexes() {
    let world = world_with_backup().await;
    let milvus = world.connect().await;
    // The target lacks the partition `old` and has an index of its own.
    milvus.create_collection(&samples::small_collection("books_copy")).await.unwrap();
    let mut index = samples::vector_index();
    index.name = "own".to_owned();
    milvus.create_index(&collection("books_copy"), &index).await.unwrap();
    let before = collection_id(&world, "books_copy").await;
    let selection = Selection::from_filter("books").unwrap();
    let request = RestoreRequest {
        options: RestoreOptions { existing: ExistingTargetPolicy::Use, ..restore_options() },
        selection: selection.clone(),
        ..restore_copy_request("nightly")
    };
    let report = world.restore(&request).await.unwrap();
    assert_eq!((kind_and_rows(&report), report.collections[0].created), ((None, 5), false));
    assert_eq!(
        (collection_id(&world, "books_copy").await, world.flushed_rows("books_copy").await),
        (before, 5)
    );
    assert_eq!(milvus.list_partitions(&collection("books_copy")).await.unwrap().len(), 2);
    let indexes = milvus.list_indexes(&collection("books_copy")).await.unwrap();
    assert_eq!((indexes.len(), indexes[0].index.name.as_str()), (1, "own"));

    // A second restore replaces the index, although the collection is loaded.
    milvus.load(&collection("books_copy")).await.unwrap();
    let report = world
        .restore(&RestoreRequest {
            options: RestoreOptions { drop_indexes: true, ..request.options },
            ..request
        })
        .await
        .unwrap();
    assert_eq!((kind_and_rows(&report), world.flushed_rows("books_copy").await), ((None, 5), 10));
    let indexes = milvus.list_indexes(&collection("books_copy")).await.unwrap();
    assert_eq!((indexes.len(), indexes[0].index.name.as_str()), (1, "near"));
}

#[tokio::test]
async fn existing_targets_are_replaced_on_request() {
    let world = world_with_backup().await;
    let milvus = world.connect().await;
    milvus.drop_collection(&collection("tags")).await.unwrap();
    samples::insert_rows(&milvus, "books", "old", 100).await;
    let before = collection_id(&world, "books").await;
    let report = world.restore(&request_with(ExistingTargetPolicy::Drop)).await.unwrap();
    assert_eq!(kind_and_rows(&report), (None, 9));
    assert!(report.collections.iter().all(|c| c.created));
    assert_ne!(collection_id(&world, "books").await, before);
    assert_eq!((world.flushed_rows("books").await, world.flushed_rows("tags").await), (5, 4));
    assert_eq!(world.count_calls("DropCollection"), 2, "one of this test, one of the restore");
}

#[tokio::test]
async fn nothing_is_dropped_before_everything_is_checked() {
    let world = world_with_backup().await;
    let before = (collection_id(&world, "books").await, collection_id(&world, "tags").await);
    // One file of the last collection is missing.
    let id_of_tags = before.1;
    let file = crate::disk::find_file(
        &world.backup_path("nightly/binlogs"),
        &format!("insert_log/{id_of_tags}/"),
        "",
    );
    std::fs::remove_file(file).unwrap();
    let error = world.restore(&request_with(ExistingTargetPolicy::Drop)).await.unwrap_err();
    assert_eq!(error.kind(), FailureKind::Damaged);
    assert_eq!((collection_id(&world, "books").await, collection_id(&world, "tags").await), before);
    assert_eq!(world.count_calls("DropCollection"), 0);
}

#[tokio::test]
async fn nothing_is_dropped_if_the_root_is_wrong() {
    let mut world = world_with_backup().await;
    let before = (collection_id(&world, "books").await, collection_id(&world, "tags").await);
    world.config.source.root = world.source_path("wrong").to_str().unwrap().into();
    let error = world.restore(&request_with(ExistingTargetPolicy::Drop)).await.unwrap_err();
    assert_eq!(error.kind(), FailureKind::Usage);
    assert!(error.to_string().starts_with("no files of default.books below "), "{error}");
    assert_eq!((collection_id(&world, "books").await, collection_id(&world, "tags").await), before);
    assert_eq!(world.count_calls("DropCollection"), 0);
}

#[tokio::test]
async fn an_alias_is_not_dropped_in_place_of_a_collection() {
    let world = world_with_backup().await;
    let milvus = world.connect().await;
    milvus.drop_collection(&collection("tags")).await.unwrap();
    milvus.create_alias(&collection("books"), "tags").await.unwrap();
    let before = collection_id(&world, "books").await;
    let error = world.restore(&request_with(ExistingTargetPolicy::Drop)).await.unwrap_err();
    assert_eq!(error.kind(), FailureKind::AlreadyExists);
    let expected = "default.tags is an alias in the target and cannot be dropped as a collection\n\
                    use_collection_name";
    assert_eq!(describe_error(&error), expected);
    assert_eq!(
        (collection_id(&world, "books").await, world.count_calls("DropCollection")),
        (before, 1),
        "that of this test"
    );
}

#[tokio::test]
async fn a_taken_alias_stays_unchanged_with_a_warning() {
    let world = World::with_books().await;
    let milvus = world.connect().await;
    milvus.create_alias(&collection("books"), "library").await.unwrap();
    milvus.create_alias(&collection("books"), "reading").await.unwrap();
    world.back_up(&backup_request("nightly")).await.unwrap();
    milvus.drop_alias("default", "reading").await;
    let report = world.restore(&restore_copy_request("nightly")).await.unwrap();
    assert_eq!(kind_and_rows(&report), (None, 9));
    let warning = "alias library of default.books is not created: the target already uses this name";
    assert_eq!(report.warnings, [warning]);
    let aliases = async |name| milvus.describe_collection(&collection(name)).await.unwrap().aliases;
    assert_eq!(
        (aliases("books").await, aliases("books_copy").await),
        (vec!["library".to_owned()], vec!["reading".to_owned()])
    );
}

#[tokio::test]
async fn an_alias_with_the_name_of_a_collection_causes_a_warning() {
    let world = World::with_books().await;
    let milvus = world.connect().await;
    milvus.create_alias(&collection("books"), "library").await.unwrap();
    world.back_up(&backup_request("nightly")).await.unwrap();
    milvus.drop_alias("default", "library").await;
    milvus.create_collection(&samples::small_collection("library")).await.unwrap();
    let report = world.restore(&restore_copy_request("nightly")).await.unwrap();
    assert_eq!(kind_and_rows(&report), (None, 9));
    assert!(
        report.warnings[0]
            .starts_with("alias library of default.books is not created: the target already uses "),
        "{:?}",
        report.warnings
    );
}

#[tokio::test]
async fn a_target_with_another_schema_is_rejected_before_anything_is_written() {
    let world = world_with_backup().await;
    let milvus = world.connect().await;
    let mut other = CreateCollection { ..samples::small_collection("elsewhere") };
    for param in other.schema.fields.iter_mut().flat_map(|f| &mut f.type_params).filter(|p| p.key == "dim") {
        param.value = "4".to_owned();
    }
    milvus.create_collection(&other).await.unwrap();
    let request = RestoreRequest {
        options: RestoreOptions { existing: ExistingTargetPolicy::Use, ..restore_options() },
        selection: Selection::from_filter("books").unwrap(),
        mapping: Mapping::new(Some("books:elsewhere"), None).unwrap(),
        ..restore_request("nightly")
    };
    let error = world.restore(&request).await.unwrap_err();
    let expected = "the schema of the target default.elsewhere differs from the backup: field vector has dim 4 instead \
                    of 2\nrecreate_target";
    assert_eq!((error.kind(), describe_error(&error).as_str()), (FailureKind::AlreadyExists, expected));
    assert_eq!(world.count_calls("Import"), 0);
}

#[tokio::test]
async fn every_reason_why_a_restore_is_impossible_is_named_before_anything_is_written() {
    let from = World::with_version("2.6.19", |config| config);
    from.fill_books().await;
    let milvus = from.connect().await;
    let mut quantised = samples::small_collection("quantised");
    for field in quantised.schema.fields.iter_mut().filter(|field| field.name == "vector") {
        field.data_type = DataType(105);
    }
    milvus.create_collection(&quantised).await.unwrap();
    from.back_up(&backup_request("nightly")).await.unwrap();
    let into = World::with_version("2.5.27", |config| config);
    into.connect().await.create_collection(&samples::small_collection("tags")).await.unwrap();
    let before = into.fake.calls().len();
    let across = from.engine_with_target(&into);
    let error = restore(&across, &restore_request("nightly"), &JobCtx::detached()).await.unwrap_err();
    let groups = |name: &str| {
        format!(
            "default.{name} contains segments of storage version 2, which this Milvus cannot import (version 2: since \
             2.6.0)"
        )
    };
    let expected = [
        "the restore is impossible for 4 reasons:".to_owned(),
        "  Milvus v2.5.27 cannot hold default.quantised: field vector: type Int8Vector (since Milvus 2.6.0)"
            .to_owned(),
        "  target collections exist already: default.tags".to_owned(),
        format!("  {}", groups("books")),
        format!("  {}", groups("tags")),
    ];
    assert_eq!(engine::chain(&error), expected.join("\n"));
    assert_eq!(error.kind(), FailureKind::Failed, "that of the first reason");
    let steps = vec![Advice::UseNewerTarget, Advice::ChooseExistingTargets, Advice::UseNewerTargetOrInserts];
    assert_eq!(error.advice(), Some(Advice::Several { steps }));
    let changes = into.fake.calls().split_off(before);
    assert!(changes.iter().all(|call| !call.contains("Create") && !call.contains("Import")), "{changes:?}");
}

#[tokio::test]
async fn an_index_that_the_target_refuses_costs_no_data() {
    let world = world_with_backup().await;
    world.fake.inject(Fault::Denied { call: "CreateIndex" });
    let report = world.restore(&restore_copy_request("nightly")).await.unwrap();
    assert_eq!(kind_and_rows(&report), (Some(FailureKind::Partial), 9));
    let lacks: Vec<&String> = report.collections.iter().flat_map(|c| &c.lacks).collect();
    let expected = "default.books_copy is restored without an index: cannot create index near on vector of ";
    assert!(lacks.len() == 1 && lacks[0].starts_with(expected), "{lacks:?}");
    assert!(report.collections.iter().all(|c| c.outcome == CollectionOutcome::Done), "{report:?}");
}

#[tokio::test]
async fn the_plan_names_indexes_that_the_target_cannot_build() {
    let world = world_with_backup().await;
    let meta = world.backup_path("nightly/meta/full_meta.json");
    let manifest = std::fs::read_to_string(&meta).unwrap();
    std::fs::write(&meta, manifest.replace("\"HNSW\"", "\"HNSW_SQ\"")).unwrap();
    let plan = world.plan_restore(&restore_copy_request("nightly")).await.unwrap();
    let expected = "default.books_copy: the target cannot build the index of field vector: index type HNSW_SQ (since \
                    Milvus 2.5.0)";
    assert!(plan.plan().warnings.iter().any(|warning| warning == expected), "{:?}", plan.plan().warnings);
}

#[tokio::test]
async fn a_target_that_cannot_be_loaded_is_restored_with_a_warning() {
    let world = world_with_backup().await;
    let milvus = world.connect().await;
    milvus.load(&collection("books")).await.unwrap();
    world.back_up(&backup_request("loaded")).await.unwrap();
    milvus.create_collection(&samples::small_collection("books_copy")).await.unwrap();
    let request = RestoreRequest {
        options: RestoreOptions { existing: ExistingTargetPolicy::Use, indexes: false, ..restore_options() },
        selection: Selection::from_filter("books").unwrap(),
        ..restore_copy_request("loaded")
    };
    let watched = WatchedJob::new(|_, _| {});
    let report = world.restore_watched(&request, &watched).await.unwrap();
    assert_eq!(kind_and_rows(&report), (Some(FailureKind::Partial), 5));
    let words = watched.messages();
    assert_eq!(report.collections[0].lacks, [words.as_str()]);
    let expected =
        "default.books_copy is restored, but cannot be loaded: cannot load collection default.books_copy: ";
    assert!(words.starts_with(expected), "{words}");
}
