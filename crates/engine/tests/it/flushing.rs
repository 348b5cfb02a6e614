//! Answers of Milvus that are true for a moment only: pending segments, row counts, load states, partitions
//! (simulated Milvus).

use std::sync::Arc;
use std::time::Duration;

use engine::{Advice, BackupReport, BackupState, Event, FailureKind, JobCtx};
use milvus::ConnectConfig;
use model::manifest::CollectionBackup;
use model::plan::backup::{BackupRequest, FlushStrategy};
use testkit::fake::{Fault, SegmentDelays};
use testkit::test_milvus::TestMilvus;

use crate::disk;
use crate::samples::{self, FILES_PER_SEGMENT, collection};
use crate::watch::{WatchedJob, on_first_event};
use crate::world::{World, backup_request, nonzero, within_deadline};

const SHORT_DELAY: Duration = Duration::from_millis(200);
const ALWAYS: u32 = u32::MAX;

async fn back_up(world: &World) -> BackupReport {
    world.back_up(&backup_request("nightly")).await.unwrap()
}

/// Returns the collections in the manifest of a backup.
async fn backed_up_collections(world: &World, name: &str) -> Vec<CollectionBackup> {
    let name = name.parse().unwrap();
    within_deadline(world.engine().get(&name, &JobCtx::detached())).await.unwrap().manifest.collections
}

/// Returns the rows of a collection in a backup, by partition.
async fn rows_by_partition(world: &World, backup: &str, name: &str) -> Vec<(String, u64)> {
    let kept = backed_up_collections(world, backup).await;
    let found = kept.into_iter().find(|c| c.name == collection(name)).unwrap();
    found.partitions.into_iter().map(|p| (p.name, p.segments.iter().map(|s| s.rows).sum())).collect()
}

fn rows_of_books(old: u64) -> Vec<(String, u64)> {
    vec![("_default".to_owned(), 3), ("old".to_owned(), old)]
}

fn hide_segment_of_books(times: u32) -> Fault {
    Fault::SegmentUnlisted { collection: "books".to_owned(), times }
}

fn count_extra_rows(times: u32) -> Fault {
    Fault::CountsMore { collection: "books".to_owned(), rows: 7, times }
}

#[tokio::test]
async fn segments_that_are_flushing_after_the_flush_are_awaited() {
    let delays = SegmentDelays { sealed: SHORT_DELAY, flushing: SHORT_DELAY };
    let world = World::with_version("2.3.6", |config| config.delays(delays));
    world.fill_books().await;
    let report = back_up(&world).await;
    assert_eq!((report.rows, report.objects, report.kind()), (9, 3 * FILES_PER_SEGMENT, None));
    assert_eq!(report.warnings, [""; 0]);
    assert_eq!(disk::list_files(&world.backup_path("nightly/binlogs")).len() as u64, 3 * FILES_PER_SEGMENT);
}

#[tokio::test]
async fn one_of_two_segments_that_is_still_flushing_is_awaited() {
    let world = World::with_books().await;
    world.back_up(&backup_request("first")).await.unwrap();
    samples::insert_rows(&world.connect().await, "books", "old", 10).await;
    world.fake.delay(SegmentDelays { flushing: SHORT_DELAY, ..SegmentDelays::default() });
    assert_eq!(back_up(&world).await.rows, 19);
    assert_eq!(rows_by_partition(&world, "nightly", "books").await, rows_of_books(12));
}

#[tokio::test]
async fn a_segment_that_is_missing_from_a_list_for_a_moment_is_awaited() {
    let world = World::with_books().await;
    world.fake.inject(hide_segment_of_books(3));
    let report = back_up(&world).await;
    assert_eq!((report.rows, report.kind()), (9, None));
    // If the rows cannot be compared, only the segment ids of the flush show that a segment is missing.
    world.fake.inject(Fault::Denied { call: "GetCollectionStatistics" });
    samples::insert_rows(&world.connect().await, "books", "old", 10).await;
    world.fake.inject(hide_segment_of_books(3));
    let report = world.back_up(&backup_request("second")).await.unwrap();
    assert_eq!((report.rows, report.kind()), (19, None));
}

