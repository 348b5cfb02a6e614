//! Restores with several targets for one source, skipped parameters and overrides (simulated Milvus).

use std::collections::BTreeMap;

use engine::{Event, Progress};
use model::manifest::KeyValue;
use model::mapping::Mapping;
use model::plan::restore::{CollectionOverride, RestoreRequest, SkipParams};
use model::selection::Selection;

use crate::disk;
use crate::samples::{self, collection};
use crate::watch::WatchedJob;
use crate::world::{World, backup_request, describe_error, restore_request};

fn mapping_of(pairs: &[(&str, &str)]) -> Mapping {
    Mapping::from_plan([], pairs.iter().map(|(from, to)| (collection(from), collection(to)))).unwrap()
}

/// Returns a request that restores `books` to two targets and `tags` to one.
fn request_with_several_targets() -> RestoreRequest {
    let mapping = mapping_of(&[("books", "books_a"), ("books", "shop.books_b"), ("tags", "tags_a")]);
    RestoreRequest { mapping, ..restore_request("nightly") }
}

#[tokio::test]
async fn one_source_is_restored_to_several_targets_in_place_and_staged() {
    for staged in [false, true] {
        let world = World::with_books().await;
        world.back_up(&backup_request("nightly")).await.unwrap();
        if staged {
            let binlogs = world.backup_path("nightly/binlogs/insert_log");
            for file in disk::list_files(&binlogs).into_keys() {
                let partition = file.split('/').take(2).collect::<Vec<_>>().join("/");
                disk::write_file(&binlogs.join(partition).join("left/behind.txt"), "not of the backup");
            }
        }
        let watched = WatchedJob::new(|_, _| {});
        let report = world.restore_watched(&request_with_several_targets(), &watched).await.unwrap();
        assert_eq!((report.kind(), report.rows()), (None, 5 + 5 + 4), "{report:?}");
        for (target, rows) in [("books_a", 5), ("shop.books_b", 5), ("tags_a", 4)] {
            assert_eq!(world.flushed_rows(target).await, rows, "{target}");
        }
        let mut progress = Progress::default();
        for event in watched.events() {
            assert!(!matches!(event, Event::Warning(_)), "{event:?}");
            progress.take(&event, 0);
        }
        let rows: BTreeMap<String, u64> =
            progress.collections.iter().map(|(name, state)| (name.to_string(), state.rows)).collect();
        let expected = [("default.books_a", 5), ("default.tags", 4), ("shop.books_b", 5)];
        assert_eq!(rows, expected.map(|(name, rows)| (name.to_owned(), rows)).into());
        assert_eq!((progress.totals().percent, progress.collections.len()), (100, 3));
    }
}

#[tokio::test]
async fn targets_are_filtered_by_their_own_names() {
    let world = World::with_books().await;
    world.back_up(&backup_request("nightly")).await.unwrap();
    let filtered = |filter: &str| RestoreRequest {
        targets: Selection::from_filter(filter).unwrap(),
        ..request_with_several_targets()
    };
    let report = world.restore(&filtered("shop.*")).await.unwrap();
    let targets: Vec<String> = report.collections.iter().map(|c| c.target.to_string()).collect();
    assert_eq!(targets, ["shop.books_b"]);
    assert_eq!(world.collection_names("default").await, ["books", "tags"]);
    let error = world.restore(&filtered("books")).await.unwrap_err();
    let expected = "nothing matches books (did you mean default.books_a?)\n\
                    filter_by_target_names";
    assert_eq!(describe_error(&error), expected);
}

#[tokio::test]
async fn skipped_parameters_and_overrides_change_a_target() {
    let world = World::new();
    let milvus = world.connect().await;
    let mut books = samples::small_collection("books");
    books.shards = 4;
    books.properties = vec![KeyValue::new("mmap.enabled", "true"), KeyValue::new("a", "b")];
    for field in books.schema.fields.iter_mut().filter(|field| field.name == "text") {
        field.type_params.push(KeyValue::new("analyzer", "x"));
    }
    milvus.create_collection(&books).await.unwrap();
    // The index must be one that Milvus builds without the parameters too.
    let mut index = samples::vector_index();
    "FLAT".clone_into(&mut index.index_type);
    index.params.insert("index_type".to_owned(), "FLAT".to_owned());
    milvus.create_index(&collection("books"), &index).await.unwrap();
    world.back_up(&backup_request("nightly")).await.unwrap();

    let overridden = CollectionOverride { shards: Some(3), description: Some("the other one".to_owned()) };
    let keys = |key: &str| vec![key.to_owned()];
    let request = RestoreRequest {
        mapping: mapping_of(&[("books", "books_a"), ("books", "books_b")]),
        skip: SkipParams {
            collection_properties: keys("mmap.enabled"),
            field_type_params: keys("analyzer"),
            index_params: keys("params"),
            field_index_params: keys("none"),
        },
        max_shards: Some(2),
        overrides: [(collection("books_b"), overridden)].into(),
        ..restore_request("nightly")
    };
    assert_eq!(world.restore(&request).await.unwrap().kind(), None);
    let a = milvus.describe_collection(&collection("books_a")).await.unwrap();
    let b = milvus.describe_collection(&collection("books_b")).await.unwrap();
    assert_eq!((a.shards, a.schema.description.as_str()), (2, "a small one"));
    assert_eq!((b.shards, b.schema.description.as_str()), (3, "the other one"));
    for target in [a, b] {
        assert_eq!(target.properties, [KeyValue::new("a", "b")]);
        let text = target.schema.fields.iter().find(|field| field.name == "text").unwrap();
        assert_eq!(text.type_params, [KeyValue::new("max_length", "100")]);
        let indexes = milvus.list_indexes(&collection(&target.name)).await.unwrap();
        assert!(!indexes[0].index.params.contains_key("params"), "{indexes:?}");
    }
}

#[tokio::test]
async fn the_plan_names_the_aliases_that_are_taken() {
    let world = World::with_books().await;
    let milvus = world.connect().await;
    milvus.create_alias(&collection("books"), "library").await.unwrap();
    milvus.create_alias(&collection("books"), "reading").await.unwrap();
    world.back_up(&backup_request("nightly")).await.unwrap();
    milvus.drop_alias("default", "reading").await;
    let mapping = mapping_of(&[("books", "books_a"), ("books", "books_b"), ("tags", "tags_a")]);
    let request = RestoreRequest { mapping, ..restore_request("nightly") };
    let prepared = world.plan_restore(&request).await.unwrap();
    let plan = prepared.plan();
    let taken = |alias: &str| {
        format!("alias {alias} of default.books is not created: the target already uses this name")
    };
    assert_eq!(plan.warnings, [taken("library"), taken("library"), taken("reading")]);
    let aliases: Vec<&[String]> = plan.collections.iter().map(|c| c.aliases.as_slice()).collect();
    assert_eq!(aliases, [&["reading".to_owned()][..], &[], &[]]);
}
