//! What Milvus tells of a collection for a moment only: segments on their way to the store, counts, load states,
//! partitions (simulated Milvus).

use std::sync::Arc;
use std::time::Duration;

use engine::{BackupReport, BackupState, Event, JobCtx, Kind};
use milvus::{ConnectConfig, Milvus};
use model::manifest::CollectionBackup;
use model::plan::backup::{BackupRequest, FlushStrategy};
use testkit::fake::{Fault, SegmentDelays};

use crate::disk;
use crate::shop::{self, FILES, collection};
use crate::watch::{Watched, once};
use crate::world::{World, backup_of, in_time, many};

const A_MOMENT: Duration = Duration::from_millis(200);
const FOR_EVER: u32 = u32::MAX;

async fn back_up(world: &World) -> BackupReport {
    world.back_up(&backup_of("nightly")).await.unwrap()
}

async fn kept(world: &World, name: &str) -> Vec<CollectionBackup> {
    let name = name.parse().unwrap();
    in_time(world.engine().get(&name, &JobCtx::detached())).await.unwrap().manifest.collections
}

/// The rows of a collection in a backup, by partition.
async fn rows_of(world: &World, backup: &str, name: &str) -> Vec<(String, u64)> {
    let kept = kept(world, backup).await;
    let found = kept.into_iter().find(|c| c.name == collection(name)).unwrap();
    found.partitions.into_iter().map(|p| (p.name, p.segments.iter().map(|s| s.rows).sum())).collect()
}

fn books_old(old: u64) -> Vec<(String, u64)> {
    vec![("_default".to_owned(), 3), ("old".to_owned(), old)]
}

fn unlisted(times: u32) -> Fault {
    Fault::SegmentUnlisted { collection: "books".to_owned(), times }
}

fn counts_more(times: u32) -> Fault {
    Fault::CountsMore { collection: "books".to_owned(), rows: 7, times }
}

#[tokio::test]
async fn segments_that_a_flush_left_flushing_are_waited_for() {
    let delays = SegmentDelays { sealed: A_MOMENT, flushing: A_MOMENT };
    let world = World::of("2.3.6", |config| config.delays(delays));
    world.fill_books().await;
    let report = back_up(&world).await;
    assert_eq!((report.rows, report.objects, report.kind()), (9, 3 * FILES, None));
    assert_eq!(report.warnings, [""; 0]);
    assert_eq!(disk::files(&world.backup_path("nightly/binlogs")).len() as u64, 3 * FILES);
}

#[tokio::test]
async fn one_of_two_segments_that_is_still_flushing_is_waited_for() {
    let world = World::with_books().await;
    world.back_up(&backup_of("first")).await.unwrap();
    shop::insert(&world.client().await, "books", "old", 10).await;
    world.fake.delay(SegmentDelays { flushing: A_MOMENT, ..SegmentDelays::default() });
    assert_eq!(back_up(&world).await.rows, 19);
    assert_eq!(rows_of(&world, "nightly", "books").await, books_old(12));
}

#[tokio::test]
async fn a_segment_that_a_list_lacks_for_a_moment_is_looked_for_again() {
    let world = World::with_books().await;
    world.fake.inject(unlisted(3));
    let report = back_up(&world).await;
    assert_eq!((report.rows, report.kind()), (9, None));
    // where the rows cannot be compared, the id that the flush told is looked for alone
    world.fake.inject(Fault::Denied { call: "GetCollectionStatistics" });
    shop::insert(&world.client().await, "books", "old", 10).await;
    world.fake.inject(unlisted(3));
    let report = world.back_up(&backup_of("second")).await.unwrap();
    assert_eq!((report.rows, report.kind()), (19, None));
}

#[tokio::test]
async fn a_collection_whose_rows_stay_away_fails_by_name_and_the_others_are_kept() {
    for (fault, rows, counted) in [(unlisted(FOR_EVER), ["2", "3"], 5), (counts_more(FOR_EVER), ["5"; 2], 12)]
    {
        let world = World::with_books().await;
        world.fake.inject(fault);
        let watched = Watched::new(|_, _| {});
        let report = world.back_up_watched(&backup_of("nightly"), &watched.ctx).await.unwrap();
        assert_eq!((report.kind(), report.collections, report.rows), (Some(Kind::Partial), 1, 4));
        let [failed] = &report.failed[..] else { panic!("{report:?}") };
        let reason = |rows| {
            format!("the flushed segments of default.books hold {rows} rows, but Milvus counts {counted}")
        };
        assert_eq!(failed.collection, collection("books"));
        assert!(rows.into_iter().any(|rows| failed.reason == reason(rows)), "{failed:?}");
        assert!(failed.hint.as_ref().is_some_and(|hint| hint.contains("logs of Milvus")), "{failed:?}");
        assert_eq!(world.calls("Flush"), 3, "books is flushed again before it is given up");
        assert!(watched.events().iter().any(|event| matches!(event, Event::Collection { collection, phase }
            if collection.collection == "books" && phase.as_str() == "failed")));

        assert_eq!(world.listed("nightly").await.unwrap().state, BackupState::Complete);
        assert_eq!(disk::files(&world.backup_path("nightly/binlogs")).len() as u64, FILES);
        let name = "nightly".parse().unwrap();
        let kept = in_time(world.engine().get(&name, &JobCtx::detached())).await.unwrap();
        assert_eq!(kept.extra.unwrap().failed, ["default.books"]);
    }
}