#[tokio::test]
async fn a_quiet_collection_with_missing_rows_is_left_out_and_the_others_are_backed_up() {
    for (fault, rows, counted) in
        [(hide_segment_of_books(ALWAYS), ["2", "3"], 5), (count_extra_rows(ALWAYS), ["5"; 2], 12)]
    {
        let world = World::with_books().await;
        world.fake.inject(fault);
        let watched = WatchedJob::new(|_, _| {});
        let report = world.back_up_watched(&backup_request("nightly"), &watched.ctx).await.unwrap();
        assert_eq!((report.kind(), report.collections, report.rows), (Some(FailureKind::Partial), 1, 4));
        let [failed] = &report.failed[..] else { panic!("{report:?}") };
        let reason = |rows| {
            format!("the flushed segments of default.books contain {rows} rows, but Milvus counts {counted}")
        };
        assert_eq!(failed.collection, collection("books"));
        assert!(rows.into_iter().any(|rows| failed.reason == reason(rows)), "{failed:?}");
        assert_eq!(failed.advice, Some(Advice::InspectMilvusLogs));
        assert_eq!(world.count_calls("Flush"), 3, "books is flushed again before it is given up");
        assert!(watched.events().iter().any(|event| matches!(event, Event::Collection { collection, phase }
            if collection.collection == "books" && phase.as_str() == "failed")));

        assert_eq!(world.find_listed("nightly").await.unwrap().state, BackupState::Complete);
        assert_eq!(disk::list_files(&world.backup_path("nightly/binlogs")).len() as u64, FILES_PER_SEGMENT);
        let name = "nightly".parse().unwrap();
        let kept = within_deadline(world.engine().get(&name, &JobCtx::detached())).await.unwrap();
        assert_eq!(kept.facts.unwrap().failed, ["default.books"]);
    }
}

#[tokio::test]
async fn a_strict_backup_fails_if_rows_are_missing() {
    let world = World::with_books().await;
    world.fake.inject(count_extra_rows(ALWAYS));
    let request = BackupRequest { strict: true, ..backup_request("nightly") };
    let error = world.back_up(&request).await.unwrap_err();
    let expected = "the flushed segments of default.books contain 5 rows, but Milvus counts 12";
    assert_eq!((error.kind(), error.to_string().as_str()), (FailureKind::Failed, expected));
    assert_eq!(world.find_listed("nightly").await.unwrap().state, BackupState::Unfinished);
}

#[tokio::test]
async fn rows_that_disagree_for_a_moment_are_compared_again() {
    let world = World::with_books().await;
    // Each observation reads two counts: before and after the list.
    world.fake.inject(count_extra_rows(4));
    let report = back_up(&world).await;
    assert_eq!((report.rows, report.kind()), (9, None));
    assert_eq!(report.warnings, [""; 0]);
    assert_eq!(world.count_calls("Flush"), 2, "two collections, and no other flush");
}

#[tokio::test]
async fn counted_rows_of_a_growing_segment_cause_a_second_flush() {
    let mut world = World::with_books().await;
    // One after the other, so that the rows are written after the flush of their collection.
    world.config.limits.backup_collections = Some(nonzero(1));
    world.fake.inject(Fault::Written {
        collection: "books".to_owned(),
        rows: 6,
        before: "GetCollectionStatistics",
    });
    let report = back_up(&world).await;
    assert_eq!((report.rows, report.kind()), (15, None));
    assert_eq!(report.warnings, [""; 0]);
    assert_eq!(world.count_calls("Flush"), 3);
}

#[tokio::test]
async fn a_collection_under_constant_writes_is_backed_up_with_a_warning() {
    let mut world = World::with_books().await;
    world.config.limits.backup_collections = Some(nonzero(1));
    for _ in 0..200 {
        world.fake.inject(Fault::Written {
            collection: "books".to_owned(),
            rows: 1,
            before: "GetCollectionStatistics",
        });
    }
    let report = back_up(&world).await;
    assert_eq!((report.collections, report.kind()), (2, None));
    assert!(report.rows > 9, "{report:?}");
    let [warning] = &report.warnings[..] else { panic!("{report:?}") };
    assert!(
        warning
            .starts_with("default.books is written to while it is backed up: its flushed segments contain ")
    );
}

