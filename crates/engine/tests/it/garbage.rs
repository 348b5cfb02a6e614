//! The garbage collection of Milvus is paused and goes on again, on every path (simulated Milvus).

use engine::{Event, Kind};
use model::plan::backup::BackupRequest;
use testkit::fake::Fault;

use crate::watch::Watched;
use crate::world::{World, backup_of, in_time};

const ROUTES: &str = "/management/datacoord/garbage_collection/";

async fn world(version: &str) -> World {
    let mut world = World::of(version, |config| config);
    world.config.limits.pause_gc = true;
    world.fill_books().await;
    world
}

/// The management calls, and where the first flush was among them.
fn calls(world: &World) -> Vec<String> {
    let mut calls: Vec<String> = world
        .fake
        .calls()
        .into_iter()
        .filter(|call| call.starts_with(ROUTES) || call == "Flush")
        .map(|call| call.trim_start_matches(ROUTES).to_owned())
        .collect();
    calls.dedup();
    calls
}

#[tokio::test]
async fn it_is_paused_before_the_flush_and_goes_on_after_the_copy() {
    let world = world("2.3.6").await;
    world.back_up(&backup_of("nightly")).await.unwrap();
    assert_eq!(calls(&world), ["pause?pause_seconds=600", "Flush", "resume"]);
}

#[tokio::test]
async fn it_goes_on_after_a_failure() {
    let mut world = world("2.3.6").await;
    world.config.source.root = world.source_path("wrong").to_str().unwrap().into();
    let error = world.back_up(&backup_of("nightly")).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Usage);
    assert_eq!(calls(&world), ["pause?pause_seconds=600", "Flush", "resume"]);
}

#[tokio::test]
async fn it_goes_on_after_a_cancellation() {
    let world = world("2.3.6").await;
    let watched = Watched::cancelled_at(|event| matches!(event, Event::ObjectCopied { .. }));
    let error = world.back_up_watched(&backup_of("nightly"), &watched.ctx).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Interrupted);
    assert_eq!(calls(&world), ["pause?pause_seconds=600", "Flush", "resume"]);
}

#[tokio::test]
async fn it_goes_on_after_a_run_that_was_dropped() {
    let world = std::sync::Arc::new(world("2.3.6").await);
    world.fake.inject(Fault::Hangs { call: "Flush" });
    let run = tokio::spawn({
        let world = std::sync::Arc::clone(&world);
        async move { world.back_up(&backup_of("nightly")).await }
    });
    let called = async |call: &str| {
        while !calls(&world).iter().any(|each| each == call) {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    };
    in_time(called("Flush")).await;
    run.abort();
    in_time(called("resume")).await;
}

#[tokio::test]
async fn it_is_not_touched_by_what_copies_nothing_or_was_not_asked_to() {
    let mut world = world("2.3.6").await;
    world.preview(&backup_of("nightly")).await.unwrap();
    assert_eq!(calls(&world), Vec::<String>::new());
    world.config.limits.pause_gc = false;
    world.back_up(&backup_of("nightly")).await.unwrap();
    world.config.limits.pause_gc = true;
    world.back_up(&backup_of("nightly")).await.unwrap_err();
    assert_eq!(calls(&world), ["Flush"]);
}

#[tokio::test]
async fn it_is_paused_for_one_backup_that_asks_for_it() {
    let mut world = world("2.3.6").await;
    world.config.limits.pause_gc = false;
    world.back_up(&BackupRequest { pause_gc: true, ..backup_of("nightly") }).await.unwrap();
    assert_eq!(calls(&world), ["pause?pause_seconds=600", "Flush", "resume"]);
}

#[tokio::test]
async fn a_server_that_cannot_pause_is_a_note() {
    let world = world("2.3.5").await;
    let watched = Watched::new(|_, _| {});
    let report = world.back_up_watched(&backup_of("nightly"), &watched.ctx).await.unwrap();
    assert_eq!((report.kind(), report.rows), (None, 9));
    let words = watched.words();
    assert!(
        words.starts_with("garbage collection is not paused: cannot pause garbage collection of "),
        "{words}"
    );
    assert!(words.contains("404"), "{words}");
    assert_eq!(calls(&world), ["pause?pause_seconds=600", "Flush"], "nothing to be taken back");
}

#[tokio::test]
async fn a_server_that_fails_to_pause_is_a_note() {
    let world = world("2.3.6").await;
    world.fake.inject(Fault::ManagementFails);
    let watched = Watched::new(|_, _| {});
    let report = world.back_up_watched(&backup_of("nightly"), &watched.ctx).await.unwrap();
    assert_eq!((report.kind(), report.rows), (None, 9));
    assert!(watched.words().contains("500"), "{}", watched.words());
    assert_eq!(calls(&world), ["pause?pause_seconds=600", "Flush"]);
}

#[tokio::test]
async fn a_pause_that_cannot_be_ended_is_a_warning_with_its_length() {
    let world = std::sync::Arc::new(world("2.3.6").await);
    let watched = crate::watch::once(|event| matches!(event, Event::ObjectCopied { .. }), {
        let world = std::sync::Arc::clone(&world);
        move || world.fake.inject(Fault::ManagementFails)
    });
    let report = world.back_up_watched(&backup_of("nightly"), &watched.ctx).await.unwrap();
    assert_eq!(report.kind(), None, "the backup itself is complete");
    let words = watched.words();
    assert!(words.starts_with("garbage collection of Milvus stays paused for up to 600 s: "), "{words}");
}
