//! The jobs of a server that ended, and their treatment by the next one (simulated Milvus).

use std::sync::{Arc, Mutex};
use std::time::Duration;

use engine::{Advice, FailureKind, Phase, RemainingCollection};
use jobs::{EngineRequest, JobFilter, JobKind, JobState};
use model::mapping::Mapping;
use model::name::CollectionRef;
use model::plan::restore::ExistingTargetPolicy;
use model::selection::Selection;
use rusqlite::Connection;
use testkit::fake::Fault;
use tokio::runtime::Runtime;

use crate::fixtures::{
    TestEnvironment, backup_submission, delete_submission, poll_until, restore_submission, within_deadline,
};

#[tokio::test]
async fn a_shutdown_interrupts_running_jobs_and_keeps_queued_ones() {
    let env = TestEnvironment::with_one_slot().await;
    env.stall_backups(1);
    let jobs = env.open_jobs();
    let first = within_deadline(jobs.submit(backup_submission("first"))).await.unwrap();
    env.wait_until_stalled().await;
    let second = within_deadline(jobs.submit(backup_submission("second"))).await.unwrap();
    let third = within_deadline(jobs.submit(backup_submission("third"))).await.unwrap();
    within_deadline(jobs.shutdown(Duration::from_mins(1))).await;
    let job = jobs.get(&first.id).unwrap();
    assert_eq!(job.state, JobState::Interrupted);
    let failure = job.failure.unwrap();
    assert_eq!(failure.message, "stopped, because the server was shut down: first is left unfinished");
    assert_eq!(failure.advice, Some(Advice::DeleteAndCreateAgain { backup: "first".to_owned() }));
    assert_eq!(jobs.get(&second.id).unwrap().state, JobState::Queued);
    let error = within_deadline(jobs.submit(backup_submission("fourth"))).await.unwrap_err();
    assert_eq!(error.kind(), FailureKind::Unreachable);
    drop(jobs);

    let jobs = env.reopen_jobs().await;
    let second = within_deadline(jobs.wait(&second.id)).await.unwrap();
    let third = within_deadline(jobs.wait(&third.id)).await.unwrap();
    assert_eq!((second.state, third.state), (JobState::Succeeded, JobState::Succeeded));
    assert!(second.ended_ms <= third.started_ms);
    assert_eq!(jobs.get(&first.id).unwrap().state, JobState::Interrupted);
}

#[tokio::test]
async fn a_server_on_a_copied_data_directory_starts_no_queued_job() {
    let mut env = TestEnvironment::with_one_slot().await;
    env.stall_backups(1);
    let jobs = env.open_jobs();
    within_deadline(jobs.submit(backup_submission("first"))).await.unwrap();
    env.wait_until_stalled().await;
    let second = within_deadline(jobs.submit(backup_submission("second"))).await.unwrap();
    let copy = env.dir.path().join("copy");
    std::fs::create_dir(&copy).unwrap();
    for file in std::fs::read_dir(&env.jobs.data_dir).unwrap().map(Result::unwrap) {
        std::fs::copy(file.path(), copy.join(file.file_name())).unwrap();
    }
    env.jobs.data_dir = copy;
    let other = env.open_jobs();
    let job = other.get(&second.id).unwrap();
    assert_eq!(job.state, JobState::Interrupted);
    assert!(job.failure.unwrap().message.starts_with("not started here: the data directory is a copy"));
    assert_eq!(jobs.get(&second.id).unwrap().state, JobState::Queued);
}

#[tokio::test]
async fn a_job_that_does_not_stop_before_the_deadline_is_aborted() {
    let env = TestEnvironment::new().await;
    env.stall_backups(1);
    let jobs = env.open_jobs();
    let job = within_deadline(jobs.submit(backup_submission("nightly"))).await.unwrap();
    env.wait_until_stalled().await;
    within_deadline(jobs.shutdown(Duration::ZERO)).await;
    let job = jobs.get(&job.id).unwrap();
    assert_eq!(job.state, JobState::Interrupted, "{job:?}");
    assert!(job.failure.unwrap().message.contains("nightly is left unfinished"));
}

