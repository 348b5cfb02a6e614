//! What a server leaves that ends, and what the next one does with it (simulated Milvus).

use std::sync::{Arc, Mutex};
use std::time::Duration;

use engine::{Kind, Phase};
use jobs::{JobFilter, JobKind, JobState, Request};
use model::mapping::Mapping;
use model::plan::restore::Existing;
use model::selection::Selection;
use rusqlite::Connection;
use testkit::fake::Fault;
use tokio::runtime::Runtime;

use crate::world::{World, backup, in_time, restore, until};

#[tokio::test]
async fn a_shutdown_interrupts_what_runs_and_keeps_what_waits() {
    let world = World::one_at_a_time().await;
    world.hold(1);
    let jobs = world.open();
    let first = in_time(jobs.submit(backup("first"))).await.unwrap();
    world.held().await;
    let second = in_time(jobs.submit(backup("second"))).await.unwrap();
    let third = in_time(jobs.submit(backup("third"))).await.unwrap();
    in_time(jobs.shutdown(Duration::from_mins(1))).await;
    let job = jobs.get(&first.id).unwrap();
    assert_eq!(job.state, JobState::Interrupted);
    let failure = job.failure.unwrap();
    assert_eq!(failure.message, "stopped, because the server was shut down: first is left unfinished");
    assert_eq!(failure.hint.as_deref(), Some("delete first and create it again"));
    assert_eq!(jobs.get(&second.id).unwrap().state, JobState::Queued);
    let refused = in_time(jobs.submit(backup("fourth"))).await.unwrap_err();
    assert_eq!(refused.kind(), Kind::Unreachable);
    drop(jobs);

    let jobs = world.open_again().await;
    let second = in_time(jobs.wait(&second.id)).await.unwrap();
    let third = in_time(jobs.wait(&third.id)).await.unwrap();
    assert_eq!((second.state, third.state), (JobState::Succeeded, JobState::Succeeded));
    assert!(second.ended_ms <= third.started_ms);
    assert_eq!(jobs.get(&first.id).unwrap().state, JobState::Interrupted);
}

#[tokio::test]
async fn what_does_not_stop_in_time_is_ended_and_says_so() {
    let world = World::new().await;
    world.hold(1);
    let jobs = world.open();
    let job = in_time(jobs.submit(backup("nightly"))).await.unwrap();
    world.held().await;
    in_time(jobs.shutdown(Duration::ZERO)).await;
    let job = jobs.get(&job.id).unwrap();
    assert_eq!(job.state, JobState::Interrupted, "{job:?}");
    assert!(job.failure.unwrap().message.contains("nightly is left unfinished"));
}

/// Runs a server of its own until `left`, and drops it with all it does.
fn crashed<T: Send + 'static>(left: impl Future<Output = T> + Send + 'static) -> T {
    let runtime = Runtime::new().unwrap();
    let told = runtime.block_on(left);
    runtime.shutdown_background();
    told
}

#[tokio::test]
async fn after_a_crash_what_ran_is_interrupted_and_what_waited_goes_on() {
    let world = Arc::new(World::one_at_a_time().await);
    world.hold(1);
    let inside = Arc::clone(&world);
    let left = async move {
        let jobs = inside.open();
        let first = in_time(jobs.submit(backup("first"))).await.unwrap().id;
        inside.held().await;
        let second = in_time(jobs.submit(backup("second"))).await.unwrap().id;
        let third = in_time(jobs.submit(backup("third"))).await.unwrap().id;
        jobs.cancel(&third).unwrap();
        // how far it was is kept without being asked for
        let kept = || -> String {
            let database = Connection::open(inside.jobs.data_dir.join("jobs.db")).unwrap();
            let sql = "SELECT progress FROM jobs WHERE id = ?";
            database.query_row(sql, [&first], |row| row.get(0)).unwrap()
        };
        until(|| kept().contains("\"copy\"").then_some(())).await;
        (first, second, third)
    };
    let (first, second, third) = tokio::task::spawn_blocking(|| crashed(left)).await.unwrap();

    let jobs = world.open_again().await;
    let told = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&told);
    jobs.on_end(move |job| sink.lock().unwrap().push((job.id.clone(), job.state)));
    assert_eq!(told.lock().unwrap().first(), Some(&(first.clone(), JobState::Interrupted)));
    let job = jobs.get(&first).unwrap();
    assert_eq!((job.state, job.progress.phase), (JobState::Interrupted, Some(Phase::Copy)));
    assert!(job.ended_ms.is_some());
    let failure = job.failure.unwrap();
    assert_eq!(failure.kind, Kind::Interrupted);
    assert_eq!(failure.message, "the server ended while it ran: first is left unfinished");
    assert_eq!(
        failure.hint.as_deref(),
        Some(
            "delete first and create it again; it can be deleted three minutes after the server's last sign of life"
        )
    );
    assert_eq!(in_time(jobs.wait(&second)).await.unwrap().state, JobState::Succeeded);
    assert_eq!(jobs.get(&third).unwrap().state, JobState::Cancelled);
    assert_eq!(jobs.counts()[&(JobKind::Backup, JobState::Interrupted)], 1);
    let running = JobFilter { states: vec![JobState::Running, JobState::Queued], ..JobFilter::default() };
    assert!(jobs.list(&running, None, 10).unwrap().jobs.is_empty());
}