#[tokio::test]
async fn a_strict_backup_fails_where_rows_stay_away() {
    let world = World::with_books().await;
    world.fake.inject(counts_more(FOR_EVER));
    let request = BackupRequest { strict: true, ..backup_of("nightly") };
    let error = world.back_up(&request).await.unwrap_err();
    let told = "the flushed segments of default.books hold 5 rows, but Milvus counts 12";
    assert_eq!((error.kind(), error.to_string().as_str()), (Kind::Failed, told));
    assert_eq!(world.listed("nightly").await.unwrap().state, BackupState::Unfinished);
}

#[tokio::test]
async fn rows_that_disagree_for_a_moment_are_compared_again() {
    let world = World::with_books().await;
    // two counts are read at a look: before and after the list
    world.fake.inject(counts_more(4));
    let report = back_up(&world).await;
    assert_eq!((report.rows, report.kind()), (9, None));
    assert_eq!(report.warnings, [""; 0]);
    assert_eq!(world.calls("Flush"), 2, "two collections, and no other flush");
}

#[tokio::test]
async fn rows_of_a_growing_segment_that_are_counted_already_are_flushed() {
    let world = World::with_books().await;
    world.fake.inject(Fault::Written {
        collection: "books".to_owned(),
        rows: 6,
        before: "GetCollectionStatistics",
    });
    let report = back_up(&world).await;
    assert_eq!((report.rows, report.kind()), (15, None));
    assert_eq!(report.warnings, [""; 0]);
    assert_eq!(world.calls("Flush"), 3);
}

#[tokio::test]
async fn a_collection_that_is_written_to_all_the_time_is_backed_up_and_mentioned() {
    let mut world = World::with_books().await;
    world.config.limits.backup_collections = many(1);
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
        warning.starts_with("default.books is written to while it is backed up: its flushed segments hold ")
    );
}

#[tokio::test]
async fn a_segment_that_stays_flushing_fails_its_collection_alone() {
    let mut world = World::with_books().await;
    world.config.milvus.limits.flush = Duration::from_millis(300);
    world.back_up(&backup_of("first")).await.unwrap();
    shop::insert(&world.client().await, "books", "old", 10).await;
    world.fake.delay(SegmentDelays { flushing: Duration::from_hours(1), ..SegmentDelays::default() });
    let report = back_up(&world).await;
    assert_eq!((report.kind(), report.collections, report.rows), (Some(Kind::Partial), 1, 4));
    let reason = &report.failed[0].reason;
    assert!(reason.starts_with("segments of default.books are not flushed after 0 s: "), "{reason}");
    assert!(reason.ends_with(" (Flushing)"), "{reason}");
}

#[tokio::test]
async fn without_a_flush_nothing_is_compared_and_what_is_under_way_is_mentioned() {
    let world = World::with_books().await;
    world.back_up(&backup_of("first")).await.unwrap();
    world.fake.inject(counts_more(FOR_EVER));
    let request = BackupRequest { strategy: FlushStrategy::Skip, ..backup_of("skipped") };
    let report = world.back_up(&request).await.unwrap();
    assert_eq!((report.rows, report.kind()), (9, None));
    assert_eq!(report.warnings, [""; 0]);

    let milvus = world.client().await;
    shop::insert(&milvus, "books", "old", 10).await;
    world.fake.delay(SegmentDelays { flushing: Duration::from_hours(1), ..SegmentDelays::default() });
    milvus.flush(&collection("books")).await.unwrap();
    let request = BackupRequest { strategy: FlushStrategy::Skip, ..backup_of("nightly") };
    let report = world.back_up(&request).await.unwrap();
    assert_eq!((report.rows, report.kind()), (9, None));
    assert_eq!(report.warnings, ["default.books: segments that Milvus is still writing are left out: 1"]);
}