#[tokio::test]
async fn a_segment_that_stays_flushing_fails_only_its_collection() {
    let mut world = World::with_books().await;
    world.config.milvus.limits.flush = Duration::from_millis(300);
    world.back_up(&backup_request("first")).await.unwrap();
    samples::insert_rows(&world.connect().await, "books", "old", 10).await;
    world.fake.delay(SegmentDelays { flushing: Duration::from_hours(1), ..SegmentDelays::default() });
    let report = back_up(&world).await;
    assert_eq!((report.kind(), report.collections, report.rows), (Some(FailureKind::Partial), 1, 4));
    let reason = &report.failed[0].reason;
    assert!(reason.starts_with("segments of default.books are not flushed after 0 s: "), "{reason}");
    assert!(reason.ends_with(" (Flushing)"), "{reason}");
}

#[tokio::test]
async fn without_a_flush_rows_are_not_compared_and_pending_segments_cause_a_warning() {
    let world = World::with_books().await;
    world.back_up(&backup_request("first")).await.unwrap();
    world.fake.inject(count_extra_rows(ALWAYS));
    let request = BackupRequest { strategy: FlushStrategy::Skip, ..backup_request("skipped") };
    let report = world.back_up(&request).await.unwrap();
    assert_eq!((report.rows, report.kind()), (9, None));
    assert_eq!(report.warnings, [""; 0]);

    let milvus = world.connect().await;
    samples::insert_rows(&milvus, "books", "old", 10).await;
    world.fake.delay(SegmentDelays { flushing: Duration::from_hours(1), ..SegmentDelays::default() });
    milvus.flush(&collection("books")).await.unwrap();
    let request = BackupRequest { strategy: FlushStrategy::Skip, ..backup_request("nightly") };
    let report = world.back_up(&request).await.unwrap();
    assert_eq!((report.rows, report.kind()), (9, None));
    assert_eq!(report.warnings, ["default.books: segments that Milvus is still writing are left out: 1"]);
}

#[tokio::test]
async fn denied_statistics_cause_one_warning() {
    let world = World::with_books().await;
    world.fake.inject(Fault::Denied { call: "GetCollectionStatistics" });
    let report = back_up(&world).await;
    assert_eq!((report.rows, report.kind()), (9, None));
    let [warning] = &report.warnings[..] else { panic!("{report:?}") };
    assert!(warning.contains("not compared with those that Milvus counts"), "{warning}");
    assert!(warning.contains("permission deny"), "{warning}");
}

#[tokio::test]
async fn a_segment_list_that_fails_during_a_compaction_is_requested_again() {
    let world = World::with_books().await;
    world.fake.inject(Fault::NotFound { call: "GetPersistentSegmentInfo", times: 3 });
    assert_eq!(back_up(&world).await.rows, 9);
}

#[tokio::test]
async fn a_load_state_that_is_not_found_for_a_moment_is_requested_again() {
    let world = World::with_books().await;
    world.fake.inject(Fault::NotFound { call: "GetLoadState", times: 2 });
    let report = back_up(&world).await;
    assert_eq!((report.collections, report.rows, report.kind()), (2, 9, None));
    assert_eq!(report.warnings, [""; 0]);

    world.fake.inject(Fault::NotFound { call: "GetLoadState", times: ALWAYS });
    let report = world.back_up(&backup_request("second")).await.unwrap();
    assert_eq!((report.collections, report.rows, report.kind()), (2, 9, None), "data comes first");
    let expected = "default.tags: Milvus does not report its load state; it is recorded as not loaded";
    assert!(report.warnings.iter().any(|warning| warning == expected), "{:?}", report.warnings);
}

#[tokio::test]
async fn a_collection_that_is_not_found_for_a_moment_does_not_count_as_dropped() {
    for call in
        ["ShowCollections", "DescribeCollection", "ShowPartitions", "Flush", "GetCollectionStatistics"]
    {
        let world = World::with_books().await;
        world.fake.inject(Fault::NotFound { call, times: 2 });
        let report = back_up(&world).await;
        assert_eq!((report.collections, report.rows, report.kind()), (2, 9, None), "{call}");
        assert_eq!(report.warnings, [""; 0], "{call}");
    }
}

