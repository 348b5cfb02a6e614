//! Backups of collections that do not change, and errors before the copy (simulated Milvus).

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::BufReader;

use engine::{Advice, BackupState, CollectionPhase, Event, FailureKind, JobCtx, Phase, Setting};
use flate2::read::GzDecoder;
use model::ids::{CollectionId, FileId};
use model::manifest::object_list::{self, ListedFile};
use model::manifest::{KeyValue, LoadState};
use model::plan::backup::{BackupRequest, FlushStrategy, ResolvedFlush};
use model::selection::Selection;

use crate::samples::{self, collection};
use crate::watch::{WatchedJob, on_first_event};
use crate::world::{World, backup_request, describe_error, within_deadline};
use crate::{disk, samples::FILES_PER_SEGMENT};

/// Returns the files of a backup that belong to the files of Milvus: the path contains the id of the segment twice.
fn expected_copies(source: BTreeMap<String, u64>) -> BTreeMap<String, u64> {
    let convert = |(path, size): (String, u64)| {
        let [_, collection, partition, segment, field, log] = path.split('/').collect::<Vec<_>>()[..] else {
            panic!("{path}")
        };
        (format!("insert_log/{collection}/{partition}/{segment}/{segment}/{field}/{log}"), size)
    };
    source.into_iter().map(convert).collect()
}

fn state_of(backup: Option<engine::BackupSummary>) -> Option<BackupState> {
    backup.map(|backup| backup.state)
}

#[tokio::test]
async fn a_backup_contains_every_file_and_its_report_counts_them() {
    let world = World::with_books().await;
    let report = world.back_up(&backup_request("nightly")).await.unwrap();

    let source = disk::list_files(&world.source_path(""));
    assert_eq!(source.len() as u64, 3 * FILES_PER_SEGMENT);
    let bytes: u64 = source.values().sum();
    assert_eq!((report.name.as_str(), report.collections, report.rows), ("nightly", 2, 9));
    assert_eq!((report.objects, report.bytes, report.deletes), (3 * FILES_PER_SEGMENT, bytes, 0));
    assert!(report.vanished.is_empty() && report.warnings.is_empty() && report.kind().is_none());
    let (first, last) = report.cut.expect("a flush tells when it sealed");
    assert!(first <= last);

    assert_eq!(disk::list_files(&world.backup_path("nightly/binlogs")), expected_copies(source));
    let meta: BTreeSet<String> = disk::list_files(&world.backup_path("nightly/meta")).into_keys().collect();
    let (lists, files): (BTreeSet<String>, BTreeSet<String>) =
        meta.into_iter().partition(|name| name.starts_with("mb_objects_"));
    let expected =
        ["backup_meta", "collection_meta", "full_meta", "mb_manifest", "partition_meta", "segment_meta"];
    assert_eq!(files, expected.map(|name| format!("{name}.json")).into(), "no begin marker is left");
    assert_eq!(lists.len(), 2);
    let other: Vec<String> = disk::list_files(&world.backup_path(""))
        .into_keys()
        .filter(|name| !name.starts_with("nightly/"))
        .collect();
    assert_eq!(other, Vec::<String>::new());
}

#[tokio::test]
async fn the_copy_has_the_bytes_of_the_source_and_is_a_file_of_its_own() {
    use std::os::unix::fs::MetadataExt;
    let world = World::with_books().await;
    world.back_up(&backup_request("nightly")).await.unwrap();
    for path in disk::list_files(&world.source_path("insert_log")).into_keys() {
        let [collection, partition, segment, field, log] = path.split('/').collect::<Vec<_>>()[..] else {
            panic!("{path}")
        };
        let copy =
            format!("nightly/binlogs/insert_log/{collection}/{partition}/{segment}/{segment}/{field}/{log}");
        let (from, to) = (world.source_path("insert_log").join(&path), world.backup_path(&copy));
        assert_eq!(fs::read(&from).unwrap(), fs::read(&to).unwrap());
        assert_ne!(fs::metadata(&from).unwrap().ino(), fs::metadata(&to).unwrap().ino(), "never a hard link");
    }
}

