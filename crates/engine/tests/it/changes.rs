//! Collections that change during their backup (simulated Milvus).

use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};

use engine::{Advice, BackupReport, BackupState, Error, Event, FailureKind, JobCtx};
use milvus::ConnectConfig;
use model::plan::backup::BackupRequest;
use testkit::fake::Fault;
use testkit::test_milvus::TestMilvus;

use crate::disk;
use crate::samples::{self, FILES_PER_SEGMENT, collection};
use crate::watch::{WatchedJob, on_first_event};
use crate::world::{World, backup_request, nonzero, within_deadline};

/// Creates a world whose backups process one collection and one object at a time, in a known order.
async fn sequential_world() -> Arc<World> {
    let mut world = World::with_books().await;
    world.config.limits.backup_collections = Some(nonzero(1));
    world.config.limits.copies = nonzero(1);
    Arc::new(world)
}

/// Returns whether an event reports that `books` enters the phase of this name.
fn books_enter_phase(event: &Event, phase_name: &str) -> bool {
    matches!(event, Event::Collection { collection, phase }
        if collection.collection == "books" && phase.as_str() == phase_name)
}

fn is_copy_of_books(event: &Event) -> bool {
    matches!(event, Event::ObjectCopied { collection, .. } if collection.collection == "books")
}

fn drop_books_before(before: &'static str) -> Fault {
    Fault::CollectionVanishes { collection: "books".to_owned(), before }
}

/// Compacts `books` and returns afterwards; can be called from a task of another runtime.
fn compact_books(world: &World) {
    world.fake.inject(Fault::Compacted { collection: "books".to_owned() });
    let config: ConnectConfig = world.config.milvus.clone();
    let list_segments = async move {
        let milvus = TestMilvus::connect(&config).await.unwrap();
        milvus.segments(&collection("books")).await.unwrap();
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    std::thread::spawn(move || runtime.block_on(list_segments)).join().unwrap();
}

async fn back_up(world: &World, watched: &WatchedJob) -> Result<BackupReport, Error> {
    world.back_up_watched(&backup_request("nightly"), &watched.ctx).await
}

/// Asserts that the backup is complete and contains only `tags`.
async fn assert_only_tags_are_backed_up(
    world: &World,
    report: &BackupReport,
    watched: &WatchedJob,
    when: &str,
) {
    assert_eq!(report.vanished, [collection("books")], "{when}");
    assert_eq!(
        (report.kind(), report.collections, report.rows),
        (Some(FailureKind::Partial), 1, 4),
        "{when}"
    );
    assert_eq!(watched.messages(), "", "the report tells it, once: {when}");
    assert!(watched.events().iter().any(|event| books_enter_phase(event, "vanished")), "{when}");
    let listed = world.find_listed("nightly").await.unwrap();
    assert_eq!((listed.state, listed.collections), (BackupState::Complete, Some(1)), "{when}");
    let name = "nightly".parse().unwrap();
    let facts = within_deadline(world.engine().get(&name, &JobCtx::detached())).await.unwrap().facts.unwrap();
    assert_eq!(facts.vanished, ["default.books"], "{when}");
    assert_eq!(
        disk::list_files(&world.backup_path("nightly/binlogs")).len() as u64,
        FILES_PER_SEGMENT,
        "{when}"
    );
}

#[tokio::test]
async fn a_collection_dropped_in_any_phase_is_reported_and_the_others_are_backed_up() {
    for (phase, call) in [
        ("describing", "DescribeCollection"),
        ("describing", "ShowPartitions"),
        ("describing", "DescribeIndex"),
        ("describing", "GetLoadState"),
        ("flushing", "Flush"),
        ("listing", "GetPersistentSegmentInfo"),
    ] {
        let world = sequential_world().await;
        let watched = on_first_event(move |event| books_enter_phase(event, phase), {
            let world = Arc::clone(&world);
            move || world.fake.inject(drop_books_before(call))
        });
        let report = back_up(&world, &watched).await.unwrap();
        assert_only_tags_are_backed_up(&world, &report, &watched, call).await;
    }
}

#[tokio::test]
async fn a_collection_dropped_during_the_copy_leaves_no_files() {
    let world = sequential_world().await;
    let watched = on_first_event(is_copy_of_books, {
        let world = Arc::clone(&world);
        move || {
            // Only files of `books` exist, because `tags` is not flushed yet.
            fs::remove_dir_all(world.source_path("insert_log")).unwrap();
            world.fake.inject(drop_books_before("HasCollection"));
        }
    });
    let report = back_up(&world, &watched).await.unwrap();
    assert_only_tags_are_backed_up(&world, &report, &watched, "copying").await;
}

#[tokio::test]
async fn a_collection_dropped_before_its_description_is_reported() {
    for call in ["GetPersistentSegmentInfo", "DescribeCollection"] {
        let world = sequential_world().await;
        world.back_up(&backup_request("first")).await.unwrap();
        world.fake.inject(drop_books_before(call));
        let watched = WatchedJob::new(|_, _| {});
        let report = back_up(&world, &watched).await.unwrap();
        assert_only_tags_are_backed_up(&world, &report, &watched, call).await;
    }
}

#[tokio::test]
async fn a_strict_backup_fails_if_a_collection_is_dropped() {
    let world = sequential_world().await;
    let watched = on_first_event(|event| books_enter_phase(event, "flushing"), {
        let world = Arc::clone(&world);
        move || world.fake.inject(drop_books_before("Flush"))
    });
    let request = BackupRequest { strict: true, ..backup_request("nightly") };
    let error = world.back_up_watched(&request, &watched.ctx).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.to_string().as_str()),
        (FailureKind::Failed, "default.books was dropped during the backup")
    );
    assert_eq!(error.advice(), Some(Advice::CreateAgainOrNotStrict));
    assert_eq!(world.find_listed("nightly").await.unwrap().state, BackupState::Unfinished);
    assert!(!world.backup_path("nightly/meta/backup_meta.json").exists());
}