/// Runs `server` on a runtime of its own and then drops the runtime with all running tasks, as in a crash.
fn run_until_crash<T: Send + 'static>(server: impl Future<Output = T> + Send + 'static) -> T {
    let runtime = Runtime::new().unwrap();
    let result = runtime.block_on(server);
    runtime.shutdown_background();
    result
}

#[tokio::test]
async fn after_a_crash_running_jobs_are_interrupted_and_queued_jobs_run() {
    let env = Arc::new(TestEnvironment::with_one_slot().await);
    env.stall_backups(1);
    let server_env = Arc::clone(&env);
    let server = async move {
        let jobs = server_env.open_jobs();
        let first = within_deadline(jobs.submit(backup_submission("first"))).await.unwrap().id;
        server_env.wait_until_stalled().await;
        let second = within_deadline(jobs.submit(backup_submission("second"))).await.unwrap().id;
        let third = within_deadline(jobs.submit(backup_submission("third"))).await.unwrap().id;
        jobs.cancel(&third).unwrap();
        // The progress is stored although nothing requests it.
        let stored_progress = || -> String {
            let database = Connection::open(server_env.jobs.data_dir.join("jobs.db")).unwrap();
            let sql = "SELECT progress FROM jobs WHERE id = ?";
            database.query_row(sql, [&first], |row| row.get(0)).unwrap()
        };
        poll_until(|| stored_progress().contains("\"copy\"").then_some(())).await;
        (first, second, third)
    };
    let (first, second, third) = tokio::task::spawn_blocking(|| run_until_crash(server)).await.unwrap();

    let jobs = env.reopen_jobs().await;
    let announced = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&announced);
    jobs.on_end(move |job| sink.lock().unwrap().push((job.id.clone(), job.state)));
    assert_eq!(announced.lock().unwrap().first(), Some(&(first.clone(), JobState::Interrupted)));
    let job = jobs.get(&first).unwrap();
    assert_eq!((job.state, job.progress.phase), (JobState::Interrupted, Some(Phase::Copy)));
    assert!(job.ended_ms.is_some());
    let failure = job.failure.unwrap();
    assert_eq!(failure.kind, FailureKind::Interrupted);
    assert_eq!(failure.message, "the server ended while the job was running: first is left unfinished");
    let expected = Advice::DeleteAndCreateAgain { backup: "first".to_owned() };
    assert_eq!(failure.advice, Some(expected));
    assert_eq!(within_deadline(jobs.wait(&second)).await.unwrap().state, JobState::Succeeded);
    // The marker of the run is younger than a lease, but the server knows that its earlier process has ended.
    let deletion = within_deadline(jobs.submit(delete_submission("first"))).await.unwrap();
    assert_eq!(within_deadline(jobs.wait(&deletion.id)).await.unwrap().state, JobState::Succeeded);
    assert_eq!(jobs.get(&third).unwrap().state, JobState::Cancelled);
    assert_eq!(jobs.counts()[&(JobKind::Backup, JobState::Interrupted)], 1);
    let running = JobFilter { states: vec![JobState::Running, JobState::Queued], ..JobFilter::default() };
    assert!(jobs.list(&running, None, 10).unwrap().jobs.is_empty());
}