#[tokio::test]
async fn the_commit_marker_is_written_last() {
    let world = World::with_books().await;
    let head = world.backup_path("nightly/meta/backup_meta.json");
    let watched = WatchedJob::new({
        let head = head.clone();
        move |_, _| assert!(!head.exists(), "no event comes after the commit")
    });
    world.back_up_watched(&backup_request("nightly"), &watched.ctx).await.unwrap();
    let phases: Vec<Phase> = watched
        .events()
        .into_iter()
        .filter_map(|event| if let Event::Phase(phase) = event { Some(phase) } else { None })
        .collect();
    assert_eq!(phases, [Phase::Preflight, Phase::Copy, Phase::Commit]);
    let written = |path| fs::metadata(path).unwrap().modified().unwrap();
    for file in disk::list_files(&world.backup_path("nightly")).into_keys() {
        assert!(written(world.backup_path("nightly").join(file)) <= written(head.clone()));
    }
}

#[tokio::test]
async fn an_object_list_names_every_file_with_its_size() {
    let world = World::with_books().await;
    world.back_up(&backup_request("nightly")).await.unwrap();
    let mut listed = BTreeMap::new();
    for name in disk::list_files(&world.backup_path("nightly/meta")).into_keys() {
        let Some(id) = name.strip_prefix("mb_objects_").and_then(|rest| rest.strip_suffix(".jsonl.gz"))
        else {
            continue;
        };
        let file = fs::File::open(world.backup_path("nightly/meta").join(&name)).unwrap();
        let lines = BufReader::new(GzDecoder::new(file));
        for line in object_list::read_files(CollectionId(id.parse().unwrap()), lines).unwrap() {
            let ListedFile { scope, file: FileId { segment, field, log }, size, .. } = line.unwrap();
            let (partition, field) = (scope.to_wire(), field.unwrap());
            let path = format!("insert_log/{id}/{partition}/{segment}/{segment}/{field}/{log}");
            assert!(listed.insert(path, size).is_none());
        }
    }
    assert_eq!(listed, disk::list_files(&world.backup_path("nightly/binlogs")));
}

#[tokio::test]
async fn the_manifest_contains_the_whole_description_of_a_collection() {
    let world = World::new();
    let milvus = world.connect().await;
    milvus.create_database("shop").await.unwrap();
    samples::create_with_rows(&milvus, "shop.orders", &[("_default", 3), ("late", 0)]).await;
    let orders = collection("shop.orders");
    let ttl = KeyValue::new("collection.ttl.seconds", "3600");
    milvus.alter_collection(&orders, std::slice::from_ref(&ttl)).await.unwrap();
    milvus.create_index(&orders, &samples::vector_index()).await.unwrap();
    milvus.create_alias(&orders, "sales").await.unwrap();
    milvus.load(&orders).await.unwrap();
    let info = milvus.describe_collection(&orders).await.unwrap();
    world.back_up(&backup_request("nightly")).await.unwrap();

    let name = "nightly".parse().unwrap();
    let detail = within_deadline(world.engine().get(&name, &JobCtx::detached())).await.unwrap();
    let databases: Vec<&str> = detail.manifest.databases.iter().map(|d| d.name.as_str()).collect();
    assert_eq!(databases, ["default", "shop"], "an empty database is kept too");
    let [kept] = &detail.manifest.collections[..] else { panic!("one collection") };
    assert_eq!((&kept.name, kept.id, kept.shards), (&orders, info.id, 1));
    assert_eq!((kept.consistency.0, kept.schema.description.as_str()), (1, "a small one"));
    assert_eq!(kept.schema.fields, info.schema.fields);
    assert_eq!((&kept.properties, &kept.aliases), (&vec![ttl], &vec!["sales".to_owned()]));
    assert_ne!(kept.load_state, LoadState::NotLoad);
    let [index] = &kept.indexes[..] else { panic!("one index") };
    assert_eq!(
        (&index.name, &index.params),
        (&samples::vector_index().name, &samples::vector_index().params)
    );
    let partitions: Vec<_> = kept
        .partitions
        .iter()
        .map(|p| (p.name.as_str(), p.segments.iter().map(|s| s.rows).sum::<u64>()))
        .collect();
    assert_eq!(partitions, [("_default", 3), ("late", 0)]);
    assert!(kept.seal_time_s.is_some());

    let facts = detail.facts.expect("we made it");
    assert_eq!((facts.format_version, facts.strategy.as_str()), (1, "serial_flush"));
    assert_eq!((facts.tool.as_str(), facts.milvus_version.as_str()), ("milvus-backup 0.0.1", "v2.3.6"));
    assert_eq!(facts.selection, "*.*");
    assert_eq!(facts.milvus_address, format!("127.0.0.1:{}", world.fake.port()));
    let of_orders = &facts.collections["shop.orders"];
    assert_eq!((&of_orders.aliases, of_orders.objects), (&vec!["sales".to_owned()], FILES_PER_SEGMENT));
    assert_eq!((of_orders.partitions["_default"].rows, of_orders.partitions["late"].rows), (3, 0));
}