/// Asserts that the backup contains exactly the files that Milvus has now, and that the manifest counts them.
async fn assert_backup_matches_milvus(world: &World) {
    let segments = |dir: &Path, levels: usize| {
        let mut found: Vec<String> = disk::list_files(dir)
            .into_keys()
            .map(|path| path.split('/').skip(levels).collect::<Vec<_>>().join("/"))
            .collect();
        found.sort();
        found
    };
    let source = segments(&world.source_path("insert_log"), 2);
    assert_eq!(segments(&world.backup_path("nightly/binlogs/insert_log"), 3), source);
    let name = "nightly".parse().unwrap();
    let manifest = within_deadline(world.engine().get(&name, &JobCtx::detached())).await.unwrap().manifest;
    let partitions = manifest.collections.iter().flat_map(|c| &c.partitions);
    let objects: usize = partitions.flat_map(|p| &p.segments).map(model::manifest::Segment::objects).sum();
    assert_eq!(objects, source.len());
}

#[tokio::test]
async fn a_compaction_during_the_listing_causes_another_listing() {
    let world = sequential_world().await;
    let watched = on_first_event(|event| books_enter_phase(event, "listing"), {
        let world = Arc::clone(&world);
        move || world.fake.inject(Fault::Compacted { collection: "books".to_owned() })
    });
    let report = back_up(&world, &watched).await.unwrap();
    assert_eq!((report.rows, report.kind()), (9, None));
    assert_backup_matches_milvus(&world).await;
}