#[tokio::test]
async fn a_user_who_may_not_read_statistics_is_told_so_once() {
    let world = World::with_books().await;
    world.fake.inject(Fault::Denied { call: "GetCollectionStatistics" });
    let report = back_up(&world).await;
    assert_eq!((report.rows, report.kind()), (9, None));
    let [warning] = &report.warnings[..] else { panic!("{report:?}") };
    assert!(warning.contains("not compared with those that Milvus counts"), "{warning}");
    assert!(warning.contains("permission deny"), "{warning}");
}

#[tokio::test]
async fn a_list_that_is_refused_while_compaction_replaces_segments_is_asked_for_again() {
    let world = World::with_books().await;
    world.fake.inject(Fault::NotFound { call: "GetPersistentSegmentInfo", times: 3 });
    assert_eq!(back_up(&world).await.rows, 9);
}

#[tokio::test]
async fn a_load_state_that_denies_the_collection_for_a_moment_is_asked_for_again() {
    let world = World::with_books().await;
    world.fake.inject(Fault::NotFound { call: "GetLoadState", times: 2 });
    let report = back_up(&world).await;
    assert_eq!((report.collections, report.rows, report.kind()), (2, 9, None));
    assert_eq!(report.warnings, [""; 0]);

    world.fake.inject(Fault::NotFound { call: "GetLoadState", times: FOR_EVER });
    let report = world.back_up(&backup_of("second")).await.unwrap();
    assert_eq!((report.collections, report.rows, report.kind()), (2, 9, None), "data comes first");
    let told = "default.tags: Milvus does not tell its load state; it is kept as not loaded";
    assert!(report.warnings.iter().any(|warning| warning == told), "{:?}", report.warnings);
}

#[tokio::test]
async fn what_is_denied_for_a_moment_is_not_taken_for_dropped() {
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
async fn a_partition_that_is_dropped_at_any_stage_is_left_out_and_mentioned() {
    for before in ["GetLoadState", "Flush", "GetFlushState", "GetPersistentSegmentInfo", "ShowPartitions"] {
        let mut world = World::with_books().await;
        world.config.limits.backup_collections = many(1);
        world.back_up(&backup_of("first")).await.unwrap();
        let world = Arc::new(world);
        let reads_books = |event: &Event| {
            matches!(event, Event::Collection { collection, phase }
                if collection.collection == "books" && phase.as_str() == "describing")
        };
        let watched = once(reads_books, {
            let world = Arc::clone(&world);
            move || {
                world.fake.inject(Fault::PartitionVanishes {
                    collection: "books".to_owned(),
                    partition: "old".to_owned(),
                    before,
                });
            }
        });
        let report = world.back_up_watched(&backup_of("nightly"), &watched.ctx).await.unwrap();
        assert_eq!((report.rows, report.kind()), (7, None), "{before}");
        let mentioned = ["default.books/old was dropped while it was read, and is left out"];
        // dropped before it was first listed, it was never there
        let expected = if before == "ShowPartitions" { &[][..] } else { &mentioned[..] };
        assert_eq!(report.warnings, expected, "{before}");
        assert_eq!(rows_of(&world, "nightly", "books").await, [("_default".to_owned(), 3)], "{before}");
    }
}

/// Does something with the Milvus before the caller goes on, from within a job of another runtime.
fn meanwhile(config: &ConnectConfig, act: impl AsyncFnOnce(&Milvus) + Send + 'static) {
    let config = config.clone();
    let run = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async { act(&Milvus::connect(&config).await.unwrap()).await });
    };
    std::thread::spawn(run).join().unwrap();
}

#[tokio::test]
async fn rows_of_a_partition_that_is_created_before_the_flush_are_in_the_backup() {
    let world = Arc::new(World::with_books().await);
    let flushes_books = |event: &Event| {
        matches!(event, Event::Collection { collection, phase }
            if collection.collection == "books" && phase.as_str() == "flushing")
    };
    let watched = once(flushes_books, {
        let config = world.config.milvus.clone();
        move || {
            meanwhile(&config, async |milvus| {
                milvus.create_partition(&collection("books"), "new").await.unwrap();
                shop::insert(milvus, "books", "new", 8).await;
            });
        }
    });
    let report = world.back_up_watched(&backup_of("nightly"), &watched.ctx).await.unwrap();
    assert_eq!((report.rows, report.kind()), (17, None));
    let mut expected = books_old(2);
    expected.push(("new".to_owned(), 8));
    assert_eq!(rows_of(&world, "nightly", "books").await, expected);
}
