//! The pause of Milvus's garbage collection, which is lifted on every path (simulated Milvus).

use engine::{Event, FailureKind};
use model::plan::backup::BackupRequest;
use testkit::fake::Fault;

use crate::watch::WatchedJob;
use crate::world::{World, backup_request, within_deadline};

/// The common beginning of the management routes.
const GC_ROUTES: &str = "/management/datacoord/garbage_collection/";

/// Creates a world whose backups pause garbage collection.
async fn world_with_gc_pause(version: &str) -> World {
    let mut world = World::with_version(version, |config| config);
    world.config.limits.pause_gc = true;
    world.fill_books().await;
    world
}

/// Returns the calls that pause and resume garbage collection, and the flushes between them as one call.
fn gc_and_flush_calls(world: &World) -> Vec<String> {
    let mut calls: Vec<String> = world
        .fake
        .calls()
        .into_iter()
        .filter(|call| call.starts_with(GC_ROUTES) || call == "Flush")
        .map(|call| call.trim_start_matches(GC_ROUTES).to_owned())
        .collect();
    calls.dedup();
    calls
}

#[tokio::test]
async fn garbage_collection_is_paused_before_the_flush_and_resumed_after_the_copy() {
    let world = world_with_gc_pause("2.3.6").await;
    world.back_up(&backup_request("nightly")).await.unwrap();
    assert_eq!(gc_and_flush_calls(&world), ["pause?pause_seconds=600", "Flush", "resume"]);
}

#[tokio::test]
async fn garbage_collection_is_resumed_after_a_failure() {
    let mut world = world_with_gc_pause("2.3.6").await;
    world.config.source.root = world.source_path("wrong").to_str().unwrap().into();
    let error = world.back_up(&backup_request("nightly")).await.unwrap_err();
    assert_eq!(error.kind(), FailureKind::Usage);
    assert_eq!(gc_and_flush_calls(&world), ["pause?pause_seconds=600", "Flush", "resume"]);
}

#[tokio::test]
async fn garbage_collection_is_resumed_after_a_cancellation() {
    let world = world_with_gc_pause("2.3.6").await;
    let watched = WatchedJob::cancelled_at(|event| matches!(event, Event::ObjectCopied { .. }));
    let error = world.back_up_watched(&backup_request("nightly"), &watched.ctx).await.unwrap_err();
    assert_eq!(error.kind(), FailureKind::Interrupted);
    assert_eq!(gc_and_flush_calls(&world), ["pause?pause_seconds=600", "Flush", "resume"]);
}