#[tokio::test]
async fn a_compaction_during_the_copy_leaves_no_files_of_replaced_segments() {
    let world = sequential_world().await;
    let watched = on_first_event(is_copy_of_books, {
        let world = Arc::clone(&world);
        move || compact_books(&world)
    });
    let report = back_up(&world, &watched).await.unwrap();
    assert_eq!((report.rows, report.objects, report.kind()), (9, 3 * FILES_PER_SEGMENT, None));
    let listings = watched.events().iter().filter(|event| books_enter_phase(event, "listing")).count();
    assert_eq!(listings, 2);
    assert_backup_matches_milvus(&world).await;
}

#[tokio::test]
async fn a_half_written_segment_causes_another_listing() {
    let world = sequential_world().await;
    samples::insert_rows(&world.connect().await, "books", "old", 1).await;
    // The last file of a segment appears after the first listing.
    let missing = Mutex::new(None);
    let watched = WatchedJob::new({
        let world = Arc::clone(&world);
        move |event, _| {
            if books_enter_phase(event, "listing") {
                let aside = world.source_path("under_way");
                let mut missing = missing.lock().unwrap();
                if let Some(file) = missing.take() {
                    fs::rename(aside, file).unwrap();
                } else {
                    let file = disk::find_file(&world.source_path("insert_log"), "", "");
                    fs::rename(&file, aside).unwrap();
                    *missing = Some(file);
                }
            }
        }
    });
    let report = back_up(&world, &watched).await.unwrap();
    assert_eq!(report.rows, 10);
    assert_backup_matches_milvus(&world).await;
}

#[tokio::test]
async fn a_collection_with_a_surplus_file_is_left_out_by_name() {
    let world = World::with_books().await;
    world.back_up(&backup_request("before")).await.unwrap();
    // An interrupted flush left a file that Milvus does not know.
    let id = world.connect().await.describe_collection(&collection("books")).await.unwrap().id;
    let binlogs = world.source_path("insert_log");
    let file = disk::find_file(&binlogs, &format!("{id}/"), "");
    // Neither of the two files has as many rows as the segment, so that it is not clear which one is its own.
    let tags = world.connect().await.describe_collection(&collection("tags")).await.unwrap().id;
    let other = disk::find_file(&binlogs, &format!("{tags}/"), "");
    fs::copy(&other, &file).unwrap();
    fs::copy(&other, file.with_file_name("999999999")).unwrap();
    let report = world.back_up(&backup_request("nightly")).await.unwrap();
    assert_eq!((report.kind(), report.rows), (Some(FailureKind::Partial), 4));
    let [failed] = &report.failed[..] else { panic!("{:?}", report.failed) };
    assert_eq!(failed.collection, collection("books"));
    assert!(failed.reason.starts_with("cannot back up default.books: segment "), "{}", failed.reason);

    let strict = BackupRequest { strict: true, ..backup_request("strict") };
    let error = world.back_up(&strict).await.unwrap_err();
    assert!(error.to_string().starts_with("cannot back up default.books: segment "), "{error}");
}

#[tokio::test]
async fn a_collection_that_is_created_again_while_it_is_read_is_backed_up_as_the_new_one() {
    let world = World::with_books().await;
    world.fake.inject(drop_books_before("GetPersistentSegmentInfo"));
    let milvus = world.connect().await;
    let old = milvus.describe_collection(&collection("books")).await.unwrap().id;
    let create_again = async {
        while milvus.has_collection(&collection("books")).await.unwrap() {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        samples::create_with_rows(&milvus, "books", &[("_default", 7)]).await;
    };
    let watched = WatchedJob::new(|_, _| {});
    let (report, ()) = tokio::join!(back_up(&world, &watched), within_deadline(create_again));
    let report = report.unwrap();
    assert_eq!((report.kind(), report.rows), (None, 11), "{report:?}");
    let name = "nightly".parse().unwrap();
    let backup = within_deadline(world.engine().get(&name, &JobCtx::detached())).await.unwrap();
    let books = backup.manifest.collections.iter().find(|backup| backup.name == collection("books")).unwrap();
    assert_ne!(books.id, old);
}
