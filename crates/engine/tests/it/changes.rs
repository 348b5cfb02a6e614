//! Collections that change while they are read (simulated Milvus).

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use engine::{BackupReport, BackupState, Error, Event, JobCtx, Kind};
use milvus::{ConnectConfig, Milvus};
use model::plan::backup::BackupRequest;
use testkit::fake::Fault;

use crate::disk;
use crate::shop::{self, FILES, collection};
use crate::watch::{Watched, once};
use crate::world::{World, backup_of, in_time, many};

/// With one thing done after the other, so that what happens in between is known.
async fn one_by_one() -> Arc<World> {
    let mut world = World::with_books().await;
    world.config.limits.backup_collections = many(1);
    world.config.limits.copies = many(1);
    Arc::new(world)
}

/// Whether an event says that `books` enters a phase.
fn books_are(event: &Event, word: &str) -> bool {
    matches!(event, Event::Collection { collection, phase }
        if collection.collection == "books" && phase.as_str() == word)
}

fn a_book_is_copied(event: &Event) -> bool {
    matches!(event, Event::ObjectCopied { collection, .. } if collection.collection == "books")
}

fn vanishes(before: &'static str) -> Fault {
    Fault::CollectionVanishes { collection: "books".to_owned(), before }
}

/// Compacts `books` before the caller goes on, from within a job of another runtime.
fn compact(world: &World) {
    world.fake.inject(Fault::Compacted { collection: "books".to_owned() });
    let config: ConnectConfig = world.config.milvus.clone();
    let look = async move {
        let milvus = Milvus::connect(&config).await.unwrap();
        milvus.segments(&collection("books")).await.unwrap();
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    std::thread::spawn(move || runtime.block_on(look)).join().unwrap();
}

async fn back_up(world: &World, watched: &Watched) -> Result<BackupReport, Error> {
    world.back_up_watched(&backup_of("nightly"), &watched.ctx).await
}

/// The backup is complete, and holds `tags` alone.
async fn only_tags(world: &World, report: &BackupReport, watched: &Watched, when: &str) {
    assert_eq!(report.vanished, [collection("books")], "{when}");
    assert_eq!((report.kind(), report.collections, report.rows), (Some(Kind::Partial), 1, 4), "{when}");
    assert_eq!(watched.words(), "", "the report tells it, once: {when}");
    assert!(watched.events().iter().any(|event| books_are(event, "vanished")), "{when}");
    let listed = world.listed("nightly").await.unwrap();
    assert_eq!((listed.state, listed.collections), (BackupState::Complete, Some(1)), "{when}");
    let name = "nightly".parse().unwrap();
    let extra = in_time(world.engine().get(&name, &JobCtx::detached())).await.unwrap().extra.unwrap();
    assert_eq!(extra.vanished, ["default.books"], "{when}");
    assert_eq!(disk::files(&world.backup_path("nightly/binlogs")).len() as u64, FILES, "{when}");
}

#[tokio::test]
async fn a_collection_that_vanishes_at_any_stage_is_reported_and_the_rest_is_done() {
    for (phase, call) in [
        ("describing", "DescribeCollection"),
        ("describing", "ShowPartitions"),
        ("describing", "DescribeIndex"),
        ("describing", "GetLoadState"),
        ("flushing", "Flush"),
        ("listing", "GetPersistentSegmentInfo"),
    ] {
        let world = one_by_one().await;
        let watched = once(move |event| books_are(event, phase), {
            let world = Arc::clone(&world);
            move || world.fake.inject(vanishes(call))
        });
        let report = back_up(&world, &watched).await.unwrap();
        only_tags(&world, &report, &watched, call).await;
    }
}

#[tokio::test]
async fn a_collection_that_vanishes_while_it_is_copied_leaves_nothing_behind() {
    let world = one_by_one().await;
    let watched = once(a_book_is_copied, {
        let world = Arc::clone(&world);
        move || {
            // those of `tags` are not flushed yet
            fs::remove_dir_all(world.source_path("insert_log")).unwrap();
            world.fake.inject(vanishes("HasCollection"));
        }
    });
    let report = back_up(&world, &watched).await.unwrap();
    only_tags(&world, &report, &watched, "copying").await;
}

#[tokio::test]
async fn a_collection_that_vanishes_before_its_turn_is_no_failure() {
    for call in ["GetPersistentSegmentInfo", "DescribeCollection"] {
        let world = one_by_one().await;
        world.back_up(&backup_of("first")).await.unwrap();
        world.fake.inject(vanishes(call));
        let watched = Watched::new(|_, _| {});
        let report = back_up(&world, &watched).await.unwrap();
        only_tags(&world, &report, &watched, call).await;
    }
}

#[tokio::test]
async fn a_strict_backup_fails_where_a_collection_vanishes() {
    let world = one_by_one().await;
    let watched = once(|event| books_are(event, "flushing"), {
        let world = Arc::clone(&world);
        move || world.fake.inject(vanishes("Flush"))
    });
    let request = BackupRequest { strict: true, ..backup_of("nightly") };
    let error = world.back_up_watched(&request, &watched.ctx).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.to_string().as_str()),
        (Kind::Failed, "default.books was dropped while it was read")
    );
    assert_eq!(error.hint().unwrap(), "take the backup again, or without --strict");
    assert_eq!(world.listed("nightly").await.unwrap().state, BackupState::Unfinished);
    assert!(!world.backup_path("nightly/meta/backup_meta.json").exists());
}

