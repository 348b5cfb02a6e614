//! Removal of old finished jobs (simulated Milvus).

use std::time::Duration;

use jobs::{JobFilter, JobKind, JobState};
use rusqlite::Connection;

use crate::fixtures::{TestEnvironment, backup_submission, poll_until, within_deadline};

#[tokio::test]
async fn old_jobs_are_removed_except_the_last_successful_backup() {
    let mut env = TestEnvironment::with_one_slot().await;
    let jobs = env.open_jobs();
    env.run_backup(&jobs, "old").await;
    let successful = env.run_backup(&jobs, "good").await;
    env.stall_backups(1);
    let cancelled = within_deadline(jobs.submit(backup_submission("cancelled"))).await.unwrap().id;
    jobs.cancel(&cancelled).unwrap();
    within_deadline(jobs.wait(&cancelled)).await.unwrap();
    jobs.shutdown(Duration::from_mins(1)).await;
    drop(jobs);
    // 1200 jobs that ended in 1970, so that they are removed in several batches.
    let database = Connection::open(env.jobs.data_dir.join("jobs.db")).unwrap();
    database
        .execute_batch(
            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1200)
             INSERT INTO jobs (id, kind, state, backup, caller, request, place, claims, created_ms, ended_ms, targets,
                 progress, collections)
             SELECT 'more ' || i, kind, state, backup, caller, request, place, claims, 0, 1, targets, progress, collections
             FROM n, jobs WHERE backup = 'cancelled';",
        )
        .unwrap();
    drop(database);
    tokio::time::sleep(Duration::from_millis(5)).await;
    env.jobs.keep = Duration::ZERO;
    let jobs = env.reopen_jobs().await;
    poll_until(|| (jobs.list(&JobFilter::default(), None, 10).unwrap().jobs.len() == 1).then_some(())).await;
    assert_eq!(jobs.get(&successful.id).unwrap().state, JobState::Succeeded);
    assert_eq!(jobs.last_backup(), successful.ended_ms);
    assert!(jobs.get("more 7").is_err());
    poll_until(|| (jobs.counts()[&(JobKind::Backup, JobState::Cancelled)] == 0).then_some(())).await;
    assert_eq!(jobs.counts()[&(JobKind::Backup, JobState::Succeeded)], 1);
}

#[tokio::test]
async fn old_jobs_are_also_removed_while_the_server_runs() {
    let mut env = TestEnvironment::new().await;
    env.jobs.keep = Duration::ZERO;
    env.jobs.sweep = Duration::from_millis(100);
    let jobs = env.open_jobs();
    let finished = within_deadline(jobs.submit(backup_submission("old"))).await.unwrap().id;
    within_deadline(jobs.wait(&finished)).await.unwrap();
    let successful = env.run_backup(&jobs, "good").await;
    poll_until(|| (jobs.list(&JobFilter::default(), None, 10).unwrap().jobs.len() == 1).then_some(())).await;
    assert!(jobs.get(&finished).is_err());
    assert_eq!(jobs.get(&successful.id).unwrap().state, JobState::Succeeded);
}