#[tokio::test]
async fn garbage_collection_is_resumed_after_the_backup_future_is_dropped() {
    let world = std::sync::Arc::new(world_with_gc_pause("2.3.6").await);
    world.fake.inject(Fault::Hangs { call: "Flush" });
    let run = tokio::spawn({
        let world = std::sync::Arc::clone(&world);
        async move { world.back_up(&backup_request("nightly")).await }
    });
    let wait_for_call = async |call: &str| {
        while !gc_and_flush_calls(&world).iter().any(|served| served == call) {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    };
    within_deadline(wait_for_call("Flush")).await;
    run.abort();
    within_deadline(wait_for_call("resume")).await;
}

#[tokio::test]
async fn garbage_collection_is_not_paused_by_a_preview_or_without_the_option() {
    let mut world = world_with_gc_pause("2.3.6").await;
    world.preview(&backup_request("nightly")).await.unwrap();
    assert_eq!(gc_and_flush_calls(&world), Vec::<String>::new());
    world.config.limits.pause_gc = false;
    world.back_up(&backup_request("nightly")).await.unwrap();
    world.config.limits.pause_gc = true;
    world.back_up(&backup_request("nightly")).await.unwrap_err();
    assert_eq!(gc_and_flush_calls(&world), ["Flush"]);
}

#[tokio::test]
async fn garbage_collection_is_paused_by_the_option_of_a_single_backup() {
    let mut world = world_with_gc_pause("2.3.6").await;
    world.config.limits.pause_gc = false;
    world.back_up(&BackupRequest { pause_gc: true, ..backup_request("nightly") }).await.unwrap();
    assert_eq!(gc_and_flush_calls(&world), ["pause?pause_seconds=600", "Flush", "resume"]);
}

#[tokio::test]
async fn a_server_that_has_no_pause_causes_a_note() {
    let world = world_with_gc_pause("2.3.5").await;
    let watched = WatchedJob::new(|_, _| {});
    let report = world.back_up_watched(&backup_request("nightly"), &watched.ctx).await.unwrap();
    assert_eq!((report.kind(), report.rows), (None, 9));
    let words = watched.messages();
    assert!(
        words.starts_with("garbage collection is not paused: cannot pause garbage collection of "),
        "{words}"
    );
    assert!(words.contains("404"), "{words}");
    assert_eq!(gc_and_flush_calls(&world), ["pause?pause_seconds=600", "Flush"], "nothing to be taken back");
}

#[tokio::test]
async fn a_server_that_fails_to_pause_causes_a_note() {
    let world = world_with_gc_pause("2.3.6").await;
    world.fake.inject(Fault::ManagementFails);
    let watched = WatchedJob::new(|_, _| {});
    let report = world.back_up_watched(&backup_request("nightly"), &watched.ctx).await.unwrap();
    assert_eq!((report.kind(), report.rows), (None, 9));
    assert!(watched.messages().contains("500"), "{}", watched.messages());
    assert_eq!(gc_and_flush_calls(&world), ["pause?pause_seconds=600", "Flush"]);
}

#[tokio::test]
async fn a_pause_that_cannot_be_lifted_causes_a_warning_with_its_duration() {
    let world = std::sync::Arc::new(world_with_gc_pause("2.3.6").await);
    let watched = crate::watch::on_first_event(|event| matches!(event, Event::ObjectCopied { .. }), {
        let world = std::sync::Arc::clone(&world);
        move || world.fake.inject(Fault::ManagementFails)
    });
    let report = world.back_up_watched(&backup_request("nightly"), &watched.ctx).await.unwrap();
    assert_eq!(report.kind(), None, "the backup itself is complete");
    let words = watched.messages();
    assert!(words.starts_with("garbage collection of Milvus remains paused for up to 600 s: "), "{words}");
}

/// Returns the records of pauses in the backup root.
fn pause_records(world: &World) -> usize {
    let names = std::fs::read_dir(world.backup_path("")).unwrap().map(|entry| entry.unwrap().file_name());
    names.filter(|name| name.to_str().unwrap().starts_with("mb_gc_pause_")).count()
}

#[tokio::test]
async fn the_pause_that_an_earlier_run_left_is_lifted_by_its_recorded_ticket() {
    let world = std::sync::Arc::new(world_with_gc_pause("2.6.19").await);
    let watched = crate::watch::on_first_event(|event| matches!(event, Event::ObjectCopied { .. }), {
        let world = std::sync::Arc::clone(&world);
        move || {
            assert_eq!(pause_records(&world), 1, "recorded before the copy");
            world.fake.inject(Fault::ManagementFails);
        }
    });
    world.back_up_watched(&backup_request("first"), &watched.ctx).await.unwrap();
    assert_eq!((world.fake.garbage_collection_pauses(), pause_records(&world)), (1, 1));

    let watched = WatchedJob::new(|_, _| {});
    world.back_up_watched(&backup_request("second"), &watched.ctx).await.unwrap();
    assert_eq!((world.fake.garbage_collection_pauses(), pause_records(&world)), (0, 0));
    let words = watched.messages();
    assert!(words.contains("lifted the pause of garbage collection that backup first had left"), "{words}");
}

#[tokio::test]
async fn without_tickets_the_end_of_one_backup_does_not_lift_the_pause_of_another() {
    let world = std::sync::Arc::new(world_with_gc_pause("2.5.27").await);
    world.fake.inject(Fault::Hangs { call: "Flush" });
    let long = tokio::spawn({
        let world = std::sync::Arc::clone(&world);
        async move { world.back_up(&backup_request("long")).await }
    });
    let wait_for = async |is_reached: &dyn Fn() -> bool| {
        while !is_reached() {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    };
    within_deadline(wait_for(&|| world.count_calls("Flush") > 0)).await;
    world.back_up(&backup_request("short")).await.unwrap();
    assert!(!gc_and_flush_calls(&world).contains(&"resume".to_owned()), "the long one is not finished");
    long.abort();
    within_deadline(wait_for(&|| gc_and_flush_calls(&world).contains(&"resume".to_owned()))).await;
}