/// The files of the backup are those that Milvus has now, and those that the manifest names.
async fn is_as_milvus_is_now(world: &World) {
    let segments = |dir: &Path, levels: usize| {
        let mut found: Vec<String> = disk::files(dir)
            .into_keys()
            .map(|path| path.split('/').skip(levels).collect::<Vec<_>>().join("/"))
            .collect();
        found.sort();
        found
    };
    let source = segments(&world.source_path("insert_log"), 2);
    assert_eq!(segments(&world.backup_path("nightly/binlogs/insert_log"), 3), source);
    let name = "nightly".parse().unwrap();
    let manifest = in_time(world.engine().get(&name, &JobCtx::detached())).await.unwrap().manifest;
    let partitions = manifest.collections.iter().flat_map(|c| &c.partitions);
    let objects: usize = partitions.flat_map(|p| &p.segments).map(model::manifest::Segment::objects).sum();
    assert_eq!(objects, source.len());
}

#[tokio::test]
async fn a_compaction_between_two_looks_is_looked_at_again() {
    let world = one_by_one().await;
    let watched = once(|event| books_are(event, "listing"), {
        let world = Arc::clone(&world);
        move || world.fake.inject(Fault::Compacted { collection: "books".to_owned() })
    });
    let report = back_up(&world, &watched).await.unwrap();
    assert_eq!((report.rows, report.kind()), (9, None));
    is_as_milvus_is_now(&world).await;
}

#[tokio::test]
async fn a_compaction_under_the_copy_leaves_no_file_of_the_old_segments() {
    let world = one_by_one().await;
    let watched = once(a_book_is_copied, {
        let world = Arc::clone(&world);
        move || compact(&world)
    });
    let report = back_up(&world, &watched).await.unwrap();
    assert_eq!((report.rows, report.objects, report.kind()), (9, 3 * FILES, None));
    let listings = watched.events().iter().filter(|event| books_are(event, "listing")).count();
    assert_eq!(listings, 2);
    is_as_milvus_is_now(&world).await;
}

#[tokio::test]
async fn a_half_written_segment_is_looked_at_again() {
    let world = one_by_one().await;
    shop::insert(&world.client().await, "books", "old", 1).await;
    let seen = AtomicBool::new(false);
    let watched = Watched::new({
        let world = Arc::clone(&world);
        move |event, _| {
            if books_are(event, "listing") {
                let dir = world.source_path("insert_log");
                let column = disk::a_file(&dir, "", "").parent().unwrap().join("999");
                if seen.swap(true, Ordering::Relaxed) {
                    fs::remove_file(column).unwrap();
                } else {
                    disk::write(&column, "a log of a write under way");
                }
            }
        }
    });
    let report = back_up(&world, &watched).await.unwrap();
    assert_eq!(report.rows, 10);
    is_as_milvus_is_now(&world).await;
}