#[tokio::test]
async fn after_a_crash_the_advice_resumes_a_restore() {
    let env = Arc::new(TestEnvironment::new().await);
    let server_env = Arc::clone(&env);
    let server = async move {
        let jobs = server_env.open_jobs();
        server_env.run_backup(&jobs, "nightly").await;
        server_env.fake.inject(Fault::ImportStuck);
        let id = within_deadline(jobs.submit(restore_submission("nightly", "_copy"))).await.unwrap().id;
        let stored_collections = || -> String {
            let database = Connection::open(server_env.jobs.data_dir.join("jobs.db")).unwrap();
            let sql = "SELECT collections FROM jobs WHERE id = ?";
            database.query_row(sql, [&id], |row| row.get(0)).unwrap()
        };
        poll_until(|| stored_collections().contains("importing").then_some(())).await;
        id
    };
    let id = tokio::task::spawn_blocking(|| run_until_crash(server)).await.unwrap();
    let jobs = env.reopen_jobs().await;
    let job = jobs.get(&id).unwrap();
    assert_eq!(job.state, JobState::Interrupted);
    let failure = job.failure.unwrap();
    let result = "0 of 1 collections are restored, left in place and possibly incomplete: default.books_copy";
    assert!(failure.message.contains(result), "{failure:?}");
    let Some(Advice::RestoreRemaining(remaining)) = failure.advice else { panic!("{:?}", failure.advice) };
    let pair = RemainingCollection {
        source: CollectionRef::new("default", "books"),
        target: CollectionRef::new("default", "books_copy"),
    };
    assert_eq!((remaining.backup.as_str(), remaining.collections), ("nightly", vec![pair]));
    assert_eq!(
        (remaining.options.existing, remaining.options_are_complete),
        (ExistingTargetPolicy::Drop, true)
    );
    let mut resumed = restore_submission("nightly", "");
    let EngineRequest::Restore(request) = &mut resumed.request else { unreachable!("it is a restore") };
    request.selection = Selection::from_filter("default.books").unwrap();
    request.mapping = Mapping::new(Some("default.books:default.books_copy"), None).unwrap();
    request.options.existing = ExistingTargetPolicy::Drop;
    let resumed = within_deadline(jobs.submit(resumed)).await.unwrap();
    assert_eq!(within_deadline(jobs.wait(&resumed.id)).await.unwrap().state, JobState::Succeeded);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_end_that_cannot_be_stored_is_served_and_stored_later() {
    let env = TestEnvironment::new().await;
    env.stall_backups(1);
    let jobs = env.open_jobs();
    let id = within_deadline(jobs.submit(backup_submission("nightly"))).await.unwrap().id;
    env.wait_until_stalled().await;
    // Another program locks the database.
    let mut other_connection = Connection::open(env.jobs.data_dir.join("jobs.db")).unwrap();
    let transaction =
        other_connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate).unwrap();
    jobs.cancel(&id).unwrap();
    assert_eq!(within_deadline(jobs.wait(&id)).await.unwrap().state, JobState::Cancelled);
    assert_eq!(jobs.get(&id).unwrap().state, JobState::Cancelled);
    let state = |connection: &Connection| -> String {
        connection.query_row("SELECT state FROM jobs WHERE id = ?", [&id], |row| row.get(0)).unwrap()
    };
    assert_eq!(state(&transaction), "running");
    transaction.rollback().unwrap();
    poll_until(|| (state(&other_connection) == "cancelled").then_some(())).await;
    assert_eq!(jobs.get(&id).unwrap().state, JobState::Cancelled);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_end_that_is_not_stored_yet_is_stored_by_the_shutdown() {
    let env = TestEnvironment::new().await;
    env.stall_backups(1);
    let jobs = env.open_jobs();
    let id = within_deadline(jobs.submit(backup_submission("nightly"))).await.unwrap().id;
    env.wait_until_stalled().await;
    let mut other_connection = Connection::open(env.jobs.data_dir.join("jobs.db")).unwrap();
    let transaction =
        other_connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate).unwrap();
    jobs.cancel(&id).unwrap();
    within_deadline(jobs.wait(&id)).await.unwrap();
    transaction.rollback().unwrap();
    within_deadline(jobs.shutdown(Duration::from_mins(1))).await;
    drop(jobs);
    let jobs = env.reopen_jobs().await;
    assert_eq!(jobs.get(&id).unwrap().state, JobState::Cancelled);
}