#[tokio::test]
async fn events_report_every_phase_of_a_collection() {
    let world = World::with_books().await;
    let watched = WatchedJob::new(|_, _| {});
    world.back_up_watched(&backup_request("nightly"), &watched.ctx).await.unwrap();
    let events = watched.events();
    let overview = Event::Overview {
        server: "v2.3.6".to_owned(),
        address: format!("127.0.0.1:{}", world.fake.port()),
        collections: 2,
        databases: 1,
        how: "serial_flush".to_owned(),
    };
    assert!(events.contains(&overview));
    let books = collection("books");
    let phases: Vec<&str> = events
        .iter()
        .filter_map(|event| match event {
            Event::Collection { collection, phase } if *collection == books => Some(phase.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(phases, ["describing", "flushing", "listing", "copying", "verifying", "done"]);
    let copied = events.iter().filter(|e| matches!(e, Event::ObjectCopied { .. })).count();
    assert_eq!(copied as u64, 3 * FILES_PER_SEGMENT);
    let planned: u64 = events
        .iter()
        .filter_map(|event| if let Event::Planned { objects, .. } = event { Some(*objects) } else { None })
        .sum();
    assert_eq!(planned, 3 * FILES_PER_SEGMENT);
}

#[tokio::test]
async fn only_selected_collections_are_backed_up() {
    let world = World::with_books().await;
    world.connect().await.create_database("shop").await.unwrap();
    let selection = Selection::from_filter("shop.,tag*").unwrap();
    let report = world.back_up(&BackupRequest { selection, ..backup_request("some") }).await.unwrap();
    assert_eq!((report.collections, report.rows), (1, 4));
    assert_eq!(world.count_calls("Flush"), 1, "what is not selected is not flushed");
    let detail = within_deadline(world.engine().get(&"some".parse().unwrap(), &JobCtx::detached()))
        .await
        .unwrap()
        .manifest;
    let databases: Vec<&str> = detail.databases.iter().map(|d| d.name.as_str()).collect();
    assert_eq!(databases, ["default", "shop"]);
}

#[tokio::test]
async fn a_selection_without_a_match_is_an_error_and_changes_nothing() {
    let world = World::with_books().await;
    let selection = Selection::from_filter("books,shop.*,default.boots").unwrap();
    let error = world.back_up(&BackupRequest { selection, ..backup_request("some") }).await.unwrap_err();
    assert_eq!(error.kind(), FailureKind::NotFound);
    assert_eq!(error.to_string(), "nothing matches shop.*, default.boots (did you mean default.books?)");
    assert_eq!(error.advice(), Some(Advice::CorrectFilter));
    assert_eq!(world.count_calls("Flush"), 0);
    assert!(world.list_backups().await.is_empty());
}

#[tokio::test]
async fn without_a_flush_the_newest_rows_are_left_out() {
    let world = World::with_books().await;
    let skip = |name| BackupRequest { strategy: FlushStrategy::Skip, ..backup_request(name) };
    let report = world.back_up(&skip("before")).await.unwrap();
    assert_eq!((report.collections, report.rows, report.cut), (2, 0, None));
    assert_eq!(world.count_calls("Flush"), 0);

    let report = world.back_up(&backup_request("flushed")).await.unwrap();
    assert_eq!((report.rows, world.count_calls("Flush")), (9, 2));
    samples::insert_rows(&world.connect().await, "tags", "_default", 5).await;
    let report = world.back_up(&skip("after")).await.unwrap();
    assert_eq!((report.rows, world.count_calls("Flush")), (9, 2));
}

#[tokio::test]
async fn a_metadata_only_backup_has_no_segments() {
    let world = World::with_books().await;
    world.back_up(&backup_request("all")).await.unwrap();
    let request = BackupRequest { strategy: FlushStrategy::MetaOnly, ..backup_request("bare") };
    let report = world.back_up(&request).await.unwrap();
    assert_eq!((report.collections, report.rows, report.objects, report.bytes), (2, 0, 0, 0));
    assert_eq!(world.count_calls("Flush"), 2, "those of the first backup");
    assert!(disk::list_files(&world.backup_path("bare/binlogs")).is_empty());
    let name = "bare".parse().unwrap();
    let manifest = within_deadline(world.engine().get(&name, &JobCtx::detached())).await.unwrap().manifest;
    assert!(manifest.collections.iter().all(|c| !c.partitions.is_empty()));
    assert!(manifest.collections.iter().flat_map(|c| &c.partitions).all(|p| p.segments.is_empty()));
    assert_eq!(state_of(world.find_listed("bare").await), Some(BackupState::Complete));
}

#[tokio::test]
async fn an_unsupported_strategy_fails_with_the_required_version() {
    let world = World::with_books().await;
    let request = BackupRequest { strategy: FlushStrategy::Bulk, ..backup_request("nightly") };
    let error = world.back_up(&request).await.unwrap_err();
    assert_eq!(error.kind(), FailureKind::Usage);
    assert_eq!(error.to_string(), "strategy bulk_flush needs Milvus 2.6.11 or later");
    assert!(disk::list_files(&world.backup_path("")).is_empty());
}

#[tokio::test]
async fn a_preview_changes_nothing_and_warns_that_it_counts_before_the_flush() {
    let world = World::with_books().await;
    world.back_up(&backup_request("first")).await.unwrap();
    samples::insert_rows(&world.connect().await, "books", "old", 7).await;
    let (before, flushes) = (disk::list_files(&world.backup_path("")), world.count_calls("Flush"));

    let seen = world.preview(&backup_request("nightly")).await.unwrap();
    assert_eq!(world.count_calls("Flush"), flushes);
    assert_eq!(disk::list_files(&world.backup_path("")), before);
    assert_eq!((seen.name.as_str(), seen.flush), ("nightly", ResolvedFlush::Serial));
    assert_eq!(seen.copy, "copies on the local disk");
    assert!(seen.warnings[0].starts_with("counted before the flush"), "{:?}", seen.warnings);
    let found: Vec<_> = seen
        .collections
        .iter()
        .map(|c| (c.name.to_string(), c.partitions, c.segments, c.rows, c.objects))
        .collect();
    let expected = [
        ("default.books".to_owned(), 2, 2, 5, 2 * FILES_PER_SEGMENT),
        ("default.tags".to_owned(), 1, 1, 4, FILES_PER_SEGMENT),
    ];
    assert_eq!(found, expected);
    assert!(seen.collections.iter().all(|c| c.bytes > 0));

    let request = BackupRequest { strategy: FlushStrategy::Skip, ..backup_request("nightly") };
    assert_eq!(world.preview(&request).await.unwrap().warnings, Vec::<String>::new());
}

#[tokio::test]
async fn a_preview_fails_if_the_name_exists_already() {
    let world = World::with_books().await;
    world.back_up(&backup_request("nightly")).await.unwrap();
    let error = world.preview(&backup_request("nightly")).await.unwrap_err();
    assert_eq!(error.kind(), FailureKind::AlreadyExists);
}

#[tokio::test]
async fn an_empty_server_gives_a_valid_empty_backup() {
    let world = World::new();
    let report = world.back_up(&backup_request("nothing")).await.unwrap();
    assert_eq!((report.collections, report.rows, report.objects), (0, 0, 0));
    let listed = world.find_listed("nothing").await.unwrap();
    assert_eq!((listed.state, listed.collections), (BackupState::Complete, Some(0)));
    let name = "nothing".parse().unwrap();
    let detail = within_deadline(world.engine().get(&name, &JobCtx::detached())).await.unwrap();
    assert_eq!(detail.manifest.databases.len(), 1);
    let selection = Selection::from_filter("books").unwrap();
    let error = world.back_up(&BackupRequest { selection, ..backup_request("books") }).await.unwrap_err();
    assert_eq!(error.to_string(), "nothing matches books");
}

#[tokio::test]
async fn a_wrong_root_fails_before_anything_is_written() {
    let mut world = World::with_books().await;
    world.back_up(&backup_request("right")).await.unwrap();
    let elsewhere = world.source_path("wrong");
    world.config.source.root = elsewhere.to_str().unwrap().into();
    let error = world.back_up(&backup_request("nightly")).await.unwrap_err();
    assert_eq!(error.kind(), FailureKind::Usage);
    let expected = format!(
        "no files of default.books below {}/, although Milvus reports 5 flushed rows",
        elsewhere.display()
    );
    assert_eq!(error.to_string(), expected);
    let settings = vec![Setting::MilvusBucket, Setting::MilvusRootPath];
    assert_eq!(error.advice(), Some(Advice::CompareWithMilvus { settings }));
    assert!(!world.backup_path("nightly").exists());
    // A metadata-only backup needs no files.
    let request = BackupRequest { strategy: FlushStrategy::MetaOnly, ..backup_request("bare") };
    world.back_up(&request).await.unwrap();
}

#[tokio::test]
async fn a_wrong_root_that_is_found_after_the_flush_leaves_an_unfinished_backup() {
    let mut world = World::with_books().await;
    world.config.source.root = world.source_path("wrong").to_str().unwrap().into();
    let watched = WatchedJob::new(|_, _| {});
    let error = world.back_up_watched(&backup_request("nightly"), &watched.ctx).await.unwrap_err();
    assert_eq!(error.kind(), FailureKind::Usage);
    assert!(describe_error(&error).contains("flushed rows"), "{error}");
    assert_eq!(state_of(world.find_listed("nightly").await), Some(BackupState::Unfinished));
    assert!(
        watched.messages().contains("nightly is left unfinished; delete it before its name is used again")
    );
}

#[tokio::test]
async fn damaged_and_missing_copies_are_copied_again() {
    let world = World::with_books().await;
    let books = world.connect().await.describe_collection(&collection("books")).await.unwrap().id;
    let binlogs = world.backup_path("nightly/binlogs/insert_log").join(books.to_string());
    let watched = on_first_event(
        |event| {
            matches!(event, Event::Collection { collection, phase: CollectionPhase::Verifying }
                if collection.collection == "books")
        },
        move || {
            let copied: Vec<String> = disk::list_files(&binlogs).into_keys().collect();
            fs::write(binlogs.join(&copied[0]), "cut").unwrap();
            fs::remove_file(binlogs.join(&copied[1])).unwrap();
        },
    );
    world.back_up_watched(&backup_request("nightly"), &watched.ctx).await.unwrap();
    let copied = watched.events().iter().filter(|e| matches!(e, Event::ObjectCopied { .. })).count();
    assert_eq!(copied as u64, 3 * FILES_PER_SEGMENT + 2, "and nothing else is");
    let source = disk::list_files(&world.source_path(""));
    assert_eq!(disk::list_files(&world.backup_path("nightly/binlogs")), expected_copies(source));
}

#[tokio::test]
async fn the_error_names_a_backup_store_that_cannot_be_written() {
    let world = World::with_books().await;
    let root = world.backup_path("nightly").parent().unwrap().to_owned();
    disk::write_file(&root, "a file where the backup root should be");
    let error = world.back_up(&backup_request("nightly")).await.unwrap_err();
    assert!(
        describe_error(&error).contains(world.backup_path("nightly").to_str().unwrap()),
        "{}",
        describe_error(&error)
    );
}