#[tokio::test]
async fn after_a_crash_a_restore_goes_on_as_it_is_told_to() {
    let world = Arc::new(World::new().await);
    let inside = Arc::clone(&world);
    let left = async move {
        let jobs = inside.open();
        inside.backed_up(&jobs, "nightly").await;
        inside.fake.inject(Fault::ImportStuck);
        let id = in_time(jobs.submit(restore("nightly", "_copy"))).await.unwrap().id;
        let kept = || -> String {
            let database = Connection::open(inside.jobs.data_dir.join("jobs.db")).unwrap();
            let sql = "SELECT collections FROM jobs WHERE id = ?";
            database.query_row(sql, [&id], |row| row.get(0)).unwrap()
        };
        until(|| kept().contains("importing").then_some(())).await;
        id
    };
    let id = tokio::task::spawn_blocking(|| crashed(left)).await.unwrap();
    let jobs = world.open_again().await;
    let job = jobs.get(&id).unwrap();
    assert_eq!(job.state, JobState::Interrupted);
    let failure = job.failure.unwrap();
    let left = "0 of 1 collections are restored, left in place and perhaps incomplete: default.books_copy";
    assert!(failure.message.contains(left), "{failure:?}");
    let line = "restore the rest: milvus-backup restore -n nightly --filter default.books --rename \
                default.books:default.books_copy --drop-exist-collection";
    assert_eq!(failure.hint.as_deref(), Some(line));
    let mut again = restore("nightly", "");
    let Request::Restore(request) = &mut again.request else { unreachable!("it is a restore") };
    request.selection = Selection::from_filter("default.books").unwrap();
    request.mapping = Mapping::new(Some("default.books:default.books_copy"), None).unwrap();
    request.existing = Existing::Drop;
    let again = in_time(jobs.submit(again)).await.unwrap();
    assert_eq!(in_time(jobs.wait(&again.id)).await.unwrap().state, JobState::Succeeded);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_end_that_cannot_be_kept_is_told_and_kept_later() {
    let world = World::new().await;
    world.hold(1);
    let jobs = world.open();
    let id = in_time(jobs.submit(backup("nightly"))).await.unwrap().id;
    world.held().await;
    // another program that holds the database
    let mut other = Connection::open(world.jobs.data_dir.join("jobs.db")).unwrap();
    let held = other.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate).unwrap();
    jobs.cancel(&id).unwrap();
    assert_eq!(in_time(jobs.wait(&id)).await.unwrap().state, JobState::Cancelled);
    assert_eq!(jobs.get(&id).unwrap().state, JobState::Cancelled);
    let state = |connection: &Connection| -> String {
        connection.query_row("SELECT state FROM jobs WHERE id = ?", [&id], |row| row.get(0)).unwrap()
    };
    assert_eq!(state(&held), "running");
    held.rollback().unwrap();
    until(|| (state(&other) == "cancelled").then_some(())).await;
    assert_eq!(jobs.get(&id).unwrap().state, JobState::Cancelled);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_end_that_is_not_kept_yet_is_kept_at_the_latest_at_the_shutdown() {
    let world = World::new().await;
    world.hold(1);
    let jobs = world.open();
    let id = in_time(jobs.submit(backup("nightly"))).await.unwrap().id;
    world.held().await;
    let mut other = Connection::open(world.jobs.data_dir.join("jobs.db")).unwrap();
    let held = other.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate).unwrap();
    jobs.cancel(&id).unwrap();
    in_time(jobs.wait(&id)).await.unwrap();
    held.rollback().unwrap();
    in_time(jobs.shutdown(Duration::from_mins(1))).await;
    drop(jobs);
    let jobs = world.open_again().await;
    assert_eq!(jobs.get(&id).unwrap().state, JobState::Cancelled);
}