#[tokio::test]
async fn a_partition_that_is_dropped_at_any_stage_is_left_out_with_a_warning() {
    for before in ["GetLoadState", "Flush", "GetFlushState", "GetPersistentSegmentInfo", "ShowPartitions"] {
        let mut world = World::with_books().await;
        world.config.limits.backup_collections = Some(nonzero(1));
        world.back_up(&backup_request("first")).await.unwrap();
        let world = Arc::new(world);
        let is_books_describing = |event: &Event| {
            matches!(event, Event::Collection { collection, phase }
                if collection.collection == "books" && phase.as_str() == "describing")
        };
        let watched = on_first_event(is_books_describing, {
            let world = Arc::clone(&world);
            move || {
                world.fake.inject(Fault::PartitionVanishes {
                    collection: "books".to_owned(),
                    partition: "old".to_owned(),
                    before,
                });
            }
        });
        let report = world.back_up_watched(&backup_request("nightly"), &watched.ctx).await.unwrap();
        assert_eq!((report.rows, report.kind()), (7, None), "{before}");
        let mentioned = ["default.books/old was dropped during the backup, and is left out"];
        // A partition that is dropped before it is first listed causes no warning.
        let expected = if before == "ShowPartitions" { &[][..] } else { &mentioned[..] };
        assert_eq!(report.warnings, expected, "{before}");
        assert_eq!(
            rows_by_partition(&world, "nightly", "books").await,
            [("_default".to_owned(), 3)],
            "{before}"
        );
    }
}

/// Runs an action on Milvus and returns afterwards; can be called from a task of another runtime.
fn run_with_milvus(config: &ConnectConfig, act: impl AsyncFnOnce(&TestMilvus) + Send + 'static) {
    let config = config.clone();
    let run = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async { act(&TestMilvus::connect(&config).await.unwrap()).await });
    };
    std::thread::spawn(run).join().unwrap();
}

#[tokio::test]
async fn rows_of_a_partition_that_is_created_before_the_flush_are_in_the_backup() {
    let world = Arc::new(World::with_books().await);
    let is_books_flushing = |event: &Event| {
        matches!(event, Event::Collection { collection, phase }
            if collection.collection == "books" && phase.as_str() == "flushing")
    };
    let watched = on_first_event(is_books_flushing, {
        let config = world.config.milvus.clone();
        move || {
            run_with_milvus(&config, async |milvus| {
                milvus.create_partition(&collection("books"), "new").await.unwrap();
                samples::insert_rows(milvus, "books", "new", 8).await;
            });
        }
    });
    let report = world.back_up_watched(&backup_request("nightly"), &watched.ctx).await.unwrap();
    assert_eq!((report.rows, report.kind()), (17, None));
    let mut expected = rows_of_books(2);
    expected.push(("new".to_owned(), 8));
    assert_eq!(rows_by_partition(&world, "nightly", "books").await, expected);
}

#[tokio::test]
async fn segments_of_an_unfinished_import_are_left_out_with_a_warning() {
    let world = World::with_books().await;
    world.fake.inject(Fault::OtherImport { collection: "books".to_owned(), rows: 7 });
    let report = back_up(&world).await;
    assert_eq!((report.kind(), report.rows), (None, 9));
    assert_eq!(report.warnings, ["default.books: 1 segment of an import that is not finished left out"]);
    assert_eq!(rows_by_partition(&world, "nightly", "books").await, rows_of_books(2));
}

#[tokio::test]
async fn a_long_flush_says_what_it_waits_for() {
    let world = World::with_books().await;
    world.fake.delay(SegmentDelays { flushing: Duration::from_secs(12), ..SegmentDelays::default() });
    let watched = WatchedJob::new(|_, _| {});
    let report = world.back_up_watched(&backup_request("nightly"), &watched.ctx).await.unwrap();
    assert_eq!((report.kind(), report.rows), (None, 9));
    let said = watched.messages();
    assert!(said.contains("default.books: waiting for 1"), "{said}");
    assert!(said.contains(" s for segments to be flushed: "), "{said}");
}
